"""MYLAPS Timing & Scoring exporter: one client's connection, and what of it is acknowledged when.

The client keeps what is not acknowledged and sends it again every 20 s, so a message is acknowledged once its content
is on the race log, and never before. A message that comes again while its first copy is still under way joins it: its
content is not written twice.

Source: Timing & Scoring TCP-IP protocol V2, v2021.1, pp. 3-7.
"""

import hmac
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
    Decoder,
    Hello,
    KeepAlive,
    Login,
    Markers,
    Passings,
    Record,
    Said,
    frame_alone,
    frame_bytes,
)
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

PING_EVERY_S = 20.0  # keeps routers from forgetting the connection, and shows a dead client
SILENCE_S = 120.0  # a client that answers no ping for so long is gone


class _Source:
    """What all connections of a source share: which messages are under way to the log, and numbers that are unique."""

    def __init__(self, settings: ReaderSettings) -> None:
        self.settings = settings
        self.utc_notices = ReaderStateNotices()
        self.under_way: set[bytes] = set()  # frames; bounded by what may wait for the log
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
        return [message for said in self._decoder.feed(data) for message in self._take(said)]

    def tick(self, now: Now) -> list[Message]:
        if now.steady_s - self._pinged_s >= PING_EVERY_S:
            self._pinged_s = now.steady_s
            self.send(frame_bytes(SERVER_NAME, "Ping"))
        return []

    def acknowledge(self, number: int) -> None:
        message = self._unacknowledged.pop(number)
        self._source.under_way.discard(message.frame)
        self.send(message.reply)

    def _take(self, said: Said) -> list[Message]:
        if isinstance(said, Hello | KeepAlive):
            self.send(said.reply)
        elif isinstance(said, Login):
            self._log_in(said)
        elif isinstance(said, Passings | Markers | Unreadable):
            if not self._let_in:
                raise ConnectionFault("it sends content and has not given the password of this source")
            return [said] if isinstance(said, Unreadable) else self._content(said)
        return []

    def _log_in(self, login: Login) -> None:
        secret = self._source.settings.secret
        if secret is not None and not hmac.compare_digest(login.password, secret.encode()):
            self.send(login.refusal)
            raise ConnectionFault("its password is wrong")
        self._let_in = True
        self.send(login.reply)

    def _content(self, message: Passings | Markers) -> list[Message]:
        """Return the content of a message and its acknowledgement; for a copy of one that is under way that alone."""
        self._source.acknowledgements += 1
        acknowledgement = Acknowledgement(self._source.acknowledgements)
        self._unacknowledged[acknowledgement.number] = message
        if message.frame in self._source.under_way:
            return [acknowledgement]
        self._source.under_way.add(message.frame)
        # Each by itself as the frame that would have brought it alone, so that it can be read again.
        unreadable = [
            Unreadable(frame_alone(message.frame, record.raw), record.reason, index=index)
            for index, record in enumerate(message.unreadable)
        ]
        if isinstance(message, Markers):
            return [*message.notices, *unreadable, acknowledgement]
        reads = [self._read(message.location, record) for record in message.records]
        return [*reads, *self._utc_differs(message), *unreadable, acknowledgement]

    def _read(self, location: str, record: Record) -> DecodedRead:
        """Return a record as a read: its session is its decoder's own count of a day where it has one, else the
        connection's.
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
        """Return a notice when a location's own UTC begins to contradict its local time."""
        newest = max(message.records, key=lambda record: record.at_us, default=None)
        if newest is None or newest.utc_off_us is None:
            return []
        zone, off_s = self._source.settings.zone_name, round(newest.utc_off_us / 1e6)
        differs = f"its UTC and its local time in zone {zone} differ by {off_s:+d} s: one is wrong"
        text = differs if abs(newest.utc_off_us) > UTC_SLACK_US else ""
        return self._source.utc_notices.change(message.location, "utc_differs", text, newest.at_us)


def _connect(settings: ReaderSettings) -> Make:
    source = _Source(settings)
    return lambda _: MylapsReader(source)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    """Return the content of a frame that became a dead letter. Raises ConnectionFault."""
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
