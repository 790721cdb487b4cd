"""How far each gateway session has come: says where a gateway goes on, and counts repeated and skipped reads."""

from collections import OrderedDict
from typing import NamedTuple

from schemas.events import ReadRow

SESSIONS_MAX = 10_000  # the one heard least recently is forgotten; it only loses its counts


class Progress(NamedTuple):
    """Progress of a session by acknowledged rows."""

    next_seq: int
    repeated: int
    skipped: int


class Sessions:
    """Highest acknowledged `seq` of each (event, gateway, session) since ingest began."""

    def __init__(self, limit: int = SESSIONS_MAX) -> None:
        self._limit = limit
        self._highest: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def advance(self, event: str, gateway: str, session: str, rows: list[ReadRow]) -> Progress:
        """Count in rows that Kafka has acknowledged."""
        key = (event, gateway, session)
        before = self._highest.get(key)
        if not rows:
            return Progress(0 if before is None else before + 1, 0, 0)
        numbers = [row.seq for row in rows]
        lowest, highest = min(numbers), max(numbers)
        if before is not None and lowest > before and highest - lowest + 1 == len(numbers):  # as it nearly always is
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
