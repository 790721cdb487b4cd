"""Fetch passings from RACE RESULT decoders (System 4000/5000) over TCP, by file and number, and take pushed ones.

The decoder numbers its passings within a file, begins a new file with each STARTOPERATION, and keeps all files. So our
cursor is box, file and number. On each connection the count of passings tells which are missing, and those are pulled.
New passings are pushed, and gaps in their numbers are pulled too. Files that ended while we were not connected are
fetched by number. The earlier files of a decoder that is new to us are searched for passings of the last day.
Compatible boxes know only part of this. What they do not answer is left out, and a notice says what that means: without
stored passings, those that are pushed are taken. Only the first fields of their shorter records are read.
A decoder is only queried. It belongs to its timer: nothing here starts or stops its operation, sets its clock or clears
its files.

This file is long because it is one state machine: the queries, answers, files and cursor of a connection depend on each
other, and splitting it further would only pass all of its state around.

Source: RACE RESULT knowledge base (passing record, passing files, decoder commands) and public clients of port 3601.
Known from clients only, not verified on a device: the answer to GETFILE, the second count of PASSINGS, `ONLY`.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date

from msgspec.structs import replace

from services.ingest.decoders.clock_origin import BEGAN, ClockOrigin, origin_of
from services.ingest.decoders.lines import Lines
from services.ingest.decoders.messages import (
    ConnectionFault,
    Cursor,
    CursorAdvanced,
    Message,
    Notice,
    Now,
    Position,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.raceresult_commands import VERSIONS, Commands, head_of, is_refusal
from services.ingest.decoders.raceresult_files import BoxMemory, PassingFile, Query, WalkBack
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
NO_BOX = "decoder"  # the name of its log, if it does not give its own
PULL_MAX = 256  # passings asked for at once: an answer of 25 KB
PULL_TRIES = 3  # queries for a number before it is given up with a notice
POLL_S = 5.0  # between PASSINGS, which keep the connection alive and find passings that were not pushed
STATUS_S = 30.0
ANSWER_S = 10.0  # without an answer for this long, a query is sent again
UNENDED_S = 1.0  # after the last passing asked for, an answer without an empty line is over
SILENCE_S = 20.0  # four polls
HANDSHAKE_SILENCE_S = 60.0  # of a box that answers no command, until pushes are asked for
COUNT_TRIES = 2  # queries for the count, without an answer to which a box keeps no passings for us
PULL_FAILURES = 2  # queries for passings without any answer, after which stored ones are not asked for
EARLY_MAX = 1_000  # passings pushed before it is known whether the box gives a count
FILES_BACK_MAX = 200  # files that ended while we were not connected
FIRST_US = 24 * 3600 * 1_000_000  # how far back the files of a new decoder are searched
BOX_ASKS = 2  # queries for its name
LACKS = {
    "GETPROTOCOL": "which versions it knows",
    "SETPROTOCOL": "any version",
    "GETCONFIG": "its name",
    "GETSTATUS": "its state",
    "GETTIME": "its clock",
    "PASSINGS": "how many passings it has, so that only pushed ones come",
    "SETPUSHPASSINGS": "pushing passings, so that they come a few seconds late",
    "passings": "stored passings, so that only pushed ones come and what a broken connection misses is lost to us",
}
"""What is lacking of a box that does not answer a command."""

DAY = Option("day", date, "the date of a decoder that sends times of day without one")
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)


class RaceResult(Reader):
    """One connection to a decoder.

    `origin` has the zone of its clock, and dates its times if that was never set.
    Commands and queries for passings go out one at a time, so that answers cannot be confused. An empty line ends the
    answer to a query. `memory` is shared by the connections of a source.
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
        self._fetches = fetches
        self._memory = memory or BoxMemory()
        self._commands = Commands(self._send)
        self._versions = list(VERSIONS)
        self._greeted = False  # a version was agreed, or none can be
        self._heard = False  # anything in this protocol
        self._stored = True  # false: it gives no stored passings, so only pushed ones are taken
        self._lacks: dict[str, int] = {}  # commands that were not answered, and how often
        self._early: list[tuple[bytes, str]] = []
        self._pull_failures = 0
        self._cursor = cursor
        self._notices = notices
        self._lines = Lines()
        self._version: tuple[int, int] | None = None
        self._box = NO_BOX
        self._name = ""
        self._status_file = 0
        self._live: PassingFile | None = None
        self._ended: list[PassingFile] = []  # before the current file, oldest first
        self._back: WalkBack | None = None
        self._box_asks = 1
        self._verify = 0  # the number whose content tells whether this is the file that we know
        self._lower_count = False
        self._recount = False  # an answer lacked passings: check that their file is still the current one
        self._lacking: Query | None = None
        self._query: Query | None = None
        self._tries = 0
        self._reached: Position | None = None
        self._polled_s = self._status_s = 0.0

    @property
    def missing(self) -> int:
        return sum(file.had.missing for file in self._files()) if self._stored else 0

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._notices.offsets_us

    def _files(self) -> list[PassingFile]:
        """Return the files from which passings are expected."""
        files = [*self._ended]
        if self._live:
            files.append(self._live)
        if self._back:
            files.append(self._back.file)
        return files

    def _file_of(self, number: int) -> PassingFile | None:
        return next((file for file in self._files() if file.number == number), None)

    def begin(self, now: Now) -> None:
        self._polled_s = self._status_s = now.steady_s
        self._commands.add("GETPROTOCOL")
        self._commands.send_next(now.steady_s)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        messages: list[Message] = []
        for line in self._lines.feed(data):
            messages += self._line(line, now)
        messages += self._ask(now)
        return messages + self._moved()

    def tick(self, now: Now) -> list[Message]:
        messages: list[Message] = []
        if self._commands.late(now.steady_s):
            messages += self._unanswered(self._commands.given_up(), now, refused=False)
        if self._query and now.steady_s - self._query.heard_s > ANSWER_S:
            messages += self._answered(complete=False)
        if self._greeted and now.steady_s - self._polled_s >= POLL_S:
            self._polled_s = now.steady_s
            self._poll("PASSINGS")
        if self._greeted and now.steady_s - self._status_s >= STATUS_S:
            self._status_s = now.steady_s
            self._poll("GETSTATUS" if "GETSTATUS" not in self._lacks else "GETTIME")
        messages += self._ask(now)
        return messages + self._moved()

    def _send(self, command: str) -> None:
        self.send(command.encode() + b"\r\n")

    def _poll(self, command: str) -> None:
        """Send a command again and again, unless the box does not know it."""
        if self._lacks.get(command, 0) < COUNT_TRIES:
            self._commands.add(command)

    # --- lines

    def _line(self, line: bytes, now: Now) -> list[Message]:
        text = line.decode("latin-1")
        head, _, rest = text.partition(";")
        if not text:
            return self._answered(complete=True) if self._query else []
        if head == "#P":
            self._heard = True
            return self._passing(line, rest, now, pushed=True)
        if head.startswith("#"):
            self._heard = True
            return []  # #KEEPALIVE, pre-warnings and other pushes
        if head.isdecimal() and rest:
            return self._passing(line, text, now, pushed=False)
        if is_refusal(text) and (self._query or self._commands.awaited):
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
        self._lacks.pop(head, None)
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
            return self._lacking_notices()
        elif head in ("STARTOPERATION", "STOPOPERATION"):
            self._poll("PASSINGS")
            return [Notice(self._name, head.lower(), self._when(fields[1:]), line.decode("latin-1"))]
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
        if self._query:
            self._pull_failures = PULL_FAILURES
            return self._answered(complete=False)
        return self._unanswered(self._commands.given_up(), now, refused=True)

    def _unanswered(self, command: str, now: Now, refused: bool) -> list[Message]:
        """Go on without the answer to a command that was not answered in time, or refused."""
        head = head_of(command)
        if head in LACKS and not (head == "PASSINGS" and self._live):
            self._lacks[head] = COUNT_TRIES if refused else self._lacks.get(head, 0) + 1
        if not self._greeted and head in ("GETPROTOCOL", "SETPROTOCOL"):
            if self._versions:
                self._commands.add(f"SETPROTOCOL;{self._versions.pop(0)}")
            else:
                self._agreed(None)
        elif head == "GETSTATUS":
            self._poll("GETTIME")
        elif head == "PASSINGS" and self._live is None:
            self._poll("PASSINGS")
            if self._lacks["PASSINGS"] >= COUNT_TRIES:
                return self._only_pushed(now)
        elif head == "SETPUSHPASSINGS":
            if not self._heard:
                raise ConnectionFault("it answers no command; is this the port of a RACE RESULT decoder?")
            return self._lacking_notices()
        return []

    def _only_pushed(self, now: Now) -> list[Message]:
        """Take the passings that are pushed, whatever their numbers, since nothing else can be had."""
        known = self._from_cursor()
        if self._live is None:
            self._live = PassingFile(self._status_file, known.generation + 1 if known else 0)
            self._ask_for_pushes()
        self._stored = False
        self._ended, self._back, self._query, self._verify, self._lacking = [], None, None, 0, None
        self.silence_s = math.inf if "PASSINGS" in self._lacks else SILENCE_S
        early, self._early = self._early, []
        return [message for line, text in early for message in self._passing(line, text, now, pushed=True)]

    def _lacking_notices(self) -> list[Message]:
        """Return a notice of what the box does not answer, when that changes."""
        missing = [words for command, words in LACKS.items() if command in self._lacks]
        text = f"it does not answer to queries for {'; '.join(missing)}" if missing else ""
        return [*self._notices.change(self._name or self._box, "lacks", text, None)]

    def _configured(self, fields: list[str]) -> None:
        """Take `GENERAL;BOXNAME;<name>;<device id>`; only some decoders send the first two."""
        values = fields[2:] if fields[:2] == ["GENERAL", "BOXNAME"] else fields
        if not values:
            raise ValueError("GETCONFIG has no box name")
        self._name = name_of(values[0]) or ""
        if self._live is None and len(values) > 1:
            self._box = name_of(values[1]) or self._name or NO_BOX

    def _when(self, fields: list[str]) -> int | None:
        try:
            return instant_us(fields[0], fields[1], self._origin)
        except (ValueError, IndexError):
            return None

    def _status(self, status: Status, now: Now) -> list[Message]:
        self._heard = True
        if status.file is not None:
            self._status_file = status.file
        return [*status_notices(status, self._name or self._box, self._notices, now, self._origin)]

    # --- passings

    def _passing(self, line: bytes, text: str, now: Now, pushed: bool) -> list[Message]:
        query = None if pushed else self._query
        if query:
            query.heard_s = now.steady_s
        if self._live is None:  # with a count it is pulled later
            if pushed and len(self._early) < EARLY_MAX:
                self._early.append((line, text))
            return []
        try:
            if not self._stored:
                return self._pushed_only(line, self._record(text), self._live)
            return self._numbered(line, self._record(text), query, now, pushed)
        except ValueError as error:
            self._count_unreadable(text, query)
            return [Unreadable(line, str(error), where=self._name)]

    def _record(self, text: str) -> Passing:
        """Return the passing in a record, its number counted from 1. Raises ValueError."""
        passing = read_passing(text, self._origin.zone, self._origin)
        if self._stored and self._memory.doubts(text):
            raise ValueError("a passing has fewer fields than the others of this box; it is taken if it comes again so")
        if passing.number == 0:
            self._memory.first = 0
        verifies = self._query is not None and self._query.verifies and passing.number == self._verify - 1
        if verifies and self._cursor[self._box].check == passing.check:
            self._memory.first = 0
        return replace(passing, number=passing.number + 1 - self._memory.first)

    def _count_unreadable(self, text: str, query: Query | None) -> None:
        """Ask for an unreadable record once more; if it comes again just so, it is not asked for any more."""
        number, _, _ = text.partition(";")
        file = self._live if query is None or query.file is None else self._file_of(query.file)
        if file is not None and NUMBER.fullmatch(number) and self._memory.repeated(f"unreadable {text}"):
            with suppress(ValueError):  # an implausibly high number
                file.had.add(int(number) + 1 - self._memory.first)

    def _pushed_only(self, line: bytes, passing: Passing, live: PassingFile) -> list[Message]:
        """Return a passing of a box that gives no stored ones; its numbers may begin again at any time."""
        if live.repeats(passing):
            return []
        live.remember(passing.number, passing.check)
        return self._message_of(passing, line, live)

    def _numbered(self, line: bytes, passing: Passing, query: Query | None, now: Now, pushed: bool) -> list[Message]:
        """Count a passing in its file, and return it if it is new. Raises ValueError."""
        live = self._live
        assert live is not None
        file: PassingFile | None = live
        if query and query.file is not None:
            file = self._file_of(query.file) or live
        if passing.file is not None and file and passing.file != file.number:
            file = self._file_of(passing.file)
            if file is None:
                self._poll("PASSINGS")  # a new file has begun: its count fetches this passing too
                return []
        if query:
            query.got += 1
        elif not pushed and passing.file is None:
            return []  # of an abandoned answer, so its file is not known
        if query and query.verifies and passing.number == self._verify and file is live:
            return self._verified(passing)
        assert file is not None
        if not file.add(passing):
            return self._known(passing, line, file, pushed)
        if self._back and file is self._back.file:
            recent = passing.at_us is not None and passing.at_us > now.wall_us - FIRST_US
            self._back.recent = self._back.recent or recent
            if passing.at_us is not None and not recent:
                return []  # of another race
        return self._message_of(passing, line, file)

    def _known(self, passing: Passing, line: bytes, file: PassingFile, pushed: bool) -> list[Message]:
        """Return messages for a passing whose number came before: none for a repeat."""
        if passing.file is not None:
            another = bool(file.known(passing.number)) and not file.repeats(passing)
            return self._message_of(passing, line, file) if another else []
        if pushed and file is self._live and not file.repeats(passing):
            self._live = PassingFile(file.number, file.generation + 1)
            self._live.add(passing)
            return [*self._restarted(passing, file), *self._message_of(passing, line, self._live)]
        # In an answer to GETFILE it may be a passing of the next file that came as one of the current file.
        return self._message_of(passing, line, file) if file is not self._live else []

    def _restarted(self, passing: Passing, file: PassingFile) -> list[Message]:
        text = f"passing {passing.number} of file {file.part} has changed, so the file is fetched again from the start"
        return [Notice(self._name or self._box, "restarted", passing.at_us, text)]

    def _message_of(self, passing: Passing, line: bytes, file: PassingFile) -> list[Message]:
        where = passing.box or self._name
        message = message_of(passing, line, where, f"{self._box} file {file.part}")
        if not isinstance(message, Unreadable):
            return [message]
        text = (
            f"file {file.part} of {self._box} has undated passings, because the decoder's clock was never set; they"
            " become dead letters until the table of this source says what its clock counts from, in `began` or `day`,"
            " and are read then by `matline rejected replay`"
        )
        return [*self._notices.change(where, "unanchored", text, None), message]

    # --- counts of passings

    def _counted(self, fields: list[str]) -> list[Message]:
        if not NUMBER.fullmatch(fields[0]):
            raise ValueError("PASSINGS has no count")
        self._heard = True
        if not self._stored:
            return []
        count = int(fields[0])
        number = int(fields[1]) if len(fields) > 1 and NUMBER.fullmatch(fields[1]) else self._status_file
        first = self._live is None
        if first and self._box == NO_BOX and self._box_asks < BOX_ASKS:
            self._box_asks += 1
            self._commands.add("GETCONFIG;GENERAL;BOXNAME")
            self._commands.add("PASSINGS")
            return []
        known = self._live or self._from_cursor()
        if known is not None and number == known.number and count < known.had.through and not self._lower_count:
            # A push may have overtaken the count: only a second low count means that the log was cleared.
            self._lower_count = True
            self._commands.add("PASSINGS")
            return []
        cleared = known is not None and number == known.number and count < known.had.through
        self._lower_count = self._recount = False
        if known is None:
            self._live = PassingFile(number, 0)
            self._back = WalkBack(number - 1) if number > 1 else None
        elif number < known.number or cleared:
            self._live = PassingFile(number, known.generation + 1)
            self._ended, self._back, self._query = [], None, None
        elif number > known.number:
            between = range(max(known.number + 1, number - FILES_BACK_MAX), number)
            self._ended += [known, *(PassingFile(file_number, known.generation) for file_number in between)]
            del self._ended[:-FILES_BACK_MAX]
            self._live = PassingFile(number, known.generation)
        else:
            self._live = known
        if self._live is not known:
            self._tries, self._verify, self._lacking = 0, 0, None
        self._live.had.expect(count)
        if first:
            if self._live is known and known.had.through:
                self._verify = known.had.through
            self._early.clear()
            self.silence_s = SILENCE_S
            self._ask_for_pushes()
        return self._lacked()

    def _ask_for_pushes(self) -> None:
        if self._version is None or self._version >= PUSH_SINCE:
            self._commands.add("SETPUSHPREWARNS;0")
            self._commands.add("SETPUSHPASSINGS;1;0")
            self._poll("PASSINGS")  # for passings between the count and the pushes

    def _from_cursor(self) -> PassingFile | None:
        position = self._cursor.get(self._box)
        if position is None:
            return None
        self._reached = position
        number, _, generation = position.part.partition("#")
        return PassingFile(int(number), int(generation or 0), position.number, position.check)

    def _verified(self, passing: Passing) -> list[Message]:
        """Compare the last known passing with the one just sent: a difference means that the log was cleared."""
        live = self._live
        assert live is not None
        self._verify = 0
        known = self._cursor[self._box].check
        if known and known != passing.check:
            self._live = PassingFile(live.number, live.generation + 1)
            self._live.had.expect(live.had.top)
            return self._restarted(passing, live)
        return []

    # --- queries

    def _ask(self, now: Now) -> list[Message]:
        live = self._live
        messages = self._ended_by_its_numbers(now)
        if self._query or self._commands.send_next(now.steady_s):
            return messages
        if live is None or not self._fetches or not self._stored:
            return messages
        if self._verify:
            self._query = Query(now.steady_s, live.part, self._verify, self._verify, verifies=True)
            self._request(f"{self._verify}:1")
        elif self._ended:
            self._query = Query(now.steady_s, self._ended[0].part, file=self._ended[0].number)
            self._request(f"GETFILE;{self._ended[0].number}")
        elif not self._recount and (gap := live.had.gap):
            first, last = gap[0], min(gap[1], gap[0] + PULL_MAX - 1)
            self._query = Query(now.steady_s, live.part, first, last)
            self._request(f"{first}:{last - first + 1}")
        elif self._back and not self._recount:
            file = self._back.file
            self._query = Query(now.steady_s, file.part, file=file.number)
            self._request(f"GETFILE;{file.number}")
        return messages

    def _request(self, query: str) -> None:
        self._memory.queries += 1
        self._send(query)

    def _ended_by_its_numbers(self, now: Now) -> list[Message]:
        """End an answer that has every passing asked for, of a box that sends no empty line after it."""
        query = self._query
        if query is None or query.file is not None or now.steady_s - query.heard_s < UNENDED_S:
            return []
        complete = query.got > query.last - query.first
        return self._answered(complete=True) if complete else []

    def _answered(self, complete: bool) -> list[Message]:
        """End an answer, by its empty line or by time. Missing passings are asked for again and finally given up."""
        query, self._query = self._query, None
        live = self._live
        assert query is not None
        assert live is not None
        if not complete and query.file is None:
            return self._pull_failed(query)
        self._pull_failures = 0
        self._tries += 1
        if query.verifies:
            if self._verify and self._tries >= PULL_TRIES:
                self._verify, self._tries = 0, 0
            elif not self._verify:
                self._tries = 0
            return []
        if query.file is not None and self._ended and query.file == self._ended[0].number:
            return self._file_ended(complete, query.got)
        if query.file is not None:
            return self._searched(complete, query)
        gap = live.had.gap
        if gap is None or gap[0] > query.first or query.part != live.part:
            self._tries = 0
            return []
        if not self._recount:
            self._recount = True
            self._lacking = query
            self._commands.add("PASSINGS")
        return []

    def _pull_failed(self, query: Query) -> list[Message]:
        """Ask once more, then take only pushed passings of a box that does not answer. Raises ConnectionFault."""
        if query.got:
            raise ConnectionFault(
                f"the decoder did not answer the query for passings {query.first} to {query.last} completely"
            )
        self._pull_failures += 1
        self._poll("PASSINGS")  # shows whether it is still there
        if self._pull_failures < PULL_FAILURES:
            return []
        self._lacks["passings"] = PULL_FAILURES
        self._commands.add("SETPUSHPASSINGS;1;1")  # some boxes push stored passings then
        self._stored = False
        self._ended, self._back, self._verify, self._lacking = [], None, 0, None
        return self._lacking_notices()

    def _lacked(self) -> list[Message]:
        """Give up passings that the current file, asked PULL_TRIES times, did not give."""
        (query, self._lacking), live = (self._lacking, None), self._live
        assert live is not None
        gap = live.had.gap
        if query is None or self._tries < PULL_TRIES or gap is None or gap[0] > query.first:
            return []
        self._tries = 0
        last = min(gap[1], query.last)
        live.had.skip(last)
        return [self._lost(f"passings {query.first} to {last} of file {live.part}")]

    def _file_ended(self, complete: bool, got: int) -> list[Message]:
        file = self._ended[0]
        messages: list[Message] = []
        fetched = complete and not file.had.missing and (got > 0 or not file.known_before)
        if not fetched and self._tries < PULL_TRIES:
            return messages
        self._tries = 0
        if not fetched:
            file.had.skip(file.had.top)
            messages.append(self._lost(f"some or all passings after {file.known_before} of file {file.part}"))
        if not self._back:
            messages.append(CursorAdvanced(self._box, file.position()))
        self._ended.pop(0)
        return messages

    def _searched(self, complete: bool, query: Query) -> list[Message]:
        """Go back by another file, or ask for this one again if it was incomplete."""
        back = self._back
        if back is None or back.file.number != query.file:
            self._tries = 0
            return []
        complete = complete and not back.file.had.missing
        if not complete and self._tries < PULL_TRIES:
            return []
        self._tries = 0
        if not back.further(query.got):
            self._back = None
        return [] if complete else [self._lost(f"some or all passings of file {query.file}")]

    def _lost(self, passings: str) -> Notice:
        text = (
            f"{passings} of {self._box} did not come after {PULL_TRIES} queries; read them out of the decoder by hand"
        )
        return Notice(self._name or self._box, "gap", None, text)

    def _moved(self) -> list[Message]:
        if self._live is None or self._ended or self._back or self._verify or not self._stored:
            return []
        position = self._live.position()
        if position == self._reached:
            return []
        self._reached = position
        return [CursorAdvanced(self._box, position)]


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
