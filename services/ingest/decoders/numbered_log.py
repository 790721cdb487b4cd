"""Track how much of a device's numbered log was fetched: which numbers came, and the content of recent ones.

RACE RESULT's passing files and an Ultra's LogIDs work alike: records have consecutive numbers, missing ones are asked
for again, and the owner may clear the log, after which numbers restart. The content of recent records is remembered,
since only that tells a repeated record from another one with the same number.
"""

from collections import OrderedDict

from services.ingest.decoders.messages import Position
from services.ingest.decoders.sequence_gaps import Coverage

RECENT_MAX = 10_000  # records whose content is remembered


class NumberedLog:
    """One log of a device. `part` is its name in a cursor, `through` its last number before this connection."""

    def __init__(self, part: str, through: int = 0, check: str = "") -> None:
        self.part = part
        self.had = Coverage(through)
        self._checks: OrderedDict[int, str] = OrderedDict([(through, check)] if check else [])

    def known(self, number: int) -> str:
        """Return the content of a record, empty if it is not remembered."""
        return self._checks.get(number, "")

    def remember(self, number: int, check: str) -> None:
        """Remember the content of a record; beyond RECENT_MAX forget the oldest."""
        self._checks[number] = check
        if len(self._checks) > RECENT_MAX:
            self._checks.popitem(last=False)

    def position(self) -> Position:
        """Return the position up to which the log was fetched without a gap."""
        return Position(self.part, self.had.through, self.known(self.had.through))
