"""Facts folded into a copy of an event's state, and the results that they would give. Nothing of it is kept.

The state has the event's rulings but no reads: those of the athletes whom the facts affect are put in.
"""

from collections.abc import Iterable, Mapping, Sequence

from schemas.events import Ruling
from schemas.fact_kinds import AsFact, ReadBy
from schemas.results import AthleteRow, EventRow
from services.fact_effects.athletes import Athletes
from services.fact_effects.effects import FactEffect, effect_of
from services.preview.copied_state import copied
from services.preview.held_reads import HeldReads
from services.scoring.core.athlete import score
from services.scoring.core.event import EventState
from services.scoring.core.reads import ChipReads


def devices_concerned(state: EventState, facts: Iterable[Ruling]) -> set[str]:
    """Return the devices whose readers' athletes the facts affect, also by facts that they withdraw.

    Who was read by them has to be known before the facts are folded.
    """
    by_name: dict[str, list[Ruling]] = {}
    waiting = list(facts)
    for fact in [*(logged.fact for logged in state.logged), *waiting]:
        for name in fact.names():
            by_name.setdefault(name, []).append(fact)
    devices: set[str] = set()
    seen: set[str] = set()
    while waiting:
        for scope in waiting.pop().scopes():
            if isinstance(scope, ReadBy):
                devices.add(scope.device)
            elif isinstance(scope, AsFact) and scope.fact not in seen:
                seen.add(scope.fact)
                waiting += by_name.get(scope.fact, [])
    return devices


class Trial:
    """The state after the facts, which have the next offset of the log; `bibs` are the athletes whom they affect.

    `effects` has each fact with its effect, which is judged after the facts before it. `reads` must have the chips of
    which a fact excludes a read, and those that the devices of `devices_concerned` read; before `rows` is called, also
    the `chips` of all these athletes. `others` are all chips that were read, if one that is excluded was not: it may be
    one of them.
    """

    def __init__(
        self,
        state: EventState,
        reads: HeldReads,
        revision: int,
        facts: Sequence[Ruling],
        athletes: Athletes,
        others: Iterable[str],
    ) -> None:
        self.state = copied(state)
        self.state.hold({**{chip: ChipReads() for chip in others}, **reads.chips}, reads.devices)
        ordinal = 0
        self.effects: list[tuple[Ruling, FactEffect]] = []
        for fact in facts:
            self.effects.append((fact, effect_of(self.state, fact, athletes)))
            self.state.fold(revision + 1, ordinal, fact)
            ordinal += fact.ordinals()
        self.bibs = self.state.due()
        self.state.chips = reads.chips

    def chips(self) -> list[str]:
        """Return the chips whose reads the results of these athletes rest on."""
        return list(dict.fromkeys(chip for bib in self.bibs for chip in self.state.chips_of(bib)))

    def rows(self) -> list[AthleteRow]:
        """Return the results of these athletes after the facts."""
        return [self.state.row(bib) for bib in self.bibs]

    def event(self) -> EventRow:
        """Return the row of the event after the facts."""
        return self.state.event_row()


def misfits(state: EventState, reads: HeldReads, served: Mapping[str, AthleteRow], bibs: Iterable[str]) -> list[str]:
    """Return those athletes whose served result is another than that by the state and the reads.

    A fact or read behind their result has then not arrived yet.
    """
    places = reads.devices.places(state.rulings)
    wrong: list[str] = []
    for bib in bibs:
        row = served.get(bib)
        if not state.was_entered(bib):
            known = row is None
        elif row is None:
            known = False
        else:
            known = row == score(state.event, state.rulings, places, reads.chips, bib, state.chips_of(bib), row.version)
        if not known:
            wrong.append(bib)
    return wrong
