"""Take live reads of RFID Timing Ultra and Joey over TCP by LogID, and rewind missing ones from the box's log.

The box numbers every read that it logs (LogID) and sends its log again on request, so our cursor is box, epoch and
LogID. When a live read skips numbers, these are rewound. A new connection rewinds from the last known number on,
including it: so a read must come back, and it must be the one that we know. When LogIDs restart because the log was
cleared, a new epoch begins. A box that is new to us is asked for its last day by its own clock. That may be wrong by
years, so the box is asked for its clock first. A box is only queried: nothing here starts or stops its reading, changes
its clock or its settings, or enables its extended status, whose binary records would break the lines.

Source: public clients of port 23; the vendor's manual was not available. A rewind has two encodings (NUL bytes or
zeros), each known from one client, so they are tried in turn.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.lines import Lines
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
from services.ingest.decoders.numbered_log import RECENT_MAX, NumberedLog
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.decoders.sequence_gaps import Coverage

FIELDS = 12
READER_ANTENNAS = 4  # of reader 1; those of reader 2 are numbered after them
SILENCE_S = 30.0  # three heartbeats
STATE_S = 60.0  # how often the box is asked for its clock and whether it reads
CLOCK_WAIT_S = 2.0  # how long to wait for its clock before its last day is asked for by ours
QUIET_S = 5.0  # a rewind that is silent for this long is over
REWINDS = 4  # of the same numbers, twice in each encoding, before they are given up with a notice
FIRST_S = 24 * 3600  # how far back a new box is asked for its reads
REWIND_END = 2**31 - 1  # beyond every LogID
BOXES_MAX = 16  # new boxes on one connection; one is usual, more if it was replaced
BATTERY_LOW_V = 23.0
BATTERY_GOOD_V = 23.5  # hysteresis, so that a battery near the limit does not give a notice at every heartbeat

_ZERO = datetime(1980, 1, 1)  # local time
_SECONDS = re.compile(r"\d{1,10}", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_SMALL = re.compile(r"\d{1,3}", re.ASCII)
_DBM = re.compile(r"-?\d{1,3}(\.\d{1,3})?", re.ASCII)
_BATTERY = re.compile(r"V=(\d{1,3}(?:\.\d{1,6})?)", re.ASCII)
_STATE = re.compile(r"S=(\d)(\d)?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2}) (\d{1,2})-(\d{1,2})-(\d{4})(?: \(-?\d+\))?", re.ASCII)
_GREETING = re.compile(r"(?:\d,)?Connected\b.*", re.ASCII | re.DOTALL)


class Logged(Struct, frozen=True):
    """A read in the box's log. An empty `chip` means the gun; `again` means that the read was rewound."""

    box: str
    number: int
    chip: str
    at_us: int
    antenna: int
    rssi: float | None
    again: bool

    @property
    def check(self) -> str:
        """The content that tells this read from another one with its number."""
        return f"{self.at_us} {self.chip or 'gun'}"


def read_line(text: str, zone: tzinfo) -> Logged:
    """Return the read in a line of 12 fields. Raises ValueError with the fault."""
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != FIELDS or fields[0] not in ("0", "1"):
        raise ValueError(
            f"not a read: {len(fields)} fields beginning with {fields[0][:20]!r}; a read has {FIELDS} and begins with 0"
        )
    _, chip, seconds, milliseconds, antenna, rssi, again, reader, box, _, _, number = fields
    if not _SECONDS.fullmatch(seconds) or not _SMALL.fullmatch(milliseconds):
        raise ValueError(f"{seconds[:20]!r} {milliseconds[:20]!r} are not seconds since 1980 and milliseconds")
    if not _SMALL.fullmatch(antenna) or not _SMALL.fullmatch(reader) or again not in ("0", "1"):
        raise ValueError(f"antenna {antenna[:20]!r}, reader {reader[:20]!r} or rewind flag {again[:20]!r} is wrong")
    if not _NUMBER.fullmatch(number) or not _SMALL.fullmatch(box):
        raise ValueError(f"LogID {number[:20]!r} or box {box[:20]!r} is not a number")
    local = _ZERO + timedelta(seconds=int(seconds), milliseconds=int(milliseconds))
    _check_year(local.year)
    gun = chip == "0" and antenna == "0"
    return Logged(
        box,
        int(number),
        "" if gun else label(chip, "chip"),
        one_instant_us(local, zone),
        int(antenna) + READER_ANTENNAS * (int(reader) - 1 if int(reader) > 1 else 0),
        float(rssi) if _DBM.fullmatch(rssi) else None,
        again == "1",
    )


