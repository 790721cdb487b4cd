"""Ask a RACE RESULT Ubidium for its passings, over gRPC: from the last known one on, then each new one.

A box keeps its passings in numbered files. The cursor is the file and the number of the last passing; a new connection
asks for the passings from that one on, and passes over the first, which is known. A box that does not have it any more
is asked from its first file on, a new one from the beginning of the current file. On a second stream the box sends a
status, by which its clock is known. It is only asked: nothing here sets its clock or begins a file.

gRPC is HTTP/2 with a message in protocol buffers after five bytes, of which the last four are its length.

Source: RACE RESULT, knowledge base 18 (Ubidium: gRPC on port 443) and 33024, and the .proto files of its SDK, see
`ubidium_messages.py`; grpc.io, "gRPC over HTTP2". Not tried with a box. Not known are: whether passings of later files
follow those of the file that was asked for, the unit of a strength, and whether the code and the order of a passive
transponder are the bib and its set as in `raceresult.py`, as which they are taken here. Not spoken here is
TimingServer, by which a box that is far away calls.
"""

import math
from collections.abc import Mapping

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from schemas.ids import label
from services.ingest.decoders.messages import (
    WHERE_MAX_CHARS,
    ConnectionFault,
    Cursor,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.decoders.ubidium_messages import (
    FROM_CURRENT_FILE,
    FROM_FIRST_FILE,
    FROM_NOW,
    NOT_FOUND,
    BoxError,
    Passing,
    PassingNumber,
    from_passing,
    read_answer,
    read_status,
    status_every,
)

LOG = "passings"  # the name of the box's log in the cursor
PASSINGS = "/raceresult.ubidium.TimingSystem/OpenPassingStream"
STATUS = "/raceresult.ubidium.TimingSystem/OpenStatusStream"
STATUS_EVERY_S = 10
SILENCE_S = 35.0  # three of them
MESSAGE_MAX_BYTES = 64 * 1024
HEAD_BYTES = 5
LOOP_MOST = 65_535  # they are numbered from 1 to 8
RSSI_LEAST = -1_000  # what is below is no strength


class Ubidium(Reader):
    """One connection. `fetches` false: only new passings are asked for."""

    silence_s = SILENCE_S

    def __init__(self, cursor: Cursor, notices: ReaderStateNotices, fetches: bool = True) -> None:
        super().__init__()
        self._notices = notices
        self._fetches = fetches
        self._known = _number_of(cursor[LOG]) if LOG in cursor else None
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._rest: dict[int, bytearray] = {}
        self._passings = self._status = 0
        self._from_first = False
        self._fault = ""

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._http.initiate_connection()
        self._status = self._open(STATUS, status_every(STATUS_EVERY_S))
        stored = FROM_CURRENT_FILE if self._known is None else from_passing(self._known)
        self._passings = self._open(PASSINGS, stored if self._fetches else FROM_NOW)
        self.send(self._http.data_to_send())

    def feed(self, data: bytes, now: Now) -> list[Message]:
        if self._fault:
            raise ConnectionFault(self._fault)
        messages: list[Message] = []
        try:
            for event in self._http.receive_data(data):
                messages += self._event(event, now)
        except (h2.exceptions.ProtocolError, ConnectionFault) as error:
            self._fault = str(error) or type(error).__name__
            if not messages:
                raise ConnectionFault(self._fault) from None
        finally:
            self.send(self._http.data_to_send())
        return messages  # with a fault at the next tick: a broken connection must not cost what came before

    def tick(self, now: Now) -> list[Message]:
        if self._fault:
            raise ConnectionFault(self._fault)
        return []

    # --- HTTP/2

    def _open(self, path: str, request: bytes) -> int:
        """Open a stream and send its first request; return its number."""
        stream = self._http.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "ubidium"),
            (":path", path),
            ("te", "trailers"),
            ("content-type", "application/grpc+proto"),
        ]
        self._http.send_headers(stream, headers)
        self._http.send_data(stream, _framed(request))
        self._rest[stream] = bytearray()
        return stream

    def _event(self, event: h2.events.Event, now: Now) -> list[Message]:
        """Return the messages of an event of the connection. Raises ConnectionFault."""
        match event:
            case h2.events.DataReceived(stream_id=int(stream), data=bytes(data)):
                if event.flow_controlled_length:
                    self._http.acknowledge_received_data(event.flow_controlled_length, stream)
                self._rest.setdefault(stream, bytearray()).extend(data)
                return self._messages(stream, now)
            case h2.events.ResponseReceived(headers=headers) | h2.events.TrailersReceived(headers=headers):
                plain = {bytes(name).decode("latin-1"): bytes(value) for name, value in headers or ()}
                return self._answered(plain, event.stream_id or 0)
            case h2.events.StreamReset() | h2.events.StreamEnded() if event.stream_id == self._passings:
                raise ConnectionFault("the box ended the stream of passings")
            case h2.events.StreamReset() | h2.events.StreamEnded() if event.stream_id == self._status:
                self.silence_s = math.inf  # a quiet mat is no dead box then; the line itself is watched
            case h2.events.ConnectionTerminated():
                raise ConnectionFault("the box ended the connection")
        return []

    def _answered(self, headers: dict[str, bytes], stream: int) -> list[Message]:
        """Take the head or the end of an answer. Raises ConnectionFault."""
        status, code = headers.get(":status", b"200"), headers.get("grpc-status", b"0")
        if status == b"200" and code == b"0":
            return []
        reason = headers.get("grpc-message", b"").decode("utf-8", "replace")
        reason = reason or f"status {status.decode('latin-1')}, code {code.decode('latin-1')}"
        if stream == self._status:
            return [*self._notices.change("", "lacks", f"it sends no status ({reason}): its clock is not known", None)]
        raise ConnectionFault(f"the box refuses: {reason[:200]}; is it a RACE RESULT Ubidium?")

    def _messages(self, stream: int, now: Now) -> list[Message]:
        """Return the messages that are complete now. Raises ConnectionFault."""
        messages: list[Message] = []
        rest = self._rest[stream]
        while len(rest) >= HEAD_BYTES:
            size = int.from_bytes(rest[1:HEAD_BYTES], "big")
            if rest[0] or size > MESSAGE_MAX_BYTES:
                raise ConnectionFault("the box sends compressed or endless messages, so it is none that is known")
            if len(rest) < HEAD_BYTES + size:
                break
            data = bytes(rest[HEAD_BYTES : HEAD_BYTES + size])
            del rest[: HEAD_BYTES + size]
            try:
                messages += self._status_said(data, now) if stream == self._status else self._passing_said(data)
            except ValueError as error:
                messages.append(Unreadable(data, str(error)))
        return messages

    # --- answers

    def _status_said(self, data: bytes, now: Now) -> list[Message]:
        status = read_status(data)
        if status is None or isinstance(status, BoxError) or status.at_us is None:
            return []
        return [*self._notices.clock("", status.at_us, now)]

    def _passing_said(self, data: bytes) -> list[Message]:
        """Return a passing and where the log has been read to. Raises ConnectionFault, ValueError.

        One without a time is known like others: asked for again and again, many would keep those after them away.
        """
        answer = read_answer(data)
        if answer is None:
            return []
        if isinstance(answer, BoxError):
            return self._refused(answer)
        known, self._known = self._known, answer.no
        if answer.no == known:
            return []
        try:
            read = _read(answer)
        except ValueError as error:
            read = Unreadable(data, str(error), index=0)
        return [read, CursorAdvanced(LOG, _position(answer.no))]

    def _refused(self, error: BoxError) -> list[Message]:
        """Ask a box that does not know the last passing for all that it has. Raises ConnectionFault."""
        if error.code != NOT_FOUND or self._from_first or self._known is None:
            raise ConnectionFault(f"the box answers error {error.code}: {error.text[:200]}")
        self._from_first, known, self._known = True, self._known, None
        self._http.send_data(self._passings, _framed(FROM_FIRST_FILE))
        text = f"it does not know passing {known.number} of file {known.file} any more; all that it has is asked for"
        return [Notice("", "log_cleared", None, text)]


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _number_of(position: Position) -> PassingNumber:
    return PassingNumber(int(position.part), position.number)


