"""Numbers that have come and gaps between them, against plain sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.sequence_gaps import JUMP_MAX, RANGES_MAX, Coverage


@given(st.integers(0, 5), st.lists(st.integers(0, 40), max_size=60))
def test_it_agrees_with_a_set(through: int, numbers: list[int]):
    had = Coverage(through)
    plain = set(range(through + 1))
    for number in numbers:
        assert had.add(number) == (number not in plain)
        plain.add(number)
        top = max(plain)
        lacking = [n for n in range(top) if n not in plain]
        assert had.top == top
        assert had.missing == len(lacking)
        if lacking:
            last = next(n for n in range(lacking[0], top + 1) if n + 1 in plain)
            assert had.gap == (lacking[0], last)
            assert had.through == lacking[0] - 1
        else:
            assert (had.gap, had.through) == (None, top)
    assert all((number in had) == (number in plain) for number in range(45))


def test_an_expected_number_is_missing_until_it_comes():
    had = Coverage(3)
    had.expect(9)
    assert (had.gap, had.missing) == ((4, 9), 6)


def test_skipped_numbers_are_not_requested_again():
    had = Coverage(3)
    for number in (6, 9):
        had.add(number)
    had.skip(5)
    assert (had.through, had.gap) == (6, (7, 8))


def test_a_number_too_far_to_be_true_is_refused():
    had = Coverage(3)
    with pytest.raises(ValueError):
        had.add(4 + JUMP_MAX)
    assert (had.top, had.missing) == (3, 0)


def test_it_remembers_a_bounded_number_of_ranges_and_forgets_none_of_the_gaps():
    had = Coverage()
    for number in range(2, 4 * RANGES_MAX, 2):
        had.add(number)
    assert had.top == 4 * RANGES_MAX - 2
    assert had.missing == had.top - RANGES_MAX
    had.add(1)
    assert (had.through, had.gap) == (2, (3, 3))
