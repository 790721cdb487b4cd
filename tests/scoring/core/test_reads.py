"""Which reads are an athlete's, and when they happened. Source: R1 and R3.1."""

import pytest

from services.scoring.core.reads import ChipReads
from tests.builders import (
    AT_FINISH,
    chip,
    clock,
    definition,
    device,
    entries,
    entry,
    excluded,
    half,
    mat,
    mats,
    passed,
    point,
    race,
    read,
    reads,
    run,
    scored,
    us,
)

STRONGEST = half(points=[point("START"), point("10K", km=10, pick="strongest"), point("FINISH", km=21.0975)])


def taken_at(document, point="10K", bib="7"):
    """The instant of a point in microseconds after the scheduled start; None if it is not filled."""
    return passed(document, bib).get(point)


# --- Repeated reads.


def test_a_repeated_read_changes_only_the_count_of_repeats():
    """Source: R3.1: reads with the same device, chip and instant are one."""
    once, thrice = scored(run()), scored(run(), run(), run())
    assert thrice["unused_reads"] == {"repeat": 6}
    assert {**thrice, "unused_reads": {}, "revision": 0} == {**once, "revision": 0}


def test_a_repeat_differs_by_its_device_chip_or_instant():
    document = scored(run(finish=None), reads(read("KB", "C7", 2000), read("K1", "C7", "2000.000001")))
    assert document["unused_reads"] == {"backup_duplicate": 1, "superseded": 1}


@pytest.mark.parametrize(
    ("again", "strongest_s"),
    [(-40, 2000), (-55, 2001), (None, 2001)],
    ids=["stronger again", "weaker than the other read", "without strength"],
)
def test_the_highest_of_several_strengths_of_a_read_counts(again, strongest_s):
    """Source: R3.1. First 2000 s at -60 and 2001 s at -50; then 2000 s once more."""
    document = scored(
        reads(read("K1", "C7", 2000, rssi=-60), read("K1", "C7", 2001, rssi=-50)),
        reads(read("K1", "C7", 2000, **({} if again is None else {"rssi": again}))),
        definition=STRONGEST,
    )
    assert taken_at(document) == us(strongest_s)
    assert document["unused_reads"]["repeat"] == 1


def test_a_strength_after_a_read_without_one_counts():
    document = scored(
        reads(read("K1", "C7", 2000), read("K1", "C7", 2001, rssi=-50)),
        reads(read("K1", "C7", 2000, rssi=-49)),
        definition=STRONGEST,
    )
    assert taken_at(document) == us(2000)


def test_chip_reads_are_a_set_in_time_order():
    came = [(30, 0, None), (10, 1, -50.0), (10, 0, -60.0), (20, 0, -5.0), (10, 1, -40.0), (10, 2, None), (30, 0, -1.0)]
    reads_of_chip = ChipReads()
    news = [reads_of_chip.add(at_us, number, rssi) for at_us, number, rssi in came]
    assert news == [True, True, True, True, True, True, True]
    assert reads_of_chip.at_us.tolist() == [10, 10, 10, 20, 30]
    assert reads_of_chip.device.tolist() == [0, 1, 2, 0, 0]
    assert reads_of_chip.rssi.tolist() == [-60.0, -40.0, float("-inf"), -5.0, -1.0]
    assert reads_of_chip.repeats == 2
    assert not reads_of_chip.add(20, 0, -5.0)
    assert not reads_of_chip.add(20, 0, None)
    assert reads_of_chip.repeats == 4


def test_chip_reads_of_one_instant_are_ordered_by_device():
    held = ChipReads()
    for at_us, number in [(10, 0), (20, 0), (20, 1), (30, 0), (20, 3), (20, 2), (20, 4)]:
        held.add(at_us, number, None)
    assert held.at_us.tolist() == [10, 20, 20, 20, 20, 20, 30]
    assert held.device.tolist() == [0, 0, 1, 2, 3, 4, 0]


