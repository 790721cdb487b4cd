"""Chips that nobody wears, counted as reads and facts come."""

import random

import pytest

from schemas.results import UnknownChip
from services.health.observed import observe
from services.scoring.core.chips_of_nobody import CHIPS_LISTED_MAX
from services.scoring.core.event import EventState
from services.scoring.core.partition import Loading, PartitionState
from tests.builders import AT_FINISH, EVENT, ON_10K, at, day, entries, entry, fact, read, reads, typed, withdrawn
from tests.oracle.folding import TAKE_ALL, envelopes, folded
from tests.oracle.folding import typed as typed_log
from tests.oracle.logs import log_of


def state_of(*facts):
    state = EventState(EVENT)
    for offset, plain in enumerate(facts):
        state.fold(offset, 0, typed(plain))
    return state


def listed(state):
    """The whole list, as it is sent; None if it has not changed."""
    while not state.check_chips(1):
        pass
    return state.take_unknown_chips()


def names(state):
    taken = listed(state)
    return None if taken is None else [chip.chip for chip in taken.chips]


WALK_UP = reads(read("S1", "W900", 2), read("K1", "W900", ON_10K), read("F1", "W900", AT_FINISH))


def test_a_walk_up_is_listed_with_count_first_and_last_instant_devices_and_mats():
    taken = listed(state_of(*day(), WALK_UP, reads(read("F1", "W901", AT_FINISH + 3))))
    assert (taken.event, taken.version, taken.left_out) == (EVENT, len([*day(), 1, 1]) - 1, 0)
    assert taken.chips == [
        UnknownChip("W900", 3, at(2), at(AT_FINISH), ["S1", "K1", "F1"], 3),
        UnknownChip("W901", 1, at(AT_FINISH + 3), at(AT_FINISH + 3), ["F1"], 1),
    ]


def test_a_list_that_has_not_changed_is_not_taken_again_unless_it_may_be_lost():
    state = state_of(*day(), WALK_UP)
    assert names(state) == ["W900"]
    assert listed(state) is None
    state.fold(90, 0, typed(reads(read("F1", "C7", AT_FINISH))))
    assert listed(state) is None
    state.mark_again()
    assert names(state) == ["W900"]


def test_a_chip_leaves_the_list_with_the_entry_that_names_it_and_comes_back_when_that_is_withdrawn():
    state = state_of(*day(), WALK_UP)
    assert names(state) == ["W900"]
    late = {**entries(entry("900", chips=["W900"])), "id": "late"}
    state.fold(90, 0, typed(late))
    assert names(state) == []
    state.fold(91, 0, typed(withdrawn("late")))
    assert names(state) == ["W900"]


def test_of_a_chip_worn_for_some_hours_the_reads_outside_them_are_of_nobody():
    worn = fact("chip_assigned", chip="W900", bib="7", from_us=at(0), until_us=at(ON_10K))
    (chip,) = listed(state_of(*day(), worn, WALK_UP)).chips
    assert (chip.reads, chip.first_us, chip.devices) == (2, at(ON_10K), ["K1", "F1"])


def test_no_more_than_a_thousand_are_listed_and_the_others_are_counted():
    some = [read("F1", f"X{nth}", nth) for nth in range(CHIPS_LISTED_MAX + 3)]
    taken = listed(state_of(*day(), reads(*some), WALK_UP))
    assert (len(taken.chips), taken.left_out, taken.chips[0].chip) == (CHIPS_LISTED_MAX, 4, "W900")


@pytest.mark.parametrize("seed", range(40))
def test_counted_on_the_way_they_are_those_of_all_reads(seed):
    rng = random.Random(seed)
    log = typed_log(log_of(seed))
    state = PartitionState(0)
    for offset, envelope in enumerate(envelopes([[logged] for logged in log])):
        state.fold(offset, envelope)
        if rng.random() < 0.3:
            for event in state.events.values():
                event.check_chips(rng.choice([1, 3, TAKE_ALL]))
                if rng.random() < 0.5:
                    event.take(TAKE_ALL)
        if rng.random() < 0.05:
            state.take(TAKE_ALL)
            first, *parts = state.dump()
            loading = Loading(first)
            for part in parts:
                loading.add(part)
            state = loading.finish()
    (event,) = state.events.values()
    event.mark_again()
    expected = observe(folded([[logged] for logged in log])).chips
    assert [(c.chip, c.reads, c.first_us, c.last_us, set(c.devices), c.mats) for c in listed(event).chips] == [
        (c.chip, c.reads, c.first_us, c.last_us, set(c.devices), c.mats) for c in expected
    ]
