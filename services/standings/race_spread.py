"""How the finishers of a race did against the fitted estimates, so that its later athletes are estimated by its own.

Courses, weather and fields differ from those that were fitted. Of the athletes who passed a point, the first to finish
are those who slowed down least, so only athletes are compared who would have finished by now even if they were slow.
The range is widened where the race asks for it, and never narrowed: the athletes on the course are slower than those
who are compared, and differ from them. Figures: docs/decisions/12-expected-times-are-fitted.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from math import log
from statistics import median
from typing import NamedTuple

from schemas.definition import Race
from services.standings.finish_estimate import PaceFactors, Spread, Spreads, pace_factors, run_to
from services.standings.pace_table import HIGH, LOW

FINISHERS_MIN = 100
FINISHERS_MAX = 200  # the last to pass the point, who are most like those on the course
STRAYS_MAX = 10  # finishes that may be at a wrong instant, hours ahead, without making others seem overdue
SLOW_FACTOR = 1.4  # of the pace so far: of the fitted race, 94 of 100 ran the second half faster


class Taken(NamedTuple):
    """When an athlete took a point: microseconds since the start, and the instant."""

    time_us: int
    at_us: int


Finisher = Mapping[str, Taken]
"""The points of an athlete who took FINISH, by id."""


def race_spreads(race: Race, finishers: Sequence[Finisher]) -> Spreads:
    """Return the spreads from each point to the next and to the finish, where enough athletes can be compared."""
    finish = race.points[-1].id
    latest = nlargest(STRAYS_MAX + 1, (finisher[finish].at_us for finisher in finishers))
    spreads: dict[tuple[str, str], Spread] = {}
    if len(latest) <= STRAYS_MAX:
        return spreads
    for index in range(1, len(race.points) - 1):
        compared = _compared(race, index, finishers, latest[-1])
        for end in {index + 1, len(race.points) - 1}:
            paces = list(_paces(race, compared, index, end))
            if len(paces) >= FINISHERS_MIN:
                spreads[race.points[index].id, race.points[end].id] = _spread(paces)
    return spreads


def _compared(race: Race, index: int, finishers: Iterable[Finisher], until_us: int) -> list[Finisher]:
    """Return the last athletes at a point who would have finished by `until_us` even if they were slow."""
    point = race.points[index]
    ran_km, rest_km = point.km - race.points[0].km, race.points[-1].km - point.km
    slow = SLOW_FACTOR * rest_km / ran_km

    def due_us(finisher: Finisher) -> float:
        return finisher[point.id].at_us + slow * finisher[point.id].time_us

    passed = (finisher for finisher in finishers if point.id in finisher)
    return nlargest(FINISHERS_MAX, (finisher for finisher in passed if due_us(finisher) <= until_us), key=due_us)


def _paces(race: Race, finishers: Iterable[Finisher], index: int, end: int) -> Iterator[tuple[PaceFactors, float]]:
    """Yield, for who took both points, the fitted logarithms of the pace between them and that which was run."""
    point, until = race.points[index], race.points[end]
    before = {known.id for known in race.points[: index + 1]}
    until_km = until.km - race.points[0].km
    for finisher in finishers:
        run = run_to(race, {name: taken.time_us for name, taken in finisher.items() if name in before})
        rest_us = finisher[until.id].time_us - finisher[point.id].time_us if until.id in finisher else 0
        if run is not None and rest_us > 0:
            yield pace_factors(run, until_km), log(rest_us / (until_km - run.km) / (run.time_us / run.km))


def _spread(paces: Sequence[tuple[PaceFactors, float]]) -> Spread:
    shift = median(factor - fitted.median for fitted, factor in paces)
    offs = [(fitted, factor - fitted.median - shift) for fitted, factor in paces]
    parts = sorted(off / (fitted.below if off < 0 else fitted.above) for fitted, off in offs)
    low, high = (parts[int(quantile * len(parts))] for quantile in (LOW, HIGH))
    return Spread(shift, max(-low, 1.0), max(high, 1.0))
