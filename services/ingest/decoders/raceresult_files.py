"""The state of fetching from a RACE RESULT decoder: its passing files, and the query that it is answering."""

from collections import OrderedDict

from msgspec import Struct

from services.ingest.decoders.numbered_log import NumberedLog
from services.ingest.decoders.raceresult_passing import FIELDS, Passing

DOUBTED_MAX = 10_000  # records that are remembered until they come again
EMPTY_BACK_MAX = 5  # empty files in a row, after which no earlier one is searched


class BoxMemory:
    """What is known of the box behind a source, over all of its connections.

    `first` is the number of the first passing of a file: 1, of some compatible boxes 0. `queries` counts the queries
    for passings.
    """

    def __init__(self) -> None:
        self.first = 1
        self.queries = 0
        self._longest = 0
        self._doubted: OrderedDict[str, int] = OrderedDict()  # records, with the count of queries when they came

    def doubts(self, text: str) -> bool:
        """Return whether a record is shorter than others of this box and is not known so: it may be damaged."""
        fields = min(text.count(";") + 1, FIELDS)
        if fields >= self._longest:
            self._longest = fields
            return False
        return not self.repeated(text)

    def repeated(self, text: str) -> bool:
        """Return whether a doubtful record came just so before the last query: then it is what the box has."""
        if text in self._doubted:
            return self._doubted[text] < self.queries
        self._doubted[text] = self.queries
        if len(self._doubted) > DOUBTED_MAX:
            self._doubted.popitem(last=False)
        return False


class PassingFile(NumberedLog):
    """A passing file, and how much of it was fetched.

    Its part in a cursor is its number and, after a decoder's files were cleared, `#` and the generation.
    """

    def __init__(self, number: int, generation: int, through: int = 0, check: str = "") -> None:
        super().__init__(f"{number}#{generation}" if generation else str(number), through, check)
        self.number = number
        self.generation = generation
        self.known_before = through  # before this connection

    def add(self, passing: Passing) -> bool:
        """Count a passing, and return whether it is new. Raises ValueError."""
        if not self.had.add(passing.number):
            return False
        self.remember(passing.number, passing.check)
        return True

    def repeats(self, passing: Passing) -> bool:
        """Return whether this passing equals the remembered one with its number."""
        return self.known(passing.number) == passing.check


class WalkBack:
    """The walk back through the files of a decoder that is new to us.

    `file` is being searched, `recent` tells whether it has a passing of the last day, and `empty` counts the files
    searched just before it that had no passing.
    """

    def __init__(self, number: int) -> None:
        self.file = PassingFile(number, 0)
        self.recent = False
        self.empty = 0

    def further(self, got: int) -> bool:
        """Go to the file before. Return false if that is not needed."""
        self.empty = 0 if got else self.empty + 1
        number = self.file.number - 1
        if number < 1 or self.empty > EMPTY_BACK_MAX or (got and not self.recent):
            return False
        self.file, self.recent = PassingFile(number, 0), False
        return True


class Query(Struct):
    """A query that the decoder is answering with passings.

    It asks for passings `first` to `last` of the current file, which was `part` at that time, or for all of `file`.
    `heard_s` is when the last passing came, `got` how many came.
    """

    heard_s: float
    part: str
    first: int = 0
    last: int = 0
    file: int | None = None
    verifies: bool = False
    got: int = 0
