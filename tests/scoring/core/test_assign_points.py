"""Which passing is which point. Source: R3.3."""

import pytest

from tests.builders import (
    athlete,
    definition,
    gun,
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
    time_set,
    us,
)

OVER_10_KM_S = "1333.333334"  # 10 km at 7.5 m/s, the next whole microsecond up
OVER_TO_FINISH_S = "1479.666667"  # from 10 km to 21.0975 km


def crossings(*of):
    """Reads of chip C7: `("K1", 2000)` is a read there, then."""
    return reads(*(read(device, "C7", at_s) for device, at_s in of))


def filled(document):
    """Points and seconds, in course order."""
    return {name: at_us / 1_000_000 for name, at_us in passed(document).items()}


# --- Times ascend, and nobody is faster than the limit.


def test_a_stray_finish_read_on_the_way_is_not_his_finish():
    """His chip was read at the finish at 600 s, while he warmed up next to it: 21 km take 2,813 s at least."""
    document = scored(run(), crossings(("F1", 600)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"too_fast": 1}


def test_a_stray_finish_read_before_he_was_at_10k_does_not_hide_the_real_one():
    """3000 s would do for the whole course but not after 2000 s at 10K, from where the finish takes 1,480 s."""
    document = scored(run(), crossings(("F1", 3000)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"too_fast": 1}


@pytest.mark.parametrize(("at_s", "counts"), [(OVER_10_KM_S, True), ("1333.333333", False)])
def test_a_point_can_be_reached_at_the_limit_of_speed_and_not_before(at_s, counts):
    """From the gun on, though he started a second later."""
    document = scored(crossings(("K1", at_s)))
    assert ("10K" in passed(document)) == counts
    assert document["unused_reads"] == ({} if counts else {"too_fast": 1})


@pytest.mark.parametrize(("at_s", "counts"), [("3479.666667", True), ("3479.666666", False)])
def test_the_limit_of_speed_holds_on_every_stretch(at_s, counts):
    """10K at 2000, then 11.0975 km in 1,479.666667 s at least. Too fast, FINISH before 10K is the choice: 3.3 compares
    FINISH first."""
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", at_s)))
    assert ("10K" in passed(document)) == counts
    assert "FINISH" in passed(document)


def test_the_speed_from_the_start_passing_counts_and_not_only_from_the_gun():
    """He started at 1000 s, within the window: 10K at 2000 s would be ten km in 1000 s. The later point holds."""
    document = scored(crossings(("S1", 1000), ("K1", 2000)))
    assert filled(document) == {"10K": 2000}
    assert document["unused_reads"] == {"superseded": 1}


def test_the_definition_sets_the_limit_of_speed():
    slow = half(max_speed_mps=2.5)  # 10 km in 4,000 s
    assert filled(scored(run(k10="3999.999999", finish=None), definition=slow)) == {"START": 1}
    assert filled(scored(run(start=None, k10=4000, finish=None), definition=slow)) == {"10K": 4000}


def test_a_stretch_is_measured_in_the_decimals_that_the_file_spells():
    """0.3 km − 0.1 km are 200 m, at 0.1 m/s 2,000 s to the microsecond, whatever binary fractions make of them."""
    points = [point("START", km=0.1), point("FINISH", km=0.3)]
    definition = half(points=points, max_speed_mps=0.1)
    assert filled(scored(crossings(("F1", 2000)), definition=definition)) == {"FINISH": 2000}
    assert filled(scored(crossings(("F1", "1999.999999")), definition=definition)) == {}


# --- The choice that fills most points, then FINISH, then from last to first.


def test_most_points_are_filled_even_where_finish_could_be_earlier():
    """FINISH at 3000 s excludes 10K at 2000 s, FINISH at 5000 s does not: three points beat two."""
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", 3000), ("F1", 5000)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 5000}


def test_of_choices_that_fill_as_many_points_finish_comes_first():
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", 3000)))
    assert filled(document) == {"START": 1, "FINISH": 3000}
    assert document["unused_reads"] == {"superseded": 1}
    assert athlete(document)["flags"] == []  # no mat is crossed twice, so nothing is ambiguous


def test_finish_is_the_earlier_of_two_crossings():
    """He came back over the finish line to meet a friend. Source: R3.3: earlier before later."""
    document = scored(run(), crossings(("F1", 4100)))
    assert filled(document)["FINISH"] == 4000
    assert document["unused_reads"] == {"superseded": 1}


def test_a_point_on_the_way_is_the_earlier_of_two_crossings():
    document = scored(run(), crossings(("K1", 2300)))
    assert filled(document)["10K"] == 2000
    assert document["unused_reads"] == {"superseded": 1}


def test_start_is_the_later_of_two_crossings():
    """He crossed the start mat, went back for his bottle, and started at 100 s."""
    document = scored(run(), crossings(("S1", 100)))
    assert filled(document)["START"] == 100
    assert document["unused_reads"] == {"superseded": 1}


def test_the_points_are_compared_from_last_to_first():
    """A course of three mats. P2 at 1500 goes with P1 at 700 only, P2 at 1600 with P1 at 800 too: the later point, P2,
    is compared before P1, and the earlier P2 wins. 5 km take 667 s."""
    points = [point("START"), point("P1", "10k", km=5), point("P2", "p2", km=10), point("FINISH", km=21.0975)]
    plain = definition(mats=mats(mat("p2", "P2")), races=[race(points=points)])
    document = scored(crossings(("K1", 750), ("P2", 1500), ("P2", 1600), ("F1", 4000)), definition=plain)
    assert filled(document) == {"P1": 750, "P2": 1500, "FINISH": 4000}
    document = scored(crossings(("K1", 900), ("P2", 1500), ("P2", 1600), ("F1", 4000)), definition=plain)
    assert filled(document) == {"P1": 900, "P2": 1600, "FINISH": 4000}


# --- START and its window.


@pytest.mark.parametrize(("at_s", "counts"), [(0, True), (1800, True), ("1800.000001", False), ("-0.000001", False)])
def test_start_is_looked_for_from_his_own_gun_to_the_end_of_the_window(at_s, counts):
    document = scored(crossings(("S1", at_s)))
    assert ("START" in passed(document)) == counts


def test_reads_of_a_start_passing_beyond_the_window_do_not_count_whatever_the_pick():
    """He stood on the mat from 1790 to 1805 s, the window ends at 1800 s: the last read within it counts."""
    document = scored(crossings(("S1", 1790), ("S1", 1800), ("S1", 1805)))
    assert filled(document) == {"START": 1800}
    assert document["unused_reads"] == {"outside_start_window": 1, "superseded": 1}


def test_a_read_at_the_very_end_of_the_window_is_within_it_also_when_it_is_not_picked():
    definition = half(points=[point("START", pick="first"), point("FINISH", km=21.0975)])
    document = scored(crossings(("S1", 1790), ("S1", 1800), ("S1", 1805)), definition=definition)
    assert filled(document) == {"START": 1790}
    assert document["unused_reads"] == {"outside_start_window": 1, "superseded": 1}


@pytest.mark.parametrize("pick", ["first", "last", "strongest"])
def test_the_strongest_read_beyond_the_window_does_not_give_the_start(pick):
    definition = half(points=[point("START", pick=pick), point("FINISH", km=21.0975)])
    stood = [read("S1", "C7", 1795, rssi=-50), read("S1", "C7", 1801, rssi=-30)]
    assert filled(scored(reads(*stood), definition=definition)) == {"START": 1795}


def test_the_window_counts_from_the_gun_of_his_wave():
    """His wave's gun is at 600 s: START from there until 2400 s."""
    wave = [
        {"bib": "7", "chips": ["C7"], "race": "hm", "gender": "M", "given_name": "A", "family_name": "B", "wave": "B"}
    ]
    document = scored(gun(600, wave="B"), crossings(("S1", 599), ("S1", 2400)), bibs=wave)
    assert filled(document) == {"START": 2400}
    assert document["unused_reads"] == {"before_gun": 1}


def test_the_definition_sets_the_window():
    assert filled(scored(crossings(("S1", 61)), definition=half(start_window_s=60))) == {}
    assert filled(scored(crossings(("S1", 60)), definition=half(start_window_s=60))) == {"START": 60}


# --- One line, several points.


OUT_AND_BACK = half(  # the runners finish where they started, after a window of ten minutes
    start_window_s=600, points=[point("START"), point("10K", km=10), point("FINISH", "start", km=21.0975)]
)


def test_a_finish_on_the_start_line_is_told_from_the_start():
    document = scored(crossings(("S1", 5), ("K1", 2000), ("S1", 4000), ("S1", 4010)), definition=OUT_AND_BACK)
    assert filled(document) == {"START": 5, "10K": 2000, "FINISH": 4000}
    assert athlete(document)["flags"] == []


def test_a_further_crossing_of_such_a_line_is_neither():
    document = scored(crossings(("S1", 5), ("K1", 2000), ("S1", 4000), ("S1", 4100)), definition=OUT_AND_BACK)
    assert filled(document) == {"START": 5, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"superseded": 1}


def test_a_missed_start_on_such_a_line_is_not_taken_from_the_finish():
    document = scored(crossings(("K1", 2000), ("S1", 4000)), definition=OUT_AND_BACK)
    assert filled(document) == {"10K": 2000, "FINISH": 4000}


def lapped(**more):
    """Three laps of 5 km past one mat, START apart from it: each lap takes 667 s at least."""
    points = [point("START"), point("L1", "10k", km=5), point("L2", "10k", km=10), point("FINISH", "10k", km=15)]
    return half(points=points, **more)


def test_a_runner_on_laps_is_counted_lap_by_lap():
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 3000), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1500, "L2": 3000, "FINISH": 4500}
    assert athlete(document)["flags"] == []
    assert athlete(document)["status"] == "FINISHED"


