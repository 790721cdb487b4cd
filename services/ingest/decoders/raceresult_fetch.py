"""Fetch what a RACE RESULT decoder has stored: which files and numbers are missing, and the query for them.

Queries for passings go out one at a time and never beside a command, so that answers cannot be confused. An empty line
ends the answer to a query. On each connection the count of passings tells which are missing of the current file; files
that ended while we were not connected are fetched by number; those of a decoder that is new to us are searched back for
passings of the last day.
"""

from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from services.ingest.decoders.messages import ConnectionFault, Cursor, CursorAdvanced, Message, Notice, Now, Position
from services.ingest.decoders.raceresult_commands import Commands, lacking_notices
from services.ingest.decoders.raceresult_files import BoxMemory, PassingFile, Query, WalkBack
from services.ingest.decoders.raceresult_passing import NUMBER, Passing
from services.ingest.decoders.reader_state import ReaderStateNotices

NO_BOX = "decoder"  # the name of a box's log, if it does not give its own
PULL_MAX = 256  # passings asked for at once: an answer of 25 KB
PULL_TRIES = 3  # queries for a number before it is given up with a notice
PULL_FAILURES = 2  # queries for passings without any answer, after which stored ones are not asked for
ANSWER_S = 10.0  # without an answer for this long, a query is sent again
UNENDED_S = 1.0  # after the last passing asked for, an answer without an empty line is over
FILES_BACK_MAX = 200  # files that ended while we were not connected
FIRST_US = 24 * 3600 * 1_000_000  # how far back the files of a new decoder are searched


class Box(Struct):
    """What a box calls itself: `log` names its log in a cursor, `name` is its name for people, empty until known."""

    log: str = NO_BOX
    name: str = ""

    @property
    def where(self) -> str:
        """The name that notices give it."""
        return self.name or self.log


