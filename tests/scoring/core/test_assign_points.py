"""Which point each passing is assigned to. Source: R3.3."""

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


def crossings(*crossed):
    """Reads of chip C7: `("K1", 2000)` is a read by device K1 at 2000 s."""
    return reads(*(read(device, "C7", at_s) for device, at_s in crossed))


def filled(document):
    """Points and seconds, in course order."""
    return {name: at_us / 1_000_000 for name, at_us in passed(document).items()}


# --- Times ascend, and nobody is faster than the limit.


def test_a_stray_read_at_the_finish_on_the_way_is_not_a_finish():
    """The chip was read at the finish at 600 s, as the athlete ran past it: 21 km take at least 2,813 s."""
    document = scored(run(), crossings(("F1", 600)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"too_fast": 1}


def test_a_stray_read_at_the_finish_before_10k_does_not_hide_the_real_one():
    """3000 s is slow enough for the whole course, but not after 10K at 2000 s: from there the finish takes 1,480 s."""
    document = scored(run(), crossings(("F1", 3000)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"too_fast": 1}


@pytest.mark.parametrize(("at_s", "counts"), [(OVER_10_KM_S, True), ("1333.333333", False)])
def test_a_point_counts_at_the_speed_limit_and_not_a_microsecond_earlier(at_s, counts):
    """Speed is measured from the gun, although the athlete started a second later."""
    document = scored(crossings(("K1", at_s)))
    assert ("10K" in passed(document)) == counts
    assert document["unused_reads"] == ({} if counts else {"too_fast": 1})


@pytest.mark.parametrize(("at_s", "counts"), [("3479.666667", True), ("3479.666666", False)])
def test_the_speed_limit_applies_to_every_stretch(at_s, counts):
    """10K is at 2000 s; the next 11.0975 km take at least 1,479.666667 s. If that is too fast, FINISH stands and
    10K does not, because R3.3 compares FINISH first."""
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", at_s)))
    assert ("10K" in passed(document)) == counts
    assert "FINISH" in passed(document)


def test_speed_is_also_checked_from_the_start_passing():
    """START at 1000 s is within the window, but 10K at 2000 s would be 10 km in 1000 s. The later point stands."""
    document = scored(crossings(("S1", 1000), ("K1", 2000)))
    assert filled(document) == {"10K": 2000}
    assert document["unused_reads"] == {"superseded": 1}


def test_the_definition_sets_the_speed_limit():
    slow = half(max_speed_mps=2.5)  # 10 km in 4,000 s
    assert filled(scored(run(k10="3999.999999", finish=None), definition=slow)) == {"START": 1}
    assert filled(scored(run(start=None, k10=4000, finish=None), definition=slow)) == {"10K": 4000}


def test_a_stretch_is_measured_in_exact_decimals():
    """0.3 km − 0.1 km is 200 m, which at 0.1 m/s takes exactly 2,000 s: no binary fractions are involved."""
    points = [point("START", km=0.1), point("FINISH", km=0.3)]
    definition = half(points=points, max_speed_mps=0.1)
    assert filled(scored(crossings(("F1", 2000)), definition=definition)) == {"FINISH": 2000}
    assert filled(scored(crossings(("F1", "1999.999999")), definition=definition)) == {}


# --- The choice that fills the most points wins, then FINISH decides, then the points from last to first.


def test_the_choice_with_the_most_points_wins_over_an_earlier_finish():
    """FINISH at 3000 s excludes 10K at 2000 s, FINISH at 5000 s does not: three points beat two."""
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", 3000), ("F1", 5000)))
    assert filled(document) == {"START": 1, "10K": 2000, "FINISH": 5000}


def test_among_choices_with_equally_many_points_finish_comes_first():
    document = scored(crossings(("S1", 1), ("K1", 2000), ("F1", 3000)))
    assert filled(document) == {"START": 1, "FINISH": 3000}
    assert document["unused_reads"] == {"superseded": 1}
    assert athlete(document)["flags"] == []  # no mat is crossed twice, so nothing is ambiguous


def test_finish_is_the_earlier_of_two_crossings():
    """The athlete came back over the finish line to meet a friend. Source: R3.3: earlier before later."""
    document = scored(run(), crossings(("F1", 4100)))
    assert filled(document)["FINISH"] == 4000
    assert document["unused_reads"] == {"superseded": 1}


def test_a_point_on_the_way_is_the_earlier_of_two_crossings():
    document = scored(run(), crossings(("K1", 2300)))
    assert filled(document)["10K"] == 2000
    assert document["unused_reads"] == {"superseded": 1}


def test_start_is_the_later_of_two_crossings():
    """The athlete crossed the start mat, went back for a bottle, and started at 100 s."""
    document = scored(run(), crossings(("S1", 100)))
    assert filled(document)["START"] == 100
    assert document["unused_reads"] == {"superseded": 1}


def test_the_points_are_compared_from_last_to_first():
    """A course of three mats. P2 at 1500 fits only P1 at 700; P2 at 1600 also fits P1 at 800. The later point, P2,
    is compared before P1, and the earlier P2 wins. 5 km take 667 s."""
    points = [point("START"), point("P1", "10k", km=5), point("P2", "p2", km=10), point("FINISH", km=21.0975)]
    plain = definition(mats=mats(mat("p2", "P2")), races=[race(points=points)])
    document = scored(crossings(("K1", 750), ("P2", 1500), ("P2", 1600), ("F1", 4000)), definition=plain)
    assert filled(document) == {"P1": 750, "P2": 1500, "FINISH": 4000}
    document = scored(crossings(("K1", 900), ("P2", 1500), ("P2", 1600), ("F1", 4000)), definition=plain)
    assert filled(document) == {"P1": 900, "P2": 1600, "FINISH": 4000}


# --- START and its window.


@pytest.mark.parametrize(("at_s", "counts"), [(0, True), (1800, True), ("1800.000001", False), ("-0.000001", False)])
def test_start_is_found_between_the_athletes_own_gun_and_the_end_of_the_window(at_s, counts):
    document = scored(crossings(("S1", at_s)))
    assert ("START" in passed(document)) == counts


def test_reads_of_a_start_passing_after_the_window_do_not_count_with_any_pick():
    """The athlete stood on the mat from 1790 to 1805 s, and the window ends at 1800 s: its last read counts."""
    document = scored(crossings(("S1", 1790), ("S1", 1800), ("S1", 1805)))
    assert filled(document) == {"START": 1800}
    assert document["unused_reads"] == {"outside_start_window": 1, "superseded": 1}


def test_a_read_at_the_very_end_of_the_window_is_within_it_even_if_not_picked():
    definition = half(points=[point("START", pick="first"), point("FINISH", km=21.0975)])
    document = scored(crossings(("S1", 1790), ("S1", 1800), ("S1", 1805)), definition=definition)
    assert filled(document) == {"START": 1790}
    assert document["unused_reads"] == {"outside_start_window": 1, "superseded": 1}


@pytest.mark.parametrize("pick", ["first", "last", "strongest"])
def test_a_strongest_read_after_the_window_does_not_give_the_start(pick):
    definition = half(points=[point("START", pick=pick), point("FINISH", km=21.0975)])
    stood = [read("S1", "C7", 1795, rssi=-50), read("S1", "C7", 1801, rssi=-30)]
    assert filled(scored(reads(*stood), definition=definition)) == {"START": 1795}


def test_the_window_counts_from_the_gun_of_the_athletes_wave():
    """The wave's gun is at 600 s: START counts from 600 s to 2400 s."""
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


def test_a_finish_on_the_start_line_is_not_taken_for_the_start():
    document = scored(crossings(("S1", 5), ("K1", 2000), ("S1", 4000), ("S1", 4010)), definition=OUT_AND_BACK)
    assert filled(document) == {"START": 5, "10K": 2000, "FINISH": 4000}
    assert athlete(document)["flags"] == []


def test_a_further_crossing_of_a_shared_line_is_neither_start_nor_finish():
    document = scored(crossings(("S1", 5), ("K1", 2000), ("S1", 4000), ("S1", 4100)), definition=OUT_AND_BACK)
    assert filled(document) == {"START": 5, "10K": 2000, "FINISH": 4000}
    assert document["unused_reads"] == {"superseded": 1}


def test_a_missed_start_on_a_shared_line_is_not_filled_by_the_finish():
    document = scored(crossings(("K1", 2000), ("S1", 4000)), definition=OUT_AND_BACK)
    assert filled(document) == {"10K": 2000, "FINISH": 4000}


def lapped(**more):
    """Three laps of 5 km past one mat, with START at another: each lap takes at least 667 s."""
    points = [point("START"), point("L1", "10k", km=5), point("L2", "10k", km=10), point("FINISH", "10k", km=15)]
    return half(points=points, **more)


def test_a_runner_on_laps_is_counted_lap_by_lap():
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 3000), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1500, "L2": 3000, "FINISH": 4500}
    assert athlete(document)["flags"] == []
    assert athlete(document)["status"] == "FINISHED"