def test_with_a_lap_missed_the_later_points_hold_and_the_flag_says_that_it_could_be_otherwise():
    """1500 and 4500 s fill two of three points. FINISH is filled first, then L2 before L1: 10 km in 1500 s can be."""
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L2": 1500, "FINISH": 4500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]
    assert athlete(document)["missed"] == ["L1"]
    assert athlete(document)["status"] == "DNF"


def test_a_lap_that_could_not_be_run_that_fast_is_no_choice():
    """1200 s is too fast for 10 km: it can only be L1, so FINISH or L2 is what was missed, and FINISH comes first."""
    document = scored(crossings(("S1", 1), ("K1", 1200), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1200, "FINISH": 4500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]  # L1 and L2 would fill as many


def test_a_runner_on_his_first_lap_may_be_on_any():
    """One crossing at 700 s can be L1 only; at 2500 s it could be any of the three, and FINISH holds."""
    assert athlete(scored(crossings(("S1", 1), ("K1", 700)), definition=lapped()))["flags"] == []
    document = scored(crossings(("S1", 1), ("K1", 2500)), definition=lapped())
    assert filled(document) == {"START": 1, "FINISH": 2500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]


def test_no_flag_where_other_choices_differ_in_times_only():
    """Four crossings for three laps, 700 s apart: which of them is left out changes times, not the laps filled."""
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 2200), ("K1", 2900), ("K1", 3600)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1500, "L2": 2200, "FINISH": 2900}
    assert athlete(document)["flags"] == []
    assert document["unused_reads"] == {"superseded": 1}


