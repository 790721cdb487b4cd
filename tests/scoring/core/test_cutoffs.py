"""Who is over the time limit, and where. Source: R2 (`cutoff`) and R3.5."""

from fractions import Fraction
from typing import Any

import pytest

from tests.builders import (
    athlete,
    course,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    fact,
    gun,
    half,
    passed,
    point,
    race,
    reads,
    run,
    scored,
    status,
    time_set,
)

JUST_OVER = "0.000001"


def cut(document, bib="7"):
    """Status, and the point whose limit was missed."""
    row = athlete(document, bib)
    return row["status"], row["cut_at"]


def limited(**limits):
    """The half marathon with a cut-off at 10K."""
    return half(points=course(K10={"cutoff": limits}))


@pytest.mark.parametrize(
    "limits", [{"clock": "05:33:20"}, {"gun": "0:33:20"}, {"wave": "0:33:20"}, {"clock": "05:33:20", "gun": "1:00:00"}]
)
def test_a_passing_equal_to_the_limit_is_in_time_and_a_microsecond_later_is_not(limits):
    """2000 s after the start at 05:00:00, by each kind of limit."""
    assert cut(scored(run(k10=2000), definition=limited(**limits))) == ("FINISHED", None)
    assert cut(scored(run(k10="2000.000001"), definition=limited(**limits))) == ("OTL", "10K")


def test_each_kind_of_limit_counts_from_its_own_beginning():
    """Scheduled at 05:00:00; the race's earliest gun (wave A) 100 s later, the athlete's (wave B) 700 s.

    0:33:20 is 2000 s: clock 05:33:20 is 2000 s, gun 2100 s, wave 2700 s.
    """
    for limits, limit_s in [({"clock": "05:33:20"}, 2000), ({"gun": "0:33:20"}, 2100), ({"wave": "0:33:20"}, 2700)]:
        overs: list[tuple[Any, str]] = [(0, "FINISHED"), (JUST_OVER, "OTL")]
        for over, expected in overs:
            standings = document(
                defined(half(max_speed_mps=10, points=course(K10={"cutoff": limits}))),  # 10 km in 1,000 s
                entries(entry("7", wave="B")),
                gun(100, wave="A"),
                gun(700, wave="B"),
                run(start=701, k10=limit_s + Fraction(over), finish=5000),
            )
            assert cut(standings)[0] == expected, (limits, over)


def test_of_several_kinds_in_one_cutoff_the_earliest_limit_counts():
    """clock 05:40 is 2400 s, gun 2200 s, wave 2300 s."""
    limits = {"clock": "05:40:00", "gun": "0:36:40", "wave": "0:38:20"}
    assert cut(scored(run(k10=2200), definition=limited(**limits)))[0] == "FINISHED"
    assert cut(scored(run(k10="2200.000001"), definition=limited(**limits)))[0] == "OTL"


def test_the_cut_is_at_the_first_point_in_course_order_over_its_limit():
    definition = half(points=course(K10={"cutoff": {"gun": "0:33:20"}}, FINISH={"cutoff": {"gun": "1:10:00"}}))
    assert cut(scored(run(k10=2001, finish=4201), definition=definition)) == ("OTL", "10K")
    assert cut(scored(run(k10=2000, finish=4201), definition=definition)) == ("OTL", "FINISH")
    assert cut(scored(run(k10=2001, finish=4200), definition=definition)) == ("OTL", "10K")


def test_passings_after_the_cut_stay_in_the_row():
    """Going on along the pavement is allowed but is no finish. Source: Hanoi half marathon 2024 regulations."""
    document = scored(run(k10=2001), definition=limited(gun="0:33:20"))
    assert [point["point"] for point in athlete(document)["points"]] == ["START", "10K", "FINISH"]
    assert document["boards"]["men"] == []
    assert athlete(document)["time_s"] is None


def test_an_athlete_cut_on_the_way_is_over_the_limit_before_finishing():
    assert cut(scored(run(k10=2001, finish=None), definition=limited(gun="0:33:20"))) == ("OTL", "10K")


def test_a_missed_point_does_not_cut():
    """The athlete would have been late at 10K, but nothing is known except that 10K was missed."""
    definition = half(missing_mat="ignore", points=course(K10={"cutoff": {"gun": "0:33:20"}}))
    assert cut(scored(run(k10=None, finish=9000), definition=definition)) == ("FINISHED", None)


def test_a_late_backfill_can_cut_and_a_set_time_can_undo_it():
    late = scored(run(k10=2001), definition=limited(gun="0:33:20"))
    assert cut(late) == ("OTL", "10K")
    assert cut(scored(run(k10=2001), time_set("7", "10K", 2000), definition=limited(gun="0:33:20"))) == (
        "FINISHED",
        None,
    )


def test_a_corrected_gun_moves_the_limits_that_count_from_it():
    assert cut(scored(run(k10=2001), gun(1), definition=limited(gun="0:33:20"))) == ("FINISHED", None)
    assert cut(scored(run(k10=2001), gun(1), definition=limited(wave="0:33:20"))) == ("FINISHED", None)
    assert cut(scored(run(k10=2001), gun(1), definition=limited(clock="05:33:20"))) == ("OTL", "10K")


