"""The progress of sessions: where each continues, what came again, and which numbers lack."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import ReadRow
from services.ingest.http.sessions import GAPS_MAX, Sessions


def rows(*numbers: int) -> list[ReadRow]:
    return [ReadRow(number, "S1", "A1", 0) for number in numbers]


def advance(sessions: Sessions, *numbers: int, session: str = "s"):
    return sessions.advance("e", "g", session, rows(*numbers))


def test_a_new_session_begins_at_zero():
    assert advance(Sessions()) == (0, 0, 0)


def test_the_first_reads_of_a_session_skip_nothing_wherever_they_begin():
    assert advance(Sessions(), 54_871, 54_872) == (54_873, 0, 0)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((3, 4), (5, 0, 0)),
        ((5,), (6, 0, 2)),
        ((1, 2), (3, 2, 0)),
        ((2, 3), (4, 1, 0)),
        ((0,), (3, 1, 0)),
        ((4, 3), (5, 0, 0)),
        ((3, 3), (4, 1, 0)),
        ((4, 6), (7, 0, 2)),
        ((), (3, 0, 0)),
    ],
)
def test_reads_after_number_two_go_on_repeat_or_skip(numbers, expected):
    sessions = Sessions()
    advance(sessions, 1, 2)
    assert advance(sessions, *numbers) == expected


def test_numbers_that_were_only_late_lack_no_more_and_are_no_repeats():
    sessions = Sessions()
    assert advance(sessions, 1, 2, 6) == (7, 0, 3)
    assert advance(sessions, 4) == (7, 0, 2)
    assert advance(sessions, 4) == (7, 1, 2)
    assert advance(sessions, 3, 5) == (7, 0, 0)
    assert sessions.missing("e", "g") == 0


def test_a_race_delivered_in_any_order_without_loss_lacks_nothing():
    numbers = list(range(3_000))
    random.Random(1).shuffle(numbers)
    sessions = Sessions()
    advance(sessions, 0)
    for start in range(0, len(numbers), 50):
        advance(sessions, *numbers[start : start + 50])
    assert sessions.missing("e", "g") == 0


def test_what_lacks_is_counted_over_all_sessions_of_a_gateway_and_forgotten_with_them():
    sessions = Sessions(limit=2)
    advance(sessions, 1, 3)
    advance(sessions, 1, 5, session="t")
    assert sessions.missing("e", "g") == 4
    assert sessions.missing("e", "h") == 0
    advance(sessions, 1, session="u")
    assert sessions.missing("e", "g") == 3


def test_the_number_of_gaps_is_bounded():
    sessions = Sessions()
    assert advance(sessions, *range(0, 4 * GAPS_MAX, 2)).missing == GAPS_MAX


def test_sessions_of_other_gateways_and_events_are_independent():
    sessions = Sessions()
    advance(sessions, 7)
    assert advance(sessions, 1, session="t") == (2, 0, 0)
    assert sessions.advance("e", "h", "s", rows(1)) == (2, 0, 0)
    assert sessions.advance("f", "g", "s", rows(1)) == (2, 0, 0)
    assert advance(sessions) == (8, 0, 0)


def test_the_least_recently_used_session_is_forgotten_first():
    sessions = Sessions(limit=2)
    for session in ("a", "b", "a", "c"):
        advance(sessions, 5, session=session)
    assert advance(sessions, session="a").next_seq == 6
    assert advance(sessions, session="b").next_seq == 0


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=8))
def test_next_is_above_the_highest_and_what_lacks_are_the_numbers_between_that_never_came(pushes):
    sessions = Sessions()
    come: set[int] = set()
    begin: int | None = None
    for numbers in pushes:
        progress = advance(sessions, *numbers)
        if numbers:
            begin = min(numbers) if begin is None else begin
            new = {number for number in numbers if number >= begin} - come
            assert progress.repeated == len(numbers) - len(new)
            come |= new
        assert progress.next_seq == (max(come) + 1 if come else 0)
        assert progress.missing == (0 if begin is None else max(come) + 1 - begin - len(come))
