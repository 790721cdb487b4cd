"""Track which numbers of a device's log have come: all up to a number, and ranges beyond it with gaps between."""

from bisect import bisect_right

RANGES_MAX = 1_000  # ranges beyond a gap that are remembered; a forgotten one is asked for again
JUMP_MAX = 10_000_000  # no log grows this much between two numbers: a larger step is a damaged number


class Coverage:
    """The numbers of one log, from `through` on: every number up to it has come or will not be asked for.

    `top` is the highest number that the log is known to have.
    """

    def __init__(self, through: int = 0) -> None:
        self.through = through
        self.top = through
        self._starts: list[int] = []  # of ranges beyond `through`, ascending, apart
        self._ends: list[int] = []

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._starts, number) - 1
        return number <= self.through or (index >= 0 and number <= self._ends[index])

    def add(self, number: int) -> bool:
        """Count a number, and return whether it is new. Raises ValueError for an implausibly high one."""
        self.expect(number)
        if number in self:
            return False
        index = bisect_right(self._starts, number)
        before = index > 0 and self._ends[index - 1] == number - 1
        after = index < len(self._starts) and self._starts[index] == number + 1
        if before and after:
            self._ends[index - 1] = self._ends.pop(index)
            del self._starts[index]
        elif before:
            self._ends[index - 1] = number
        elif after:
            self._starts[index] = number
        else:
            self._starts.insert(index, number)
            self._ends.insert(index, number)
        self._close_up()
        if len(self._starts) > RANGES_MAX:
            del self._starts[-1], self._ends[-1]
        return True

    def expect(self, top: int) -> None:
        """Note that the log has numbers up to `top`. Raises ValueError for an implausibly high one."""
        if top > self.top + JUMP_MAX:
            raise ValueError(
                f"number {top} is more than {JUMP_MAX} above {self.top}, the highest known one, so it is damaged"
            )
        self.top = max(self.top, top)

    def skip(self, last: int) -> None:
        """Give up missing numbers up to `last`."""
        self.through = max(self.through, last)
        self.top = max(self.top, last)
        self._close_up()

    def _close_up(self) -> None:
        while self._starts and self._starts[0] <= self.through + 1:
            self.through = max(self.through, self._ends.pop(0))
            del self._starts[0]

    @property
    def gap(self) -> tuple[int, int] | None:
        """The first missing range, its first and last number; null if nothing is missing."""
        if self.through == self.top:
            return None
        return self.through + 1, self._starts[0] - 1 if self._starts else self.top

    @property
    def missing(self) -> int:
        """How many numbers are missing."""
        return self.top - self.through - sum(self._ends) + sum(self._starts) - len(self._starts)