def test_chip_reads_survive_packing():
    held = ChipReads()
    for at_us, number, rssi in [(-5, 3, None), (2**52, 0, -60.5), (2**52, 0, -60.5)]:
        held.add(at_us, number, rssi)
    again = ChipReads.unpacked(*held.packed())
    assert again.packed() == held.packed()
    assert again.repeats == 1
    assert again.at_us.tolist() == [-5, 2**52]


# --- Corrected clocks.


def test_a_corrected_clock_moves_the_devices_reads():
    """K1 was ten seconds slow: 1990 by its clock is 2000. Source: R1, `clock_corrected`."""
    document = scored(run(k10=1990), clock("K1", 10))
    assert passed(document) == {"START": us(1), "10K": us(2000), "FINISH": us(AT_FINISH)}


@pytest.mark.parametrize("own_s", [1499, 1500, "2499.999999", 2500])
def test_a_clock_correction_covers_from_and_not_until_by_the_devices_own_clock(own_s):
    offset_s = 10 if own_s in (1500, "2499.999999") else 0
    document = scored(run(k10=own_s), clock("K1", 10, from_s=1500, until_s=2500))
    assert taken_at(document) == us(own_s) + us(offset_s)


def test_the_latest_clock_correction_that_covers_a_read_applies_alone():
    both = scored(run(k10=1990), clock("K1", 10), clock("K1", 3))
    assert taken_at(both) == us(1993)


def test_a_later_correction_that_does_not_cover_the_read_leaves_the_earlier_one_in_force():
    document = scored(run(k10=1990), clock("K1", 10), clock("K1", 99, from_s=3000))
    assert taken_at(document) == us(2000)


def test_a_correction_applies_to_its_device_only():
    document = scored(run(), clock("S1", 2), clock("KB", 500))
    assert passed(document) == {"START": us(3), "10K": us(2000), "FINISH": us(AT_FINISH)}


def test_a_clock_correction_can_move_a_read_across_the_gun():
    """A read at -5 s by a clock eight seconds slow is a start at 3 s; and the other way round."""
    slow = scored(run(start=-5), clock("S1", 8))
    assert taken_at(slow, "START") == us(3)
    fast = scored(run(start=3), clock("S1", -8))
    assert taken_at(fast, "START") is None
    assert fast["unused_reads"] == {"before_gun": 1}


def test_a_read_at_the_instant_of_the_gun_counts_with_a_corrected_clock_too():
    assert taken_at(scored(run(start=-8), clock("S1", 8)), "START") == 0
    assert taken_at(scored(run(start="-8.000001"), clock("S1", 8)), "START") is None


# --- Devices at other mats.


def test_an_assigned_device_stands_at_its_new_mat():
    """A spare reader took the place of K1. Source: R1, `device_assigned`."""
    document = scored(reads(read("SPARE", "C7", 2000)), device("SPARE", "10k"))
    assert passed(document) == {"10K": us(2000)}
    assert document["athletes"][0]["points"][0]["source"] == "main"


def test_an_assignment_overrides_the_definition_within_its_interval_only():
    """F1 is lent to the 10 km mat until 3000 s; `from` is included, `until` is not."""
    lent = device("F1", "10k", from_s=1500, until_s=3000)
    document = scored(reads(read("F1", "C7", 2000), read("F1", "C7", 4000)), lent)
    assert passed(document) == {"10K": us(2000), "FINISH": us(4000)}
    assert passed(scored(reads(read("F1", "C7", 1500)), lent)) == {"10K": us(1500)}
    assert passed(scored(reads(read("F1", "C7", 3000)), lent)) == {"FINISH": us(3000)}


def test_the_interval_of_an_assignment_is_in_corrected_time():
    """2995 by F1's clock is 3005 by the right one, which the assignment until 3000 no longer covers."""
    document = scored(reads(read("F1", "C7", 2995)), device("F1", "10k", from_s=1500, until_s=3000), clock("F1", 10))
    assert passed(document) == {"FINISH": us(3005)}


def test_the_latest_assignment_that_covers_the_read_counts():
    document = scored(reads(read("K1", "C7", 3000)), device("K1", "start"), device("K1", "finish"))
    assert passed(document) == {"FINISH": us(3000)}