def _check_year(year: int) -> None:
    if not 2000 <= year <= 2099:
        raise ValueError(f"the year {year} is not in this century; check the box's clock")


class _Epoch(NumberedLog):
    """A box's log and how much of it was fetched. `base` false: its first number for us is not known yet."""

    def __init__(self, number: int, through: int, check: str = "", base: bool = True) -> None:
        super().__init__(str(number), through, check)
        self.number = number
        self.base = base
        self.newest_us = int(check.partition(" ")[0]) if check else -(2**62)
        self.before: list[int] = []  # live numbers that came while `base` was false

    def add(self, read: Logged) -> None:
        """Count a read. Raises ValueError."""
        if self.base:
            self.had.add(read.number)
        elif len(self.before) < RECENT_MAX:
            self.before.append(read.number)
        self.remember(read.number, read.check)
        self.newest_us = max(self.newest_us, read.at_us)

    def begin(self, number: int) -> None:
        """Set the first number of the log for us: this one, or a lower one that came earlier."""
        lowest = min([number, *self.before])
        self.had = Coverage(lowest - 1)
        for earlier in sorted(self.before):
            with suppress(ValueError):  # implausibly high, which could not be known before
                self.had.add(earlier)
        self.base, self.before = True, []


class _Rewind(Struct):
    """A rewind under way: LogIDs from `first` to `last` of `box`, or its last day if `first` is 0.

    `heard_s` is when its last read came, `got` how many came.
    """

    box: str
    first: int
    last: int
    heard_s: float
    got: int = 0