class Fetch:
    """The files of one connection's box, how much of them was fetched, and the query that it is answering.

    `live` is the current file, null until its count is known. `stored` false: the box gives no stored passings, so only
    pushed ones are taken. `fetches` false: stored passings are not fetched. `memory` is shared by the connections of a
    source, `box` with the reader that learns its name.
    """

    def __init__(
        self,
        box: Box,
        cursor: Cursor,
        commands: Commands,
        send: Callable[[str], None],
        notices: ReaderStateNotices,
        memory: BoxMemory,
        fetches: bool,
    ) -> None:
        self.live: PassingFile | None = None
        self.query: Query | None = None
        self.stored = True
        self._box = box
        self._cursor = cursor
        self._commands = commands
        self._send = send
        self._notices = notices
        self._memory = memory
        self._fetches = fetches
        self._pull_failures = 0
        self._ended: list[PassingFile] = []  # before the current file, oldest first
        self._back: WalkBack | None = None
        self._verify = 0  # the number whose content tells whether this is the file that we know
        self._lower_count = False
        self._recount = False  # an answer lacked passings: check that their file is still the current one
        self._lacking: Query | None = None
        self._tries = 0
        self._reached: Position | None = None

    @property
    def missing(self) -> int:
        """How many numbers are known to be missing."""
        return sum(file.had.missing for file in self._files()) if self.stored else 0

    def _files(self) -> list[PassingFile]:
        """Return the files from which passings are expected."""
        files = [*self._ended]
        if self.live:
            files.append(self.live)
        if self._back:
            files.append(self._back.file)
        return files

    def _file_of(self, number: int) -> PassingFile | None:
        return next((file for file in self._files() if file.number == number), None)

    # --- passings

    def numbered_from_one(self, passing: Passing) -> Passing:
        """Return a passing with its number counted from 1, as some compatible boxes do not."""
        if passing.number == 0:
            self._memory.first = 0
        verifies = self.query is not None and self.query.verifies and passing.number == self._verify - 1
        if verifies and self._cursor[self._box.log].check == passing.check:
            self._memory.first = 0
        return replace(passing, number=passing.number + 1 - self._memory.first)

    def unreadable(self, text: str, query: Query | None) -> None:
        """Ask for an unreadable record once more; if it comes again just so, it is not asked for any more."""
        number, _, _ = text.partition(";")
        file = self.live if query is None or query.file is None else self._file_of(query.file)
        if file is not None and NUMBER.fullmatch(number) and self._memory.repeated(f"unreadable {text}"):
            with suppress(ValueError):  # an implausibly high number
                file.had.add(int(number) + 1 - self._memory.first)

    def place(
        self, passing: Passing, query: Query | None, now: Now, pushed: bool
    ) -> tuple[PassingFile | None, list[Notice]]:
        """Return the file in which a passing is new, and notices; null if it was known or is not wanted.

        `query` is the one that it answers, null for none. Needs the current file. Raises ValueError for an implausible
        number.
        """
        live = self.live
        assert live is not None
        if not self.stored:
            return self._placed_by_push(passing, live), []
        file: PassingFile | None = live
        if query and query.file is not None:
            file = self._file_of(query.file) or live
        if passing.file is not None and file and passing.file != file.number:
            file = self._file_of(passing.file)
            if file is None:
                self._commands.poll("PASSINGS")  # a new file has begun: its count fetches this passing too
                return None, []
        if query:
            query.got += 1
        elif not pushed and passing.file is None:
            return None, []  # of an abandoned answer, so its file is not known
        if query and query.verifies and passing.number == self._verify and file is live:
            return None, self._verified(passing)
        assert file is not None
        if not file.add(passing):
            return self._placed_again(passing, file, pushed)
        return (None if self._of_another_race(passing, file, now) else file), []

    def _placed_by_push(self, passing: Passing, live: PassingFile) -> PassingFile | None:
        """Return the file for a passing of a box that gives no stored ones; its numbers may begin again at any time."""
        if live.repeats(passing):
            return None
        live.remember(passing.number, passing.check)
        return live

    def _placed_again(
        self, passing: Passing, file: PassingFile, pushed: bool
    ) -> tuple[PassingFile | None, list[Notice]]:
        """Return the file for a passing whose number came before: null for a repeat."""
        if passing.file is not None:
            another = bool(file.known(passing.number)) and not file.repeats(passing)
            return (file if another else None), []
        if pushed and file is self.live and not file.repeats(passing):
            self.live = PassingFile(file.number, file.generation + 1)
            self.live.add(passing)
            return self.live, self._restarted(passing, file)
        # In an answer to GETFILE it may be a passing of the next file that came as one of the current file.
        return (file if file is not self.live else None), []

    def _of_another_race(self, passing: Passing, file: PassingFile, now: Now) -> bool:
        """Return whether a passing is one of a new decoder's earlier files, and older than the last day."""
        if self._back is None or file is not self._back.file:
            return False
        recent = passing.at_us is not None and passing.at_us > now.wall_us - FIRST_US
        self._back.recent = self._back.recent or recent
        return passing.at_us is not None and not recent

    def _restarted(self, passing: Passing, file: PassingFile) -> list[Notice]:
        text = f"passing {passing.number} of file {file.part} has changed, so the file is fetched again from the start"
        return [Notice(self._box.where, "restarted", passing.at_us, text)]

    # --- counts of passings

    def counted(self, count: int, number: int) -> list[Message]:
        """Take the count of passings in the current file, which has this number."""
        first = self.live is None
        known = self.live or self._from_cursor()
        if known is not None and number == known.number and count < known.had.through and not self._lower_count:
            # A push may have overtaken the count: only a second low count means that the log was cleared.
            self._lower_count = True
            self._commands.add("PASSINGS")
            return []
        cleared = known is not None and number == known.number and count < known.had.through
        self._lower_count = self._recount = False
        if known is None:
            self.live = PassingFile(number, 0)
            self._back = WalkBack(number - 1) if number > 1 else None
        elif number < known.number or cleared:
            self.live = PassingFile(number, known.generation + 1)
            self._ended, self._back, self.query = [], None, None
        elif number > known.number:
            between = range(max(known.number + 1, number - FILES_BACK_MAX), number)
            self._ended += [known, *(PassingFile(file_number, known.generation) for file_number in between)]
            del self._ended[:-FILES_BACK_MAX]
            self.live = PassingFile(number, known.generation)
        else:
            self.live = known
        if self.live is not known:
            self._tries, self._verify, self._lacking = 0, 0, None
        self.live.had.expect(count)
        if first and self.live is known:
            self._verify = known.had.through
        return self._lacked()

    def uncounted(self, number: int) -> None:
        """Go on without a count of passings: file `number` is then the current one, of which pushed ones are taken."""
        if self.live is None:
            known = self._from_cursor()
            self.live = PassingFile(number, known.generation + 1 if known else 0)
        self.give_up_stored()

    def give_up_stored(self) -> None:
        """Take only the passings that are pushed, whatever their numbers."""
        self.stored = False
        self._ended, self._back, self.query, self._verify, self._lacking = [], None, None, 0, None

    def _from_cursor(self) -> PassingFile | None:
        position = self._cursor.get(self._box.log)
        if position is None:
            return None
        self._reached = position
        number, _, generation = position.part.partition("#")
        return PassingFile(int(number), int(generation or 0), position.number, position.check)

    def _verified(self, passing: Passing) -> list[Notice]:
        """Compare the last known passing with the one just sent: a difference means that the log was cleared."""
        live = self.live
        assert live is not None
        self._verify = 0
        known = self._cursor[self._box.log].check
        if known and known != passing.check:
            self.live = PassingFile(live.number, live.generation + 1)
            self.live.had.expect(live.had.top)
            return self._restarted(passing, live)
        return []

    # --- queries

    def refused(self) -> list[Message]:
        """End a query that the box does not know. Raises ConnectionFault."""
        self._pull_failures = PULL_FAILURES
        return self.answered(complete=False)

    def tick(self, now: Now) -> list[Message]:
        """End an answer that does not go on. Raises ConnectionFault."""
        late = self.query is not None and now.steady_s - self.query.heard_s > ANSWER_S
        return self.answered(complete=False) if late else []

    def ask(self, now: Now) -> list[Message]:
        """Send the next command or else the next query, unless an answer is awaited."""
        live = self.live
        messages = self._ended_by_its_numbers(now)
        if self.query or self._commands.send_next(now.steady_s):
            return messages
        if live is None or not self._fetches or not self.stored:
            return messages
        if self._verify:
            self.query = Query(now.steady_s, live.part, self._verify, self._verify, verifies=True)
            self._request(f"{self._verify}:1")
        elif self._ended:
            self.query = Query(now.steady_s, self._ended[0].part, file=self._ended[0].number)
            self._request(f"GETFILE;{self._ended[0].number}")
        elif not self._recount and (gap := live.had.gap):
            first, last = gap[0], min(gap[1], gap[0] + PULL_MAX - 1)
            self.query = Query(now.steady_s, live.part, first, last)
            self._request(f"{first}:{last - first + 1}")
        elif self._back and not self._recount:
            file = self._back.file
            self.query = Query(now.steady_s, file.part, file=file.number)
            self._request(f"GETFILE;{file.number}")
        return messages

    def _request(self, query: str) -> None:
        self._memory.queries += 1
        self._send(query)

    def _ended_by_its_numbers(self, now: Now) -> list[Message]:
        """End an answer that has every passing asked for, of a box that sends no empty line after it."""
        query = self.query
        if query is None or query.file is not None or now.steady_s - query.heard_s < UNENDED_S:
            return []
        complete = query.got > query.last - query.first
        return self.answered(complete=True) if complete else []

    def answered(self, complete: bool) -> list[Message]:
        """End an answer, by its empty line or by time. Missing passings are asked for again and finally given up."""
        query, self.query = self.query, None
        live = self.live
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
        self._commands.poll("PASSINGS")  # shows whether it is still there
        if self._pull_failures < PULL_FAILURES:
            return []
        self._commands.lacks["passings"] = PULL_FAILURES
        self._commands.add("SETPUSHPASSINGS;1;1")  # some boxes push stored passings then
        self.give_up_stored()
        return [*lacking_notices(self._commands, self._box.where, self._notices)]

    def _lacked(self) -> list[Message]:
        """Give up passings that the current file, asked PULL_TRIES times, did not give."""
        (query, self._lacking), live = (self._lacking, None), self.live
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
            messages.append(CursorAdvanced(self._box.log, file.position()))
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
            f"{passings} of {self._box.log} did not come after {PULL_TRIES} queries; read them out of the decoder by"
            " hand"
        )
        return Notice(self._box.where, "gap", None, text)

    def moved(self) -> list[Message]:
        """Return how far the current file was fetched, when that changes and nothing before it is missing."""
        if self.live is None or self._ended or self._back or self._verify or not self.stored:
            return []
        position = self.live.position()
        if position == self._reached:
            return []
        self._reached = position
        return [CursorAdvanced(self._box.log, position)]
