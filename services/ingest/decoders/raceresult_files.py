"""What is fetched from a RACE RESULT decoder: its passing files, and the question that it is answering."""

from msgspec import Struct

from services.ingest.decoders.numbered_log import NumberedLog
from services.ingest.decoders.raceresult_passing import Passing

EMPTY_BACK_MAX = 5  # files without a passing in a row, after which no earlier one is looked for


class PassingFile(NumberedLog):
    """A passing file as far as it was fetched. Its part in a cursor is its number, and after `#` which log of that
    number it is, where a decoder's files were cleared.
    """

    def __init__(self, number: int, generation: int, through: int = 0, check: str = "") -> None:
        super().__init__(f"{number}#{generation}" if generation else str(number), through, check)
        self.number = number
        self.generation = generation
        self.known_before = through  # before this connection

    def add(self, passing: Passing) -> bool:
        """Count a passing in; true if it is new. Raises ValueError."""
        if not self.had.add(passing.number):
            return False
        self.remember(passing.number, passing.check)
        return True

    def repeats(self, passing: Passing) -> bool:
        """Whether this passing is the one of its number that is remembered."""
        return self.known(passing.number) == passing.check


class WalkBack:
    """The walk back through the files of a decoder that is new to us.

    `file` is the one being looked through, `recent` whether it has a passing of the last day, `empty` how many files
    before it had none at all.
    """

    def __init__(self, number: int) -> None:
        self.file = PassingFile(number, 0)
        self.recent = False
        self.empty = 0

    def further(self, got: int) -> bool:
        """Move to the file before; false when there is no need."""
        self.empty = 0 if got else self.empty + 1
        number = self.file.number - 1
        if number < 1 or self.empty > EMPTY_BACK_MAX or (got and not self.recent):
            return False
        self.file, self.recent = PassingFile(number, 0), False
        return True


class Question(Struct):
    """A question that the decoder is answering with passings.

    It asks for those from `first` to `last` of the current file, which was `part` when it was asked, or for a whole
    `file`. `heard_s` is when the last of them came, `got` how many did.
    """

    heard_s: float
    part: str
    first: int = 0
    last: int = 0
    file: int | None = None
    verifies: bool = False
    got: int = 0
