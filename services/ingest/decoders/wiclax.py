"""Speak Wiclax generic acquisition, as many timing boxes do: take live reads in lines, and rewind stored ones by time.

On request a device sends the reads stored between two instants, each flagged as rewound, while live reads continue. So
the cursor is the instant of the last live read. A new connection asks the device for its clock, then rewinds from a
minute before that instant on, or the last day of a device that is new to us. The end of a rewind is not marked: it is
over when no rewound read has come for a while. Until then the cursor does not move, so that after a broken connection
the same reads are asked for again. Of a rewind only those reads are passed on that did not come on this connection.

A device may number its live reads ("lap", a sequential number for the device). Where a number is left out, the reads
since the one before are rewound. Whether each loop has numbers of its own is not documented, so both are taken for
complete. A device whose gaps are never filled counts something else, and is not watched any more.
A device is only queried: nothing here sets its clock, or starts or stops its reading.

Source: public description of the generic acquisition protocol (csutorasa/wiclax4j, docs/protocol.md). How quickly a
device answers, and whether it sends heartbeats, differs by manufacturer.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import (
    LINE_MAX_BYTES,
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
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

LOG = "stored"  # the name of the device's log in the cursor
FIELDS = 6  # chip, time, device, lap, battery, rewind flag; all but the first two may be blank
CLOCK_EVERY_S = 10.0  # how often the device is asked for its clock, which also shows that it is there
SILENCE_S = 35.0  # three requests without an answer
CLOCK_WAIT_S = 3.0  # how long to wait for its clock before stored reads are asked for by ours
QUIET_S = 5.0  # a rewind that is silent for this long is over
GAPS_UNFILLED_MAX = 3  # rewinds in a row for gaps that bring no new read: its numbers are not of its reads
STEP_MAX = 10_000  # a larger one is no gap: the device counts anew
LOOPS_MAX = 64  # of one device whose numbers are watched
RECENT_MAX = 20_000  # reads of a connection that are recognized in a rewind; older ones are delivered again
REWINDS = 3  # that bring nothing, not even the last known read, before officials get a notice
MARGIN = timedelta(minutes=1)  # before the last read: reads may have come out of order
DAY = timedelta(days=1)  # how far back a new device is asked for, and how far ahead of its clock a rewind reaches
FIRST_YEAR, LAST_YEAR = 2000, 2099

_ENDS = re.compile(rb"[\r\n]")
_INSTANT = re.compile(r"(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_GUN = re.compile(r"RACESTART (\d\d:\d\d:\d\d,\d{1,3})", re.ASCII)
_ANSWERS = frozenset(("*", "CLOCKOK", "READOK"))  # and the heartbeat `*`: they only show that the device is there


class Crossing(Struct, frozen=True):
    """One read. `device` is the device's name for the loop or antenna, empty if it has none, `number` its own count."""

    chip: str
    at_us: int
    device: str
    rewound: bool
    number: int | None = None


def read_crossing(text: str, zone: tzinfo) -> Crossing:
    """Return the read in a line. Raises ValueError with the fault."""
    fields = [field.strip() for field in text.split(";")]
    if not 2 <= len(fields) <= FIELDS:
        raise ValueError(f"a read has {len(fields)} fields; it should have 2 (chip and time) to {FIELDS}")
    chip, instant, device, number, _, flag = fields + [""] * (FIELDS - len(fields))
    if flag not in ("", "0", "1"):
        raise ValueError(f"rewind flag {flag[:20]!r} is neither 0 nor 1")
    if device and not (len(device) <= WHERE_MAX_CHARS and device.isprintable()):
        raise ValueError(f"device {device[:80]!r} is not a name of up to {WHERE_MAX_CHARS} printable characters")
    own = int(number) if _NUMBER.fullmatch(number) else None
    return Crossing(label(chip, "chip"), instant_us(instant, zone), device, flag == "1", own)


def instant_us(text: str, zone: tzinfo) -> int:
    """Return the instant of `dd-MM-yyyy HH:mm:ss.ccc` by the device's clock. Raises ValueError."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time dd-mm-yyyy hh:mm:ss.ccc")
    day, month, year, hour, minute, second, fraction = match.groups()
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise ValueError(f"the year {year} is not in this century; check the device's clock")
    microsecond = int((fraction or "0").ljust(6, "0"))
    local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond)
    return one_instant_us(local, zone)


class _Rewind(Struct):
    """A rewind under way: when its last read came, whether any came, and how many of them were new.

    `gap` describes the missing numbers for which it was asked, empty for that of a new connection.
    """

    heard_s: float
    gap: str = ""
    got: bool = False
    new: int = 0


class _Numbers:
    """The numbers of a device's live reads, which it may count by loop or for all loops together."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._of_loop: dict[str, int] = {}

    def skipped(self, loop: str, number: int) -> int:
        """Count a number in, and return how many were left out before it, whichever way the device counts."""
        before = {self._last, self._of_loop.get(loop)} - {None}
        steps = [number - last - 1 for last in before if last is not None]
        self._last = number
        if loop in self._of_loop or len(self._of_loop) < LOOPS_MAX:
            self._of_loop[loop] = number
        gaps = [step for step in steps if 0 < step <= STEP_MAX]
        return 0 if 0 in steps or not gaps else min(gaps)