def _position(no: PassingNumber) -> Position:
    return Position(str(no.file), no.number)


def _read(passing: Passing) -> Message:
    """Return a passing as a read, a marker as a notice. Raises ValueError."""
    device = passing.device[:WHERE_MAX_CHARS]
    where = device if device.isprintable() else ""
    if passing.is_marker:
        return Notice(where, "marker", passing.at_us, f"passing {passing.no.number} of file {passing.no.file}")
    if passing.at_us is None:
        raise ValueError("a passing has no time")
    code = f"{passing.order}-{passing.code}" if passing.order else passing.code
    return DecodedRead(
        f"{where} file {passing.no.file}",
        passing.no.number,
        where,
        label(code, "chip"),
        passing.at_us,
        antenna=passing.loop if passing.loop is not None and passing.loop <= LOOP_MOST else None,
        rssi=float(passing.rssi) if RSSI_LEAST <= passing.rssi < 0 and not passing.is_active else None,
    )


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    notices = ReaderStateNotices()
    return lambda cursor: Ubidium(cursor, notices, fetches)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        answer = read_answer(raw)
        if not isinstance(answer, Passing):
            raise ValueError("it holds no passing")
        return [_read(answer)]
    except ValueError as error:
        return [Unreadable(raw, str(error))]


PROTOCOL = ReaderProtocol(
    name="ubidium",
    title="RACE RESULT Ubidium (gRPC)",
    way="is dialled",
    port=443,
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    tls=lambda settings: bool(settings.options.get("tls", True)),
    alpn=("h2",),
    options=(Option("tls", bool, "false: it is reached without TLS. Its certificate, its own, is not checked"),),
    has_zone=False,
    is_text=False,
    acknowledges="Nothing: the box keeps its passings.",
    takes_over="It reads again what it has not read itself; of a box new to it from its current file on.",
    replays="By file and passing number, from the last known one on; of a new box from its current file on.",
    sample="""\
[[sources]]
protocol = "ubidium"
event = "example-2026"
gateway = "finish-ubidium"
address = "192.168.7.80:443"
devices = { "Finish" = "F1" }
""",
)
