"""Pauses between attempts double, have a bound, and differ by chance where many wait at once."""

import pytest

from services.runtime.backoff import Backoff


def test_pauses_double_up_to_their_bound():
    backoff = Backoff(0.5, 3.0)
    assert [backoff.pause_s(failures) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("failures", [1, 3, 100_000])
def test_jitter_leaves_out_a_part_and_never_adds_one(failures):
    exact = Backoff(0.2, 10.0).pause_s(failures)
    for _ in range(100):
        assert exact / 2 <= Backoff(0.2, 10.0, jitter=0.5).pause_s(failures) <= exact


def test_a_first_pause_beyond_the_bound_is_the_bound():
    assert Backoff(10.0, 2.0).pause_s(1) == 2.0