def test_an_assigned_device_is_a_backup_if_its_new_mat_lists_it_as_one():
    """KB sent to 10k stays that mat's backup; sent to the finish it is a main device there."""
    at_10k = scored(reads(read("KB", "C7", 2000)), device("KB", "finish"), device("KB", "10k"))
    assert [(p["point"], p["source"]) for p in at_10k["athletes"][0]["points"]] == [("10K", "backup")]
    at_finish = scored(reads(read("KB", "C7", 4000)), device("KB", "finish"))
    assert [(p["point"], p["source"]) for p in at_finish["athletes"][0]["points"]] == [("FINISH", "main")]


def test_an_assignment_to_an_unknown_mat_is_pending_and_the_definition_counts():
    document = scored(run(), device("K1", "20k"))
    assert passed(document)["10K"] == us(2000)


# --- Chips on other wrists.


def test_swapped_chips_are_swapped_back_by_assignments():
    """7 and 8 wore each other's chips: 7 finished at 4000, 8 at 5000. Source: R1, `chip_assigned`."""
    document = scored(
        run("8", 2, 2100, 4000), run("7", 3, 2200, 5000), chip("C8", "7"), chip("C7", "8"), bibs=["7", "8"]
    )
    assert passed(document, "7") == {"START": us(2), "10K": us(2100), "FINISH": us(4000)}
    assert passed(document, "8") == {"START": us(3), "10K": us(2200), "FINISH": us(5000)}


def test_outside_the_interval_of_an_assignment_a_chip_belongs_to_its_owner():
    """7 picked up 8's chip after 10K and wore it from 2500 s (included) until 4500 s (not included)."""
    lost = [run("7", 1, 2000, None), run("8", 2, 2100, None), reads(read("F1", "C8", 4000), read("F1", "C8", 4600))]
    document = scored(*lost, chip("C8", "7", from_s=2500, until_s=4500), bibs=["7", "8"])
    assert passed(document, "7") == {"START": us(1), "10K": us(2000), "FINISH": us(4000)}
    assert passed(document, "8") == {"START": us(2), "10K": us(2100), "FINISH": us(4600)}
    assert document["unused_reads"] == {}


@pytest.mark.parametrize(("read_s", "wearer"), [("3999.999999", "8"), (4000, "7"), ("4099.999999", "7"), (4100, "8")])
def test_the_interval_of_a_chip_assignment_includes_from_and_excludes_until(read_s, wearer):
    document = scored(reads(read("F1", "C8", read_s)), chip("C8", "7", from_s=4000, until_s=4100), bibs=["7", "8"])
    assert passed(document, wearer) == {"FINISH": us(read_s)}


def test_the_interval_of_a_chip_assignment_is_in_corrected_time():
    document = scored(reads(read("F1", "C8", 3995)), clock("F1", 10), chip("C8", "7", from_s=4000), bibs=["7", "8"])
    assert passed(document, "7") == {"FINISH": us(4005)}


def test_a_spare_chip_belongs_to_the_athlete_to_whom_it_is_assigned():
    document = scored(reads(read("F1", "SPARE", 4000)), chip("SPARE", "7"))
    assert passed(document) == {"FINISH": us(4000)}


def test_an_assignment_to_an_unknown_bib_is_pending_and_the_owner_keeps_the_chip():
    assert passed(scored(run(), chip("C7", "99")))["FINISH"] == us(AT_FINISH)


def test_the_last_entry_that_names_a_chip_owns_it():
    """Source: R1, `entries_added`. Chip X is entered for 7, then for 8; then 8 gets another."""
    x_for_both = [entry("7", ["X"]), entry("8", ["X"])]
    crossing = reads(read("F1", "X", 4000))
    document = scored(crossing, bibs=x_for_both)
    assert (passed(document, "7"), passed(document, "8")) == ({}, {"FINISH": us(4000)})
    document = scored(crossing, entries(entry("8", ["Y"])), bibs=x_for_both)
    assert (passed(document, "7"), passed(document, "8")) == ({"FINISH": us(4000)}, {})


