"""Facts folded one after the other, each with the effect that it has."""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.codec import fact_from_json
from schemas.events import Fact
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.effects import FactEffect, effect_of
from services.scoring.core.event import EventState
from services.scoring.core.officials_facts import OfficialsFacts


def effects(facts: Iterable[Fact], *, reads_known: bool = True) -> list[FactEffect]:
    """The effect of each fact in turn; without `reads_known` as ingest judges it, which does not keep reads."""
    state: EventState | None = None
    officials: OfficialsFacts | None = None
    given = []
    for offset, fact in enumerate(facts):
        state, officials = state or EventState(fact.event), officials or OfficialsFacts(fact.event)
        rows = OutlinedRows({bib: state.row(bib) for bib in list(state.rulings.bibs())})
        given.append(effect_of(state if reads_known else officials, fact, rows))
        assert state.fold(offset, 0, fact) is None
        assert officials.fold(offset, 0, fact) is None
    return given


def effect_after(*plain: dict[str, Any], reads_known: bool = True) -> FactEffect:
    """The effect of the last of these facts."""
    facts = [fact_from_json(msgspec.json.encode(fact)) for fact in plain]
    return effects(facts, reads_known=reads_known)[-1]
