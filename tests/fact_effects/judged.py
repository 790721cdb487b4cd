"""Facts folded one after the other, each with the effect that it has."""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.codec import fact_from_json
from schemas.events import Fact, ReadsReceived
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.effects import FactEffect, effect_of
from services.scoring.core.event import EventState


def effects(facts: Iterable[Fact], *, reads_known: bool = True) -> list[FactEffect]:
    """The effect of each fact in turn. Without `reads_known` reads are left out, as at ingest."""
    state: EventState | None = None
    given = []
    for offset, fact in enumerate(facts):
        state = state or EventState(fact.event)
        if isinstance(fact, ReadsReceived) and not reads_known:
            continue
        rows = OutlinedRows([state.row(bib) for bib in list(state.rulings.bibs())])
        given.append(effect_of(state, fact, rows, reads_known=reads_known))
        assert state.fold(offset, 0, fact) is None
    return given


def effect_after(*plain: dict[str, Any], reads_known: bool = True) -> FactEffect:
    """The effect of the last of these facts."""
    facts = [fact_from_json(msgspec.json.encode(fact)) for fact in plain]
    return effects(facts, reads_known=reads_known)[-1]
