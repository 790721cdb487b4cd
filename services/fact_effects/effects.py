"""The effect of a fact on an event, for the official who sends it or asks what it would do. Source: R1.10."""

from typing import Literal

import msgspec
from msgspec import Struct

from schemas.events import Fact, LoggedFact, NoticeReceived, ReadExcluded, ReadsLogged, ReadsReceived, Ruling
from services.fact_effects.athletes import Athletes
from services.fact_effects.fact_warnings import fact_warnings
from services.fact_effects.unchanged import logged_with_id, unchanged
from services.fact_effects.unknown_names import unknown_names
from services.formatting.times import LocalClock
from services.scoring.core.event import EventState
from services.scoring.core.officials_facts import OfficialsFacts

Effect = Literal["applied", "pending", "repeated", "no_change", "unknown"]
"""`pending`: the fact names something that is not there; `repeated`: its id is in use; `no_change`: it says what is so
already; `unknown`: what would be needed to say so is not known where it is asked."""


class FactEffect(Struct, frozen=True):
    """The effect of a fact, why it is not applied at once, and what the official should look at."""

    effect: Effect
    why: str | None = None
    warnings: list[str] = []


def effect_of(state: OfficialsFacts, fact: Fact | LoggedFact, athletes: Athletes) -> FactEffect:
    """Return the effect that a fact has when it is folded into the state next. The fact must be one that is accepted.

    `athletes` are those whose results are known. An EventState must hold the event's reads.
    """
    if fact.id is not None and fact.id in state.ids:
        return FactEffect("repeated", _repeated(state, fact, fact.id))
    if isinstance(fact, (ReadsReceived, ReadsLogged, NoticeReceived)):
        return FactEffect("applied")
    if state.is_withdrawn(fact):
        return FactEffect("no_change", f"a withdrawal of the id {fact.id!r} came before it")
    warnings = fact_warnings(state, fact, athletes)
    unknown = unknown_names(state, fact, athletes)
    if unknown:
        return FactEffect("pending", "; ".join(item.sentence() for item in unknown), warnings)
    if (why := unchanged(state, fact)) is not None:
        return FactEffect("no_change", why, warnings)
    return _applied(state, fact, warnings)


def _applied(state: OfficialsFacts, fact: Ruling, warnings: list[str]) -> FactEffect:
    if isinstance(fact, ReadExcluded) and not isinstance(state, EventState):
        return FactEffect(
            "unknown", "whether there is such a read is not known here; the list of pending facts shows it", warnings
        )
    return FactEffect("applied", None, warnings)


def _repeated(state: OfficialsFacts, fact: Fact | LoggedFact, fact_id: str) -> str:
    """Return since when an id is in use, and whether that fact says the same."""
    earlier = logged_with_id(state, fact_id)
    if earlier is None:
        return f"the id {fact_id!r} is in use by a reader's fact; send this one with another id"
    since = f"since record {earlier.offset} of the log"
    if earlier.fact.recorded_at_us is not None:
        since += f", {LocalClock(state.rulings.definition).at(earlier.fact.recorded_at_us)}"
    by = "" if earlier.fact.by is None else f", by {earlier.fact.by}"
    if _content(earlier.fact) == _content(fact):
        return f"the id {fact_id!r} is in use {since}{by}; that fact says the same"
    return f"the id {fact_id!r} is in use {since}{by}; that fact says something else: send this one with another id"


def _content(fact: Fact | LoggedFact) -> Fact | LoggedFact:
    """Return a fact without what the log adds to it."""
    return msgspec.structs.replace(fact, by=None, recorded_at_us=None)