class Ultra(Reader):
    """One connection to a box. Rewinds go out one at a time.

    `fetches` false: nothing is rewound, and only live reads are taken.
    """

    silence_s = SILENCE_S

    def __init__(self, zone: tzinfo, cursor: Cursor, notices: ReaderStateNotices, fetches: bool = True) -> None:
        super().__init__()
        self._zone = zone
        self._fetches = fetches
        self._notices = notices
        self._lines = Lines()
        self._epochs = {box: _epoch(position) for box, position in cursor.items()}
        self._reached: dict[str, Position] = dict(cursor)
        self._box = list(cursor)[-1] if cursor else ""  # the one that sent reads last
        self._new_boxes = 0
        self._rewind: _Rewind | None = None
        self._tries = 0
        self._spoiled = 0  # unreadable lines since the rewind was asked for
        self._zeros = False  # whether rewinds are encoded with zeros, else with NUL bytes
        self._state_s = 0.0
        self._off_us = 0  # how far its clock was last ahead of ours
        self._awaited_s: float | None = None  # deadline for its clock, after which its last day is asked for by ours

    @property
    def missing(self) -> int:
        return sum(epoch.had.missing for epoch in self._epochs.values())

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._ask_state(now)
        if self._box:
            self._catch_up(self._box, now)
        else:
            self._awaited_s = now.steady_s + CLOCK_WAIT_S

    def feed(self, data: bytes, now: Now) -> list[Message]:
        messages: list[Message] = []
        for line in self._lines.feed(data):
            if line:
                messages += self._line(line, now)
        return messages + self._next(now)

    def tick(self, now: Now) -> list[Message]:
        if now.steady_s - self._state_s >= STATE_S:
            self._ask_state(now)
        if self._awaited_s is not None and now.steady_s >= self._awaited_s:
            self._awaited_s = None
            self._catch_up(self._box, now)
        messages: list[Message] = []
        if self._rewind and now.steady_s - self._rewind.heard_s >= QUIET_S:
            messages += self._rewound(now)
        return messages + self._next(now)

    def _ask_state(self, now: Now) -> None:
        self._state_s = now.steady_s
        self.send(b"?\nr\n")

    # --- lines

    def _line(self, line: bytes, now: Now) -> list[Message]:
        text = line.decode("latin-1").strip()
        try:
            if match := _BATTERY.fullmatch(text):
                return [*self._battery(float(match[1]), now)]
            if match := _STATE.fullmatch(text):
                idle = "" if match[1] == "1" else "it is not reading"
                return [*self._notices.change(self._box, "not_reading", idle, None)]
            if match := _CLOCK.fullmatch(text):
                hour, minute, second, day, month, year = map(int, match.groups())
                _check_year(year)
                at_us = one_instant_us(datetime(year, month, day, hour, minute, second), self._zone)
                return self._clock(at_us, now)
            if _GREETING.fullmatch(text):
                return []
            read = read_line(text, self._zone)
            return self._read(read, text, now)
        except ValueError as error:
            self._spoiled += 1
            return [Unreadable(line, str(error))]

    def _clock(self, at_us: int, now: Now) -> list[Message]:
        self._off_us = at_us - now.wall_us
        if self._awaited_s is not None:
            self._awaited_s = None
            self._catch_up(self._box, now)
        return [*self._notices.clock(self._box, at_us, now)]

    def _battery(self, volts: float, now: Now) -> list[Notice]:
        if BATTERY_LOW_V <= volts < BATTERY_GOOD_V:
            return []
        low = f"its battery is below {BATTERY_LOW_V:g} V" if volts < BATTERY_LOW_V else ""
        hour_us = 3600 * 1_000_000  # so that a low battery in the next race gives another notice
        return self._notices.change(self._box, "battery", low, now.wall_us // hour_us * hour_us)

    def _read(self, read: Logged, text: str, now: Now) -> list[Message]:
        epoch = self._epochs.get(read.box)
        if epoch is None and self._new_boxes == BOXES_MAX:
            raise ValueError(
                f"box {read.box} is one too many: {BOXES_MAX} new boxes sent reads on this connection already"
            )
        self._box = read.box
        messages: list[Message] = []
        if epoch is None:
            epoch = self._epochs[read.box] = _Epoch(1, 0, base=False)
            self._new_boxes += 1
            asked = self._awaited_s is not None or (self._rewind and self._rewind.box in ("", read.box))
            if not read.again and not asked:
                self._catch_up(read.box, now)
        known = epoch.known(read.number)
        if known == read.check:
            self._heard(read, now)
            return []
        if self._was_cleared(epoch, read, known):
            messages.append(
                Notice(
                    read.box,
                    "restarted",
                    read.at_us,
                    f"LogID {read.number} came after {epoch.had.top}, so its log was cleared",
                )
            )
            epoch = self._epochs[read.box] = _Epoch(epoch.number + 1, 0)
            self._rewind, self._tries = None, 0
        elif read.again:
            self._heard(read, now)
            if not epoch.base:
                epoch.begin(max(1, read.number - self._spoiled))  # unreadable lines before it are asked for by number
        epoch.add(read)
        return [*messages, self._message_of(read, text, epoch)]

    def _was_cleared(self, epoch: _Epoch, read: Logged, known: str) -> bool:
        """Return whether the log was cleared: its number was another read's, or is low though the read is newest."""
        if not epoch.base or read.number > epoch.had.top:
            return False
        return bool(known) or (read.number <= epoch.had.through and read.at_us > epoch.newest_us)

    def _heard(self, read: Logged, now: Now) -> None:
        rewind = self._rewind
        if rewind and read.again and rewind.box in ("", read.box):
            rewind.box, rewind.heard_s, rewind.got = read.box, now.steady_s, rewind.got + 1

    def _message_of(self, read: Logged, text: str, epoch: _Epoch) -> Message:
        return message_of(read, text, f"ultra {read.box} epoch {epoch.part}")

    # --- rewinds

    def _catch_up(self, box: str, now: Now) -> None:
        """Ask for reads that came while we were not connected: from the last number on, or a new box's last day."""
        epoch = self._epochs.get(box)
        if epoch and epoch.base:
            self._ask(_Rewind(box, max(epoch.had.through, 1), REWIND_END, now.steady_s))
        else:
            self._ask(_Rewind(box, 0, 0, now.steady_s), now)

    def _ask(self, rewind: _Rewind, now: Now | None = None) -> None:
        if not self._fetches:
            return
        self._rewind = rewind
        self._spoiled = 0
        zero = b"00" if self._zeros else b"\0\0"
        if rewind.first:
            self.send(b"6" + zero + b"%d\r%d\r" % (rewind.first, rewind.last))
        else:
            assert now is not None
            box_s = (now.wall_us + self._off_us) // 1_000_000
            local = datetime.fromtimestamp(box_s, UTC).astimezone(self._zone).replace(tzinfo=None)
            second = int((local - _ZERO).total_seconds())
            self.send(b"8" + zero + b"%d\r%d\r" % (second - FIRST_S, second + FIRST_S))

    def _next(self, now: Now) -> list[Message]:
        """Ask for the next missing numbers, and return advances of the cursor."""
        rewind = self._rewind
        if rewind and rewind.first and rewind.last < REWIND_END and (epoch := self._epochs.get(rewind.box)):
            gap = epoch.had.gap
            if gap is None or gap[0] > rewind.last:
                self._rewind, self._tries = None, 0  # all numbers came
        if self._rewind is None:
            for box, epoch in self._epochs.items():
                if gap := epoch.had.gap:
                    self._ask(_Rewind(box, gap[0], gap[1], now.steady_s))
                    break
        return self._moved()

    def _rewound(self, now: Now) -> list[Message]:
        """End a rewind from which nothing comes any more, and repeat it if numbers are still missing.

        If it gave nothing, the other encoding is tried. Numbers that do not come are finally given up.
        """
        rewind, self._rewind = self._rewind, None
        assert rewind is not None
        epoch = self._epochs.get(rewind.box)
        gap = epoch.had.gap if epoch else None
        ranged = rewind.first > 0 and rewind.last < REWIND_END
        lacks = gap is not None and gap[0] <= rewind.first if ranged else not rewind.got
        if not lacks:
            self._tries = 0
            return []
        self._tries += 1
        if not rewind.got:
            self._zeros = not self._zeros
        if self._tries < REWINDS:
            self._ask(_Rewind(rewind.box, rewind.first, rewind.last, now.steady_s), now)
            return []
        self._tries = 0
        return self._given_up(rewind, epoch, now)

    def _given_up(self, rewind: _Rewind, epoch: _Epoch | None, now: Now) -> list[Message]:
        if not rewind.first:
            for waiting in self._epochs.values():
                if not waiting.base and waiting.before:
                    waiting.begin(min(waiting.before))
            return []
        assert epoch is not None
        if rewind.last == REWIND_END:
            if rewind.first == 1:
                return []
            # A log that was cleared and is shorter now; its reads are newer than all known ones.
            self._ask(_Rewind(rewind.box, 1, REWIND_END, now.steady_s))
            text = f"it sends nothing from LogID {rewind.first} on, so all of its log is asked for"
            return [Notice(rewind.box, "no_rewind", None, text)]
        gap = epoch.had.gap
        assert gap is not None
        last = min(gap[1], rewind.last)
        epoch.had.skip(last)
        text = f"LogIDs {gap[0]} to {last} did not come after {REWINDS} rewinds; read them out of the box by hand"
        return [Notice(rewind.box, "gap", None, text)]

    def _moved(self) -> list[Message]:
        messages: list[Message] = []
        for box, epoch in self._epochs.items():
            if epoch.base and (position := epoch.position()) != self._reached.get(box):
                self._reached[box] = position
                messages.append(CursorAdvanced(box, position))
        return messages


def message_of(read: Logged, text: str, session: str) -> DecodedRead | Notice:
    """Return a read as the message that all protocols share; `text` is its line."""
    if not read.chip:
        return Notice(read.box, "gun", read.at_us, text)
    return DecodedRead(session, read.number, read.box, read.chip, read.at_us, read.antenna, read.rssi)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    text = raw.decode("latin-1").strip()
    try:
        return [message_of(read_line(text, settings.zone), text, session)]
    except ValueError as error:
        return [Unreadable(raw, str(error))]


def _epoch(position: Position) -> _Epoch:
    return _Epoch(int(position.part), position.number, position.check)


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    notices = ReaderStateNotices()
    return lambda cursor: Ultra(settings.zone, cursor, notices, fetches)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


PROTOCOL = ReaderProtocol(
    name="ultra",
    title="RFID Timing Ultra and Joey",
    way="is dialled",
    port=23,
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    begins_with=rb"^(\d,)?Connected|^V=\d|^S=\d",
    acknowledges="Nothing: the box keeps its log.",
    takes_over="It reads again what it has not read itself.",
    replays="By LogID, from the last known one on; a new box is asked for its last day.",
    sample="""\
[[sources]]
protocol = "ultra"
event = "example-2026"
gateway = "finish-ultra"
zone = "Pacific/Auckland"
address = "192.168.7.40:23"
devices = { "1/1" = "F1" }
""",
)
