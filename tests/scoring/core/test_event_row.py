"""The event's row: rows of one version are equal, and every change raises the version."""

from services.scoring.core.event import EventState
from services.scoring.core.event_parts import EventHead
from services.scoring.core.start_signals import SIGNALS_MAX
from tests.builders import at, clock, day, defined, fact, run, typed, us, withdrawn


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


def signal(at_s, **more):
    return fact("notice_received", gateway="van", device="BOX", kind="Gunshot", at_us=at(at_s), **more)


def folded(*facts) -> EventState:
    state = EventState("example-2026")
    for offset, logged in enumerate(facts):
        state.fold(offset, 0, typed(logged))
    return state


def signals(*facts) -> list[tuple[str, int, str | None]]:
    return [(shown.device, shown.at_us, shown.notice) for shown in folded(*facts).event_row().signals]


def test_a_start_signal_raises_the_events_version_and_a_notice_of_anything_else_does_not():
    state = folded(defined(), signal(0.125, id="n1"))
    assert (state.take_event().version, state.take_event()) == (1, None)
    state.fold(2, 0, typed(fact("notice_received", gateway="van", device="BOX", kind="battery", at_us=at(9))))
    state.fold(3, 0, typed(signal(0.125, id="n1")))
    assert state.take_event() is None


def test_a_start_signal_is_shown_by_its_corrected_instant_until_its_notice_is_withdrawn():
    assert signals(signal(0.125, id="n1")) == [("BOX", at(0.125), "n1")]
    assert signals(signal(0.125, id="n1"), clock("BOX", -2)) == [("BOX", at(0.125) - us(2), "n1")]
    assert signals(withdrawn("n1"), signal(0.125, id="n1"), signal(300)) == [("BOX", at(300), None)]
    undated = fact("notice_received", gateway="van", device="BOX", kind="gunshot")
    assert signals(undated) == []


def test_of_many_start_signals_the_latest_are_held():
    row = folded(*(signal(second) for second in range(SIGNALS_MAX + 5))).event_row()
    assert [shown.at_us for shown in row.signals] == [at(second) for second in range(5, SIGNALS_MAX + 5)]


def test_a_photocell_that_reports_every_athlete_does_not_push_out_the_gun_of_another_device():
    photocell = [
        fact("notice_received", gateway="van", device="CELL", kind="trigger", at_us=at(second))
        for second in range(100, 100 + SIGNALS_MAX + 5)
    ]
    row = folded(signal(0.125), *photocell).event_row()
    assert len(row.signals) == SIGNALS_MAX
    assert row.signals[0].device == "BOX"
    assert row.signals[-1].at_us == at(100 + SIGNALS_MAX + 4)


def test_start_signals_are_in_the_snapshot():
    state = folded(defined(), signal(0.125, id="n1"))
    head, *parts = state.parts()
    assert isinstance(head, EventHead)
    again = EventState.restored(head)
    for part in parts:
        assert not isinstance(part, EventHead)
        again.restore(part)
    again.settle()
    assert again.event_row() == state.event_row()
