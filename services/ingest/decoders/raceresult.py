"""Fetch passings from RACE RESULT decoders (System 4000/5000) over TCP, by file and number, and take pushed ones.

The decoder numbers its passings within a file, begins a new file with each STARTOPERATION, and keeps all files. So our
cursor is box, file and number. Stored passings are fetched by `raceresult_fetch.py`; new ones are pushed, and gaps in
their numbers are fetched too.
Compatible boxes know only part of this. What they do not answer is left out, and a notice says what that means: without
stored passings, those that are pushed are taken. Only the first fields of their shorter records are read.
A decoder is only queried. It belongs to its timer: nothing here starts or stops its operation, sets its clock or clears
its files.

Source: RACE RESULT knowledge base (passing record, passing files, decoder commands) and public clients of port 3601.
Known from clients only, not verified on a device: the answer to GETFILE, the second count of PASSINGS, `ONLY`.
"""

import math
import re
from collections.abc import Mapping
from datetime import date

from services.ingest.decoders.clock_origin import BEGAN, ClockOrigin, origin_of
from services.ingest.decoders.lines import Lines
from services.ingest.decoders.messages import ConnectionFault, Cursor, Message, Notice, Now, Reader, Unreadable
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.raceresult_commands import (
    TRIES,
    VERSIONS,
    Commands,
    head_of,
    is_refusal,
    lacking_notices,
)
from services.ingest.decoders.raceresult_fetch import NO_BOX, Box, Fetch
from services.ingest.decoders.raceresult_files import BoxMemory, PassingFile
from services.ingest.decoders.raceresult_passing import (
    NUMBER,
    Passing,
    instant_us,
    message_of,
    name_of,
    read_passing,
)
from services.ingest.decoders.raceresult_status import Status, read_status, read_time, status_notices
from services.ingest.decoders.reader_state import ReaderStateNotices

PROTOCOL_MAX = (2, 6)  # the latest version that this module knows
PUSH_SINCE = (1, 5)
POLL_S = 5.0  # between PASSINGS, which keep the connection alive and find passings that were not pushed
STATUS_S = 30.0
SILENCE_S = 20.0  # four polls
HANDSHAKE_SILENCE_S = 60.0  # of a box that answers no command, until pushes are asked for
EARLY_MAX = 1_000  # passings pushed before it is known whether the box gives a count
BOX_ASKS = 2  # queries for its name

DAY = Option("day", date, "the date of a decoder that sends times of day without one")
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)


