"""The event's row: rows of one version are equal, and every change raises the version."""

from services.scoring.core.event import EventState
from tests.builders import day, fact, run, typed, withdrawn


def test_reads_that_a_pending_withdrawal_names_raise_the_events_version():
    state = EventState("example-2026")
    for offset, logged in enumerate([*day(), withdrawn("r1")]):
        state.fold(offset, 0, typed(logged))
    before = state.take_event()
    assert before.pending == ["fact_withdrawn: no fact has the id r1"]
    state.fold(before.version + 1, 0, typed({**run(), "id": "r1"}))
    after = state.take_event()
    assert (after.pending, after.version) == ([], before.version + 1)


def test_a_notice_that_a_pending_withdrawal_names_raises_the_events_version():
    state = EventState("example-2026")
    state.fold(0, 0, typed(withdrawn("n1")))
    state.take_event()
    state.fold(1, 0, typed(fact("notice_received", gateway="g", device="S1", kind="gunshot", id="n1")))
    after = state.take_event()
    assert (after.pending, after.version) == ([], 1)
