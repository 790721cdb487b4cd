"""The facts of an event that wait for something, or that have nothing to act upon. Source: R1.6."""

from typing import NamedTuple

from schemas.events import NoticeReceived, ReadExcluded
from services.fact_effects.athletes import Athletes
from services.fact_effects.unknown_names import UnknownName, unknown_names
from services.scoring.core.event import EventState
from services.scoring.core.officials_facts import LoggedRuling

WAITING_MAX = 1_000  # facts listed; more would be one mistake many times


class WaitingFact(NamedTuple):
    """A fact that waits, and the unknown names in it."""

    logged: LoggedRuling
    unknown: list[UnknownName]

    def waits_for(self) -> list[str]:
        """Return what it waits for, with the nearest known names."""
        return [item.sentence() for item in self.unknown]


def waiting_facts(state: EventState, athletes: Athletes) -> list[WaitingFact]:
    """Return the facts that wait, in log order, at most WAITING_MAX. Withdrawn facts wait for nothing.

    The state must hold the reads of the chips in `excluded_chips`, and `athletes` those who have a case.
    """
    waiting: list[WaitingFact] = []
    for logged in state.logged:
        if isinstance(logged.fact, NoticeReceived) or state.is_withdrawn(logged.fact):
            continue
        unknown = unknown_names(state, logged.fact, athletes)
        if unknown:
            waiting.append(WaitingFact(logged, unknown))
            if len(waiting) == WAITING_MAX:
                break
    return waiting


def excluded_chips(state: EventState) -> set[str]:
    """Return the chips of which a fact excludes a read."""
    return {logged.fact.chip for logged in state.logged if isinstance(logged.fact, ReadExcluded)}
