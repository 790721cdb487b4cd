"""The progress of each gateway session: where it continues, how many reads were repeated, how many numbers lack."""

from bisect import bisect_left
from collections import Counter, OrderedDict
from typing import NamedTuple

from msgspec import Struct, field

from schemas.events import ReadRow

SESSIONS_MAX = 10_000  # beyond it, the session heard least recently is forgotten; only its counts are lost
GAPS_MAX = 1_000  # of a session; beyond it the oldest is no longer counted


class Progress(NamedTuple):
    """The next number of a session, how many of the rows just counted were repeated, and how many numbers lack.

    `missing` are numbers between the session's reads that have not come: they may be on their way by another request.
    """

    next_seq: int
    repeated: int
    missing: int


class _Session(Struct):
    """`gaps` are the runs of numbers that have not come, each by its first and last, ascending."""

    highest: int
    gaps: list[tuple[int, int]] = field(default_factory=list)

    def missing(self) -> int:
        return sum(last - first + 1 for first, last in self.gaps)

    def skip(self, first: int, last: int) -> None:
        """Note that numbers have been skipped."""
        if first <= last:
            self.gaps.append((first, last))
            del self.gaps[:-GAPS_MAX]

    def fill(self, number: int) -> bool:
        """Take a number out of its gap; return False if it is in none."""
        nth = bisect_left(self.gaps, (number + 1,)) - 1
        if nth < 0 or self.gaps[nth][1] < number:
            return False
        first, last = self.gaps[nth]
        self.gaps[nth : nth + 1] = [run for run in ((first, number - 1), (number + 1, last)) if run[0] <= run[1]]
        return True


class Sessions:
    """The acknowledged numbers of each (event, gateway, session) since ingest began."""

    def __init__(self, limit: int = SESSIONS_MAX) -> None:
        self._limit = limit
        self._sessions: OrderedDict[tuple[str, str, str], _Session] = OrderedDict()
        self._missing: Counter[tuple[str, str]] = Counter()

    def missing(self, event: str, gateway: str) -> int:
        """Return how many numbers lack in all sessions of a gateway."""
        return self._missing[event, gateway]

    def advance(self, event: str, gateway: str, session: str, rows: list[ReadRow]) -> Progress:
        """Count rows that Kafka has acknowledged, and return the session's progress."""
        key = (event, gateway, session)
        known = self._sessions.get(key)
        if not rows:
            return Progress(0, 0, 0) if known is None else Progress(known.highest + 1, 0, known.missing())
        numbers = sorted([row.seq for row in rows])
        if known is None:
            known = self._sessions[key] = _Session(numbers[0] - 1)
        before = known.missing()
        repeated = 0
        for number in numbers:
            if number == known.highest + 1:  # the usual case
                known.highest = number
            elif number > known.highest:
                known.skip(known.highest + 1, number - 1)
                known.highest = number
            elif not known.fill(number):
                repeated += 1
        missing = known.missing()
        self._count(event, gateway, missing - before)
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._limit:
            (event, gateway, _), forgotten = self._sessions.popitem(last=False)
            self._count(event, gateway, -forgotten.missing())
        return Progress(known.highest + 1, repeated, missing)

    def _count(self, event: str, gateway: str, change: int) -> None:
        self._missing[event, gateway] += change
        if not self._missing[event, gateway]:
            del self._missing[event, gateway]
