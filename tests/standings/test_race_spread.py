"""Spreads of races by their own finishers."""

from math import exp
from random import Random

import msgspec
import pytest

from loadtest.pace import at_distance_s, marathon_s, run_s
from schemas.definition import Race
from services.standings.finish_estimate import FITTED, Run, pace_factors, run_to, time_at
from services.standings.race_spread import FINISHERS_MAX, FINISHERS_MIN, STRAYS_MAX, Taken, race_spreads
from tests.builders import START_US, US, point, race

KM = {"START": 0.0, "5K": 5.0, "10K": 10.0, "FINISH": 21.0975}
TO_FINISH = ("10K", "FINISH")
TO_NEXT = ("5K", "10K")


def half(first_km=0.0) -> Race:
    points = [point(name, name.lower(), km + first_km) for name, km in KM.items()]
    return msgspec.convert(race(points=points), Race)


def runner(at_10k_s, part=0.0, shift=0.0, started_s=0, at_5k=True) -> dict[str, Taken]:
    """A finisher who ran the first 10 km evenly and the rest `part` of the way to the fitted quantile 0.9, and slower
    by the logarithm `shift`.
    """
    before = {"5K": at_10k_s / 2} if at_5k else {}
    times_us = {name: round(at_s * US) for name, at_s in {**before, "10K": at_10k_s}.items()}
    run = run_to(half(), times_us)
    assert run is not None
    fitted = pace_factors(run, KM["FINISH"])
    factor = fitted.median + shift + part * (fitted.below if part < 0 else fitted.above)
    times_us["FINISH"] = run.time_us + round(run.time_us / 10 * 11.0975 * exp(factor))
    return {name: Taken(time_us, START_US + started_s * US + time_us) for name, time_us in times_us.items()}


def field(number, shift=0.0, spread=1.0, first_s=2400) -> list[dict[str, Taken]]:
    """Runners who pass 10 km one after the other; a tenth beyond each of the fitted quantiles for a spread of 1."""
    parts = [(2 * (index * 0.618 % 1) - 1) * spread / 0.8 for index in range(number)]
    return [runner(first_s + index, part, shift) for index, part in enumerate(parts)]


def late(number) -> list[dict[str, Taken]]:
    """Runners at whose finish all others of a field must have finished."""
    return [runner(2400, started_s=20_000 + index) for index in range(number)]


LATE = late(STRAYS_MAX + 1)


def test_a_race_that_runs_as_fitted_keeps_the_fitted_spread():
    spread = race_spreads(half(), field(400) + LATE)[TO_FINISH]
    assert spread.shift == pytest.approx(0.0, abs=0.005)
    assert [spread.below, spread.above] == pytest.approx([1.0, 1.0], abs=0.1)


def test_where_everybody_is_slower_the_median_is_shifted():
    spread = race_spreads(half(), field(400, shift=0.08) + LATE)[TO_FINISH]
    assert spread.shift == pytest.approx(0.08, abs=0.005)
    assert [spread.below, spread.above] == pytest.approx([1.0, 1.0], abs=0.1)


def test_a_range_is_widened_but_never_narrowed():
    wide = race_spreads(half(), field(400, spread=2.0) + LATE)[TO_FINISH]
    assert [wide.below, wide.above] == pytest.approx([2.0, 2.0], abs=0.2)
    narrow = race_spreads(half(), field(400, spread=0.2) + LATE)[TO_FINISH]
    assert (narrow.below, narrow.above) == (1.0, 1.0)


def test_too_few_finishers_give_no_spread():
    enough = field(FINISHERS_MIN) + LATE
    assert TO_FINISH not in race_spreads(half(), enough[1:])  # the late ones cannot be compared, nobody was later
    assert TO_FINISH in race_spreads(half(), enough)
    assert race_spreads(half(), []) == race_spreads(half(), LATE[1:]) == {}


def test_late_finishers_that_may_be_strays_are_no_field():
    field_of_few = [runner(2400 + index) for index in range(STRAYS_MAX)]
    assert race_spreads(half(), field_of_few) == {}


def test_a_course_may_begin_at_any_kilometre():
    finishers = field(400, shift=0.05) + LATE
    assert race_spreads(half(3.0), finishers) == race_spreads(half(), finishers)


