"""How long an examination waits for the last fact that changed its event."""

from services.projections.health_watch import FACTS_WAIT_S, AwaitedFacts
from tests.builders import EVENT


def test_a_fact_that_has_come_is_not_waited_for():
    assert not AwaitedFacts().waits(EVENT, 5, 5, 0.0)


def test_a_fact_is_waited_for_until_it_is_given_up_once():
    awaited = AwaitedFacts()
    assert [awaited.waits(EVENT, 5, 4, now_s) for now_s in (0.0, FACTS_WAIT_S - 1)] == [True, True]
    assert [awaited.waits(EVENT, 5, 4, FACTS_WAIT_S + later_s) for later_s in (0.0, 15.0)] == [False, False]
    assert awaited.waits(EVENT, 6, 4, FACTS_WAIT_S + 16)


def test_an_event_that_changes_faster_than_facts_come_is_examined_all_the_same():
    awaited = AwaitedFacts()
    waited = [awaited.waits(EVENT, second, second - 1, float(second)) for second in range(100)]
    assert waited.count(False) == 3