class WiclaxReader(Reader):
    """One connection to a device. `fetches` false: stored reads are not asked for, and only live ones are taken."""

    silence_s = SILENCE_S

    def __init__(self, zone: tzinfo, cursor: Cursor, notices: ReaderStateNotices, fetches: bool = True) -> None:
        super().__init__()
        self._zone = zone
        self._notices = notices
        self._rest = b""
        self._session = ""
        self._next = 0
        self._known_us = cursor[LOG].number if LOG in cursor else None  # before this connection
        self._last_us = self._known_us
        self._moved_us = self._known_us
        self._ahead_us = 0  # how far its clock was last ahead of ours
        self._asked_clock_s = 0.0
        self._rewind_from_s: float | None = (
            None  # deadline for its clock, after which stored reads are asked for by ours
        )
        self._rewind: _Rewind | None = None
        self._tries = 0
        self._fetches = fetches
        self._numbers: _Numbers | None = _Numbers() if fetches else None  # null: they are not watched
        self._gap_from_us: int | None = None  # the last live read before a gap that is still to be rewound
        self._gap = ""
        self._gaps_unfilled = 0
        self._recent: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._session = connection_session("wiclax", now)
        self.send(b"HELLO\r")
        self._ask_clock(now)
        if self._fetches:
            self._rewind_from_s = now.steady_s + CLOCK_WAIT_S

    def feed(self, data: bytes, now: Now) -> list[Message]:
        *lines, self._rest = _ENDS.split(self._rest + data.replace(b"\0", b""))
        if max(map(len, [*lines, self._rest])) > LINE_MAX_BYTES:
            raise ConnectionFault(f"a line has over {LINE_MAX_BYTES} bytes")
        messages = [message for line in lines if line.strip() for message in self._line(line.strip(), now)]
        return messages + self._cursor_moved()

    def tick(self, now: Now) -> list[Message]:
        messages: list[Message] = []
        if now.steady_s - self._asked_clock_s >= CLOCK_EVERY_S:
            self._ask_clock(now)
        if self._rewind_from_s is not None and now.steady_s >= self._rewind_from_s:
            self._ask_rewind(now)
        if self._rewind is not None and now.steady_s - self._rewind.heard_s >= QUIET_S:
            messages += self._rewound(now)
        if self._gap_from_us is not None and self._rewind is None and self._rewind_from_s is None:
            self._ask_gap(self._gap_from_us, now)
        return messages + self._cursor_moved()

    def _ask_clock(self, now: Now) -> None:
        self._asked_clock_s = now.steady_s
        self.send(b"CLOCK\r")

    # --- lines

    def _line(self, line: bytes, now: Now) -> list[Message]:
        text = line.decode("latin-1")
        try:
            if text in _ANSWERS:
                return []
            if match := _GUN.fullmatch(text):
                # It has no date, so our date tells it from the same time of day on another race day.
                today = datetime.fromtimestamp(now.wall_us // 1_000_000, UTC).astimezone(self._zone)
                return [Notice("", "racestart", None, f"{match[1]}, received on {today:%Y-%m-%d}")]
            if text.startswith("CLOCK "):
                return self._clock(instant_us(text.removeprefix("CLOCK ").strip(), self._zone), now)
            return self._read(read_crossing(text, self._zone), now)
        except ValueError as error:
            return [Unreadable(line, str(error))]

    def _clock(self, at_us: int, now: Now) -> list[Message]:
        self._ahead_us = at_us - now.wall_us
        if self._rewind_from_s is not None:
            self._ask_rewind(now)
        return [*self._notices.clock("", at_us, now)]

    def _read(self, crossing: Crossing, now: Now) -> list[Message]:
        """Return a read; nothing if a rewind brings again what came on this connection."""
        if not crossing.rewound:
            self._watch(crossing)
        if not crossing.rewound or self._last_us is None or crossing.at_us > self._last_us:
            self._last_us = crossing.at_us
        known = (crossing.device, crossing.chip, crossing.at_us)
        if crossing.rewound and self._rewind is not None:
            self._rewind.heard_s, self._rewind.got = now.steady_s, True
            self._rewind.new += known not in self._recent
        if crossing.rewound and known in self._recent:
            return []
        self._recent[known] = None
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        self._next += 1
        return [DecodedRead(self._session, self._next - 1, crossing.device, crossing.chip, crossing.at_us)]

    def _watch(self, crossing: Crossing) -> None:
        """Note a gap in the numbers of live reads; `_last_us` is still that of the read before."""
        if self._numbers is None or crossing.number is None:
            return
        skipped = self._numbers.skipped(crossing.device, crossing.number)
        if skipped and self._last_us is not None:
            if self._gap_from_us is None or self._last_us < self._gap_from_us:
                self._gap_from_us = self._last_us
            loop = f" of {crossing.device}" if crossing.device else ""
            numbers = (
                f"{crossing.number - skipped} to {crossing.number - 1}" if skipped > 1 else f"{crossing.number - 1}"
            )
            self._gap = self._gap or f"{numbers}{loop}"

    # --- stored reads

    def _ask_rewind(self, now: Now) -> None:
        """Ask for reads since the last one, or for the last day if the device's clock was set back since."""
        self._rewind_from_s = None
        self._send_rewind(self._known_us, "", now)

    def _ask_gap(self, from_us: int, now: Now) -> None:
        """Ask for the reads that were left out since the one before the gap."""
        gap, self._gap, self._gap_from_us = self._gap, "", None
        self._send_rewind(from_us, gap, now)

    def _send_rewind(self, from_us: int | None, gap: str, now: Now) -> None:
        self._rewind = _Rewind(now.steady_s, gap)
        device_now = self._local(now.wall_us + self._ahead_us)
        first = device_now - DAY
        if from_us is not None and self._local(from_us) <= device_now:
            first = self._local(from_us) - MARGIN
        self.send(f"REWIND {first:%d-%m-%Y %H:%M:%S} {device_now + DAY:%d-%m-%Y %H:%M:%S}\r".encode())

    def _local(self, at_us: int) -> datetime:
        return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(self._zone).replace(tzinfo=None)

    def _rewound(self, now: Now) -> list[Message]:
        """End a rewind from which nothing comes any more. Ask again if not even the last known read came."""
        rewind, self._rewind = self._rewind, None
        assert rewind is not None
        if rewind.gap:
            return self._gap_rewound(rewind)
        if rewind.got or self._known_us is None:
            return []
        self._tries += 1
        if self._tries < REWINDS:
            self._ask_rewind(now)
            return []
        since = self._local(self._known_us)
        text = f"it sent no stored reads from {since:%Y-%m-%d %H:%M:%S} on after {REWINDS} rewinds; check the device"
        return [Notice("", "no_rewind", self._known_us, text)]

    def _gap_rewound(self, rewind: _Rewind) -> list[Message]:
        """Return a notice of numbers that a rewind did not bring; after several, their gaps mean nothing."""
        if rewind.new:
            self._gaps_unfilled = 0
            return []
        self._gaps_unfilled += 1
        text = f"number {rewind.gap} is missing, and a rewind brought no read that we lacked"
        if self._gaps_unfilled >= GAPS_UNFILLED_MAX:
            self._numbers = None
            text += f"; so it was {GAPS_UNFILLED_MAX} times, and the device's numbers are not watched any more"
        return [Notice("", "gap", self._last_us, text)]

    def _cursor_moved(self) -> list[Message]:
        fetching = self._rewind is not None or self._rewind_from_s is not None or self._gap_from_us is not None
        if fetching or not self._fetches or self._last_us is None or self._last_us == self._moved_us:
            return []
        self._moved_us = self._last_us
        return [CursorAdvanced(LOG, Position("", self._last_us))]


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    notices = ReaderStateNotices()
    return lambda cursor: WiclaxReader(settings.zone, cursor, notices, fetches)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        crossing = read_crossing(raw.decode("latin-1").strip(), settings.zone)
    except ValueError as error:
        return [Unreadable(raw, str(error))]
    return [DecodedRead(session, 0, crossing.device, crossing.chip, crossing.at_us)]


PROTOCOL = ReaderProtocol(
    name="wiclax",
    title="Wiclax generic acquisition",
    way="is dialled",
    port=9854,  # the documented example; each device sets its own
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    begins_with=rb"^(\*|CLOCK \d\d-|CLOCKOK|READOK|RACESTART )|^[^;]+;\d\d-\d\d-\d{4} ",
    acknowledges="Nothing: the device keeps its reads.",
    takes_over="It reads again what it has not read itself.",
    replays="By time, from a minute before the last known read or a gap in numbers on; of a new device the last day.",
    sample="""\
[[sources]]
protocol = "wiclax"
event = "example-2026"
gateway = "finish-box"
zone = "Europe/Paris"
address = "192.168.7.60:9854"
devices = { "0A" = "F1" }
""",
)
