"""Dial IPICO and Trident readers, and fetch the reads that their stream does not send again.

An Elite can replay its stored reads from a given time on. It is asked to on every new connection. Until the replay is
complete the cursor does not follow the stream, so that after a crash the same reads are asked for again. The end of a
replay looks like a broken connection, so a replay counts as complete only when it reaches the last read that the stream
gave before it, or when a second one brings nothing later. Other readers have no replay; their reads go to our disk
before anything else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import tzinfo
from typing import NamedTuple

from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.ipico import STREAM, IpicoReader, replay_command, replayed
from services.ingest.decoders.messages import LINE_MAX_BYTES, Cursor, CursorAdvanced, DecodedRead, Notice, Position
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.readers.connection import steady_clock
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.reader_task import ReaderContext, RunningReader, start_reader
from services.ingest.readers.sources import Source, host_and_port
from services.runtime.backoff import Backoff

LINES_MAX = 500  # of a replay that are handed over together
SILENCE_S = 10.0  # a replay that is silent for this long is broken; stored reads come back to back
BACKOFF = Backoff(0.5, 15.0)  # before a replay is asked for again
SAME_ENOUGH = 2  # replays in a row without a later read, after which none is missing
NOTICE_AFTER = 3  # failures before officials get a notice

log = logging.getLogger(__name__)


class Ports(NamedTuple):
    """Where a reader takes commands, and where it replays stored reads."""

    command: int = 9999
    replay: int = 10300


async def start(
    source: Source, context: ReaderContext, ports: Ports | None = None, backoff: Backoff = BACKOFF
) -> RunningReader:
    """Dial the reader's stream, and have an Elite replay what was missed. Raises StartFault."""
    if source.options.get("model") != "elite":
        return await start_reader(source, context)
    settings = source.settings()
    wanted, notices = _Wanted(), ReaderStateNotices()

    def make(cursor: Cursor) -> IpicoReader:
        reader = IpicoReader(settings.zone, notices, replaying=True)
        wanted.ask(reader, cursor)
        return reader

    running = await start_reader(source, context, make)
    replays = _Replays(source, ports or Ports(), settings.zone, running.delivery, context.now_us, backoff)
    running.add(replays.run(wanted))
    return running


class _Wanted:
    """The newest connection, whose missed reads are to be replayed."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.reader: IpicoReader | None = None
        self.since_us: int | None = None

    def ask(self, reader: IpicoReader, cursor: Cursor) -> None:
        self.reader = reader
        self.since_us = cursor[STREAM].number if STREAM in cursor else None
        self.asked.set()


class _Broken(Exception):
    """A replay broke off."""


class _Replays:
    """Fetch stored reads, one replay at a time."""

    def __init__(
        self,
        source: Source,
        ports: Ports,
        zone: tzinfo,
        delivery: Delivery,
        now_us: Callable[[], int],
        backoff: Backoff,
    ) -> None:
        assert source.address is not None
        self._host, _ = host_and_port(source.address)
        self._name = f"{source.protocol} {source.gateway}"
        self._gateway = source.gateway
        self._ports = ports
        self._zone = zone
        self._delivery = delivery
        self._clock = steady_clock(now_us)
        self._backoff = backoff

    async def run(self, wanted: _Wanted) -> None:
        """Replay what each new connection missed, for as long as this task lives."""
        while True:
            await wanted.asked.wait()
            wanted.asked.clear()
            reader = wanted.reader
            assert reader is not None
            await self._catch_up(reader, wanted.since_us, wanted.asked)

    async def _catch_up(self, reader: IpicoReader, since_us: int | None, newer: asyncio.Event) -> None:
        """Replay until no read before the stream is missing, or a newer connection asks for more."""
        failures = same = 0
        while not newer.is_set():
            streamed_us = reader.last_us
            try:
                last_us = await self._replay(since_us)
            except (_Broken, OSError, TimeoutError) as error:
                failures += 1
                await self._failed(failures, since_us, str(error) or type(error).__name__)
                continue
            failures = 0
            same = same + 1 if last_us == since_us else 0
            reached = streamed_us is not None and last_us is not None and last_us >= streamed_us
            if reached or same >= SAME_ENOUGH:
                reader.replaying = False
                log.info("%s: all stored reads are fetched", self._name)
                return
            since_us = last_us

    async def _failed(self, failures: int, since_us: int | None, reason: str) -> None:
        log.warning("%s: stored reads cannot be fetched, trying again: %s", self._name, reason)
        if failures == NOTICE_AFTER:
            text = f"stored reads cannot be fetched, so reads may be missing on the log: {reason}; fetch them by hand"
            await self._delivery.put([Notice(self._gateway, "replay_failed", since_us, text)])
        await asyncio.sleep(self._backoff.pause_s(failures))

    async def _replay(self, since_us: int | None) -> int | None:
        """Have stored reads replayed, deliver them, and return the last one's instant, or `since_us` if there was none.

        Raises _Broken, OSError, TimeoutError.
        """
        session, number, last_us = connection_session("replay", self._clock()), 0, since_us
        async with asyncio.timeout(SILENCE_S):
            _, commands = await asyncio.open_connection(self._host, self._ports.command)
        try:
            commands.write(replay_command(self._ports.replay, since_us, self._zone))
            await commands.drain()
            async with asyncio.timeout(SILENCE_S):
                incoming, outgoing = await asyncio.open_connection(self._host, self._ports.replay, limit=LINE_MAX_BYTES)
            try:
                outgoing.write(b"\n")
                async for lines in _lines(incoming):
                    messages = replayed(lines, self._zone, session, number)
                    number += sum(isinstance(message, DecodedRead) for message in messages)
                    await self._delivery.put(messages)
                    for message in messages:
                        if isinstance(message, DecodedRead):
                            last_us = message.at_us
            finally:
                outgoing.close()
        finally:
            commands.close()
        if last_us is not None:
            # The reader stored all earlier reads, so this holds even while the stream goes on.
            await self._delivery.put([CursorAdvanced(STREAM, Position("", last_us))])
        return last_us


async def _lines(incoming: asyncio.StreamReader) -> AsyncIterator[list[bytes]]:
    """Yield the lines of a replay in batches. Raises _Broken for a line cut off or without end, and TimeoutError."""
    lines: list[bytes] = []
    while True:
        async with asyncio.timeout(SILENCE_S):
            try:
                line = await incoming.readline()
            except ValueError:
                raise _Broken("a line of the replay does not end") from None
        if line and not line.endswith(b"\n"):
            raise _Broken("the replay was cut off within a line")
        if line.strip():
            lines.append(line)
        if lines and (not line or len(lines) == LINES_MAX):
            yield lines
            lines = []
        if not line:
            return