def test_a_time_of_day_is_the_first_after_the_scheduled_start_even_past_midnight():
    """A midnight race: start on 3 March at 22:30, cut-off at 00:30, which is 7,200 s later on the next day.

    Source: R3.5; races/vnexpress-hcmc-midnight-2024.toml.
    """
    points = [point("START"), point("FINISH", km=21.0975, cutoff={"clock": "00:30:00"})]
    plain = definition(races=[race(start="2026-01-03T22:30:00", points=points)])
    early_s = -(6 * 3600 + 1800)  # 22:30 of the evening before, in seconds after the example's 05:00
    document = scored(run(start=early_s + 5, k10=None, finish=early_s + 7200), definition=plain, gun_s=early_s)
    assert cut(document) == ("FINISHED", None)
    document = scored(run(start=early_s + 5, k10=None, finish=early_s + 7201), definition=plain, gun_s=early_s)
    assert cut(document) == ("OTL", "FINISH")


def test_a_time_of_day_counts_from_the_scheduled_start_and_not_from_the_gun():
    """Scheduled at 23:50, gun ten minutes late at 00:00:30: 00:00:00 is ten minutes after the schedule, not a day."""
    points = [point("START"), point("FINISH", km=1, cutoff={"clock": "00:00:00"})]
    plain = definition(races=[race(start="2026-01-03T23:50:00", start_window_s=60, points=points)])
    late_s = -5 * 3600 + 30  # 00:00:30
    document = scored(run(start=None, k10=None, finish=late_s + 300), definition=plain, gun_s=late_s)
    assert cut(document) == ("OTL", "FINISH")


def test_a_time_of_day_equal_to_the_scheduled_start_is_on_the_next_day():
    definition = half(points=course(FINISH={"cutoff": {"clock": "05:00:00"}}))
    assert cut(scored(run(finish=86_400), definition=definition)) == ("FINISHED", None)
    assert cut(scored(run(finish=86_401), definition=definition)) == ("OTL", "FINISH")


def test_the_hanoi_half_marathon_cuts_by_time_of_day():
    """Half 05:00-08:00, with 06:26 at 10 km and 07:08 at 15 km. Source: races/hanoi-half-2024.toml."""
    points = [
        point("START"),
        point("10K", km=10, cutoff={"clock": "06:26:00"}),
        point("15K", "finish-side", km=15, cutoff={"clock": "07:08:00"}),
        point("FINISH", km=21.0975, cutoff={"clock": "08:00:00"}),
    ]
    plain = definition(
        races=[race(points=points)],
        mats=[
            {"id": "start", "devices": ["S1"]},
            {"id": "10k", "devices": ["K1"]},
            {"id": "finish-side", "devices": ["P1"]},
            {"id": "finish", "devices": ["F1"]},
        ],
    )
    for k10, k15, finish, expected in [
        (5160, 7680, 10800, ("FINISHED", None)),
        (5161, 7680, 10800, ("OTL", "10K")),
        (5160, 7681, 10800, ("OTL", "15K")),
        (5160, 7680, 10801, ("OTL", "FINISH")),
    ]:
        came = [("S1", 3), ("K1", k10), ("P1", k15), ("F1", finish)]
        document = scored(
            reads(*({"seq": 0, "device": d, "chip": "C7", "at_us": 1767477600000000 + s * 1000000} for d, s in came)),
            definition=plain,
        )
        assert cut(document) == expected


def test_an_athlete_over_the_limit_has_no_case_for_a_missed_mat():
    """While OTL decides there is no case and a decision does not apply. Source: R3.6."""
    definition = half(points=course(FINISH={"cutoff": {"gun": "1:00:00"}}))
    document = scored(run(k10=None, finish=4000), decided("missed:7", "accept"), definition=definition)
    assert cut(document) == ("OTL", "FINISH")
    assert athlete(document)["missed"] == ["10K"]
    assert document["cases"] == []


@pytest.mark.parametrize("ruled", ["DQ", "DNF", "DNS"])
def test_a_set_status_takes_precedence_over_the_limit(ruled):
    document = scored(run(k10=2001), status("7", ruled), definition=limited(gun="0:33:20"))
    assert cut(document) == (ruled, "10K")


def test_an_athlete_over_the_limit_stays_so_when_the_race_is_closed():
    document = scored(run(k10=2001, finish=None), fact("race_closed", race="hm"), definition=limited(gun="0:33:20"))
    assert cut(document) == ("OTL", "10K")


def test_a_start_after_its_cutoff_is_over_the_limit():
    definition = half(points=course(START={"cutoff": {"gun": "0:10:00"}}))
    assert cut(scored(run(start=600), definition=definition)) == ("FINISHED", None)
    assert cut(scored(run(start="600.000001", k10=2000), definition=definition)) == ("OTL", "START")
    assert passed(scored(run(start=601), definition=definition)).keys() == {"START", "10K", "FINISH"}
