"""Decode the lines of IPICO Elite and Lite readers, and of Trident TimeMachine, which are similar.

A line is an ASCII frame with fields at fixed places; its length tells which fields it has. Hundredths of a second are
in hex: `23` means 0.35 s. An IPICO frame ends with a checksum, and a frame with a wrong one is not a read; Trident's 40
characters have none. Readers send a read again some seconds later with the same time and another counter, and stored
reads look like live ones. So repeats are common, and count once by chip and time.

Source: IPICO Reader Serial Protocol 1.00 (2007), recorded traffic of a Lite reader (the trigger's frame), Trident
TimeMachine manual, "tag data message format" and "command port communications".
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import (
    LINE_MAX_BYTES,
    ConnectionFault,
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

STREAM = "stream"  # the name of the reader's log in the cursor; its position is the last read's instant
REPLAY_MARGIN_S = 60  # how much before the last read is replayed too: reads may have come out of order
ASK_EVERY_S = 10.0  # how often a Lite is asked for its clock, which also shows that it is there
LITE_SILENCE_S = 35.0  # three requests without an answer
MODEL_UNSET = (
    "its source does not say its model, so reads of a broken connection are not fetched; write `model` into its table:"
    " an elite then replays them"
)
JUMP_US = 60_000_000  # repeats are some seconds late, not a minute
HUNDREDTH_US = 10_000
TRIGGER = 0x2C  # the instruction in a frame of the trigger button
FIRST_SEEN, LAST_SEEN = 0x80, 0x40  # bits of the status byte
ERRORS = {
    0xF0: "bad length",
    0xF1: "bad checksum",
    0xF2: "unknown instruction",
    0xF4: "not supported",
    0xF5: "not found",
}

_ENDS = re.compile(rb"[\r\n]")
_TAG = re.compile(
    r"aa(?P<reader>[0-9a-f]{2})(?P<tag>[0-9a-f]{12})[0-9a-f]{4}(?P<date>\d{6})(?P<clock>\d{6})"
    r"(?P<hundredths>[0-9a-f]{2})(?P<tto>[0-9a-f]{6})?(?P<sum>[0-9a-f]{2})(?P<kind>FS|LS)?",
    re.ASCII,
)
_TRIDENT = re.compile(
    r"aa(?P<reader>[A-Za-z])(?P<receiver>[0-9])(?P<tag>[0-9A-Fa-f]{12})[0-9A-Fa-f]{4}(?P<date>\d{6})"
    r"(?P<clock>\d{6})(?P<hundredths>[0-9A-Fa-f]{2})00(?P<kind>FS|LS|BS|RR)(?P<strength>[0-9A-Fa-f]{2})",
    re.ASCII,
)
_CONTROL = re.compile(
    r"a[bc](?P<reader>[0-9a-f]{2})(?P<length>[0-9a-f]{2})(?P<instruction>[0-9a-f]{2})(?P<data>(?:[0-9a-f]{2})*)"
    r"(?P<sum>[0-9a-f]{2})"
)
_CLOCK = re.compile(r"(?P<date>\d{6})\d\d(?P<clock>\d{6})(?P<hundredths>[0-9a-f]{2})[0-9a-f]{2,4}", re.ASCII)
TRIDENT_CHARS = 40
TAG_CHARS = (36, 38, 42, 44)  # plain; with FS or LS; with three bytes before the checksum; with both


class Clock(Struct, frozen=True):
    """The reader's clock, in answer to `ASK_CLOCK`."""

    at_us: int
    reader: str


class Info(Struct, frozen=True):
    """A line without meaning for the race: an acknowledgement, a status, a banner."""

    text: str


class Read(NamedTuple):
    """One read.

    `reader` is the reader's id, `receiver` Trident's mat, and `strength` Trident's signal strength in units of its own,
    more being stronger. `kind` is the reader's own: FS first seen, LS last seen, BS best seen, RR raw, or empty.
    """

    chip: str
    at_us: int
    reader: str
    receiver: int | None = None
    strength: float | None = None
    kind: str = ""


Line = Read | Notice | Clock | Unreadable | Info


