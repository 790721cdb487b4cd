"""Speak ChronoTrack CTP01 with SimpleClient: decode its bytes into messages, and answer it.

The client connects, introduces itself and gets our options. Then it is asked for its locations and to start each of
them. It numbers the events of a location and can resume at a number, so nothing is acknowledged: the cursor has the
last number of each location.

Whether numbers survive a restart of the client is not documented. So a location is resumed at the last event on our
log, not after it: if the same event comes again, the client's log is the one we know, else all of it is asked for. A
skipped number is asked for once; if the client skips it again, it does not have it.

Some clients know only a bare `start`, for all locations. It is sent once to a client that refuses or passes over
`start` with a location, or does not list its locations.

Source: "CTP01 Socket Protocol 01" as public servers implement it; the options and numbers of `start` second-hand.
"""

import re
from datetime import date, datetime, time, tzinfo
from typing import NamedTuple

import msgspec
from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.local_time import one_instant_us
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

CTP_LINE_MAX_BYTES = 16 * 1024  # the longest line names every location
LOCATIONS_MAX = 256  # of one connection; a race has some dozens
SERVER = "Matline~1"
OPTIONS = (
    "stream-mode=push",
    "time-format=iso",
    "location=multi",
    "guntimes=true",
    "newlocations=true",
    "authentication=none",
)
CTP01 = "CTP01"
PING_EVERY_S = 10.0  # reveals a dead client
SILENCE_S = 35.0  # three pings without an answer
IN_VAIN_MAX = 3  # after so many unanswered requests, a client's numbers are taken as not consecutive
RESUMED_S = 5.0  # a resumed location sends the last known event at once
BARE_AFTER_S = 10.0  # without an answer or an event: resumed, started anew, and still nothing
LIST_AFTER_S = 1.0  # a new location appears in the client's list only after a moment
FIRST_YEAR, LAST_YEAR = 2000, 2099  # limits of an event's time
GUN, NEW_LOCATION = "guntime", "newlocation"  # in place of the tag, for an event that is not a read

_ENDS = re.compile(rb"[\r\n]")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_UNIX = re.compile(r"\d{9,}(\.\d+)?", re.ASCII)
_FORBIDDEN = re.compile(r"[,;~|\t\0]")  # not allowed in a location's name, which is sent back


class Mark(NamedTuple):
    """The identity of an event: its number, and its tag and time as text."""

    seq: int
    text: str


class Event(Struct, frozen=True):
    """A line of an event: its location, its identity and its content."""

    location: str
    mark: Mark
    content: DecodedRead | Notice | Unreadable


class Hello(Struct, frozen=True):
    """The client's first line."""

    client: str
    version: str


class Answer(Struct, frozen=True):
    """An answer to a command; `fields` follow it. `good` false: the client refused, in its own words."""

    good: bool
    command: str
    fields: list[str]


class Ping(Struct, frozen=True):
    """The client asks whether we are there."""


Line = Event | Hello | Answer | Ping | Unreadable


class _Location:
    """How far the events of one location have come on this connection."""

    __slots__ = ("asked", "encoding", "in_vain", "mark", "pending", "resuming", "session", "since_s", "skipped")

    def __init__(self, session: str, mark: Mark | None, encoding: str) -> None:
        self.session = session
        self.encoding = encoding  # of its name, as it came and is sent back
        self.mark = mark  # no event up to it is missing
        self.resuming = mark is not None  # until the event of `mark` has come again
        self.since_s = 0.0  # when it was last asked to start
        self.pending = 0  # commands `start` that the client has not answered
        self.asked = -1  # the skipped number that was asked for
        self.skipped = 0  # how many numbers are missing after `mark`
        self.in_vain = 0  # how often in a row the client did not have the number asked for


