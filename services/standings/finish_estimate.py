"""Estimate when athletes on the course reach a later point: the median, and the range that holds four of five.

The pace over the rest of the way is estimated as a multiple of the pace so far, by quantiles that were fitted on a real
marathon (`pace_table`). Where enough athletes of a race have finished, its own spread replaces the fitted one
(`race_spread`). What was measured and what is assumed: docs/decisions/12-expected-times-are-fitted.md.
"""

from collections.abc import Mapping
from math import exp, log, sqrt
from operator import mul
from typing import NamedTuple

from schemas.definition import Race
from schemas.ids import US
from schemas.results import AthleteRow
from services.standings.pace_table import COURSE_KM, COURSE_TERMS, rest_pace

RIEGEL_EXPONENT = 1.06
"""Time grows with distance to this power. Source: P. S. Riegel, Athletic Records and Human Endurance, American
Scientist 69 (1981)."""

TREND_SHARE_MIN = 0.08  # of the distance; over a shorter stretch a change of pace is mostly chance

# Logarithms of the range that was fitted: of the pace over `_PACE_S`, and of the last stretch's pace over that before.
PACE_RANGE = (-0.5, 0.65)
TREND_RANGE = (-0.1, 0.5)

FACTOR_MIN = 1e-4  # from the median to a quantile: fitted ones may touch at the edge of their range

_PACE_S = 300.0  # a kilometre


class Spread(NamedTuple):
    """How the pace ahead differs from the fitted one: `shift` is added to its logarithm.

    `below` and `above` multiply the fitted distances from the median to the quantiles 0.1 and 0.9.
    """

    shift: float
    below: float
    above: float


FITTED = Spread(0.0, 1.0, 1.0)

Spreads = Mapping[tuple[str, str], Spread]
"""Spreads of a race's own finishers, by the point that was taken and the later point that is estimated."""


class Estimate(NamedTuple):
    """The quantiles 0.1, 0.5 and 0.9, ascending: of a time, or of an instant, in microseconds."""

    low_us: int
    median_us: int
    high_us: int

    def shifted(self, by_us: int) -> "Estimate":
        """Return the estimate as counted from another zero."""
        return Estimate(self.low_us + by_us, self.median_us + by_us, self.high_us + by_us)


class Expected(NamedTuple):
    """What is expected of an athlete on the course: the instant at the next point, and the official finish time."""

    point: str
    next: Estimate
    finish: Estimate


class Run(NamedTuple):
    """How an athlete has run up to a point: kilometres and microseconds since the start, of a race of `length_km`.

    `earlier_km` and `earlier_us` are those of an earlier point, None without one. `women` is 1 for women, 0 for men,
    and 0.5 where neither is known.
    """

    length_km: float
    km: float
    time_us: int
    earlier_km: float | None = None
    earlier_us: int | None = None
    women: float = 0.5


class PaceFactors(NamedTuple):
    """The median logarithm of a pace ahead over the pace so far, and how far the quantiles 0.1 and 0.9 are from it."""

    median: float
    below: float
    above: float


def expected(race: Race, athlete: AthleteRow, spreads: Spreads) -> Expected | None:
    """Return what is expected of an athlete; None off the course, and before the first point after START.

    Where `spreads` of the race lack a pair of points, the fitted one holds.
    """
    start_us = start_instant_us(athlete)
    if athlete.status != "ON_COURSE" or start_us is None or athlete.gun_at_us is None:
        return None
    times_us = {split.point: split.at_us - start_us for split in athlete.points}
    run = run_to(race, times_us, _women(athlete))
    if run is None:
        return None
    index = max(index for index, point in enumerate(race.points) if point.id in times_us)
    last, ahead, finish = race.points[index], race.points[index + 1], race.points[-1]
    at_finish = time_at(run, run.length_km, spreads.get((last.id, finish.id), FITTED))
    at_next = at_finish
    if ahead is not finish:
        at_next = time_at(run, ahead.km - race.points[0].km, spreads.get((last.id, ahead.id), FITTED))
    from_us = athlete.gun_at_us if race.official_time == "gun" else start_us
    official = at_finish.shifted(start_us - from_us + athlete.adjusted_us())
    return Expected(ahead.id, at_next.shifted(start_us), official)