def test_no_flag_where_other_choices_differ_at_other_mats_only():
    """The two crossings of mat 10k are L1 and L2 for certain; START or not is no question of laps."""
    points = [point("START"), point("L1", "10k", km=5), point("L2", "10k", km=10), point("FINISH", km=15)]
    document = scored(
        crossings(("S1", 1), ("S1", 40), ("K1", 1500), ("K1", 3000), ("F1", 4500)), definition=half(points=points)
    )
    assert athlete(document)["flags"] == []


def test_one_crossing_fills_one_lap_even_where_two_points_pick_different_reads():
    """L1 picks the first read, L2 the last: a runner who lingers on the mat has passed it once.

    With laps of 10 m the two reads, 15 s apart, would be slow enough for both.
    """
    points = [
        point("START"),
        point("L1", "10k", km=0.01),
        point("L2", "10k", km=0.02, pick="last"),
        point("FINISH", km=0.03),
    ]
    definition = half(points=points)
    document = scored(crossings(("S1", 1), ("K1", 100), ("K1", 115), ("F1", 200)), definition=definition)
    assert filled(document) == {"START": 1, "L2": 115, "FINISH": 200}
    assert athlete(document)["flags"] == ["lap_ambiguous"]
    twice = scored(crossings(("S1", 1), ("K1", 100), ("K1", 115), ("K1", 150), ("F1", 200)), definition=definition)
    assert filled(twice) == {"START": 1, "L1": 100, "L2": 150, "FINISH": 200}
    assert athlete(twice)["flags"] == []


