"""The officials' facts of an event, folded from the table of facts as they come, without any read."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from schemas.codec import fact_from_json
from schemas.events import EntriesAdded
from services.scoring.core.event import EventState

FACTS_A_PAGE = 100  # a fact may be a list of thousands of entries, half a MiB

FACTS_AFTER = (
    " FROM facts WHERE event = {event:String}"
    " AND (offset > {offset:Int64} OR (offset = {offset:Int64} AND ordinal > {ordinal:Int64}))"
    " AND offset <= {until:Int64} ORDER BY offset, ordinal LIMIT 1 BY offset, ordinal LIMIT {most:UInt32}"
)
"""The end of a query for the next facts after a position of the log, in log order."""


class Line(NamedTuple):
    """A fact as the table of facts has it: the offset of its record, its number in the record, and the fact as JSON."""

    offset: int
    ordinal: int
    fact: str


class FoldedFacts(Struct):
    """The facts of an event up to `last` (offset, ordinal, as the table `facts` has them), folded without any read.

    Scoring counts the entries of a record one by one, the table counts its facts: `extra_ordinals` is how many more
    scoring has counted in the last record. `entries` is how many entries were folded in all.
    """

    state: EventState
    last: tuple[int, int] = (-1, -1)
    entries: int = 0
    extra_ordinals: int = 0

    def fold(self, lines: Iterable[Line]) -> None:
        """Take in further facts."""
        for line in lines:
            fact = fact_from_json(line.fact)
            if line.offset != self.last[0]:
                self.extra_ordinals = 0
            self.state.fold(line.offset, line.ordinal + self.extra_ordinals, fact)
            self.last = line.offset, line.ordinal
            self.extra_ordinals += fact.ordinals() - 1
            if isinstance(fact, EntriesAdded):
                self.entries += len(fact.entries)


def nothing_folded(event: str) -> FoldedFacts:
    """Return an event before its first fact."""
    return FoldedFacts(EventState(event))