class ChronoTrackReader(Reader):
    """One client's connection.

    `zone` is that of its clock, `cursor` the position of each location, and `day` the date of times that come without
    one (null: such times are refused).
    """

    silence_s = SILENCE_S

    def __init__(self, zone: tzinfo, cursor: Cursor, day: date | None = None) -> None:
        super().__init__()
        self._zone = zone
        self._day = day
        self._cursor = cursor
        self._rest = b""
        self._encoding = "utf-8"  # of the line at hand
        self._greeted = False
        self._locations: dict[str, _Location] = {}
        self._began = Now(0, 0.0)
        self._answers_start = False
        self._bare = False  # whether a bare `start` was sent
        self._bare_s: float | None = None  # when it is, unless the client answers before
        self._ping_s = 0.0
        self._list_s: float | None = None

    @property
    def missing(self) -> int:
        return sum(location.skipped for location in self._locations.values())

    def begin(self, now: Now) -> None:
        self._began = now
        self._ping_s = now.steady_s

    def feed(self, data: bytes, now: Now) -> list[Message]:
        *lines, self._rest = _ENDS.split(self._rest + data.replace(b"\0", b""))
        messages: list[Message] = []
        for raw in lines:
            if raw.strip():
                messages += self._take(decode_line(raw, self._text(raw), self._zone, self._day), now)
        if not messages and len(self._rest) > CTP_LINE_MAX_BYTES:
            raise ConnectionFault(
                f"{len(self._rest)} bytes without the end of a line; the longest allowed has {CTP_LINE_MAX_BYTES}"
            )
        return messages

    def tick(self, now: Now) -> list[Message]:
        if now.steady_s - self._ping_s >= PING_EVERY_S:
            self._ping_s = now.steady_s
            self._send("ping")
        if self._list_s is not None and now.steady_s >= self._list_s:
            self._list_s = None
            self._send("getlocations")
        if self._bare_s is not None and now.steady_s >= self._bare_s:
            self._start_all()
        messages: list[Message] = []
        for name, location in self._locations.items():
            if now.steady_s - location.since_s < RESUMED_S:
                continue
            if location.resuming:
                messages += self._restart(name, location, "it does not send the last event on our log again", now)
            elif not self._answers_start:
                location.pending = 0
        return messages

    def _take(self, line: Line, now: Now) -> list[Message]:
        if not self._greeted and not isinstance(line, Hello):
            raise ConnectionFault(
                "the client did not introduce itself with <name>~<version>~CTP01; is it set to protocol CTP01?"
            )
        if isinstance(line, Hello):
            self._greeted = True
            self._send(f"{SERVER}~{len(OPTIONS)}", *OPTIONS, "getlocations")
            self._bare_s = now.steady_s + BARE_AFTER_S
        elif isinstance(line, Ping):
            self._send("ack~ping")
        elif isinstance(line, Answer):
            return self._answered(line, now)
        elif isinstance(line, Event):
            self._bare_s = None
            return self._event(line, now)
        else:
            return [line]
        return []

    def _answered(self, answer: Answer, now: Now) -> list[Message]:
        if answer.command == "getlocations" and answer.good:
            return [message for name in answer.fields if name for message in self._start(name, now)]
        refused: list[Message] = []
        if not answer.good:
            refused = [Notice("", "error", None, f"{answer.command}: {'~'.join(answer.fields)}")]
            if answer.command == "getlocations":
                self._start_all()
        if answer.command != "start":
            return refused
        name = answer.fields[0] if answer.fields else ""
        if name not in self._locations:  # it does not name the location: answers come in the order of our requests
            name = next((known for known, location in self._locations.items() if location.pending), "")
        self._bare_s = None
        location = self._locations.get(name)
        if location is None:
            return refused
        self._answers_start = True
        location.pending = max(0, location.pending - 1)
        if refused and location.resuming:
            return [*refused, *self._restart(name, location, "it refused to resume", now)]
        if refused:
            self._start_all()
        return refused

    def _start_all(self) -> None:
        """Ask for the events of all locations, whatever their names, once on a connection."""
        self._bare_s = None
        if not self._bare:
            self._bare = True
            self._send("start")

    def _start(self, name: str, now: Now) -> list[Message]:
        fault = location_fault(name)
        if fault:
            return [Unreadable(name.encode(), fault)]
        if name not in self._locations:
            if len(self._locations) == LOCATIONS_MAX:
                raise ConnectionFault(f"more than {LOCATIONS_MAX} locations")
            position = self._cursor.get(name)
            if position is None:
                location = _Location(self._session(name), None, self._encoding)
            else:
                location = _Location(position.part, Mark(position.number, position.check), self._encoding)
            self._locations[name] = location
            self._ask(name, location, now, None if position is None else position.number)
        return []

    def _session(self, name: str) -> str:
        return connection_session(name, self._began)

    def _ask(self, name: str, location: _Location, now: Now, since: int | None) -> None:
        location.pending += 1
        location.since_s = now.steady_s
        self._send(f"start~{name}" if since is None else f"start~{name}~{since}", encoding=location.encoding)

    def _event(self, event: Event, now: Now) -> list[Message]:
        """Return an event, whatever its number, and move its location if that was asked to start."""
        name, content = event.location, event.content
        location = self._locations.get(name)
        new = isinstance(content, Notice) and content.kind == NEW_LOCATION
        if new:
            self._list_s = now.steady_s + LIST_AFTER_S
        if location is None:
            after: list[Message] = []
        elif location.resuming:
            after = [] if new and event.mark != location.mark else self._resumed(name, location, event.mark, now)
        else:
            after = self._advance(name, location, event.mark, now)
        if isinstance(content, DecodedRead):
            session = self._session(name) if location is None else location.session
            content = msgspec.structs.replace(content, session=session)
        return [content, *after]

    def _resumed(self, name: str, location: _Location, mark: Mark, now: Now) -> list[Message]:
        if mark != location.mark:
            return self._restart(name, location, "its numbers differ from those on our log, so it is another log", now)
        location.resuming = False
        return []

    def _advance(self, name: str, location: _Location, mark: Mark, now: Now) -> list[Message]:
        """Move a location by an event's number, or ask for the numbers before it."""
        if location.mark is None:
            if location.pending and mark.seq > 1:
                return []  # sent before the client learned that all are wanted
        elif mark.seq <= location.mark.seq:
            return []  # sent again, or numbered from the start: the next connection finds out
        elif mark.seq > location.mark.seq + 1:
            wanted = location.mark.seq + 1
            if location.asked != wanted and location.in_vain < IN_VAIN_MAX:
                location.asked = wanted
                location.skipped = mark.seq - wanted
                self._ask(name, location, now, wanted)
                text = f"events {wanted} to {mark.seq - 1} did not come; asked for again"
                return [Notice(name, "gap", None, text)]
            if location.pending:
                return []  # sent before the client learned which events are missing
            location.in_vain += 1
        elif mark.seq == location.asked:
            location.in_vain = 0
        location.mark = mark
        location.skipped = 0
        return [CursorAdvanced(name, Position(location.session, mark.seq, mark.text))]

    def _restart(self, name: str, location: _Location, reason: str, now: Now) -> list[Message]:
        """Treat the location's log as unknown, and ask for all of it."""
        location.mark = None
        location.resuming = False
        location.session = self._session(name)
        self._ask(name, location, now, None)
        return [Notice(name, "log_changed", None, f"{reason}; all of its log is asked for, as {location.session}")]

    def _text(self, raw: bytes) -> str:
        """Decode a line as UTF-8, else as Latin-1. Each line is decoded alone, so a damaged byte spoils no other."""
        try:
            self._encoding = "utf-8"
            return raw.decode().strip()
        except UnicodeDecodeError:
            self._encoding = "latin-1"
            return raw.decode("latin-1").strip()

    def _send(self, *lines: str, encoding: str = "ascii") -> None:
        self.send("".join(f"{line}\r\n" for line in lines).encode(encoding))


