"""Speak the J-Chip push with readers that call us, and with CrossMgr's bridges for Impinj and Alien readers.

A reader introduces itself (`N`), is asked for its clock (`GT`), and told to send (`S0000`); from then on it sends a
line for each read (`D`), which ends in CR alone. Nothing is acknowledged, and nothing is sent again.

A read has a time of day and a count of days since the reader was switched on. CrossMgr's bridges add the date, which
decides; without it the date is that of the reader's clock, and the days are counted from its answer. A reader that does
not say its date either is taken to be less than half a day off.

Source: CrossMgr, JChip.py, JChipClient.py, Impinj2JChip.py and Alien2JChip.py. No document of the maker was found:
whether a number after `S` resumes, and what the fields after the days mean, is not known, and neither is used.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, NamedTuple

from msgspec import Meta

from schemas.ids import US, label
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import (
    LINE_MAX_BYTES,
    WHERE_MAX_CHARS,
    ConnectionFault,
    DecodedRead,
    Message,
    Now,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

ASK_CLOCK, SEND = b"GT\r", b"S0000\r"
FIRST_YEAR, LAST_YEAR = 2000, 2099
HALF_DAY = timedelta(hours=12)

Place = Annotated[str, Meta(min_length=1, max_length=WHERE_MAX_CHARS)]

_ENDS = re.compile(rb"[\r\n]")
_NAME = re.compile(r"N[0-9A-Fa-f]{4}(.*)")
_CLOCK = re.compile(r"GT(\d)(\d\d)(\d\d)(\d\d)(\d{2,6})?(?: date=(\d{8}))?", re.ASCII)
_READ = re.compile(
    r"D[A-Z](?P<tag>\S+) +(?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?: +\d(?P<day>\d)\b)?(?P<rest>.*)", re.ASCII
)
_DATE = re.compile(r"\bdate=(\d{8})\b", re.ASCII)


class ReaderDay(NamedTuple):
    """A date by a reader's clock, and its count of days then."""

    date: date
    days: int


class Crossing(NamedTuple):
    """A read: its chip and its local time."""

    chip: str
    local: datetime


class LineRead(NamedTuple):
    """A read as its line has it: `date` null without `date=`, `days` the last digit of the count, null without one."""

    chip: str
    clock: time
    date: date | None
    days: int | None


def read_crossing(text: str, day: ReaderDay | None) -> Crossing:
    """Return the read in a line. `day` dates a line without `date=`; null: not known. Raises ValueError."""
    chip, clock, dated, days = read_line(text)
    if dated is not None:
        return Crossing(chip, datetime.combine(dated, clock))
    if day is None:
        raise ValueError(f"time {clock} has no date, and the reader did not say what its clock shows")
    passed = ((days or 0) - day.days) % 10  # the count has one digit
    return Crossing(chip, datetime.combine(day.date + timedelta(days=passed), clock))


def read_line(text: str) -> LineRead:
    """Return the read in a line. Raises ValueError."""
    match = _READ.fullmatch(text)
    if match is None:
        raise ValueError("not a read of J-Chip, such as DJ413A35 10:11:16.4433 10  10000      C7")
    clock = _time(*re.split("[:.]", match["clock"]))
    dated = _DATE.search(match["rest"])
    days = None if match["day"] is None else int(match["day"])
    return LineRead(label(match["tag"], "chip"), clock, _date(dated[1]) if dated else None, days)


