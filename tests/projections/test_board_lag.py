"""How long accepted facts wait for the boards."""

import random

from services.projections.board_lag import JOINED_US, BoardLag

SECOND_US = 1_000_000


def test_an_event_waits_since_its_oldest_fact_that_is_not_shown_and_each_event_by_itself():
    lag = BoardLag()
    lag.accepted(0, 10, "a", 100 * SECOND_US)
    lag.accepted(0, 11, "b", 101 * SECOND_US)
    lag.accepted(0, 12, "a", 105 * SECOND_US)
    assert lag.lag_us(110 * SECOND_US) == {"a": 10 * SECOND_US, "b": 9 * SECOND_US}
    lag.shown(0, 11)
    assert lag.lag_us(110 * SECOND_US) == {"a": 5 * SECOND_US}
    lag.shown(0, 12)
    assert lag.lag_us(110 * SECOND_US) == {}


def test_facts_that_are_shown_before_the_audit_sees_them_do_not_wait():
    lag = BoardLag()
    lag.shown(0, 11)
    lag.accepted(0, 11, "a", 0)
    lag.accepted(1, 3, "b", 0)
    assert lag.lag_us(SECOND_US) == {"b": SECOND_US}


def test_the_lag_of_any_deliveries_is_that_of_the_plain_list_up_to_what_is_joined():
    rng = random.Random(4)
    for _ in range(200):
        lag, waiting, now_us = BoardLag(), [], 0
        for offset in range(60):
            now_us += rng.randrange(0, 2 * JOINED_US)
            event = rng.choice("abc")
            lag.accepted(0, offset, event, now_us)
            waiting.append((offset, event, now_us))
            if rng.random() < 0.2:
                through = rng.randrange(offset + 1)
                lag.shown(0, through)
                waiting = [known for known in waiting if known[0] > through]
            shown_us = lag.lag_us(now_us)
            for event in "abc":
                own = [at_us for _, name, at_us in waiting if name == event]
                assert (event in shown_us) == bool(own)
                if own:
                    assert 0 <= shown_us[event] - (now_us - min(own)) <= JOINED_US