class RaceResult(Reader):
    """One connection to a decoder.

    `origin` has the zone of its clock, and dates its times if that was never set.
    `memory` is shared by the connections of a source.
    `fetches` false: stored passings are not fetched, only pushed ones are taken.
    """

    def __init__(
        self,
        origin: ClockOrigin,
        cursor: Cursor,
        notices: ReaderStateNotices,
        fetches: bool = True,
        memory: BoxMemory | None = None,
    ) -> None:
        super().__init__()
        self.silence_s = HANDSHAKE_SILENCE_S
        self._origin = origin
        self._notices = notices
        self._lines = Lines()
        self._box = Box()
        self._box_asks = 1
        self._memory = memory or BoxMemory()
        self._commands = Commands(self._send)
        self._fetch = Fetch(self._box, cursor, self._commands, self._send, notices, self._memory, fetches)
        self._versions = list(VERSIONS)
        self._version: tuple[int, int] | None = None
        self._greeted = False  # a version was agreed, or none can be
        self._heard = False  # anything in this protocol
        self._early: list[tuple[bytes, str]] = []
        self._status_file = 0
        self._polled_s = self._status_s = 0.0

    @property
    def missing(self) -> int:
        return self._fetch.missing

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def begin(self, now: Now) -> None:
        self._polled_s = self._status_s = now.steady_s
        self._commands.add("GETPROTOCOL")
        self._commands.send_next(now.steady_s)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        messages: list[Message] = []
        for line in self._lines.feed(data):
            messages += self._line(line, now)
        messages += self._fetch.ask(now)
        return messages + self._fetch.moved()

    def tick(self, now: Now) -> list[Message]:
        messages: list[Message] = []
        if self._commands.late(now.steady_s):
            messages += self._unanswered(self._commands.given_up(), now, refused=False)
        messages += self._fetch.tick(now)
        if self._greeted and now.steady_s - self._polled_s >= POLL_S:
            self._polled_s = now.steady_s
            self._commands.poll("PASSINGS")
        if self._greeted and now.steady_s - self._status_s >= STATUS_S:
            self._status_s = now.steady_s
            self._commands.poll("GETSTATUS" if "GETSTATUS" not in self._commands.lacks else "GETTIME")
        messages += self._fetch.ask(now)
        return messages + self._fetch.moved()

    def _send(self, command: str) -> None:
        self.send(command.encode() + b"\r\n")

    # --- lines

    def _line(self, line: bytes, now: Now) -> list[Message]:
        text = line.decode("latin-1")
        head, _, rest = text.partition(";")
        if not text:
            return self._fetch.answered(complete=True) if self._fetch.query else []
        if head == "#P":
            self._heard = True
            return self._passing(line, rest, now, pushed=True)
        if head.startswith("#"):
            self._heard = True
            return []  # #KEEPALIVE, pre-warnings and other pushes
        if head.isdecimal() and rest:
            return self._passing(line, text, now, pushed=False)
        if is_refusal(text) and (self._fetch.query or self._commands.awaited):
            self._heard = True
            return self._refused(now)
        fields = [field.strip() for field in rest.split(";")]
        try:
            return self._answer(line, head, fields, now)
        except ValueError as error:
            return [Unreadable(line, str(error)), *self._unanswered(head, now, refused=True)]

    def _answer(self, line: bytes, head: str, fields: list[str], now: Now) -> list[Message]:
        """Take the answer to a command. Raises ValueError for one that cannot be read."""
        self._commands.answered(head)
        if head == "GETPROTOCOL":
            self._choose(fields)
        elif head == "SETPROTOCOL":
            self._agreed(_version(fields[0]))
        elif head == "GETCONFIG":
            self._configured(fields)
        elif head == "PASSINGS":
            return self._counted(fields)
        elif head == "GETSTATUS":
            return self._status(read_status(fields, self._origin), now)
        elif head == "GETTIME":
            return self._status(read_time(fields, self._origin), now)
        elif head == "SETPUSHPASSINGS":
            return self._lacking()
        elif head in ("STARTOPERATION", "STOPOPERATION"):
            self._commands.poll("PASSINGS")
            return [Notice(self._box.name, head.lower(), self._when(fields[1:]), line.decode("latin-1"))]
        elif head not in ("SETPUSHPREWARNS", "GETFILE") and not head.startswith("ONLY"):
            return [Unreadable(line, "it is not a line of the decoder's protocol")]
        self._heard = True
        return []

    def _choose(self, fields: list[str]) -> None:
        versions = [_version(field) for field in fields]
        if len(versions) != 3:
            raise ValueError(
                f"GETPROTOCOL has {len(versions)} versions; it should have the current, the lowest and the highest"
            )
        _, least, greatest = versions
        version = max(least, min(greatest, PROTOCOL_MAX))
        self._commands.add(f"SETPROTOCOL;{version[0]}.{version[1]}")

    def _agreed(self, version: tuple[int, int] | None) -> None:
        """Go on with a version, or with a box that agrees to none."""
        self._version = version
        if not self._greeted:
            self._greeted = True
            for command in ("GETCONFIG;GENERAL;BOXNAME", "GETSTATUS", "PASSINGS"):
                self._commands.add(command)

    # --- boxes that know only part of the protocol

    def _refused(self, now: Now) -> list[Message]:
        """Take an error for the answer to what was asked last."""
        if self._fetch.query:
            return self._fetch.refused()
        return self._unanswered(self._commands.given_up(), now, refused=True)

    def _unanswered(self, command: str, now: Now, refused: bool) -> list[Message]:
        """Go on without the answer to a command that was not answered in time, or refused."""
        head = head_of(command)
        if head == "PASSINGS" and self._fetch.live:
            return []
        self._commands.not_answered(head, refused)
        if not self._greeted and head in ("GETPROTOCOL", "SETPROTOCOL"):
            if self._versions:
                self._commands.add(f"SETPROTOCOL;{self._versions.pop(0)}")
            else:
                self._agreed(None)
        elif head == "GETSTATUS":
            self._commands.poll("GETTIME")
        elif head == "PASSINGS":
            self._commands.poll("PASSINGS")
            if self._commands.lacks["PASSINGS"] >= TRIES:
                return self._only_pushed(now)
        elif head == "SETPUSHPASSINGS":
            if not self._heard:
                raise ConnectionFault("it answers no command; is this the port of a RACE RESULT decoder?")
            return self._lacking()
        return []

    def _only_pushed(self, now: Now) -> list[Message]:
        """Take the passings that are pushed, since nothing else can be had."""
        self._fetch.uncounted(self._status_file)
        self._ask_for_pushes()
        self.silence_s = math.inf
        early, self._early = self._early, []
        return [message for line, text in early for message in self._passing(line, text, now, pushed=True)]

    def _lacking(self) -> list[Message]:
        return [*lacking_notices(self._commands, self._box.where, self._notices)]

    # --- what the box says of itself

    def _configured(self, fields: list[str]) -> None:
        """Take `GENERAL;BOXNAME;<name>;<device id>`; only some decoders send the first two."""
        values = fields[2:] if fields[:2] == ["GENERAL", "BOXNAME"] else fields
        if not values:
            raise ValueError("GETCONFIG has no box name")
        self._box.name = name_of(values[0]) or ""
        if self._fetch.live is None and len(values) > 1:
            self._box.log = name_of(values[1]) or self._box.name or NO_BOX

    def _when(self, fields: list[str]) -> int | None:
        try:
            return instant_us(fields[0], fields[1], self._origin)
        except (ValueError, IndexError):
            return None

    def _status(self, status: Status, now: Now) -> list[Message]:
        self._heard = True
        if status.file is not None:
            self._status_file = status.file
        return [*status_notices(status, self._box.where, self._notices, now, self._origin)]

    # --- passings

    def _counted(self, fields: list[str]) -> list[Message]:
        if not NUMBER.fullmatch(fields[0]):
            raise ValueError("PASSINGS has no count")
        self._heard = True
        if not self._fetch.stored:
            return []
        count = int(fields[0])
        number = int(fields[1]) if len(fields) > 1 and NUMBER.fullmatch(fields[1]) else self._status_file
        first = self._fetch.live is None
        if first and self._box.log == NO_BOX and self._box_asks < BOX_ASKS:
            self._box_asks += 1
            self._commands.add("GETCONFIG;GENERAL;BOXNAME")
            self._commands.add("PASSINGS")
            return []
        messages = self._fetch.counted(count, number)
        if first and self._fetch.live:
            self._early.clear()
            self.silence_s = SILENCE_S
            self._ask_for_pushes()
        return messages

    def _ask_for_pushes(self) -> None:
        if self._version is None or self._version >= PUSH_SINCE:
            self._commands.add("SETPUSHPREWARNS;0")
            self._commands.add("SETPUSHPASSINGS;1;0")
            self._commands.poll("PASSINGS")  # for passings between the count and the pushes

    def _passing(self, line: bytes, text: str, now: Now, pushed: bool) -> list[Message]:
        query = None if pushed else self._fetch.query
        if query:
            query.heard_s = now.steady_s
        if self._fetch.live is None:  # with a count it is pulled later
            if pushed and len(self._early) < EARLY_MAX:
                self._early.append((line, text))
            return []
        try:
            passing = self._record(text)
            file, notices = self._fetch.place(passing, query, now, pushed)
        except ValueError as error:
            self._fetch.unreadable(text, query)
            return [Unreadable(line, str(error), where=self._box.name)]
        return [*notices, *(self._message_of(passing, line, file) if file else [])]

    def _record(self, text: str) -> Passing:
        """Return the passing in a record, its number counted from 1. Raises ValueError."""
        passing = read_passing(text, self._origin.zone, self._origin)
        if self._fetch.stored and self._memory.doubts(text):
            raise ValueError("a passing has fewer fields than the others of this box; it is taken if it comes again so")
        return self._fetch.numbered_from_one(passing)

    def _message_of(self, passing: Passing, line: bytes, file: PassingFile) -> list[Message]:
        where = passing.box or self._box.name
        message = message_of(passing, line, where, f"{self._box.log} file {file.part}")
        if not isinstance(message, Unreadable):
            return [message]
        text = (
            f"file {file.part} of {self._box.log} has undated passings, because the decoder's clock was never set; they"
            " become dead letters until the table of this source says what its clock counts from, in `began` or `day`,"
            " and are read then by `matline rejected replay`"
        )
        return [*self._notices.change(where, "unanchored", text, None), message]


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    try:
        text = raw.decode("latin-1").strip("\r\n\0").removeprefix("#P;")
        passing = read_passing(text, settings.zone, origin=origin_of(settings))
    except ValueError as error:
        return [Unreadable(raw, str(error))]
    return [message_of(passing, raw, passing.box or "", session)]


def _version(text: str) -> tuple[int, int]:
    if not (match := _VERSION.fullmatch(text)):
        raise ValueError(f"{text[:40]!r} is not a protocol version")
    return int(match[1]), int(match[2])


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    notices, origin, memory = ReaderStateNotices(), origin_of(settings), BoxMemory()
    return lambda cursor: RaceResult(origin, cursor, notices, fetches, memory)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


PROTOCOL = ReaderProtocol(
    name="raceresult",
    title="RACE RESULT decoder (System 4000/5000)",
    way="is dialled",
    port=3601,
    connect=_connect,
    watch=_watch,
    read_again=_read_again,
    options=(DAY, BEGAN),
    begins_with=rb"^(#P;|GETPROTOCOL|PASSINGS|GETSTATUS|UNKNOWN)",
    acknowledges="Nothing: the decoder keeps its passing files.",
    takes_over="It reads again what it has not read itself.",
    replays="By file and passing number, from the last known one on; of a new decoder the last day.",
    sample="""\
[[sources]]
protocol = "raceresult"
event = "example-2026"
gateway = "finish-decoder"
zone = "Asia/Dubai"
address = "192.168.7.20:3601"
devices = { "Finish/1" = "F1" }
""",
)