# --- Earliest.


def test_passings_before_a_points_earliest_are_unused_and_equal_to_it_counts():
    """Source: R2, `earliest`. FINISH from 1:00:00 after his own gun on."""
    definition = half(points=[point("START"), point("FINISH", km=21.0975, earliest={"wave": "1:00:00"})])
    document = scored(crossings(("F1", "3599.999999")), definition=definition)
    assert (filled(document), document["unused_reads"]) == ({}, {"too_early": 1})
    assert filled(scored(crossings(("F1", 3600)), definition=definition)) == {"FINISH": 3600}


def test_of_several_kinds_in_an_earliest_the_latest_holds():
    """clock: 06:04 is 3840 s; gun: 3600 s; wave: 0:55:00 after his own at 600 s, 3900 s."""
    earliest = {"clock": "06:04:00", "gun": "1:00:00", "wave": "0:55:00"}
    definition = half(points=[point("START"), point("FINISH", km=21.0975, earliest=earliest)])
    wave = [
        {"bib": "7", "chips": ["C7"], "race": "hm", "gender": "M", "given_name": "A", "family_name": "B", "wave": "B"}
    ]
    assert filled(scored(gun(600, wave="B"), crossings(("F1", "3899.999999")), definition=definition, bibs=wave)) == {}
    assert filled(scored(gun(600, wave="B"), crossings(("F1", 3900)), definition=definition, bibs=wave)) == {
        "FINISH": 3900
    }


def test_with_an_earliest_a_finish_on_the_start_line_is_told_from_a_slow_start():
    """A 5 km race from and to one line with a start window of 30 minutes: 5 km take 667 s, so `earliest` is needed.

    The crossing at 1700 s is no START: from there to 1900 s are 5 km in 200 s, and both points are filled with 20 s.
    """
    points = [point("START"), point("FINISH", "start", km=5, earliest={"wave": "0:30:01"})]
    document = scored(crossings(("S1", 20), ("S1", 1700), ("S1", 1900)), definition=half(points=points))
    assert filled(document) == {"START": 20, "FINISH": 1900}


def test_a_crossing_too_early_for_one_lap_may_be_another():
    """L1 counts from 1:00:00 on, L2 at any time: 3500 s is L2."""
    points = [
        point("START"),
        point("L1", "10k", km=5, earliest={"wave": "1:00:00"}),
        point("L2", "10k", km=10),
        point("FINISH", km=21.0975),
    ]
    assert filled(scored(crossings(("K1", 3500)), definition=half(points=points))) == {"L2": 3500}


def test_a_passing_whose_picked_read_is_early_is_early_whole():
    """FINISH takes the first read of its passing, at 3595 s; that another read of it came at 3605 s is no help."""
    definition = half(points=[point("START"), point("FINISH", km=21.0975, earliest={"wave": "1:00:00"})])
    document = scored(crossings(("F1", 3595), ("F1", 3605)), definition=definition)
    assert (filled(document), document["unused_reads"]) == ({}, {"too_early": 2})


# --- Officials' times.


def test_an_officials_time_beats_every_read_of_its_point():
    """Source: R1, `time_set`."""
    document = scored(run(), time_set("7", "FINISH", 3999))
    assert filled(document)["FINISH"] == 3999
    assert athlete(document)["points"][-1]["source"] == "official"
    assert document["unused_reads"] == {"overridden": 1}


def test_an_officials_time_taken_back_leaves_the_read():
    document = scored(run(), time_set("7", "FINISH", 3999), time_set("7", "FINISH", None))
    assert filled(document)["FINISH"] == 4000
    assert athlete(document)["points"][-1]["source"] == "main"
    assert document["unused_reads"] == {}


def test_the_later_officials_time_holds():
    assert filled(scored(run(), time_set("7", "10K", 2500), time_set("7", "10K", 2400)))["10K"] == 2400


