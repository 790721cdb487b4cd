"""Estimates of the finish and the next point: what held-out runners did, and what holds for any runner."""

import csv
from math import exp
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.definition import Race
from schemas.results import AthleteRow, PointTime
from services.standings.finish_estimate import (
    FITTED,
    Estimate,
    Run,
    Spread,
    expected,
    pace_factors,
    run_terms,
    run_to,
    time_at,
)
from services.standings.pace_table import COURSE_KM
from tests.builders import EVENT, START_US, US, hms, point, race, result, us

HELD_OUT = Path(__file__).parents[1] / "data" / "held_out_paces.csv"
KM = {"START": 0.0, "5K": 5.0, "10K": 10.0, "HALF": 21.0975, "30K": 30.0, "FINISH": COURSE_KM}


def groups():
    with HELD_OUT.open() as lines:
        for row in csv.DictReader(lines):
            yield {name: float(value) if value else None for name, value in row.items()}


def marathon(kms=KM, **more) -> Race:
    points = [point(name, name.lower(), km) for name, km in kms.items()]
    return msgspec.convert(race("m", points=points, **more), Race)


def on_course(*seconds, status="ON_COURSE", gender="M", **more) -> AthleteRow:
    """An athlete who took the first points of the marathon, by seconds since the gun; None: missed."""
    taken = [(name, at_s) for name, at_s in zip(KM, seconds, strict=False) if at_s is not None]
    given = {
        "gun_at_us": START_US,
        "own_gun_us": START_US,
        "points": [PointTime(name, START_US + us(at_s), "main") for name, at_s in taken],
        "entry": result("7", gender=gender).entry,
        **more,
    }
    return AthleteRow(event=EVENT, bib="7", version=0, race="m", status=status, **given)


@pytest.mark.parametrize("group", list(groups()), ids=lambda group: f"{group['km']:g}-km-in-{group['time_s']:.0f}-s")
def test_groups_of_runners_who_were_not_fitted_finished_as_estimated(group):
    earlier_us = None if group["earlier_s"] is None else round(group["earlier_s"] * US)
    run = Run(COURSE_KM, group["km"], round(group["time_s"] * US), group["earlier_km"], earlier_us, group["women"])
    low, median, high = (time_us / run.time_us for time_us in time_at(run, COURSE_KM))
    range_of_group = group["high"] - group["low"]
    assert median == pytest.approx(group["median"], abs=0.15 * range_of_group)
    assert low == pytest.approx(group["low"], abs=0.25 * range_of_group)
    assert high == pytest.approx(group["high"], abs=0.25 * range_of_group)


def test_the_finish_is_estimated_later_than_at_an_even_pace_as_most_marathoners_slow_down():
    athlete = on_course(0, 1500, 3000, 6330)  # 5:00 a kilometre
    ahead = expected(marathon(), athlete, {})
    assert (ahead.point, ahead.finish.median_us > us(hms("3:31:00"))) == ("30K", True)
    assert us(hms("3:25:00")) < ahead.finish.low_us < ahead.finish.median_us < ahead.finish.high_us < us(hms("4:15:00"))
    assert START_US + us(6330 + 2500) < ahead.next.low_us < ahead.next.high_us < START_US + us(6330 + 3100)


def test_an_athlete_who_has_slowed_down_is_expected_later_than_one_of_the_same_time_at_an_even_pace():
    even, slowed = (expected(marathon(), on_course(0, 1500, at_10k_s, 6330), {}) for at_10k_s in (3000, 2850))
    assert slowed.finish.median_us > even.finish.median_us
    assert slowed.next.median_us > even.next.median_us


def test_women_slow_down_less_than_men_and_others_are_in_between():
    women, others, men = (
        expected(marathon(), on_course(0, 1500, 3000, 6330, gender=gender), {}).finish.median_us for gender in "FXM"
    )
    assert women < others < men


@pytest.mark.parametrize(("gender", "women"), [("F", 1.0), ("M", 0.0), ("X", 0.5), (None, 0.5)])
def test_an_estimate_is_by_the_gender_of_the_entry_or_between_both(gender, women):
    athlete = on_course(0, 1500, 3000, gender=gender or "M")
    if gender is None:
        athlete = msgspec.structs.replace(athlete, entry=None)
    run = Run(COURSE_KM, 10.0, us(3000), 5.0, us(1500), women)
    assert expected(marathon(), athlete, {}).finish == time_at(run, COURSE_KM)
    assert expected(marathon(), athlete, {}).next == time_at(run, KM["HALF"]).shifted(START_US)


def test_without_a_trend_the_gender_counts_too():
    run = Run(COURSE_KM, 5.0, us(1500), women=1.0)
    assert expected(marathon(), on_course(0, 1500, gender="F"), {}).finish == time_at(run, COURSE_KM)