class IpicoReader(Reader):
    """One connection to a reader's stream. `zone` is that of its clock.

    With `lite` the clock is asked for on the stream, where a Lite answers; other readers are silent while nobody
    crosses. While `replaying`, stored reads are fetched elsewhere, and the cursor does not follow the stream. `model`
    false: the source does not say which model it is, of which the office gets a notice.
    `last_us` is the last read's instant.
    """

    def __init__(
        self,
        zone: tzinfo,
        notices: ReaderStateNotices,
        lite: bool = False,
        replaying: bool = False,
        model: bool = True,
    ) -> None:
        super().__init__()
        self._model = model
        self.silence_s = LITE_SILENCE_S if lite else math.inf
        self.replaying = replaying
        self._zone = zone
        self._notices = notices
        self._lite = lite
        self._rest = b""
        self._session = ""
        self._next = 0
        self.last_us: int | None = None
        self._asked_s = -math.inf

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._session = connection_session("stream", now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        *lines, self._rest = _ENDS.split(self._rest + data.replace(b"\0", b""))
        messages: list[Message] = [] if self._model else [*self._notices.change("", "model", MODEL_UNSET, None)]
        before_us = self.last_us
        for line in lines:
            if line.strip():
                messages += self._take(decode_line(line, self._zone), now)
        if not messages and len(self._rest) > LINE_MAX_BYTES:
            raise ConnectionFault(
                f"{len(self._rest)} bytes without the end of a line; the longest allowed has {LINE_MAX_BYTES}"
            )
        if self.last_us is not None and self.last_us != before_us and not self.replaying:
            messages.append(CursorAdvanced(STREAM, Position("", self.last_us)))
        return messages

    def tick(self, now: Now) -> list[Message]:
        if self._lite and now.steady_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now.steady_s
            self.send(ASK_CLOCK)
        return []

    def _take(self, line: Line, now: Now) -> list[Message]:
        if isinstance(line, Read):
            self._next += 1
            messages = self._jumped(line)
            return [*messages, decoded_read(line, self._session, self._next - 1)]
        if isinstance(line, Clock):
            return self._clock(line, now)
        return [] if isinstance(line, Info) else [line]

    def _jumped(self, read: Read) -> list[Message]:
        """Return a notice if the clock was set back: a repeat is late by seconds, not by minutes."""
        before_us, self.last_us = self.last_us, read.at_us
        if before_us is None or before_us - read.at_us <= JUMP_US:
            return []
        text = f"the reader's clock went back by {(before_us - read.at_us) / 1e6:.2f} s"
        return [Notice(read.reader, "clock_jump", read.at_us, text)]

    def _clock(self, clock: Clock, now: Now) -> list[Message]:
        return [*self._notices.off(clock.reader, clock.at_us, now)]


def decoded_read(read: Read, session: str, seq: int) -> DecodedRead:
    """Return a read as the message that all protocols share."""
    return DecodedRead(session, seq, read.reader, read.chip, read.at_us, read.receiver, read.strength)


def replayed(lines: Iterable[bytes], zone: tzinfo, session: str, first: int) -> list[Message]:
    """Return the messages in lines of stored reads, the reads numbered from `first`."""
    messages: list[Message] = []
    for line in lines:
        content = decode_line(line, zone)
        if isinstance(content, Read):
            messages.append(decoded_read(content, session, first))
            first += 1
        elif isinstance(content, Unreadable):
            messages.append(content)
    return messages


def replay_command(port: int, since_us: int | None, zone: tzinfo) -> bytes:
    """Return the command to replay stored reads on `port`, from a minute before `since_us` on (null: all of them)."""
    if since_us is None:
        return f"replay_start file.ttyS0 port.{port}\n".encode()
    local = datetime.fromtimestamp(since_us // 1_000_000 - REPLAY_MARGIN_S, UTC).astimezone(zone)
    return f"replay_start file.ttyS0 port.{port} datetime.{local:%y%m%d%H%M%S}\n".encode()


def lrc(text: str) -> str:
    """Return the checksum of a frame's characters after the first two: their sum, modulo 256, in hex."""
    return f"{sum(text.encode('latin-1')) % 256:02x}"


def command(instruction: int, data: bytes = b"", query: bool = False) -> bytes:
    """Return a control frame to every reader on the line; `query` asks for a value instead of setting it."""
    text = f"00{'ff' if query else f'{len(data):02x}'}{instruction:02x}{data.hex()}"
    return f"ab{text}{lrc(text)}\r\n".encode()


ASK_CLOCK = command(0x02)


def decode_line(line: bytes, zone: tzinfo) -> Line:
    """Return the content of one line, given without its end and without NUL."""
    text = line.strip().decode("latin-1")
    try:
        if len(text) == TRIDENT_CHARS and text.startswith("aa") and text[2].isalpha() and text[36:38].isalpha():
            return read_trident(text, zone)
        if text.startswith("aa"):
            return read_tag(text, zone)
        if text.startswith(("ab", "ac")) and _hex_digits(text[2:]):
            return read_control(text, zone)
    except ValueError as error:
        return Unreadable(line, str(error))
    if text.isprintable() and text.isascii():
        return Info(text)
    return Unreadable(line, "it is not a line of an IPICO or Trident reader")


def read_tag(text: str, zone: tzinfo) -> Read:
    """Return the read of an IPICO frame. Raises ValueError with the fault."""
    match = _TAG.fullmatch(text)
    if match is None or len(text) not in TAG_CHARS:
        raise ValueError(f"a frame has {len(text)} characters; a read has 36, 38, 40, 42 or 44")
    _check_sum(text[2 : match.start("sum")], match["sum"])
    status = int((match["tto"] or "000000")[4:], 16)
    kind = match["kind"] or ("FS" if status & FIRST_SEEN else "LS" if status & LAST_SEEN else "")
    return Read(label(match["tag"], "chip"), _at_us(match, zone), match["reader"], kind=kind)


def read_trident(text: str, zone: tzinfo) -> Read:
    """Return the read of a Trident frame, which carries no checksum. Raises ValueError with the fault."""
    match = _TRIDENT.fullmatch(text)
    if match is None:
        raise ValueError("the 40 characters are not a Trident read")
    return Read(
        label(match["tag"], "chip"),
        _at_us(match, zone),
        match["reader"],
        int(match["receiver"]),
        float(int(match["strength"], 16)),
        match["kind"],
    )


def read_control(text: str, zone: tzinfo) -> Notice | Clock | Info:
    """Return the content of a control frame. Raises ValueError with the fault."""
    match = _CONTROL.fullmatch(text)
    if match is None:
        raise ValueError("a control frame ends with half a byte")
    _check_sum(text[2 : match.start("sum")], match["sum"])
    instruction, data = int(match["instruction"], 16), match["data"]
    if len(data) != 2 * int(match["length"], 16):
        raise ValueError(f"a control frame says that it has {match['length']} (hex) bytes, but it has {len(data) // 2}")
    if instruction in ERRORS:
        return Notice(match["reader"], "error", None, f"{ERRORS[instruction]} ({text})")
    if instruction not in (TRIGGER, 0x02) or not data:
        return Info(text)
    clock = _CLOCK.fullmatch(data)
    if clock is None:
        raise ValueError(f"{data} is not the date and time of a reader")
    at_us = _at_us(clock, zone)
    return Notice(match["reader"], "trigger", at_us, text) if instruction == TRIGGER else Clock(at_us, match["reader"])


def _check_sum(text: str, given: str) -> None:
    if given != lrc(text):
        raise ValueError(f"checksum {given!r} is wrong; the frame's characters give {lrc(text)}")


def _hex_digits(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8,}", text) is not None


def _at_us(match: re.Match[str], zone: tzinfo) -> int:
    """Return the instant of `yyMMdd`, `HHmmss` and hundredths in hex, by the clock of `zone`."""
    hundredths = int(match["hundredths"], 16)
    if hundredths > 99:
        raise ValueError(f"{match['hundredths']} (hex) hundredths of a second; the highest is 63")
    date, clock = match["date"], match["clock"]
    local = datetime(
        2000 + int(date[:2]),
        int(date[2:4]),
        int(date[4:]),
        int(clock[:2]),
        int(clock[2:4]),
        int(clock[4:]),
        hundredths * HUNDREDTH_US,
    )
    return one_instant_us(local, zone)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    line = decode_line(raw, settings.zone)
    if isinstance(line, Read):
        return [decoded_read(line, session, 0)]
    return [line] if isinstance(line, Notice | Unreadable) else []


def _connect(settings: ReaderSettings) -> Make:
    notices, model = ReaderStateNotices(), settings.options.get("model")
    return lambda _: IpicoReader(settings.zone, notices, lite=model == "lite", model=model is not None)


def _watch(settings: ReaderSettings) -> Make:
    notices = ReaderStateNotices()
    return lambda _: IpicoReader(settings.zone, notices)


def _journalled(settings: ReaderSettings) -> bool:
    return settings.options.get("model") != "elite"


PROTOCOL = ReaderProtocol(
    name="ipico",
    title="IPICO Elite and Lite, Trident TimeMachine",
    way="is dialled",
    port=10000,
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    journalled=_journalled,
    options=(
        Option(
            "model",
            Literal["elite", "lite", "trident"],
            "elite can replay stored reads, lite answers with its clock, trident does neither; without it nothing is"
            " replayed",
        ),
    ),
    begins_with=rb"^a[abc][0-9a-fA-F]{8,}",
    speaks_first=False,
    acknowledges="Nothing: the stream is not sent again.",
    takes_over="Of an Elite it reads again what it has not read itself; other journals wait for their process.",
    replays="An Elite replays stored reads from a minute before the last one on. Reads of other models go to our disk "
    "first.",
    sample="""\
[[sources]]
protocol = "ipico"
event = "example-2026"
gateway = "finish-elite"
zone = "Europe/Berlin"
address = "192.168.7.30:10200"
model = "elite"
devices = { "00" = "F1" }
""",
)
