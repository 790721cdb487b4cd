"""A device's numbered log as far as it was fetched: which numbers came, and what they were.

RACE RESULT's passing files and an Ultra's LogIDs are the same thing to us: records with consecutive numbers, which are
asked for again where some are missing, in a log that its owner may clear so that the numbers begin again. The content
of recent records is remembered, since that alone distinguishes a repeated record from another one of the same number.
"""

from collections import OrderedDict

from services.ingest.decoders.messages import Position
from services.ingest.decoders.sequence_gaps import Coverage

RECENT_MAX = 10_000  # records of which the content is remembered


class NumberedLog:
    """One log of a device. `part` is its name in a cursor, `through` the last number of it before this connection."""

    def __init__(self, part: str, through: int = 0, check: str = "") -> None:
        self.part = part
        self.had = Coverage(through)
        self._checks: OrderedDict[int, str] = OrderedDict([(through, check)] if check else [])

    def known(self, number: int) -> str:
        """Return the content of a number, empty where it is not remembered."""
        return self._checks.get(number, "")

    def remember(self, number: int, check: str) -> None:
        """Keep the content of a number, in place of the one that was kept longest."""
        self._checks[number] = check
        if len(self._checks) > RECENT_MAX:
            self._checks.popitem(last=False)

    def position(self) -> Position:
        """Return how far it was fetched without a gap."""
        return Position(self.part, self.had.through, self.known(self.had.through))
