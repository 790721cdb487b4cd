"""The progress of each gateway session: where it continues, and how many reads were repeated or skipped."""

from collections import OrderedDict
from typing import NamedTuple

from schemas.events import ReadRow

SESSIONS_MAX = 10_000  # beyond it, the session heard least recently is forgotten; only its counts are lost


class Progress(NamedTuple):
    """The next number of a session, and how many of the rows just counted were repeated or skipped."""

    next_seq: int
    repeated: int
    skipped: int


class Sessions:
    """Highest acknowledged `seq` of each (event, gateway, session) since ingest began."""

    def __init__(self, limit: int = SESSIONS_MAX) -> None:
        self._limit = limit
        self._highest: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def advance(self, event: str, gateway: str, session: str, rows: list[ReadRow]) -> Progress:
        """Count rows that Kafka has acknowledged, and return the session's progress."""
        key = (event, gateway, session)
        before = self._highest.get(key)
        if not rows:
            return Progress(0 if before is None else before + 1, 0, 0)
        numbers = [row.seq for row in rows]
        lowest, highest = min(numbers), max(numbers)
        if before is not None and lowest > before and highest - lowest + 1 == len(numbers):  # the usual case
            repeated, skipped = 0, lowest - before - 1
        elif before is None:
            repeated, skipped = len(numbers) - len(set(numbers)), 0
        else:
            new = {number for number in numbers if number > before} if lowest <= before else set(numbers)
            repeated = len(numbers) - len(new)
            skipped = highest - before - len(new) if new else 0
            highest = max(highest, before)
        self._highest[key] = highest
        self._highest.move_to_end(key)
        if len(self._highest) > self._limit:
            self._highest.popitem(last=False)
        return Progress(highest + 1, repeated, skipped)
