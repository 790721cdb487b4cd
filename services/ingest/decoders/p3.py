"""Speak P3 with AMB and MYLAPS decoders (TranX, X2, ProChip): take passings, and ask for missing numbers again.

A decoder numbers its passings and sends each once, with a status every few seconds between them. Missing numbers are
asked for by a range. A connection that continues asks from the last known number on: if that passing comes as we know
it, the decoder's log is the same; if another one comes with its number, the log was cleared. Passings of a decoder that
is new to us are taken from the first one on that it sends.

The time of a passing counts microseconds since 1970. Whether by UTC or by the local clock is not documented: `zone`
says it. A decoder with GPS sends UTC beside it, which then holds. A passing's code is the text of its transponder,
such as FL-94890, where it has one, else its number.

Source: vmindru/ambp3client (fields, and a capture that has no resend); a capture of a ProChip decoder at a BMX race
(text, gate beacons). The request to send again is known by its fields alone: whether a decoder takes a range without
an end is not, so a gap is asked for once more when a later number shows it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

import msgspec
from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders import p3_frames
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import (
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
from services.ingest.decoders.numbered_log import NumberedLog
from services.ingest.decoders.p3_frames import Frame, Frames
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings

NUMBER, TRANSPONDER, RTC_TIME, STRENGTH, CODE, UTC_TIME = 0x01, 0x03, 0x04, 0x05, 0x0A, 0x10  # fields of a passing
ERROR_CODE, ERROR_TEXT, DECODER = 0x01, 0x02, 0x81
FROM, UNTIL = 0x01, 0x02  # fields of a request to send again
NUMBER_MAX = 2**32 - 1
GATE_BEACONS = frozenset((9991, 9992, 9995))  # transponders that tell when a BMX gate dropped
ERRORS = {1: "wrong checksum", 2: "no start", 3: "corrupt head", 4: "unknown kind", 5: "fields missing", 6: "too long"}
SILENCE_S = 60.0  # a status comes every few seconds
QUIET_S = 5.0  # a request to which nothing comes for this long is over
TRIES = 3  # of a request, before its numbers are given up
RESENT_AT_ONCE = 1_000  # passings of one request
DECODERS_MAX = 16  # on one connection, new to us; one is usual
RTC_ZERO = datetime(1970, 1, 1)


class Passing(Struct, frozen=True):
    """A passing. `chip` empty: a gate beacon; `utc_off_us` as in DecodedRead, null without UTC."""

    decoder: str
    number: int
    chip: str
    at_us: int
    strength: float | None
    utc_off_us: int | None

    @property
    def check(self) -> str:
        """The content that tells this passing from another one with its number."""
        return f"{self.at_us} {self.chip or 'gate'}"


def passing_of(frame: Frame, zone: tzinfo) -> Passing:
    """Return the passing in a frame. Raises ValueError with the fault."""
    number, transponder, rtc_us = frame.number(NUMBER), frame.number(TRANSPONDER), frame.number(RTC_TIME)
    if number is None or not 1 <= number <= NUMBER_MAX:
        raise ValueError("a passing has no number")
    if transponder is None or rtc_us is None:
        raise ValueError(f"passing {number} has no transponder or no time")
    utc_us, strength = frame.number(UTC_TIME), frame.number(STRENGTH)
    local_us = _instant_us(rtc_us, zone, utc_us)
    code = frame.fields.get(CODE, b"").decode("latin-1").strip("\0 ")
    decoder = frame.number(DECODER)
    return Passing(
        "" if decoder is None else str(decoder),
        number,
        "" if transponder in GATE_BEACONS else label(code or str(transponder), "transponder"),
        local_us if utc_us is None else utc_us,
        None if strength is None else float(strength),
        None if utc_us is None else utc_us - local_us,
    )


def _instant_us(rtc_us: int, zone: tzinfo, utc_us: int | None) -> int:
    try:
        local = RTC_ZERO + timedelta(microseconds=rtc_us)
    except OverflowError:
        raise ValueError(f"its time {rtc_us} is out of range") from None
    return one_instant_us(local, zone, utc_us)


class _Log(NumberedLog):
    """A decoder's log; `newest_us` is its latest passing."""

    def __init__(self, epoch: int, through: int, check: str = "") -> None:
        super().__init__(str(epoch), through, check)
        self.epoch = epoch
        self.newest_us = int(check.partition(" ")[0]) if check else -(2**62)


class _Request(Struct):
    """A range that was asked for; `heard_s` is when the last passing of it came."""

    decoder: str
    first: int
    last: int
    heard_s: float