def test_a_course_may_begin_at_any_kilometre():
    athlete = on_course(0, 1500, 3000)
    moved = marathon({name: km + 3 for name, km in KM.items()})
    assert expected(moved, athlete, {}) == expected(marathon(), athlete, {})


def test_over_half_a_marathon_runners_slow_down_by_half_and_ranges_are_narrower_by_the_square_root():
    full = pace_factors(Run(COURSE_KM, 21.0975, us(7200)), COURSE_KM)
    as_fast = round(us(3600) / 2**0.06)  # over half the distance, as Riegel converts the pace
    half = pace_factors(Run(COURSE_KM / 2, 21.0975 / 2, as_fast), COURSE_KM / 2)
    assert half.median == pytest.approx(full.median / 2, abs=1e-6)
    assert [half.below, half.above] == pytest.approx([full.below * 0.5**0.5, full.above * 0.5**0.5], abs=1e-6)


def test_over_half_a_marathon_a_trend_goes_on_as_over_a_whole_one():
    steady, slowing = (Run(COURSE_KM, 20.0, us(6000), 10.0, us(at_10k_s)) for at_10k_s in (3000, 2900))
    half_steady, half_slowing = (  # as fast over half the distance, as Riegel converts the pace
        Run(COURSE_KM / 2, 10.0, round(us(3000) / 2**0.06), 5.0, round(us(at_5k_s) / 2**0.06))
        for at_5k_s in (1500, 1450)
    )
    by_trend = pace_factors(slowing, COURSE_KM).median - pace_factors(steady, COURSE_KM).median
    by_trend_of_half = (
        pace_factors(half_slowing, COURSE_KM / 2).median - pace_factors(half_steady, COURSE_KM / 2).median
    )
    assert by_trend_of_half == pytest.approx(by_trend, abs=1e-6)
    assert by_trend > 0.02


def test_beyond_a_marathon_runners_slow_down_as_over_a_marathon():
    full = pace_factors(Run(COURSE_KM, 21.0975, us(7200)), COURSE_KM)
    as_fast = round(us(14_400) * 2**0.06)
    assert pace_factors(Run(2 * COURSE_KM, COURSE_KM, as_fast), 2 * COURSE_KM) == pytest.approx(full, abs=1e-6)


def test_an_estimate_counts_from_another_zero_as_a_whole():
    assert Estimate(1, 2, 4).shifted(10) == (11, 12, 14)


def test_missed_points_leave_an_estimate_by_those_that_were_taken():
    only_half = expected(marathon(), on_course(0, None, None, 6330), {})
    with_10k = expected(marathon(), on_course(0, None, 3000, 6330), {})
    assert only_half.finish.high_us - only_half.finish.low_us > with_10k.finish.high_us - with_10k.finish.low_us
    assert expected(marathon(), on_course(0, 1500), {}).point == "10K"


def test_without_a_start_the_gun_stands_in_for_it():
    started, unread = (expected(marathon(), on_course(start_s, 1500), {}) for start_s in (0, None))
    assert started is not None
    assert unread == started


def test_official_times_count_from_the_gun_or_the_start_and_contain_adjustments():
    athlete = on_course(60, 1560, 3060)
    by_gun, by_chip = (expected(marathon(official_time=kind), athlete, {}) for kind in ("gun", "chip"))
    assert by_gun.next == by_chip.next
    assert by_gun.finish == by_chip.finish.shifted(us(60))
    adjusted = expected(marathon(), on_course(60, 1560, 3060, penalty_us=us(120)), {})
    assert (adjusted.finish, adjusted.next) == (by_gun.finish.shifted(us(120)), by_gun.next)


def test_before_the_finish_the_next_point_is_the_finish():
    athlete = on_course(60, 1560, 3060, 6390, 9200)
    ahead = expected(marathon(), athlete, {})
    assert (ahead.point, ahead.next) == ("FINISH", ahead.finish.shifted(START_US))


@pytest.mark.parametrize(
    "athlete",
    [
        on_course(),
        on_course(0),
        on_course(0, 1500, status="DNF"),
        on_course(0, 1500, status="OTL"),
        on_course(0, 1500, 3000, 6330, 9200, 13000, status="FINISHED"),
        on_course(0, 1500, 3000, 6330, 9200, 13000),
        on_course(None, 1500, own_gun_us=None),
        on_course(0, 1500, gun_at_us=None),
        on_course(3000, 1500),
    ],
    ids=[
        "nowhere",
        "only-start",
        "dnf",
        "otl",
        "finished",
        "at-the-finish",
        "no-own-gun",
        "no-gun",
        "before-their-start",
    ],
)
def test_nothing_is_expected_off_the_course_without_a_pace_or_from_times_that_descend(athlete):
    assert expected(marathon(), athlete, {}) is None