def test_finishers_whose_times_do_not_ascend_are_not_compared():
    finishers = field(FINISHERS_MIN) + LATE
    finishers[0] = {**finishers[0], "FINISH": finishers[0]["10K"]}
    assert TO_FINISH not in race_spreads(half(), finishers)
    assert TO_NEXT in race_spreads(half(), finishers)
    finishers[0] = {name: Taken(-taken.time_us, taken.at_us) for name, taken in finishers[0].items()}
    assert race_spreads(half(), finishers) == {}


def test_who_missed_the_next_point_is_compared_at_the_finish_alone():
    finishers = field(FINISHERS_MIN) + LATE
    del finishers[0]["10K"]
    assert set(race_spreads(half(), finishers)) == {("5K", "FINISH")}


def test_the_next_point_has_a_spread_of_its_own():
    spreads = race_spreads(half(), field(400, shift=0.08) + LATE)
    assert set(spreads) == {TO_NEXT, ("5K", "FINISH"), TO_FINISH}
    # All ran the first 10 km evenly, which the fitted median is within a thousandth of.
    assert spreads[TO_NEXT].shift == pytest.approx(0.0, abs=0.02)
    assert spreads["5K", "FINISH"].shift > 0.02


def test_the_last_who_could_finish_are_compared():
    early, later = field(400), field(FINISHERS_MAX, shift=0.1, first_s=3000)
    assert race_spreads(half(), early + later + LATE)[TO_FINISH].shift == pytest.approx(0.1, abs=0.005)
    assert race_spreads(half(), early + LATE)[TO_FINISH].shift == pytest.approx(0.0, abs=0.005)


def first_to_finish() -> list[dict[str, Taken]]:
    """Half of a field of many paces, those who finish first."""
    everybody = field(1200, spread=3.0)
    return sorted(everybody, key=lambda finisher: finisher["FINISH"].at_us)[:600]


def stray(index) -> dict[str, Taken]:
    """A finish at an instant hours ahead."""
    return {**runner(2400), "FINISH": Taken(9_000 * US, START_US + 100_000 * US + index)}


def test_athletes_are_not_compared_while_others_from_the_same_time_may_still_finish():
    fair = race_spreads(half(), first_to_finish())[TO_FINISH]
    assert fair.shift == pytest.approx(0.0, abs=0.02)
    hasty = race_spreads(half(), first_to_finish() + LATE)[TO_FINISH]  # as if nobody else were to finish
    assert hasty.shift < -0.05


def test_a_few_finishes_hours_ahead_do_not_make_others_seem_too_late_to_finish():
    fair = race_spreads(half(), first_to_finish() + [stray(index) for index in range(STRAYS_MAX)])[TO_FINISH]
    assert fair.shift == pytest.approx(0.0, abs=0.02)
    hasty = race_spreads(half(), first_to_finish() + [stray(index) for index in range(STRAYS_MAX + 1)])[TO_FINISH]
    assert hasty.shift < -0.05


def test_athletes_who_missed_a_point_are_compared_at_the_others():
    finishers = [runner(2400 + index, at_5k=False) for index in range(200)]
    spreads = race_spreads(half(), finishers + LATE)
    assert set(spreads) == {TO_FINISH}


def test_simulated_races_are_in_the_range_more_often_by_their_own_spread():
    rng = Random(7)
    kms = [5.0, 10.0, 21.0975]
    finishers = []
    for _ in range(3000):
        marathon = marathon_s(rng, "M", 40)
        times_s = run_s(rng, marathon, at_distance_s(marathon, kms[-1]), kms)
        times_us = dict(zip(("5K", "10K", "FINISH"), (round(time_s * US) for time_s in times_s), strict=True))
        finishers.append({name: Taken(time_us, START_US + time_us) for name, time_us in times_us.items()})
    finishers.sort(key=lambda finisher: finisher["10K"].at_us)
    spread = race_spreads(half(), finishers[:2000] + LATE)[TO_FINISH]
    by_fit, by_race = (share_in_range(finishers[2000:], spread) for spread in (FITTED, spread))
    assert by_fit < by_race
    assert by_race > 0.7


def share_in_range(finishers, spread) -> float:
    covered = 0
    for finisher in finishers:
        run = Run(21.0975, 10.0, finisher["10K"].time_us, 5.0, finisher["5K"].time_us)
        estimate = time_at(run, 21.0975, spread)
        covered += estimate.low_us <= finisher["FINISH"].time_us <= estimate.high_us
    return covered / len(finishers)