class P3(Reader):
    """One connection to a decoder. `fetches` false: nothing is asked for again."""

    silence_s = SILENCE_S

    def __init__(self, zone: tzinfo, cursor: Cursor, fetches: bool = True) -> None:
        super().__init__()
        self._zone = zone
        self._fetches = fetches
        self._frames = Frames()
        self._logs = {decoder: _log_at(position) for decoder, position in cursor.items()}
        self._reached = dict(cursor)
        self._new = 0
        self._request: _Request | None = None
        self._tries = 0

    @property
    def missing(self) -> int:
        return sum(log.had.missing for log in self._logs.values())

    def begin(self, now: Now) -> None:
        if self._logs:
            decoder = next(reversed(self._logs))  # the one that was heard last
            self._ask(_Request(decoder, max(1, self._logs[decoder].had.through), NUMBER_MAX, now.steady_s))

    def feed(self, data: bytes, now: Now) -> list[Message]:
        messages: list[Message] = []
        for piece in self._frames.feed(data):
            try:
                messages += self._frame(p3_frames.decode(piece), now)
            except ValueError as error:
                messages.append(Unreadable(piece, str(error), unit="frame"))
        self._ask_next(now)
        return messages + self._moved()

    def tick(self, now: Now) -> list[Message]:
        messages: list[Message] = []
        if self._request is not None and now.steady_s - self._request.heard_s >= QUIET_S:
            messages += self._unanswered(self._request, now)
        self._ask_next(now)
        return messages + self._moved()

    # --- frames

    def _frame(self, frame: Frame, now: Now) -> Sequence[Message]:
        if frame.kind == p3_frames.PASSING:
            return self._passing(passing_of(frame, self._zone), now)
        if frame.kind == p3_frames.ERROR:
            code = frame.number(ERROR_CODE) or 0
            text = frame.fields.get(ERROR_TEXT, b"").decode("latin-1").strip("\0 ")
            if self._request is not None and self._request.last == NUMBER_MAX:
                self._request = (
                    None  # it takes no range without an end; a gap is asked for once a later number shows it
                )
            return [Notice("", "error", None, f"error {code}: {text or ERRORS.get(code, 'unknown')}")]
        return []

    def _passing(self, passing: Passing, now: Now) -> list[Message]:
        log = self._logs.get(passing.decoder)
        messages: list[Message] = []
        if log is None:
            if self._new == DECODERS_MAX:
                raise ValueError(f"decoder {passing.decoder} is one too many: {DECODERS_MAX} new ones sent passings")
            self._new += 1
            log = self._logs[passing.decoder] = _Log(1, passing.number - 1)
        request = self._request
        if request is not None and request.decoder == passing.decoder and passing.number <= log.had.top:
            request.heard_s = now.steady_s  # live ones come above
        known = log.known(passing.number)
        if known == passing.check:
            return []
        if known or (passing.number <= log.had.through and passing.at_us > log.newest_us):
            text = f"passing {passing.number} came after {log.had.top}, so its log was cleared"
            messages.append(Notice(passing.decoder, "restarted", passing.at_us, text))
            log = self._logs[passing.decoder] = _Log(log.epoch + 1, 0)
            self._request, self._tries = None, 0
        log.had.add(passing.number)
        log.remember(passing.number, passing.check)
        log.newest_us = max(log.newest_us, passing.at_us)
        return [*messages, _message_of(passing, log)]

    # --- requests

    def _ask(self, request: _Request) -> None:
        if self._fetches:
            self._request = request
            fields = {FROM: request.first.to_bytes(4, "little"), UNTIL: request.last.to_bytes(4, "little")}
            self.send(p3_frames.encode(p3_frames.RESEND, fields))

    def _ask_next(self, now: Now) -> None:
        """Ask for the first numbers that are missing; a range that has come is over."""
        request = self._request
        if request is not None and request.last < NUMBER_MAX:
            gap = self._logs[request.decoder].had.gap
            if gap is None or gap[0] > request.last:
                self._request, self._tries = None, 0
        if self._request is None:
            for decoder, log in self._logs.items():
                if gap := log.had.gap:
                    self._ask(_Request(decoder, gap[0], min(gap[1], gap[0] + RESENT_AT_ONCE - 1), now.steady_s))
                    return

    def _unanswered(self, request: _Request, now: Now) -> list[Message]:
        """End a request to which nothing comes any more; repeat it if it was for numbers that are missing still."""
        self._request = None
        log = self._logs[request.decoder]
        if request.last == NUMBER_MAX:
            return []
        self._tries += 1
        gap = log.had.gap
        if gap is None or self._tries < TRIES:
            return []
        self._tries = 0
        last = min(gap[1], request.last)
        log.had.skip(last)
        text = f"passings {gap[0]} to {last} did not come after {TRIES} requests; read them out of the decoder by hand"
        return [Notice(request.decoder, "gap", None, text)]

    def _moved(self) -> list[Message]:
        messages: list[Message] = []
        for decoder, log in self._logs.items():
            position = log.position()
            if position != self._reached.get(decoder):
                self._reached[decoder] = position
                messages.append(CursorAdvanced(decoder, position))
        return messages


def _message_of(passing: Passing, log: _Log) -> Message:
    if not passing.chip:
        return Notice(passing.decoder, "gate", passing.at_us, f"gate beacon, passing {passing.number}")
    return DecodedRead(
        f"p3 {passing.decoder} epoch {log.part}",
        passing.number,
        passing.decoder,
        passing.chip,
        passing.at_us,
        rssi=passing.strength,
        utc_off_us=passing.utc_off_us,
    )


def _log_at(position: Position) -> _Log:
    return _Log(int(position.part), position.number, position.check)


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    return lambda cursor: P3(settings.zone, cursor, fetches)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        passing = passing_of(p3_frames.decode(raw), settings.zone)
    except ValueError as error:
        return [Unreadable(raw, str(error), unit="frame")]
    message = _message_of(passing, _Log(1, 0))
    return [msgspec.structs.replace(message, session=session) if isinstance(message, DecodedRead) else message]


PROTOCOL = ReaderProtocol(
    name="p3",
    title="AMB and MYLAPS P3 decoder (TranX, X2, ProChip)",
    way="is dialled",
    port=5403,
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    is_text=False,
    begins_with=rb"^\x8e[\x00-\x8c]",
    acknowledges="Nothing: the decoder keeps its passings.",
    takes_over="It reads again what it has not read itself; of a decoder new to it nothing before the next passing.",
    replays="By passing number, from the last known one on; of a new decoder nothing before its first passing.",
    sample="""\
[[sources]]
protocol = "p3"
event = "example-2026"
gateway = "finish-x2"
zone = "UTC"
address = "192.168.7.70:5403"
devices = { "268307" = "F1" }
""",
)
