"""From a reader's messages to the race log: in order, each until it is acknowledged, the cursor behind them.

Nothing is dropped on the way. What the log does not take is offered again, and while it waits `put` waits too, so the
socket is not read and the device keeps what it has.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from services.ingest.decoders.messages import Cursor, CursorAdvanced, DecodedRead, Message, Notice
from services.ingest.errors import Overloaded, Unavailable
from services.ingest.facts import facts_of, rejections_of
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.backlog import Backlog
from services.ingest.readers.cursor import CursorFile, moved
from services.ingest.readers.sources import Source

BACK_OFF_S = (0.1, 0.25, 0.5, 1.0, 2.0)  # before the log is offered the same again; the last one repeats

log = logging.getLogger(__name__)


class Delivery:
    """What one source says, on its way to the log."""

    def __init__(
        self,
        source: Source,
        race_log: Log,
        metrics: IngestMetrics,
        now_us: Callable[[], int],
        cursor_file: CursorFile,
        backlog: Backlog,
    ) -> None:
        self._source = source
        self._log = race_log
        self._metrics = metrics
        self._now_us = now_us
        self._file = cursor_file
        self._backlog = backlog
        self._handed = cursor_file.load()
        self._safe = dict(self._handed)
        self._moved = asyncio.Event()
        self._ending = False

    def cursor(self) -> Cursor:
        """How far everything has been handed over: where a new connection goes on."""
        return dict(self._handed)

    async def put(self, messages: Sequence[Message]) -> None:
        """Take messages, once there is room for them. Raises OSError where a journal cannot be written."""
        await self._backlog.put(messages)
        for message in messages:
            if isinstance(message, CursorAdvanced):
                moved(self._handed, message.log, message.position)

    async def run(self) -> None:
        """Deliver for as long as this task lives; the cursor is written down when it ends."""
        saving = asyncio.create_task(self._save())
        try:
            while True:
                messages = await self._backlog.peek()
                await self._deliver(messages)
                for message in messages:
                    if isinstance(message, CursorAdvanced):
                        moved(self._safe, message.log, message.position)
                        self._moved.set()
                await self._backlog.done()
        finally:
            self._ending = True
            self._moved.set()
            await saving
            self._backlog.close()

    async def drained(self) -> None:
        """Return once all that was put is on the log."""
        await self._backlog.emptied()

    async def _save(self) -> None:
        """Write the cursor whenever it has moved, one write at a time: a cursor that lags costs repeats, no reads."""
        saved = dict(self._safe)
        while not self._ending or saved != self._safe:
            await self._moved.wait()
            self._moved.clear()
            cursor = dict(self._safe)
            try:
                if cursor != saved:
                    await asyncio.to_thread(self._file.save, cursor)
                saved = cursor
            except OSError as error:
                log.error("%s: the cursor cannot be written, after a restart reads come again: %s", self._name(), error)
                if self._ending:
                    return
                await asyncio.sleep(BACK_OFF_S[-1])
                self._moved.set()

    def _name(self) -> str:
        return f"{self._source.protocol} {self._source.gateway}"

    # --- onto the log

    async def _deliver(self, messages: Sequence[Message]) -> None:
        at_us = self._now_us()
        facts = facts_of(self._source, messages, at_us)
        aside = rejections_of(self._source, messages, at_us)
        if facts:
            await self._until_taken(lambda: self._log.append(self._source.event, facts))
        if aside:
            await self._until_taken(lambda: self._log.put_aside(aside))
        protocol = self._source.protocol
        self._metrics.reads.labels(protocol).inc(sum(isinstance(message, DecodedRead) for message in messages))
        self._metrics.facts.labels("notice_received").inc(sum(isinstance(message, Notice) for message in messages))
        self._metrics.rejected.labels(protocol, "record").inc(len(aside))

    async def _until_taken(self, write: Callable[[], Awaitable[object]]) -> None:
        attempt = 0
        while True:
            await self._log.room()
            try:
                await write()
            except (Unavailable, Overloaded) as error:
                if attempt == 0:
                    log.warning("%s: the log does not take its messages, trying on: %s", self._name(), error)
                await asyncio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
                attempt += 1
            else:
                return
