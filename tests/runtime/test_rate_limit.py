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
