"""MYLAPS exporters over TCP: listens, decodes, writes, and acknowledges a message only when Kafka has its content.

The client keeps what is not acknowledged. So when Kafka is away nothing here is lost or dropped: the connection
stays, a message that comes again while its first copy still waits joins it, and reading stops when too much waits.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

from schemas.events import LoggedFact, NoticeReceived, ReadRow, ReadsLogged
from schemas.ids import NAME_CHARS, REASON_CHARS
from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection
from services.ingest.decoders.arrival_clock import ArrivalClocks
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.messages import Notice as ClockNotice
from services.ingest.decoders.messages import Now
from services.ingest.decoders.mylaps import (
    UTC_SLACK_US,
    ConnectionFault,
    DecodedRead,
    Decoder,
    Hello,
    KeepAlive,
    Login,
    Markers,
    Message,
    Notice,
    Passings,
    Unreadable,
    frame_alone,
    frame_bytes,
)
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.errors import Overloaded, TooLarge, Unavailable
from services.ingest.facts import notice_fact, reads_facts, show_clocks
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.pending_notices import PendingNotices
from services.ingest.readers.sources import Source

SERVER_NAME = "Matline"
CONNECTIONS_MAX = 32  # of one source; an exporter has one, a few more while it reconnects
UNACKNOWLEDGED_MAX = 16  # messages of a connection; a V2.1 client sends at most 10
READ_BYTES = 64 * 1024
PING_EVERY_S = 20.0  # keeps routers from forgetting the connection, and shows a dead client
SILENCE_MAX_S = 120.0  # a client that answers no ping for so long is gone
CLOSE_WAIT_S = 5.0  # for messages on their way to Kafka when ingest stops

log = logging.getLogger(__name__)


class MylapsListener:
    """The listener of one source."""

    def __init__(self, source: Source, race_log: Log, metrics: IngestMetrics, now_us: Callable[[], int]) -> None:
        self._source = source
        self._zone = parse_zone(source.zone)
        self._log = race_log
        self._metrics = metrics
        self._now_us = now_us
        self.port: int | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # it never does
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._writing: dict[bytes, asyncio.Task[bool]] = {}
        self._connected = 0
        self._clocks = ArrivalClocks()
        self._utc = ReaderStateNotices()
        self._untold = PendingNotices()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port (of `port` 0 the one given). Raises OSError, such as for a port that is taken."""
        self._server = await asyncio.start_server(self._serve, host, port)
        found: int = self._server.sockets[0].getsockname()[1]
        self.port = found
        log.info("MYLAPS for event %s (gateway %s) on %s:%d", self._source.event, self._source.gateway, host, found)
        return found

    async def close(self) -> None:
        """Stop listening, let what is on its way to Kafka arrive, and hang up."""
        self.failed.cancel()
        if self._server is not None:
            self._server.close()
        if self._writing:
            await asyncio.wait(self._writing.values(), timeout=CLOSE_WAIT_S)
        for task in [*self._connections, *self._writing.values()]:
            task.cancel()
        await asyncio.gather(*self._connections, *self._writing.values(), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = writer.get_extra_info("peername")
        refusal = f"{CONNECTIONS_MAX} are connected" if len(self._connections) >= CONNECTIONS_MAX else None
        if not self._source.lets_in(peer[0] if peer else ""):
            refusal = "its address is not among those that `allow` names"
        if refusal is not None:
            log.warning("MYLAPS %s: %s refused: %s", self._source.gateway, peer, refusal)
            writer.close()
            return
        self._connections.add(task)
        self._metrics.connections.labels(self._source.gateway).inc()
        log.info("MYLAPS %s: %s connected", self._source.gateway, peer)
        reason = "it hung up"
        try:
            await self._connection(reader, writer).run()
        except TimeoutError:
            reason = f"nothing came for {SILENCE_MAX_S:g} s"
        except (ConnectionFault, ConnectionError) as error:
            reason = str(error)
        except asyncio.CancelledError:
            reason = "ingest is stopping"
        finally:
            self._connections.discard(task)
            self._metrics.connections.labels(self._source.gateway).dec()
            log.info("MYLAPS %s: %s disconnected: %s", self._source.gateway, peer, reason)
            writer.close()

    def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> "_Connection":
        self._connected += 1
        began = datetime.fromtimestamp(self._now_us() / 1e6, UTC)
        session = f"{began:%Y%m%dT%H%M%S}-{self._connected}"
        return _Connection(self, Decoder(self._zone, SERVER_NAME), session, self._source.secret, reader, writer)

    def received(self, size: int) -> None:
        """Count bytes that came in."""
        self._metrics.bytes_in.labels("mylaps").inc(size)

    # --- content of messages

    async def store(self, message: Passings | Markers | Unreadable, numbering: "Numbering") -> bool:
        """Write a message's content; whether it is safe, so that it may be acknowledged."""
        frame = message.raw if isinstance(message, Unreadable) else message.frame
        task = self._writing.get(frame)
        if task is None:
            task = self._writing[frame] = asyncio.create_task(self._write(message, numbering))
            task.add_done_callback(lambda _: self._writing.pop(frame, None))
        return await asyncio.shield(task)

    async def _write(self, message: Passings | Markers | Unreadable, numbering: "Numbering") -> bool:
        at_us = self._now_us()
        facts: list[LoggedFact] = []
        told: list[ClockNotice] = []
        if isinstance(message, Passings):
            facts += passing_facts(self._source, message, numbering, at_us)
            told = self._untold.add(self._clock_notices(message, at_us))
            facts += [notice_fact(self._source, one, at_us) for one in told]
        elif isinstance(message, Markers):
            facts += marker_facts(self._source, message, at_us)
        aside = rejections(self._source, message, at_us)
        try:
            await self._log.room()
            if aside:  # first, so that a sender who is halted for these writes nothing again and again
                await self._log.put_aside(aside)
            if facts:
                await self._log.append(self._source.event, facts)
        except (Unavailable, Overloaded, TooLarge) as error:
            log.warning(
                "MYLAPS %s: a message stays unacknowledged, the client will send it again: %s",
                self._source.gateway,
                error,
            )
            return False
        self._untold.told(told)
        self._count(message, len(aside))
        return True

    def _clock_notices(self, message: Passings, at_us: int) -> list[ClockNotice]:
        """What is wrong with the clock of a location, by when its passings come and by their own UTC."""
        if not message.seen:
            return []
        newest = max(message.seen, key=lambda seen: seen.at_us)
        where = message.location
        notices = self._clocks.read(where, newest.at_us, Now(at_us, time.monotonic()))
        show_clocks(self._metrics, self._source, self._clocks.offsets_us)
        if newest.utc_off_us is not None:
            off_s = round(newest.utc_off_us / 1e6)
            differs = f"its UTC and its local time in zone {self._source.zone} differ by {off_s:+d} s: one is wrong"
            text = differs if abs(newest.utc_off_us) > UTC_SLACK_US else ""
            notices += self._utc.change(where, "utc_differs", text, newest.at_us)
        return notices

    def _count(self, message: Passings | Markers | Unreadable, aside: int) -> None:
        if isinstance(message, Passings):
            self._metrics.reads.labels("mylaps").inc(len(message.seen))
            differs = sum(seen.utc_off_us is not None and abs(seen.utc_off_us) > UTC_SLACK_US for seen in message.seen)
            self._metrics.utc_differs.labels(self._source.gateway).inc(differs)
        elif isinstance(message, Markers):
            self._metrics.facts.labels("notice_received").inc(len(message.notices))
        if aside:
            self._metrics.rejected.labels("mylaps", "frame" if isinstance(message, Unreadable) else "record").inc(aside)


def rejections(source: Source, message: Passings | Markers | Unreadable, at_us: int) -> list[Rejection]:
    """What could not be read: whole frames, a record as the frame that would have brought it alone."""
    if isinstance(message, Unreadable):
        return [_rejection(source, message.raw, message.reason, None, at_us)]
    return [
        _rejection(source, frame_alone(message.frame, one.raw), one.reason, index, at_us)
        for index, one in enumerate(message.unreadable)
    ]


def _rejection(source: Source, raw: bytes, reason: str, index: int | None, at_us: int) -> Rejection:
    return Rejection(
        v=REJECTED_VERSION,
        event=source.event,
        source="mylaps",
        reason=reason,
        raw=raw[:RAW_MAX_BYTES],
        size=len(raw),
        gateway=source.gateway,
        index=index,
        recorded_at_us=at_us,
    )


def passing_facts(source: Source, message: Passings, numbering: "Numbering", at_us: int) -> list[ReadsLogged]:
    """A message's passings as facts, `at_us` when they came in: a session is a decoder's own count of a day where it
    counts, else the connection's.
    """
    device = source.devices.get(message.location, message.location)
    sessions: dict[str, list[ReadRow]] = defaultdict(list)
    for seen in message.seen:
        session, seq = numbering.number(seen)
        sessions[session].append(ReadRow(seq, device, seen.chip, seen.at_us, seen.rssi, seen.antenna))
    return [
        fact
        for session, rows in sessions.items()
        for fact in reads_facts(source.event, source.gateway, session, rows, at_us)
    ]


def marker_facts(source: Source, message: Markers, at_us: int) -> list[NoticeReceived]:
    """A message's markers as facts; their ids make the copies that the client sends until it is acknowledged count
    once.
    """
    return [_notice(source, message.location, notice, at_us) for notice in message.notices]


def _notice(source: Source, location: str, notice: Notice, at_us: int) -> NoticeReceived:
    identity = repr((source.event, source.gateway, location, notice)).encode()
    return NoticeReceived(
        event=source.event,
        id="notice-" + hashlib.sha256(identity).hexdigest()[:40],
        recorded_at_us=at_us,
        gateway=source.gateway,
        device=source.devices.get(location, location),
        kind=notice.kind[:NAME_CHARS],
        at_us=notice.at_us,
        text=notice.text[:REASON_CHARS],
    )


class Numbering:
    """The session and number of each read of a connection; `session` is for readers that do not count."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._next = 0

    def number(self, seen: DecodedRead) -> tuple[str, int]:
        if seen.sequence is not None:
            day = datetime.fromtimestamp(seen.at_us // 1_000_000, UTC)
            return f"{seen.unit} {day:%Y-%m-%d}", seen.sequence
        self._next += 1
        return self._session, self._next - 1


class _Connection:
    """One client: answers it, and has its messages written side by side, each acknowledged as it becomes safe."""

    def __init__(
        self,
        listener: MylapsListener,
        decoder: Decoder,
        session: str,
        secret: str | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._listener = listener
        self._decoder = decoder
        self._numbering = Numbering(session)
        self._secret = secret
        self._known = secret is None
        self._reader = reader
        self._writer = writer
        self._slots = asyncio.Semaphore(UNACKNOWLEDGED_MAX)
        self._storing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client hangs up. Raises TimeoutError when it went silent, ConnectionFault,
        ConnectionError.
        """
        pinging = asyncio.create_task(self._ping())
        try:
            while data := await asyncio.wait_for(self._reader.read(READ_BYTES), SILENCE_MAX_S):
                self._listener.received(len(data))
                for message in self._decoder.feed(data):
                    await self._take(message)
                await self._writer.drain()
        finally:
            pinging.cancel()
            for task in self._storing:
                task.cancel()

    async def _take(self, message: Message) -> None:
        if isinstance(message, Hello | KeepAlive):
            self._send(message.reply)
        elif isinstance(message, Login):
            self._log_in(message)
        elif isinstance(message, Passings | Markers | Unreadable):
            if not self._known:
                raise ConnectionFault("it sends content and has not given the password of this source")
            await self._slots.acquire()
            task = asyncio.create_task(self._store(message))
            self._storing.add(task)
            task.add_done_callback(self._storing.discard)

    def _log_in(self, login: Login) -> None:
        if self._secret is not None and not hmac.compare_digest(login.password, self._secret.encode()):
            self._send(login.refusal)
            raise ConnectionFault("its password is wrong")
        self._known = True
        self._send(login.reply)

    async def _store(self, message: Passings | Markers | Unreadable) -> None:
        try:
            safe = await self._listener.store(message, self._numbering)
        finally:
            self._slots.release()
        if safe and not isinstance(message, Unreadable):
            self._send(message.reply)

    def _send(self, frame: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            self._send(frame_bytes(SERVER_NAME, "Ping"))
