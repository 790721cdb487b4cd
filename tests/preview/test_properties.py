"""A preview is exactly what the same facts change once they are on the log, and it leaves no trace."""

import os
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.folding import typed
from tests.oracle.logs import log_of
from tests.preview.previewed import (
    committed,
    comparable,
    is_reads,
    plain_document,
    previewed,
    rulings_of,
    standings_of,
    state_of,
)

TRIED_MAX = 4
thorough = settings(max_examples=int(os.environ.get("MATLINE_PROPERTY_LOGS", "100")), deadline=None)


def race_and_facts(seed):
    """A log up to somewhere, and a few of the officials' facts that follow it, or of other places of it."""
    rng = Random(seed)
    log = typed(log_of(seed))
    cut = rng.randint(0, len(log))
    later = [fact for fact in log[cut:] if not is_reads(fact)]
    if rng.random() < 0.3:
        later = [fact for fact in log if not is_reads(fact)]
    return log[:cut], rng.sample(later, k=min(len(later), rng.randint(1, TRIED_MAX)))


@thorough
@given(st.integers(0, 2**32 - 1))
def test_a_preview_is_what_the_facts_change_once_they_are_on_the_log(seed):
    facts, tried = race_and_facts(seed)
    preview, _, _ = previewed(facts, tried)
    assert comparable(preview) == committed(facts, tried)


@thorough
@given(st.integers(0, 2**32 - 1))
def test_a_preview_leaves_no_trace(seed):
    facts, tried = race_and_facts(seed)
    first, state, standings = previewed(facts, tried)
    assert plain_document(state) == plain_document(rulings_of(facts))
    untouched = standings_of(state_of(facts))
    assert vars(standings).keys() == vars(untouched).keys()
    for name in ("rows", "event", "cells", "teams", "delegations"):
        assert getattr(standings, name) == getattr(untouched, name), name
    assert previewed(facts, tried)[0] == first
    assert msgspec.json.encode(first)