def test_an_officials_time_fills_a_point_without_reads():
    document = scored(run(k10=None), time_set("7", "10K", 2200))
    assert filled(document) == {"START": 1, "10K": 2200, "FINISH": 4000}
    assert athlete(document)["status"] == "FINISHED"


def test_what_does_not_go_with_an_officials_time_is_unused():
    """He was seen at 10K at 5000 s: the read at the finish at 4000 s cannot be his finish, one at 7000 s can."""
    document = scored(run(), time_set("7", "10K", 5000))
    assert filled(document) == {"START": 1, "10K": 5000}
    assert document["unused_reads"] == {"overridden": 1, "superseded": 1}
    assert filled(scored(run(finish=7000), time_set("7", "10K", 5000)))["FINISH"] == 7000


@pytest.mark.parametrize(("at_s", "counts"), [("3479.666667", True), ("3479.666666", False)])
def test_a_read_may_not_be_too_fast_from_an_officials_time(at_s, counts):
    document = scored(crossings(("F1", at_s)), time_set("7", "10K", 2000))
    assert ("FINISH" in passed(document)) == counts


@pytest.mark.parametrize(("at_s", "counts"), [("520.333333", True), ("520.333334", False)])
def test_an_officials_time_may_not_be_too_fast_from_a_read(at_s, counts):
    """FINISH by an official at 2000 s; 10K as a read must lie 1,479.666667 s before it, and be no faster than the gun
    allows: so the gun is 1,000 s early."""
    document = scored(crossings(("K1", at_s)), time_set("7", "FINISH", 2000), gun_s=-1000)
    assert ("10K" in passed(document)) == counts
    assert passed(document)["FINISH"] == us(2000)


@pytest.mark.parametrize(("at_s", "counts"), [(OVER_10_KM_S, True), ("1333.333333", False)])
def test_a_read_may_not_be_too_fast_from_the_gun_though_an_officials_time_comes_behind_it(at_s, counts):
    document = scored(crossings(("K1", at_s)), time_set("7", "FINISH", 4000))
    assert ("10K" in passed(document)) == counts


def test_two_officials_times_are_not_checked_against_each_other():
    """FINISH before 10K, both by officials: they stand as they were set, and so does a FINISH too fast from the gun."""
    document = scored(time_set("7", "10K", 3000), time_set("7", "FINISH", 100))
    assert filled(document) == {"10K": 3000, "FINISH": 100}


def test_an_officials_time_is_not_checked_against_the_gun():
    """Chip time from an official's START five seconds before the gun: 4000 + 5."""
    document = scored(run(start=None), time_set("7", "START", -5))
    assert filled(document)["START"] == -5
    assert athlete(document)["chip_us"] == us(4005)
    assert athlete(document)["gun_us"] == us(4000)


@pytest.mark.parametrize(("at_s", "counts"), [("1328.333334", True), ("1328.333333", False)])
def test_a_stretch_from_an_officials_start_is_measured_from_there_and_not_from_the_gun(at_s, counts):
    """START by an official five seconds before the gun: 10 km in 1,333.333334 s end at 1,328.333334 s."""
    document = scored(crossings(("K1", at_s)), time_set("7", "START", -5))
    assert ("10K" in passed(document)) == counts


def test_an_officials_start_counts_beyond_the_window():
    document = scored(run(start=None, k10=None, finish=9000), time_set("7", "START", 2500))
    assert filled(document) == {"START": 2500, "FINISH": 9000}


def test_an_officials_time_of_another_race_waits():
    assert filled(scored(run(), time_set("7", "15K", 2500))) == {"START": 1, "10K": 2000, "FINISH": 4000}


def test_on_laps_an_officials_time_leaves_the_mats_crossings_to_the_other_laps():
    """L2 by an official at 3010 s: the crossing at 3000 s could only be L1 or nothing, and L1 is earlier at 1500 s."""
    document = scored(
        crossings(("K1", 1500), ("K1", 3000), ("K1", 4500)), time_set("7", "L2", 3010), definition=lapped()
    )
    assert filled(document) == {"L1": 1500, "L2": 3010, "FINISH": 4500}
    assert document["unused_reads"] == {"superseded": 1}
