"""A race in ClickHouse as the projections write it: facts through the scorer, the standings and the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from schemas.codec import encode_envelope, logged
from schemas.notices import RevisionNotice
from schemas.results import Frame
from services.live.app import REVISIONS, create_app, runner
from services.live.limits import LiveLimits
from services.live.settings import LiveSettings
from services.live.table_rows import AnnouncedRevision
from services.offline.scored_log import Log
from services.projections.audit import Gathered
from services.projections.batch import Results
from services.projections.rows import TableRows
from services.projections.tables import columns_of
from services.runtime.clickhouse import Database
from services.watch.ask_services import PORTS
from tests.builders import EVENT, START_US, log, typed

AWAY = {name: ["http://127.0.0.1:9"] for name in PORTS}  # so that no test asks another stack of this machine
FIRST_S = 10  # revisions are announced from then on, a second apart


class Racing:
    """An event whose log grows; each `announce` is one revision. `app` serves it while `serving` is open."""

    def __init__(self, database: Database, event: str = EVENT) -> None:
        self.event = event
        self.database = database
        self.revision = -1
        self.app: web.Application | None = None
        self.facts: list[dict[str, Any]] = []
        self._log = Log()
        self._results = Results()
        self._inserts = 0
        self._audited: list[tuple[TableRows, TableRows]] = []

    @property
    def running(self) -> web.Application:
        """The application that serves the event."""
        assert self.app is not None
        return self.app

    async def announce(self, *facts: dict[str, Any], tell: bool = True, audit: bool = True) -> RevisionNotice:
        """Put facts on the log and their results into ClickHouse; `tell` announces the revision to live, as Kafka does.

        Without `audit` the facts and reads are missing until `audit` is called: in a race they come later.
        """
        for line in log(*facts):
            offset = self._log.lines
            self._log.add(b'{"offset":%d,"fact":%s}' % (offset, line.strip()))
        self.facts += facts
        self.revision = self._log.revision
        state = self._log.state
        assert state is not None
        frame = Frame(
            v=1,
            partition=0,
            from_offset=0,
            through_offset=self.revision,
            last=True,
            heads={self.event: self.revision},
            events=[row] if (row := state.take_event()) is not None else [],
            rows=state.take(100_000),
        )
        self._results.add(frame)
        batch = self._results.take()
        await self._insert(batch.tables)
        await self._insert(batch.published())
        self._audited.append((self._facts(facts), self._reads(facts)))
        if audit:
            await self.audit()
        at_us = self.announced_at_us(self.revision)
        await self._insert(TableRows({"revisions": [(self.event, self.revision, at_us)]}))
        (notice,) = batch.notices
        notice = msgspec.structs.replace(notice, announced_at_us=at_us, accepted_us=at_us - 1000)
        if tell and self.app is not None:
            self.app[REVISIONS].learn(AnnouncedRevision(self.event, self.revision, at_us), notice)
        return notice

    async def audit(self) -> None:
        """Insert the facts and reads that are missing in ClickHouse."""
        for facts, reads in self._audited:
            await self._insert(facts)
            await self._insert(reads)
        self._audited = []

    def announced_at_us(self, revision: int) -> int:
        return START_US + (FIRST_S + revision) * 1_000_000

    def _facts(self, facts: tuple[dict[str, Any], ...]) -> TableRows:
        first = self.revision - len(facts) + 1
        rows = TableRows()
        rows.add(
            "facts",
            (
                (self.event, first + offset, 0, fact["type"], fact.get("id", ""), fact.get("by", ""), START_US, text)
                for offset, fact in enumerate(facts)
                for text in (msgspec.json.encode(fact).decode(),)
                if fact["type"] != "reads_received"
            ),
        )
        return rows

    def _reads(self, facts: tuple[dict[str, Any], ...]) -> TableRows:
        first = self.revision - len(facts) + 1
        gathered = Gathered()
        for offset, fact in enumerate(facts):
            gathered.add(first + offset, encode_envelope(self.event, [logged(typed(fact))]))
        rows = TableRows()
        rows.add("reads", zip(*gathered.reads.values(), strict=True))
        return rows

    async def _insert(self, rows: TableRows) -> None:
        for table, inserted in rows.tables.items():
            self._inserts += 1
            await self.database.insert(table, columns_of(table, inserted), f"{table}:{self.event}:{self._inserts}")


class Live:
    """Live over a real socket."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    def get(self, path: str, **more: Any) -> Any:
        return self.session.get(self.base + path, **more)

    async def json(self, path: str, status: int = 200, **more: Any) -> Any:
        async with self.get(path, **more) as response:
            body = await response.read()
            assert response.status == status, body
            return msgspec.json.decode(body)

    async def text(self, path: str) -> str:
        async with self.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.text()


@asynccontextmanager
async def serving(
    *races: Racing, database: Database | None = None, limits: LiveLimits | None = None, **settings: Any
) -> AsyncIterator[Live]:
    """Serve these races on the loopback interface, on a free port unless `port` names one."""
    opened = database or races[0].database
    made = LiveSettings(**{"port": 0, "services": AWAY, **settings})
    app = create_app(made, opened, limits)
    serve = runner(app)
    await serve.setup()
    try:
        await web.TCPSite(serve, "127.0.0.1", made.port).start()
        for race in races:
            race.app = app
        host, port = serve.addresses[0][:2]
        async with aiohttp.ClientSession() as session:
            yield Live(session, f"http://{host}:{port}")
    finally:
        await serve.cleanup()