class JChip(Reader):
    """One connection. `place` is what the log calls the reader, empty: what it calls itself."""

    def __init__(self, zone: tzinfo, notices: ReaderStateNotices, place: str = "") -> None:
        super().__init__()
        self._zone = zone
        self._notices = notices
        self._where = place
        self._is_named = bool(place)
        self._rest = b""
        self._session = ""
        self._seq = 0
        self._day: ReaderDay | None = None

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._session = connection_session("jchip", now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        *lines, self._rest = _ENDS.split(self._rest + data.replace(b"\0", b""))
        messages = [message for line in lines if line.strip() for message in self._line(line.strip(), now)]
        if not messages and len(self._rest) > LINE_MAX_BYTES:  # with messages at the next bytes: those would be lost
            raise ConnectionFault(f"a line has over {LINE_MAX_BYTES} bytes")
        return messages

    def _line(self, line: bytes, now: Now) -> list[Message]:
        if len(line) > LINE_MAX_BYTES:
            reason = f"a line has {len(line)} bytes; the longest allowed has {LINE_MAX_BYTES}"
            return [Unreadable(line, reason, where=self._where)]
        text = line.decode("latin-1")
        try:
            if match := _NAME.fullmatch(text):
                self._introduced(match[1].strip())
                return []
            if text.startswith("GT"):
                return self._clock(text, now)
            return [self._read(text)]
        except ValueError as error:
            return [Unreadable(line, str(error), where=self._where)]

    def _introduced(self, name: str) -> None:
        """Take the reader's name, and ask for its clock. Raises ValueError for a name that the log cannot hold."""
        self.send(ASK_CLOCK)
        if self._is_named:
            return
        if len(name) > WHERE_MAX_CHARS or not name.isprintable():
            raise ValueError(f"{name[:80]!r} is not a name of up to {WHERE_MAX_CHARS} printable characters")
        self._where = name

    def _clock(self, text: str, now: Now) -> list[Message]:
        """Note what the reader's clock shows, and let it send. Raises ValueError, and it may send all the same."""
        self.send(SEND)
        match = _CLOCK.fullmatch(text)
        if match is None:
            raise ValueError("not the time of a reader, such as GT010111644 date=20120806")
        count, hour, minute, second, fraction, dated = match.groups()
        clock_time = _time(hour, minute, second, fraction)
        local = datetime.combine(_date(dated), clock_time) if dated else self._nearest(clock_time, now)
        self._day = ReaderDay(local.date(), int(count))
        return [*self._notices.clock(self._where, one_instant_us(local, self._zone), now)]

    def _nearest(self, clock_time: time, now: Now) -> datetime:
        """Return the local time of day that is nearest to ours."""
        ours = datetime.fromtimestamp(now.wall_us // US, UTC).astimezone(self._zone).replace(tzinfo=None)
        local = datetime.combine(ours.date(), clock_time)
        if local - ours > HALF_DAY:
            return local - timedelta(days=1)
        return local + timedelta(days=1) if ours - local > HALF_DAY else local

    def _read(self, text: str) -> DecodedRead:
        chip, local = read_crossing(text, self._day)
        read = DecodedRead(self._session, self._seq, self._where, chip, one_instant_us(local, self._zone))
        self._seq += 1
        return read


def _time(hour: str, minute: str, second: str, fraction: str | None = None) -> time:
    try:
        return time(int(hour), int(minute), int(second), int((fraction or "0").ljust(6, "0")))
    except ValueError:
        raise ValueError(f"{hour}:{minute}:{second} is not a time of day") from None


def _date(text: str) -> date:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the year {year} is not in this century; check the reader's clock")
    return date(year, month, day)


def _connect(settings: ReaderSettings) -> Make:
    notices = ReaderStateNotices()
    return lambda _: JChip(settings.zone, notices, settings.options.get("place", ""))


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        chip, local = read_crossing(raw.decode("latin-1").strip(), None)
        return [DecodedRead(session, 0, settings.options.get("place", ""), chip, one_instant_us(local, settings.zone))]
    except ValueError as error:
        return [Unreadable(raw, str(error))]


PROTOCOL = ReaderProtocol(
    name="jchip",
    title="J-Chip push, also of CrossMgr's bridges for Impinj and Alien",
    way="calls us",
    port=53135,
    connect=_connect,
    read_again=_read_again,
    journalled=lambda _: True,
    options=(Option("place", Place, "what every reader that calls is named, since a bridge's own name changes"),),
    begins_with=rb"^N[0-9A-Fa-f]{4}",
    acknowledges="Nothing: a reader forgets a read once it is sent.",
    takes_over="The journal waits for the process that has it.",
    replays="Nothing is sent again; reads go to our disk first.",
    sample="""\
[[sources]]
protocol = "jchip"
event = "example-2026"
gateway = "finish-impinj"
zone = "Asia/Dubai"
address = "127.0.0.1:53135"
place = "finish"
devices = { "finish" = "F1" }
""",
)