def location_fault(name: str) -> str:
    """Return the fault of a location's name; empty when it has none."""
    if not 1 <= len(name) <= WHERE_MAX_CHARS or not name.isprintable() or _FORBIDDEN.search(name):
        return f"location {name[:80]!r} is not a name of 1 to {WHERE_MAX_CHARS} printable characters without , ; ~ |"
    return ""


def decode_line(raw: bytes, text: str, zone: tzinfo, day: date | None) -> Line:
    """Return the content of one line; `text` is `raw` decoded, without its end."""
    fields = text.split(",") if text.startswith(("CT01_13,", "CT01_33,")) else text.split("~")
    first = fields[0]
    if first in ("CT01_33", "CT01_13"):
        return _event_line(raw, fields, zone, day)
    if first == "ping" and len(fields) == 1:
        return Ping()
    if first in ("ack", "err") and len(fields) > 1:
        return Answer(first == "ack", fields[1], fields[2:])
    if len(fields) == 3 and fields[2] == CTP01:
        return Hello(first, fields[1])
    return Unreadable(raw, "it is not a line of CTP01")


def _event_line(raw: bytes, fields: list[str], zone: tzinfo, day: date | None) -> Line:
    if len(fields) != 8:
        return Unreadable(raw, f"an event with {len(fields)} fields; it should have 8")
    _, number, location, tag, when, _, _, gator = fields
    fault = location_fault(location)
    if not fault and not _NUMBER.fullmatch(number):
        fault = f"{number[:20]!r} is not the number of an event"
    if fault:
        return Unreadable(raw, fault)
    mark = Mark(int(number), f"{tag}~{when}")
    try:
        if tag in (GUN, NEW_LOCATION):
            return Event(location, mark, _special(tag, location, when, zone, day))
        antenna = int(gator) if re.fullmatch(r"\d{1,3}", gator, re.ASCII) else None
        read = DecodedRead("", mark.seq, location, label(tag, "chip"), instant_us(when, zone, day), antenna)
    except ValueError as error:
        return Event(location, mark, Unreadable(raw, str(error)))
    return Event(location, mark, read)


