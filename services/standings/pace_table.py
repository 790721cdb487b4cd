"""The fitted pace over the rest of the way: coefficients of its quantiles, for any points of any course.

`pace_table.csv` has them for the points of the course on which they were fitted; in between they are interpolated
linearly, and beyond the first and the last they are those of the nearest. What was fitted, and how it is fitted again:
docs/decisions/12-expected-times-are-fitted.md.
"""

import csv
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

TABLE = "pace_table.csv"
COURSE_KM = 42.195  # of the marathon on which the table was fitted
COURSE_TERMS = 5  # the first of the terms of a run, which need no earlier point
STRETCHES_HELD = 4_096  # a course of 40 points has 1,600 at most

LOW, MEDIAN, HIGH = 0.1, 0.5, 0.9


class Coefficients(NamedTuple):
    """How much each term of a run adds to the logarithm of the pace ahead over the pace so far; see `run_terms`."""

    base: float
    pace: float
    slow: float
    slower: float
    women: float
    trend: float = 0.0
    slowing: float = 0.0
    fading: float = 0.0
    trend_by_pace: float = 0.0


class Quantiles(NamedTuple):
    """The coefficients of the quantiles 0.1, 0.5 and 0.9."""

    low: Coefficients
    median: Coefficients
    high: Coefficients


_Fits = dict[float, Quantiles]  # by where the stretch ahead ends, as a share of the rest of the distance
_Value = TypeVar("_Value")


class _Table(NamedTuple):
    """Fits by the share of the distance that was run; with an earlier point also by the share between the two."""

    alone: dict[float, _Fits]
    by_earlier: dict[float, dict[float, _Fits]]


@lru_cache(maxsize=STRETCHES_HELD)
def rest_pace(run: float, earlier: float | None, until: float) -> Quantiles:
    """Return the coefficients from a point to a later one, all three as shares of the distance.

    `earlier` is where the point lies by which the trend was measured, None when there is none.
    """
    ahead = (until - run) / (1 - run)
    if earlier is None:
        return _interpolated(fitted().alone, run, lambda fits: _interpolated(fits, ahead, _itself))
    over = run - earlier
    return _interpolated(
        fitted().by_earlier,
        run,
        lambda stretches: _interpolated(stretches, over, lambda fits: _interpolated(fits, ahead, _itself)),
    )


def _itself(quantiles: Quantiles) -> Quantiles:
    return quantiles


def _interpolated(values: Mapping[float, _Value], place: float, fit: Callable[[_Value], Quantiles]) -> Quantiles:
    """Return the fit at a place from those of the values on both sides; keys ascend."""
    places = list(values)
    above = bisect_left(places, place)
    if above in (0, len(places)):
        return fit(values[places[min(above, len(places) - 1)]])
    before, after = places[above - 1], places[above]
    share = (place - before) / (after - before)
    return Quantiles(
        *(
            Coefficients(*(low + share * (high - low) for low, high in zip(one_side, other_side, strict=True)))
            for one_side, other_side in zip(fit(values[before]), fit(values[after]), strict=True)
        )
    )


@cache
def fitted() -> _Table:
    """Return the table, read once."""
    lines: dict[tuple[float, float | None, float], dict[float, Coefficients]] = {}
    text = files("services.standings").joinpath(TABLE).read_text()
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        run, until = (float(row[name]) / COURSE_KM for name in ("from_km", "to_km"))
        over = run - float(row["earlier_km"]) / COURSE_KM if row["earlier_km"] else None
        coefficients = Coefficients(*(float(row[name] or 0) for name in Coefficients._fields))
        lines.setdefault((run, over, (until - run) / (1 - run)), {})[float(row["quantile"])] = coefficients
    table = _Table({}, {})
    for (run, over, ahead), fitted in sorted(lines.items(), key=lambda line: (line[0][0], line[0][1] or 0, line[0][2])):
        fits = table.alone if over is None else table.by_earlier.setdefault(run, {})
        fits.setdefault(run if over is None else over, {})[ahead] = Quantiles(fitted[LOW], fitted[MEDIAN], fitted[HIGH])
    return table