def test_with_a_missed_lap_the_later_points_are_filled_and_the_athlete_is_flagged():
    """1500 and 4500 s fill two of three points: FINISH first, then L2 before L1, as 10 km in 1500 s is possible."""
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L2": 1500, "FINISH": 4500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]
    assert athlete(document)["missed"] == ["L1"]
    assert athlete(document)["status"] == "DNF"


def test_a_lap_that_would_be_too_fast_is_no_choice():
    """1200 s is too fast for 10 km, so it can only be L1. FINISH or L2 was missed, and FINISH is filled first."""
    document = scored(crossings(("S1", 1), ("K1", 1200), ("K1", 4500)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1200, "FINISH": 4500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]  # L1 and L2 would fill equally many points


def test_a_single_crossing_may_be_of_any_lap():
    """One crossing at 700 s can only be L1; at 2500 s it could be any of the three, and FINISH is chosen."""
    assert athlete(scored(crossings(("S1", 1), ("K1", 700)), definition=lapped()))["flags"] == []
    document = scored(crossings(("S1", 1), ("K1", 2500)), definition=lapped())
    assert filled(document) == {"START": 1, "FINISH": 2500}
    assert athlete(document)["flags"] == ["lap_ambiguous"]


def test_choices_that_differ_only_in_times_raise_no_flag():
    """Four crossings for three laps, 700 s apart: leaving out another one changes times, not the laps filled."""
    document = scored(crossings(("S1", 1), ("K1", 1500), ("K1", 2200), ("K1", 2900), ("K1", 3600)), definition=lapped())
    assert filled(document) == {"START": 1, "L1": 1500, "L2": 2200, "FINISH": 2900}
    assert athlete(document)["flags"] == []
    assert document["unused_reads"] == {"superseded": 1}


def test_choices_that_differ_only_at_other_mats_raise_no_flag():
    """The two crossings of mat 10k are certainly L1 and L2; whether START is filled does not matter for laps."""
    points = [point("START"), point("L1", "10k", km=5), point("L2", "10k", km=10), point("FINISH", km=15)]
    document = scored(
        crossings(("S1", 1), ("S1", 40), ("K1", 1500), ("K1", 3000), ("F1", 4500)), definition=half(points=points)
    )
    assert athlete(document)["flags"] == []


def test_one_crossing_fills_one_lap_even_if_two_points_pick_different_reads():
    """L1 picks the first read and L2 the last: a runner who lingers on the mat has still passed it once.

    With laps of 10 m the two reads, 15 s apart, would otherwise fit both laps.
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


# --- The earliest time of a point.


def test_a_passing_before_the_earliest_time_of_a_point_is_unused_and_one_equal_to_it_counts():
    """FINISH counts from 1:00:00 after the athlete's own gun. Source: R2, `earliest`."""
    definition = half(points=[point("START"), point("FINISH", km=21.0975, earliest={"wave": "1:00:00"})])
    document = scored(crossings(("F1", "3599.999999")), definition=definition)
    assert (filled(document), document["unused_reads"]) == ({}, {"too_early": 1})
    assert filled(scored(crossings(("F1", 3600)), definition=definition)) == {"FINISH": 3600}


def test_of_several_kinds_of_earliest_the_latest_applies():
    """`clock` 06:04 is 3840 s; `gun` is 3600 s; `wave` is 0:55:00 after the athlete's own gun at 600 s: 3900 s."""
    earliest = {"clock": "06:04:00", "gun": "1:00:00", "wave": "0:55:00"}
    definition = half(points=[point("START"), point("FINISH", km=21.0975, earliest=earliest)])
    wave = [
        {"bib": "7", "chips": ["C7"], "race": "hm", "gender": "M", "given_name": "A", "family_name": "B", "wave": "B"}
    ]
    assert filled(scored(gun(600, wave="B"), crossings(("F1", "3899.999999")), definition=definition, bibs=wave)) == {}
    assert filled(scored(gun(600, wave="B"), crossings(("F1", 3900)), definition=definition, bibs=wave)) == {
        "FINISH": 3900
    }


def test_with_earliest_a_finish_on_the_start_line_is_not_taken_for_a_slow_start():
    """A 5 km race from and to one line with a start window of 30 minutes: 5 km take 667 s, so `earliest` is needed.

    The crossing at 1700 s is not START: 5 km from there to 1900 s would take 200 s, and with 20 s both points are
    filled.
    """
    points = [point("START"), point("FINISH", "start", km=5, earliest={"wave": "0:30:01"})]
    document = scored(crossings(("S1", 20), ("S1", 1700), ("S1", 1900)), definition=half(points=points))
    assert filled(document) == {"START": 20, "FINISH": 1900}


def test_a_crossing_too_early_for_one_lap_may_be_another():
    """L1 counts from 1:00:00, L2 at any time: 3500 s is L2."""
    points = [
        point("START"),
        point("L1", "10k", km=5, earliest={"wave": "1:00:00"}),
        point("L2", "10k", km=10),
        point("FINISH", km=21.0975),
    ]
    assert filled(scored(crossings(("K1", 3500)), definition=half(points=points))) == {"L2": 3500}


def test_a_passing_whose_picked_read_is_too_early_is_too_early():
    """FINISH picks the first read of its passing, at 3595 s; another read of it at 3605 s does not help."""
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


def test_the_later_officials_time_applies():
    assert filled(scored(run(), time_set("7", "10K", 2500), time_set("7", "10K", 2400)))["10K"] == 2400


def test_an_officials_time_fills_a_point_without_reads():
    document = scored(run(k10=None), time_set("7", "10K", 2200))
    assert filled(document) == {"START": 1, "10K": 2200, "FINISH": 4000}
    assert athlete(document)["status"] == "FINISHED"


def test_a_read_that_contradicts_an_officials_time_is_unused():
    """An official set 10K at 5000 s: the read at the finish at 4000 s cannot be the finish, one at 7000 s can."""
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
    """An official set FINISH at 2000 s. A read at 10K must be 1,479.666667 s before it and not too fast from the gun,
    so the gun is 1,000 s early here."""
    document = scored(crossings(("K1", at_s)), time_set("7", "FINISH", 2000), gun_s=-1000)
    assert ("10K" in passed(document)) == counts
    assert passed(document)["FINISH"] == us(2000)


@pytest.mark.parametrize(("at_s", "counts"), [(OVER_10_KM_S, True), ("1333.333333", False)])
def test_a_read_may_not_be_too_fast_from_the_gun_even_before_an_officials_time(at_s, counts):
    document = scored(crossings(("K1", at_s)), time_set("7", "FINISH", 4000))
    assert ("10K" in passed(document)) == counts


def test_two_officials_times_are_not_checked_against_each_other():
    """FINISH before 10K, both set by officials, stands as set; so does a FINISH that is too fast from the gun."""
    document = scored(time_set("7", "10K", 3000), time_set("7", "FINISH", 100))
    assert filled(document) == {"10K": 3000, "FINISH": 100}


def test_an_officials_time_is_not_checked_against_the_gun():
    """Chip time from an official's START five seconds before the gun: 4000 + 5."""
    document = scored(run(start=None), time_set("7", "START", -5))
    assert filled(document)["START"] == -5
    assert athlete(document)["chip_us"] == us(4005)
    assert athlete(document)["gun_us"] == us(4000)


@pytest.mark.parametrize(("at_s", "counts"), [("1328.333334", True), ("1328.333333", False)])
def test_a_stretch_from_an_officials_start_is_not_measured_from_the_gun(at_s, counts):
    """An official set START five seconds before the gun: 10 km in 1,333.333334 s end at 1,328.333334 s."""
    document = scored(crossings(("K1", at_s)), time_set("7", "START", -5))
    assert ("10K" in passed(document)) == counts


def test_an_officials_start_counts_after_the_window():
    document = scored(run(start=None, k10=None, finish=9000), time_set("7", "START", 2500))
    assert filled(document) == {"START": 2500, "FINISH": 9000}


def test_an_officials_time_for_a_point_of_another_race_is_pending():
    assert filled(scored(run(), time_set("7", "15K", 2500))) == {"START": 1, "10K": 2000, "FINISH": 4000}


def test_an_officials_time_of_a_lap_leaves_crossings_to_the_other_laps():
    """An official set L2 at 3010 s: the crossing at 3000 s could only be L1, and 1500 s is the earlier L1."""
    document = scored(
        crossings(("K1", 1500), ("K1", 3000), ("K1", 4500)), time_set("7", "L2", 3010), definition=lapped()
    )
    assert filled(document) == {"L1": 1500, "L2": 3010, "FINISH": 4500}
    assert document["unused_reads"] == {"superseded": 1}