@pytest.mark.parametrize("at_10k_s", [7000, 6330, 0, -5])
def test_an_officials_time_that_is_not_in_order_is_no_trend(at_10k_s):
    ahead = expected(marathon(), on_course(0, 1500, at_10k_s, 6330), {})
    assert ahead == expected(marathon(), on_course(0, 1500, None, 6330), {})


def test_where_finishers_of_the_race_were_slower_the_athlete_is_expected_later_and_in_a_wider_range():
    run = Run(COURSE_KM, 30.0, us(9000), 20.0, us(6000))
    fitted = time_at(run, COURSE_KM)
    slower = time_at(run, COURSE_KM, Spread(0.1, 1.0, 1.0))
    assert slower.median_us - run.time_us == pytest.approx((fitted.median_us - run.time_us) * exp(0.1))
    wider = time_at(run, COURSE_KM, Spread(0.0, 1.5, 2.0))
    assert (wider.median_us, time_at(run, COURSE_KM, FITTED)) == (fitted.median_us, fitted)
    assert wider.low_us < fitted.low_us < fitted.high_us < wider.high_us


def test_a_spread_holds_for_its_two_points_only():
    athlete = on_course(0, 1500, 3000, 6330)
    fitted = expected(marathon(), athlete, {})
    to_finish = expected(marathon(), athlete, {("HALF", "FINISH"): Spread(0.1, 1.0, 1.0)})
    assert (to_finish.next, to_finish.finish > fitted.finish) == (fitted.next, True)
    to_next = expected(marathon(), athlete, {("HALF", "30K"): Spread(0.1, 1.0, 1.0)})
    assert (to_next.next > fitted.next, to_next.finish) == (True, fitted.finish)
    assert expected(marathon(), athlete, {("10K", "30K"): Spread(0.1, 1.0, 1.0)}) == fitted


@st.composite
def runs(draw):
    """Runs over any distance, at any pace from a record to a slow walk, with or without an earlier point."""
    length_km = draw(st.sampled_from([3.0, 5.0, 10.0, 21.0975, COURSE_KM, 100.0]))
    km = length_km * draw(st.floats(0.02, 0.98))
    time_us = round(km * draw(st.floats(150, 1500)) * US)
    women = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if draw(st.booleans()) or km < 0.2 * length_km:
        return Run(length_km, km, time_us, women=women)
    share = draw(st.floats(0.1, 0.5))
    return Run(length_km, km, time_us, share * km, round(time_us * share * draw(st.floats(0.5, 1.5))), women)


@given(runs(), st.floats(0, 1))
def test_an_estimate_is_in_order_and_never_before_the_time_already_run(run, share):
    km = run.km + (run.length_km - run.km) * share
    low_us, median_us, high_us = time_at(run, km)
    assert run.time_us <= low_us <= median_us <= high_us


@given(runs())
def test_points_farther_on_are_expected_later(run):
    kms = [run.km + (run.length_km - run.km) * share for share in (0.25, 0.5, 0.75, 1.0)]
    medians = [time_at(run, km).median_us for km in kms]
    assert medians == sorted(medians)


@given(runs(), st.floats(1.0, 1.2))
def test_whoever_arrives_later_is_expected_later(run, factor):
    later = run._replace(time_us=round(run.time_us * factor))
    assert time_at(later, run.length_km).median_us >= time_at(run, run.length_km).median_us


@given(runs())
def test_the_last_steps_take_next_to_no_time(run):
    assert time_at(run, run.km + 1e-6).high_us - run.time_us < US


def test_a_trend_is_not_measured_over_a_short_stretch():
    times_us = {"5K": us(1500), "10K": us(3000), "HALF": us(6330)}
    assert run_to(marathon(), times_us).earlier_km == 10.0
    near_half = marathon({**KM, "10K": 19.0})
    assert run_to(near_half, times_us).earlier_km == 5.0
    del times_us["5K"]
    assert run_to(near_half, times_us).earlier_km is None
    assert run_to(near_half, {"START": 0, **times_us}).earlier_km is None


def test_a_trend_is_measured_from_any_point_after_the_start():
    kms = {"START": 0.0, "FIRST": 0.5, "LAST": 2.0, "FINISH": 5.0}
    assert run_to(marathon(kms), {"FIRST": us(150), "LAST": us(600)}).earlier_km == 0.5
    assert run_to(marathon(kms), {"FIRST": us(150)}) == Run(5.0, 0.5, us(150), women=0.5)


def test_the_same_trend_over_a_longer_stretch_counts_as_it_was_fitted_over_one():
    near, far = (
        Run(COURSE_KM, 40.0, us(12_000), km, round(us(12_000) / (1 + 1.05 * (40 - km) / km))) for km in (35.0, 25.0)
    )
    assert run_terms(far) == pytest.approx(run_terms(near), abs=1e-6)  # 5 % slower than before
    assert pace_factors(far, COURSE_KM).median != pytest.approx(pace_factors(near, COURSE_KM).median, abs=1e-3)
