"""In random logs, a fact that is said to change nothing, or to wait, changes nothing.

`MATLINE_AGREEMENT_LOGS` sets how many logs; a thirtieth of them is taken here, as each fact is scored twice.
"""

import json
import os

from schemas.codec import fact_from_json
from schemas.events import EntriesAdded, Fact, GunFired, ReadsReceived
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.effects import effect_of
from services.offline.scored_log import scored
from services.scoring.core.event import EventState
from services.standings.document import document
from tests.oracle.logs import log_of

LOGS = int(os.environ.get("MATLINE_AGREEMENT_LOGS", "3000")) // 30 + 1


def standings(state: EventState) -> dict[str, object]:
    """The document of a state; repeats of reads change it without changing a result."""
    return document(state.event, 0, scored(state))


def may_act_while_it_waits(fact: Fact) -> bool:
    """Entries of another race in the list apply, and a gun of nobody's wave may be the race's earliest."""
    return isinstance(fact, (EntriesAdded, GunFired))


def test_facts_without_effect_change_nothing():
    seen = {"repeated": 0, "no_change": 0, "pending": 0, "applied": 0}
    for seed in range(LOGS):
        state: EventState | None = None
        for offset, plain in enumerate(log_of(seed)):
            fact = fact_from_json(json.dumps(plain))
            state = state or EventState(fact.event)
            if isinstance(fact, ReadsReceived):
                state.fold(offset, 0, fact)
                continue
            before = standings(state)
            rows = OutlinedRows({bib: state.row(bib) for bib in list(state.rulings.bibs())})
            effect = effect_of(state, fact, rows).effect
            refused = state.fold(offset, 0, fact)
            if refused is not None:
                continue
            seen[effect] += 1
            inert = effect in ("repeated", "no_change") or (effect == "pending" and not may_act_while_it_waits(fact))
            if inert:
                assert standings(state) == before, f"log {seed}, fact {offset}: {effect}: {plain}"
    assert all(seen.values()), seen
