"""Deliver a reader's messages to the race log, in order, and then move the cursor and answer the reader.

Nothing is dropped. What the log does not take is offered again, and while it waits `put` waits too. So the socket is
not read, and the device keeps its reads. Bytes that cannot be read and come again, such as those of a message that its
sender never gets acknowledged, are the same dead letter and are written once.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from services.ingest.decoders.messages import (
    UTC_SLACK_US,
    Acknowledgement,
    Cursor,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Unreadable,
)
from services.ingest.errors import Overloaded, Unavailable
from services.ingest.facts import facts_of, rejections_of, with_times_in_range
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.backlog import Backlog
from services.ingest.readers.cursor import CursorFile, moved
from services.ingest.readers.sources import Source
from services.runtime.backoff import Backoff

BACKOFF = Backoff(0.1, 2.0)  # before the log is offered the same messages again

DEAD_LETTERS_KNOWN_MAX = 10_000  # whose repeats are recognized; beyond it, the oldest may be written again

log = logging.getLogger(__name__)


def _no_answer(_: int) -> None:
    """Acknowledge nothing, for messages that ask for no acknowledgement."""


class Delivery:
    """The messages of one source on their way to the log."""

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
        self._handed_over = cursor_file.load()
        self._safe = dict(self._handed_over)
        self._answers: dict[int, Callable[[int], None]] = {}  # by acknowledgement; as many as wait in the backlog
        self._dead_letters: OrderedDict[bytes, None] = OrderedDict()  # digests of those on the log
        self._moved = asyncio.Event()
        self._ending = False

    def cursor(self) -> Cursor:
        """Return the position up to which everything was handed over. A new connection continues there."""
        return dict(self._handed_over)

    async def put(self, messages: Sequence[Message], acknowledge: Callable[[int], None] = _no_answer) -> None:
        """Take messages, once there is room for them. Raises OSError where a journal cannot be written.

        `acknowledge` is called with the number of each `Acknowledgement` once everything before it is on the log.
        """
        for message in messages:
            if isinstance(message, Acknowledgement):
                self._answers[message.number] = acknowledge
        await self._backlog.put(with_times_in_range(messages))
        for message in messages:
            if isinstance(message, CursorAdvanced):
                moved(self._handed_over, message.log, message.position)

    async def run(self) -> None:
        """Deliver for as long as this task lives; the cursor is written when it ends."""
        saving = asyncio.create_task(self._save())
        try:
            while True:
                messages = await self._backlog.peek()
                await self._deliver(messages)
                self._settle(messages)
                await self._backlog.done()
        finally:
            self._ending = True
            self._moved.set()
            await saving
            self._backlog.close()

    async def drained(self) -> None:
        """Return once everything that was put is on the log."""
        await self._backlog.emptied()

    def _settle(self, messages: Sequence[Message]) -> None:
        """Move the cursor and answer the reader, now that all of these messages are on the log."""
        for message in messages:
            if isinstance(message, CursorAdvanced):
                moved(self._safe, message.log, message.position)
                self._moved.set()
            elif isinstance(message, Acknowledgement):
                self._answers.pop(message.number, _no_answer)(message.number)

    async def _save(self) -> None:
        """Write the cursor whenever it has moved, one write at a time. A cursor that lags costs repeats, not reads."""
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
                log.error(
                    "%s: the cursor cannot be written (%s); after a restart reads are fetched again",
                    self._name(),
                    error,
                    extra=self._source.log_fields(),
                )
                if self._ending:
                    return
                await asyncio.sleep(BACKOFF.most_s)
                self._moved.set()

    def _name(self) -> str:
        return f"{self._source.protocol} {self._source.gateway}"

    # --- to the log

    async def _deliver(self, messages: Sequence[Message]) -> None:
        at_us = self._now_us()
        facts = facts_of(self._source, messages, at_us)
        unreadable = self._new_unreadable(messages)
        dead_letters = rejections_of(self._source, list(unreadable.values()), at_us)
        if facts:
            await self._until_taken(lambda: self._log.append(self._source.event, facts))
        if dead_letters:
            await self._until_taken(lambda: self._log.put_dead_letters(dead_letters))
        self._count([message for message in messages if not isinstance(message, Unreadable)])
        source = self._source
        self._metrics.gateways.add_rejected(source.event, source.gateway, source.protocol, len(unreadable))
        for digest, message in unreadable.items():
            self._metrics.rejected.labels(source.protocol, message.unit).inc()
            self._dead_letters[digest] = None
        while len(self._dead_letters) > DEAD_LETTERS_KNOWN_MAX:
            self._dead_letters.popitem(last=False)

    def _new_unreadable(self, messages: Sequence[Message]) -> dict[bytes, Unreadable]:
        """Return the unreadable messages that are not on the log yet, each once, by a digest of their content."""
        digests = {
            hashlib.sha256(f"{message.where}\n{message.reason}\n".encode() + message.raw).digest(): message
            for message in messages
            if isinstance(message, Unreadable)
        }
        return {digest: message for digest, message in digests.items() if digest not in self._dead_letters}

    def _count(self, messages: Sequence[Message]) -> None:
        reads = [message for message in messages if isinstance(message, DecodedRead)]
        differing = sum(read.utc_off_us is not None and abs(read.utc_off_us) > UTC_SLACK_US for read in reads)
        source = self._source
        self._metrics.reads.labels(source.protocol).inc(len(reads))
        self._metrics.gateways.add_reads(source.event, source.gateway, source.protocol, len(reads))
        self._metrics.facts.labels("notice_received").inc(sum(isinstance(message, Notice) for message in messages))
        if differing:
            self._metrics.utc_differs.labels(source.event, source.gateway).inc(differing)

    async def _until_taken(self, write: Callable[[], Awaitable[object]]) -> None:
        failures = 0
        while True:
            await self._log.room()
            try:
                await write()
            except (Unavailable, Overloaded) as error:
                if failures == 0:
                    log.warning(
                        "%s: its messages cannot be written to the race log, trying again: %s",
                        self._name(),
                        error,
                        extra=self._source.log_fields(),
                    )
                failures += 1
                await asyncio.sleep(BACKOFF.pause_s(failures))
            else:
                return
