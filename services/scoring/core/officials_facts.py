"""The officials' facts of an event: all that were logged, those in force, and the ids in use. Source: R1."""

from typing import NamedTuple

from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from schemas.events import (
    EventDefined,
    Fact,
    FactWithdrawn,
    LoggedFact,
    NoticeReceived,
    ReadsLogged,
    ReadsReceived,
    Ruling,
)
from services.scoring.core.rulings import Rulings
from services.scoring.core.withdrawals import Withdrawals


class LoggedRuling(NamedTuple):
    """An officials' fact with its place in the log: its record, and its number among the record's facts and entries."""

    offset: int
    ordinal: int
    fact: Ruling


class OfficialsFacts:
    """What is known of an event without its reads and its results. `fold` applies facts in log order."""

    def __init__(self, event: str) -> None:
        self.event = event
        self.rulings = Rulings()
        self.logged: list[LoggedRuling] = []
        self.ids: set[str] = set()
        self._withdrawals = Withdrawals()

    def fold(self, offset: int, ordinal: int, fact: LoggedFact | Fact) -> str | None:
        """Fold one fact of the record at `offset`; of reads only the id counts.

        Return the reason if the fact is refused: then it has no effect at all.
        """
        if fact.id is not None and fact.id in self.ids:
            return None
        if isinstance(fact, EventDefined) and (reason := refused(fact)) is not None:
            return reason
        self.ids.update(fact.names())
        if not isinstance(fact, (ReadsLogged, ReadsReceived, NoticeReceived)):  # a notice changes no standing
            self.apply(LoggedRuling(offset, ordinal, fact))
        return None

    def apply(self, ruling: LoggedRuling) -> None:
        """Add a fact to the logged facts and, unless it is withdrawn, to those in force."""
        fact = ruling.fact
        self.logged.append(ruling)
        if isinstance(fact, FactWithdrawn):
            self._withdrawals.add(fact)
            self._rebuild()
        elif not self._withdrawals.hit(fact):
            self.rulings.apply(ruling.offset, ruling.ordinal, fact)

    def _rebuild(self) -> None:
        self.rulings = Rulings()
        for ruling in self.logged:
            if not self._withdrawals.hit(ruling.fact):
                self.rulings.apply(ruling.offset, ruling.ordinal, ruling.fact)

    def is_withdrawn(self, fact: Ruling) -> bool:
        """Return whether a fact is withdrawn, and so counts as if it had never been logged."""
        return self._withdrawals.hit(fact)


def refused(fact: EventDefined) -> str | None:
    """Return why a definition is refused; None for a valid one."""
    try:
        definition = parse_definition(fact.definition)
    except DefinitionRefused as error:
        return str(error)
    if definition.event != fact.event:
        return f"event: the definition is for event {definition.event!r}, but the fact is for {fact.event!r}"
    return None
