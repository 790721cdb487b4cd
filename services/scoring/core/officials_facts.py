"""The officials' facts of an event: all that were logged, those in force, and the ids in use. Source: R1."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from schemas.events import (
    EventArchived,
    EventDefined,
    EventReopened,
    Fact,
    FactWithdrawn,
    LoggedFact,
    NoticeReceived,
    Read,
    ReadRow,
    ReadsLogged,
    ReadsReceived,
    Ruling,
)
from services.scoring.core.rulings import Rulings
from services.scoring.core.start_signals import latest_signals
from services.scoring.core.withdrawals import Withdrawals


class LoggedRuling(NamedTuple):
    """An officials' fact with its place in the log: its record, and its number among the record's facts and entries."""

    offset: int
    ordinal: int
    fact: Ruling


class OfficialsFacts:
    """What is known of an event without its reads and its results. `fold` applies facts in log order.

    `head` is the offset of the last record that was folded, -1 before the first. `archived`: the last fact, whatever
    became of it, archives the event. `signals` are the latest start signals, in log order, withdrawn or not.
    """

    def __init__(self, event: str) -> None:
        self.event = event
        self.head = -1
        self.archived = False
        self.rulings = Rulings()
        self.logged: list[LoggedRuling] = []
        self.ids: set[str] = set()
        self.signals: list[NoticeReceived] = []
        self._withdrawals = Withdrawals()

    def fold(self, offset: int, ordinal: int, fact: LoggedFact | Fact) -> str | None:
        """Fold one fact of the record at `offset`. Return the reason if it is refused: then it has no effect at all."""
        self.head = offset
        self.archived = isinstance(fact, EventArchived)
        if fact.id is not None and fact.id in self.ids:
            return None
        if isinstance(fact, EventDefined) and (reason := _refused(fact)) is not None:
            return reason
        self._use_names(offset, fact.names())
        if isinstance(fact, (ReadsLogged, ReadsReceived)):
            self._fold_reads(offset, fact.reads)
        elif isinstance(fact, NoticeReceived):
            self._fold_notice(offset, fact)
        elif not isinstance(fact, (EventArchived, EventReopened)):  # these change no standing
            self._fold_ruling(LoggedRuling(offset, ordinal, fact))
        return None

    def _use_names(self, offset: int, names: Collection[str]) -> None:
        """Note the names of the next fact as used."""
        self.ids.update(names)

    def _fold_reads(self, offset: int, reads: Iterable[Read | ReadRow]) -> None:
        """Fold the reads of a fact: here nothing, since without them only the fact's id counts."""

    def _fold_notice(self, offset: int, notice: NoticeReceived) -> None:
        """Hold a start signal; any other notice changes nothing."""
        if notice.is_start_signal():
            self.signals = latest_signals([*self.signals, notice])

    def _fold_ruling(self, ruling: LoggedRuling) -> None:
        """Fold an officials' fact."""
        self.apply(ruling)

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


def _refused(fact: EventDefined) -> str | None:
    """Return why a definition is refused; None for a valid one."""
    try:
        definition = parse_definition(fact.definition)
    except DefinitionRefused as error:
        return str(error)
    if definition.event != fact.event:
        return f"event: the definition is for event {definition.event!r}, but the fact is for {fact.event!r}"
    return None
