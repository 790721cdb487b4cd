"""Speak with a MYLAPS Timing & Scoring exporter, and acknowledge its messages.

The client keeps unacknowledged messages and sends them again every 20 s. So a message is acknowledged once its content
is on the race log, and never before. The content of a message that comes again while its first copy is still under way
is not written twice; nor is that of a message without a number, which cannot be acknowledged and comes for ever.

Source: Timing & Scoring TCP-IP protocol V2, v2021.1, pp. 3-7.
"""

import hashlib
import hmac
from collections import OrderedDict
from datetime import UTC, datetime

from services.ingest.decoders.messages import (
    UTC_SLACK_US,
    Acknowledgement,
    ConnectionFault,
    DecodedRead,
    Message,
    Notice,
    Now,
    Reader,
    Unreadable,
)
from services.ingest.decoders.mylaps_frames import (
    SERVER_NAME,
    ClientMessage,
    Decoder,
    Hello,
    KeepAlive,
    Login,
    Markers,
    Passings,
    Record,
    frame_bytes,
)
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

PING_EVERY_S = 20.0  # keeps routers from dropping the connection, and reveals a dead client
UNNUMBERED_MAX = 1_000  # messages without a number whose repeats are recognized
SILENCE_S = 120.0  # a client that answers no ping for this long is gone


class _Source:
    """The state that all connections of a source share: messages under way to the log, and counters."""

    def __init__(self, settings: ReaderSettings) -> None:
        self.settings = settings
        self.notices = ReaderStateNotices()
        self.under_way: set[bytes] = set()  # frames; bounded by what may wait for the log
        self.unnumbered: OrderedDict[bytes, None] = OrderedDict()  # frames without a number that were taken
        self.connections = 0
        self.acknowledgements = 0


class MylapsReader(Reader):
    """One client's connection: answers its questions at once, and its messages once they are on the log."""

    silence_s = SILENCE_S

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self._source = source
        self._decoder = Decoder(source.settings.zone)
        self._let_in = source.settings.secret is None
        self._session = ""
        self._next = 0
        self._unacknowledged: dict[int, Passings | Markers] = {}
        self._pinged_s = 0.0

    def begin(self, now: Now) -> None:
        self._pinged_s = now.steady_s
        self._source.connections += 1
        began = datetime.fromtimestamp(now.wall_us / 1e6, UTC)
        self._session = f"{began:%Y%m%dT%H%M%S}-{self._source.connections}"

    def feed(self, data: bytes, now: Now) -> list[Message]:
        return [message for received in self._decoder.feed(data) for message in self._take(received)]

    def tick(self, now: Now) -> list[Message]:
        if now.steady_s - self._pinged_s >= PING_EVERY_S:
            self._pinged_s = now.steady_s
            self.send(frame_bytes(SERVER_NAME, "Ping"))
        return []

    def acknowledge(self, number: int) -> None:
        message = self._unacknowledged.pop(number)
        self._source.under_way.discard(message.frame)
        self.send(message.reply)

    def _take(self, received: ClientMessage) -> list[Message]:
        if isinstance(received, Hello | KeepAlive):
            self.send(received.reply)
        elif isinstance(received, Login):
            self._log_in(received)
        elif isinstance(received, Passings | Markers | Unreadable):
            if not self._let_in:
                raise ConnectionFault("the client sent data without giving the password (`secret`) of this source")
            return [received] if isinstance(received, Unreadable) else self._content(received)
        return []

    def _log_in(self, login: Login) -> None:
        secret = self._source.settings.secret
        if secret is not None and not hmac.compare_digest(login.password, secret.encode()):
            self.send(login.refusal)
            raise ConnectionFault("the client's password differs from `secret` of this source")
        self._let_in = True
        self.send(login.reply)

    def _content(self, message: Passings | Markers) -> list[Message]:
        """Return the content of a message and its acknowledgement; only the latter while a copy is under way."""
        if not message.reply:
            return self._unnumbered(message)
        self._source.acknowledgements += 1
        acknowledgement = Acknowledgement(self._source.acknowledgements)
        self._unacknowledged[acknowledgement.number] = message
        if message.frame in self._source.under_way:
            return [acknowledgement]
        self._source.under_way.add(message.frame)
        return [*self._parts(message), acknowledgement]

    def _unnumbered(self, message: Passings | Markers) -> list[Message]:
        """Return the content of a message that cannot be acknowledged, the first time that it comes."""
        digest = hashlib.sha256(message.frame).digest()
        if digest in self._source.unnumbered:
            return []
        self._source.unnumbered[digest] = None
        if len(self._source.unnumbered) > UNNUMBERED_MAX:
            self._source.unnumbered.popitem(last=False)
        text = "its messages have no number, so they cannot be acknowledged, and it sends them again and again"
        notices = self._source.notices.change(message.location, "unnumbered", text, None)
        return [*self._parts(message), *notices]

    def _parts(self, message: Passings | Markers) -> list[Message]:
        if isinstance(message, Markers):
            return [*message.notices, *message.unreadable]
        reads = [self._read(message.location, record) for record in message.records]
        return [*reads, *self._utc_differs(message), *message.unreadable]

    def _read(self, location: str, record: Record) -> DecodedRead:
        """Return a record as a read.

        The session is the day of a decoder that counts, else the connection.
        """
        session, seq = self._session, self._next
        if record.sequence is None:
            self._next += 1
        else:
            day = datetime.fromtimestamp(record.at_us // 1_000_000, UTC)
            session, seq = f"{record.unit} {day:%Y-%m-%d}", record.sequence
        return DecodedRead(
            session,
            seq,
            location,
            record.chip,
            record.at_us,
            record.antenna,
            record.rssi,
            utc_off_us=record.utc_off_us,
        )

    def _utc_differs(self, message: Passings) -> list[Notice]:
        """Return a notice when a location's UTC begins to contradict its local time."""
        newest = max(message.records, key=lambda record: record.at_us, default=None)
        if newest is None or newest.utc_off_us is None:
            return []
        zone, off_s = self._source.settings.zone_name, round(newest.utc_off_us / 1e6)
        differs = f"its UTC and its local time in zone {zone} differ by {off_s:+d} s; check zone and clock"
        text = differs if abs(newest.utc_off_us) > UTC_SLACK_US else ""
        return self._source.notices.change(message.location, "utc_differs", text, newest.at_us)


def _connect(settings: ReaderSettings) -> Make:
    source = _Source(settings)
    return lambda _: MylapsReader(source)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    """Return the messages in a frame that became a dead letter. Raises ConnectionFault."""
    reader = MylapsReader(_Source(ReaderSettings(gateway=settings.gateway, zone=settings.zone)))
    reader._session = session
    return reader.feed(raw if raw.endswith(b"$") else raw + b"$", Now(0, 0.0))


PROTOCOL = ReaderProtocol(
    name="mylaps",
    title="MYLAPS Timing & Scoring exporter",
    way="calls us",
    port=3097,
    connect=_connect,
    takes_secret=True,
    read_again=_read_again,
    begins_with=rb"@(Pong|Store|Passing|Marker|Ping)@",
    acknowledges="Each message, once Kafka has all of it.",
    takes_over="What was not acknowledged comes again.",
    replays="The exporter sends a message again every 20 s until it is acknowledged.",
    sample="""\
[[sources]]
protocol = "mylaps"
event = "example-2026"
gateway = "start-finish-tent"
zone = "Asia/Dubai"
address = "0.0.0.0:3097"
allow = ["192.168.7.0/24"]
devices = { "5Km" = "5K-A" }
""",
)