def start_instant_us(athlete: AthleteRow) -> int | None:
    """Return when an athlete started: their start passing, or their own gun when they have none."""
    if athlete.points and athlete.points[0].point == "START":
        return athlete.points[0].at_us
    return athlete.own_gun_us


def run_to(race: Race, times_us: Mapping[str, int], women: float = 0.5) -> Run | None:
    """Return the run up to the last of the points that were taken, by their times since the start.

    None without a point between START and FINISH, and when times do not ascend, as those of officials may.
    """
    zero_km, length_km = race.points[0].km, race.points[-1].km - race.points[0].km
    taken = [(point.km - zero_km, times_us[point.id]) for point in race.points if point.id in times_us]
    if not taken or not 0 < taken[-1][0] < length_km or taken[-1][1] <= 0:
        return None
    km, time_us = taken[-1]
    for earlier_km, earlier_us in reversed(taken):
        if 0 < earlier_km <= km - TREND_SHARE_MIN * length_km and 0 < earlier_us < time_us:
            return Run(length_km, km, time_us, earlier_km, earlier_us, women)
    return Run(length_km, km, time_us, women=women)


def time_at(run: Run, km: float, spread: Spread = FITTED) -> Estimate:
    """Return the time since the start at a later point, in kilometres since the start."""
    pace_us = run.time_us / run.km
    rest_km = km - run.km
    fitted = pace_factors(run, km)
    median = fitted.median + spread.shift
    factors = median - spread.below * fitted.below, median, median + spread.above * fitted.above
    return Estimate(*(run.time_us + round(pace_us * rest_km * exp(factor)) for factor in factors))


def pace_factors(run: Run, km: float) -> PaceFactors:
    """Return the fitted quantiles of the logarithm of the pace up to a later point over the pace so far.

    Over less than a marathon runners slow down less: by as much less as the distance is shorter, and the spread by its
    square root. That is assumed.
    """
    shorter = min(run.length_km / COURSE_KM, 1.0)
    earlier = None if run.earlier_km is None else run.earlier_km / run.length_km
    fits = rest_pace(run.km / run.length_km, earlier, km / run.length_km)
    terms = run_terms(run)
    low, median, high = (sum(map(mul, fit, terms)) for fit in fits)
    by_course = sum(map(mul, fits.median[:COURSE_TERMS], terms))
    return PaceFactors(
        median - by_course * (1 - shorter),
        max(median - low, FACTOR_MIN) * sqrt(shorter),
        max(high - median, FACTOR_MIN) * sqrt(shorter),
    )


def run_terms(run: Run) -> tuple[float, ...]:
    """Return the terms of a run, in the order of `Coefficients`: five, and four more with an earlier point.

    The pace is that of a marathon by the same runner.
    """
    longer = (COURSE_KM / run.length_km) ** (RIEGEL_EXPONENT - 1)
    pace = _clamped(log(run.time_us / run.km / US * longer / _PACE_S), PACE_RANGE)
    terms = (1.0, pace, max(pace - 0.1, 0.0), max(pace - 0.3, 0.0), run.women)
    if run.earlier_km is None or run.earlier_us is None:
        return terms
    last_pace = (run.time_us - run.earlier_us) / (run.km - run.earlier_km)
    trend = _clamped(log(last_pace / (run.earlier_us / run.earlier_km)), TREND_RANGE)
    return (*terms, trend, max(trend, 0.0), max(trend - 0.15, 0.0), trend * pace)


def _clamped(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])


def _women(athlete: AthleteRow) -> float:
    gender = None if athlete.entry is None else athlete.entry.gender
    return {"F": 1.0, "M": 0.0}.get(gender or "", 0.5)