def _special(tag: str, location: str, when: str, zone: tzinfo, day: date | None) -> Notice:
    """Return the notice of a gun or a new location; its instant is null where the time is incomplete."""
    try:
        return Notice(location, tag, instant_us(when, zone, day), f"{location} {when}")
    except ValueError as error:
        return Notice(location, tag, None, f"{location} {when}: {error}")


def instant_us(text: str, zone: tzinfo, day: date | None) -> int:
    """Return the instant of an event's time: local date and time (`iso`), or the time of day on `day` (`normal`).

    Raises ValueError, also for times since 1970: whether the client counts them in UTC or by its local clock is not
    known.
    """
    if match := _ISO.fullmatch(text):
        year, month, day_, hour, minute, second, fraction = match.groups()
        if not FIRST_YEAR <= int(year) <= LAST_YEAR:
            raise ValueError(f"an event in the year {year}; check the client's clock")
        local = datetime(int(year), int(month), int(day_), int(hour), int(minute), int(second), _fraction_us(fraction))
        return one_instant_us(local, zone)
    if match := _CLOCK.fullmatch(text):
        if day is None:
            raise ValueError(f"time {text} has no date; set the client to time-format=iso, or set `day` of the source")
        hour, minute, second, fraction = match.groups()
        return one_instant_us(
            datetime.combine(day, time(int(hour), int(minute), int(second), _fraction_us(fraction))), zone
        )
    if _UNIX.fullmatch(text):
        raise ValueError(f"time {text[:40]} counts from 1970 by an unknown clock; set the client to time-format=iso")
    raise ValueError(f"{text[:40]!r} is not the time of an event")


def _fraction_us(text: str | None) -> int:
    return int((text or "0").ljust(6, "0"))


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        text = raw.decode("latin-1").strip()
    line = decode_line(raw, text, settings.zone, settings.options.get("day"))
    if isinstance(line, Event):
        content = line.content
        return [msgspec.structs.replace(content, session=session) if isinstance(content, DecodedRead) else content]
    return [line] if isinstance(line, Unreadable) else []


def _connect(settings: ReaderSettings) -> Make:
    day: date | None = settings.options.get("day")
    return lambda cursor: ChronoTrackReader(settings.zone, cursor, day)


PROTOCOL = ReaderProtocol(
    name="chronotrack",
    title="ChronoTrack SimpleClient",
    way="calls us",
    port=61611,
    connect=_connect,
    read_again=_read_again,
    options=(Option("day", date, "the date of clients that send times without one"),),
    begins_with=rb"~CTP01",
    acknowledges="Nothing: the client keeps its log.",
    takes_over="It reads again what it has not read itself.",
    replays="Each location is resumed at the last event that we have, or asked for in full where its numbers differ.",
    sample="""\
[[sources]]
protocol = "chronotrack"
event = "example-2026"
gateway = "simpleclient"
zone = "America/New_York"
address = "127.0.0.1:61611"
day = 2026-01-04
devices = { "start/1" = "S1" }
""",
)
