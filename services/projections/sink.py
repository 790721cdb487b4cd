"""Write batches to ClickHouse: one insert for each table, the commit last, each retried until it succeeds."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from services.projections.metrics import ProjectionMetrics
from services.projections.rows import TableRows
from services.projections.tables import EPOCH, FENCED, TABLES, columns_of
from services.runtime.backoff import Backoff
from services.runtime.clickhouse import Columns, Database, DatabaseUnavailable

INSERT_ROWS_MAX = 20_000  # of one insert: a few dozen milliseconds of the shared database thread
BACKOFF = Backoff(0.2, 5.0)

log = logging.getLogger(__name__)


class Progress(NamedTuple):
    """The position of a topic's partition in ClickHouse: the next offset, and a checksum of the record before it."""

    topic: str
    partition: int
    next_offset: int
    checksum: int


class Sink:
    """Write tables in order. `run` identifies this run of the process, so that no two runs use the same token.

    `epoch` is that of this writer's lease; 0 where nothing else can write: the embedded engine takes one process.

    A writer holds `turn` while it writes something that belongs together. So boards wait for at most one insert of the
    audit, since all writers share one thread.
    """

    def __init__(self, database: Database, metrics: ProjectionMetrics, run: str, epoch: int = 0) -> None:
        self._database = database
        self._metrics = metrics
        self._run = run
        self.epoch = epoch
        self._inserts = 0
        self.turn = asyncio.Lock()
        self.fault: str | None = None

    async def write(self, rows: TableRows) -> None:
        """Insert rows by table, in the order of `tables.TABLES`; return when ClickHouse has them all."""
        for table in TABLES:
            of_table = rows.tables.get(table, [])
            for start in range(0, len(of_table), INSERT_ROWS_MAX):
                await self.insert(table, columns_of(table, of_table[start : start + INSERT_ROWS_MAX]))

    async def announce(self, revisions: Sequence[tuple[str, int, int]]) -> None:
        """Commit revisions (event, revision, announced when): readers see them from now on."""
        if revisions:
            await self.insert("revisions", columns_of("revisions", revisions))

    async def remember(self, progress: Sequence[Progress]) -> None:
        """Store the positions from which the next start goes on."""
        if progress:
            await self.insert("progress", columns_of("progress", progress))

    async def insert(self, table: str, columns: Columns) -> None:
        """Insert rows given in columns; retry until ClickHouse has them."""
        self._inserts += 1
        token = f"{table}:{self._run}:{self._inserts}"
        rows = len(next(iter(columns.values()))[1])
        if self.epoch and table in FENCED:
            name, kind = EPOCH
            columns = {**columns, name: (kind, [self.epoch] * rows)}
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                await self._database.insert(table, columns, token)
            except DatabaseUnavailable as error:
                self._failed(error, attempt)
                attempt += 1
                await asyncio.sleep(BACKOFF.pause_s(attempt))
                continue
            if self.fault is not None:
                log.info("ClickHouse accepts inserts again")
            self.fault = None
            self._metrics.database_up.set(1)
            self._metrics.insert_s.labels(table).observe(time.monotonic() - began)
            self._metrics.inserts.labels(table).inc()
            self._metrics.rows.labels(table).inc(rows)
            return

    def _failed(self, error: DatabaseUnavailable, attempt: int) -> None:
        self.fault = f"ClickHouse does not accept inserts: {error}"
        self._metrics.failures.inc()
        self._metrics.database_up.set(0)
        if attempt == 0:
            log.warning("%s; retrying, and boards wait", self.fault)
