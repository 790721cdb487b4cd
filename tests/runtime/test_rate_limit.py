"""Turns: so much a second, some at once after a quiet time."""

import pytest

from services.runtime.rate_limit import RateLimiter


def test_after_a_quiet_time_some_go_at_once_and_the_rest_in_turn():
    turns = RateLimiter(10, 3, lambda: 5.0)
    assert [turns.take() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_turns_come_back_with_time_and_no_more_than_there_were():
    now_s = 0.0
    turns = RateLimiter(10, 3, lambda: now_s)
    assert turns.take(3) == pytest.approx(0)
    now_s = 0.1
    assert (turns.take(), turns.take()) == pytest.approx((0, 0.1))
    now_s = 100.0
    assert [turns.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_many_turns_taken_together_take_as_long_as_one_after_another():
    assert RateLimiter(4, 0, lambda: 0.0).take(10) == pytest.approx(2.5)


def test_what_would_have_to_wait_is_refused_and_costs_nothing():
    now_s = 100.0
    limiter = RateLimiter(8, 4, lambda: now_s)
    assert [limiter.try_take() for _ in range(6)] == [True] * 4 + [False] * 2
    now_s += 1 / 8
    assert [limiter.try_take(), limiter.try_take()] == [True, False]


def test_a_full_limiter_can_be_overdrawn_once():
    now_s = 100.0
    limiter = RateLimiter(8, 4, lambda: now_s)
    assert not limiter.try_take(12)
    assert limiter.try_take(12, more_when_full=True)
    now_s += 1.0
    assert not limiter.try_take(1, more_when_full=True)
    now_s += 0.5
    assert limiter.try_take(4, more_when_full=True)
