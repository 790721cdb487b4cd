"""The progress of sessions, with repeated and skipped numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import ReadRow
from services.ingest.http.sessions import Sessions


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
def test_next_is_always_one_above_the_highest_and_new_numbers_are_never_repeats(pushes):
    sessions = Sessions()
    highest = None
    for numbers in pushes:
        progress = advance(sessions, *numbers)
        new = {number for number in numbers if highest is None or number > highest}
        if numbers:
            assert progress.repeated == len(numbers) - len(new)
            highest = max([*numbers, *([] if highest is None else [highest])])
        assert progress.next_seq == (0 if highest is None else highest + 1)
        assert progress.skipped >= 0
