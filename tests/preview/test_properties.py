"""A preview is exactly what the same facts change once they are on the log, and it leaves no trace."""

import os
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.preview.previewer import Previewer
from tests.oracle.folding import typed
from tests.oracle.logs import log_of
from tests.preview.previewed import committed, comparable, is_reads, previewed

TRIED_MAX = 4
thorough = settings(max_examples=int(os.environ.get("MATLINE_PROPERTY_LOGS", "100")), deadline=None)


def race_and_facts(seed):
    """A log up to somewhere, and a few of the officials' facts that follow it, or of other places of it."""
    rng = Random(seed)
    log = typed(log_of(seed))
    cut = rng.randint(1, len(log))
    later = [fact for fact in log[cut:] if not is_reads(fact)]
    if rng.random() < 0.3:
        later = [fact for fact in log if not is_reads(fact)]
    tried = rng.sample(later, k=min(len(later), rng.randint(1, TRIED_MAX)))
    assume(tried)
    return log[:cut], tried


@thorough
@given(st.integers(0, 2**32 - 1))
def test_a_preview_is_what_the_facts_change_once_they_are_on_the_log(seed):
    facts, tried = race_and_facts(seed)
    assert comparable(previewed(facts, tried)) == committed(facts, tried)


@thorough
@given(st.integers(0, 2**32 - 1))
def test_a_preview_of_a_log_that_has_grown_leaves_no_trace_of_earlier_ones(seed):
    facts, tried = race_and_facts(seed)
    previewer = Previewer()
    for cut in sorted(Random(seed).sample(range(1, len(facts) + 1), k=min(3, len(facts)))):
        previewed(facts[:cut], tried, previewer)
    assert previewed(facts, tried, previewer) == previewed(facts, tried)