def test_an_athlete_may_wear_two_chips():
    document = scored(reads(read("S1", "A", 1), read("K1", "B", 2000), read("F1", "A", 4000)), bibs=[entry("7", "AB")])
    assert passed(document) == {"START": us(1), "10K": us(2000), "FINISH": us(4000)}


def test_reads_of_two_chips_of_one_athlete_are_one_passing():
    """One crossing, with the left shoe read at 2000 and the right at 2001: only START would take the last read."""
    document = scored(reads(read("K1", "B", 2001), read("K1", "A", 2000)), bibs=[entry("7", "AB")])
    assert passed(document) == {"10K": us(2000)}
    assert document["unused_reads"] == {"superseded": 1}


# --- Excluded reads, and reads that belong to no athlete.


def test_an_excluded_read_does_not_count():
    """The chip was carried over the finish at 3900 s. Source: R1, `read_excluded`."""
    carried = reads(read("F1", "C7", 3900))
    assert passed(scored(run(), carried))["FINISH"] == us(3900)
    document = scored(run(), carried, excluded("F1", "C7", 3900))
    assert passed(document)["FINISH"] == us(AT_FINISH)
    assert document["unused_reads"] == {"excluded": 1}


def test_a_read_is_excluded_by_its_devices_own_time():
    facts = [run(finish=3990), clock("F1", 10)]
    assert passed(scored(*facts, excluded("F1", "C7", 3990))).keys() == {"START", "10K"}
    assert passed(scored(*facts, excluded("F1", "C7", 4000)))["FINISH"] == us(4000)


@pytest.mark.parametrize("other", [("FB", "C7", 4000), ("F1", "C8", 4000), ("F1", "C7", "4000.000001")])
def test_an_exclusion_names_device_chip_and_instant(other):
    assert passed(scored(run(), excluded(*other), bibs=["7", "8"]))["FINISH"] == us(AT_FINISH)


def test_an_exclusion_may_come_before_its_read():
    assert "FINISH" not in passed(scored(excluded("F1", "C7", AT_FINISH), run()))


def test_reads_of_unknown_devices_and_chips_are_counted_for_the_event():
    document = scored(reads(read("ZZ", "C7", 5), read("S1", "C99", 5), read("ZZ", "C99", 6)))
    assert document["unused_reads"] == {"unknown_device": 2, "unknown_chip": 1}
    assert document["athletes"][0]["status"] == "NOT_STARTED"


def test_two_races_share_a_line_and_each_athlete_is_timed_on_their_own_course():
    """Nha Trang 2023: a 42 km and a 21 km runner cross the one finish line in the same instant.

    Source: races/vnexpress-nha-trang-2023.toml. The full started at 0 s, the half 3,000 s later; both cross at 9,120 s.
    """
    full = race("fm", points=[point("START"), point("FINISH", km=42.195)])
    both = definition(races=[race(points=[point("START"), point("FINISH", km=21.0975)]), full], boards=[])
    document = scored(
        {**reads(read("F1", "C1", 9120), read("F1", "C2", 9120))},
        {"type": "gun_fired", "event": "example-2026", "race": "fm", "at_us": 1767477600000000},
        definition=both,
        bibs=[entry("1", race="fm"), entry("2", race="hm")],
        gun_s=3000,
    )
    times = {
        athlete["bib"]: (athlete["race"], athlete["gun_us"], athlete["time_s"]) for athlete in document["athletes"]
    }
    assert times == {"1": ("fm", us(9120), 9120), "2": ("hm", us(6120), 6120)}


def test_a_mat_that_is_not_on_the_athletes_course_fills_no_point():
    document = scored(
        run(), reads(read("X1", "C7", 3000)), definition=definition(mats=mats(mat("turn-of-the-5k", "X1")))
    )
    assert document["unused_reads"] == {"not_on_course": 1}
    assert passed(document)["FINISH"] == us(AT_FINISH)
