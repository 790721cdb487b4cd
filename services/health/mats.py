"""Mats that miss athletes, devices that have gone silent, and mats where nobody comes any more.

A mat that misses many shows in those who were seen behind it. Whether a mat that reads nothing has anything to read
shows in how long others took to it: how many of those on the way should have come since its last crossing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import exp, log
from typing import NamedTuple

from schemas.ids import US
from services.health.crossings import Instants
from services.scoring.core.course import START, Course

# Shares of athletes that a mat misses: ordinarily at most, and when something is wrong at least.
MISS_ORDINARY, MISS_MANY = 0.012, 0.3
MAIN_MISS_ORDINARY = 0.03
LEFT_COURSE_MIN = 3  # points in a row that an athlete lacks who was not there
LATE_ORDINARY, LATE_MANY = 0.08, 0.35  # of FINISH, behind which nobody is seen: those who are overdue
LATE_FACTOR = 1.6  # overdue is who takes so many times as long as by their pace before
SCORE_MIN = 12.0  # the logarithm of how much likelier a fault has to be, and once more that of the number of athletes
SILENT_PASSINGS_MIN = 20
SILENT_SCORE_MIN = 14.0
NEVER_PASSINGS_MIN = 50
DUE_MIN = 25.0
QUIET_US = 30 * US
KNOWN_MIN = 20
AT_RISK_MIN = 10
DUE_SHARE = 0.95
SLOW_S_A_KM = 600.0  # without anybody to compare with, all but walkers are there by then
PACE_S_A_KM = 360.0  # only a unit: durations from START are measured in it


class Seen(NamedTuple):
    """An athlete who went past a mat: when (roughly, if the mat missed them), and whether it saw them."""

    at_us: int
    seen: bool
    race: str
    point: int
    bib: str


Passed = tuple[str, Course, Sequence[tuple[str, Instants, Instants, frozenset[str]]]]
"""A race, its course and its athletes: bib, crossings, believable crossings, and the mats that saw them at all."""


class Stretch(NamedTuple):
    """The athletes from the first to the last whom a mat missed while it missed many."""

    missed: list[Seen]
    passed: int
    lasts: bool

    @property
    def from_us(self) -> int:
        """The instant of the first."""
        return self.missed[0].at_us

    @property
    def until_us(self) -> int:
        """The instant of the last."""
        return self.missed[-1].at_us


def worst_stretch(passed: Sequence[Seen], ordinary: float, many: float) -> Stretch | None:
    """Return the stretch, by time, in which a mat most clearly missed many; None where it did not."""
    gain, loss = log(many / ordinary), log((1 - many) / (1 - ordinary))
    best = total = 0.0
    begin, best_begin, best_end = 0, 0, 0
    for nth, athlete in enumerate(passed):
        if total <= 0:
            total, begin = 0.0, nth
        total += loss if athlete.seen else gain
        if total > best:
            best, best_begin, best_end = total, begin, nth + 1
    if best < SCORE_MIN + log(len(passed) or 1):
        return None
    stretch = passed[best_begin:best_end]
    missed = [athlete for athlete in stretch if not athlete.seen]
    return Stretch(missed, len(stretch), all(not athlete.seen for athlete in passed[best_end:]))


def passed_mat(mat: str, races: Iterable[Passed]) -> list[Seen]:
    """Return who went past a mat, by time: those it saw, and those who were seen behind it."""
    passed: list[Seen] = []
    for race, course, athletes in races:
        km = [timing_point.km for timing_point in course.points]
        likely_start = _LikelyStart(athletes)
        for point in course.at_mat.get(mat, ()):
            alone = len(course.at_mat[mat]) == 1
            for bib, raw, crossings, mats in athletes:
                at_us = raw[point]
                if at_us is not None:
                    passed.append(Seen(at_us, True, race, point, bib))
                    continue
                after = next((index for index in range(point + 1, len(km)) if crossings[index] is not None), None)
                if after is None or (alone and mat in mats):
                    continue
                until_us = crossings[after]
                assert until_us is not None
                before = next((index for index in range(point - 1, -1, -1) if crossings[index] is not None), START)
                if _left_course(after - before - 1, len(km) - 2):
                    continue
                from_us = crossings[before]
                if from_us is None:
                    from_us = likely_start.of(after, until_us)
                share = (km[point] - km[before]) / (km[after] - km[before])
                passed.append(Seen(from_us + round((until_us - from_us) * share), False, race, point, bib))
    passed.sort()
    return passed


def _left_course(lacking: int, between: int) -> bool:
    """Return whether an athlete left the course, who lacks so many points in a row of those between START and FINISH.

    They took a short cut, or a ride to FINISH: no mat missed them. Where as many mats are dead, each reads nothing.
    """
    return lacking >= LEFT_COURSE_MIN and 2 * lacking > between


class _LikelyStart:
    """When those crossed START whom it missed: with whoever came to the next point beside them."""

    def __init__(self, athletes: Sequence[tuple[str, Instants, Instants, frozenset[str]]]) -> None:
        self._athletes = athletes
        self._by_point: dict[int, list[tuple[int, int]]] = {}

    def of(self, point: int, at_us: int) -> int:
        """Return the likely instant of who came to a point at an instant; that itself where there is nobody beside."""
        known = self._by_point.get(point)
        if known is None:
            known = self._by_point[point] = sorted(
                (came_us, start_us)
                for _, _, crossings, _ in self._athletes
                if (came_us := crossings[point]) is not None and (start_us := crossings[START]) is not None
            )
        if not known:
            return at_us
        return known[min(bisect_left(known, (at_us, 0)), len(known) - 1)][1]


class SilentDevice(NamedTuple):
    """A device that reads nothing while others at its mat do: its last crossing, None for one that never read."""

    device: int
    since_us: int | None
    missed: int
    read_before: int


def silent_devices(devices: Iterable[int], crossings: Sequence[tuple[int, int]], never: set[int]) -> list[SilentDevice]:
    """Return the devices of a mat that have gone silent. `crossings` are instants and the bits of devices, by time."""
    silent = []
    for device in devices:
        bit = 1 << device
        hits = [nth for nth, (_, seen) in enumerate(crossings) if seen & bit]
        if not hits:
            if device in never and len(crossings) >= NEVER_PASSINGS_MIN:
                silent.append(SilentDevice(device, None, len(crossings), 0))
            continue
        last = hits[-1]
        after = len(crossings) - last - 1
        rate = len(hits) / (last + 1) if last >= KNOWN_MIN else 0.5
        score = -after * log(1 - min(rate, 0.9))
        if after >= SILENT_PASSINGS_MIN and score >= SILENT_SCORE_MIN:
            silent.append(SilentDevice(device, crossings[last][0], after, len(hits)))
    return silent


class OnTheWay(NamedTuple):
    """Who is due at a point: durations since the point before, in units of what their pace before takes."""

    took: list[float]
    waits: list[tuple[float, float]]


def due_since(way: OnTheWay, known_from_start: bool) -> float:
    """Return how many of those on the way should have come in the silence, by how long the others took.

    By the cumulative hazard: those who are still on the way count as at risk as long as they have been. Those who were
    already slower than nearly all when the silence began are not waited for: most of them have stopped.
    """
    if len(way.took) < KNOWN_MIN:
        limit = SLOW_S_A_KM / PACE_S_A_KM if known_from_start else LATE_FACTOR
        return float(sum(until > limit for _, until in way.waits))
    took = sorted(way.took)
    slow = took[int(len(took) * DUE_SHARE)]
    waits = sorted(begin for begin, _ in way.waits)
    hazard: list[float] = []
    total = 0.0
    for nth, duration in enumerate(took):
        at_risk = len(took) - nth + len(waits) - bisect_left(waits, duration)
        if at_risk < AT_RISK_MIN:
            break
        total += 1 / at_risk
        hazard.append(total)
    back = max(len(hazard) - KNOWN_MIN, 0)  # beyond what is known well, it goes on as it was
    span = max(took[len(hazard) - 1] - took[back], 1e-9)
    rate = (hazard[-1] - hazard[back]) / span

    def until_then(duration: float) -> float:
        nth = bisect_left(took, duration, hi=len(hazard))
        if nth == len(hazard):
            return hazard[-1] + rate * (duration - took[nth - 1])
        return hazard[nth - 1] if nth else 0.0

    return sum(1 - exp(until_then(begin) - until_then(until)) for begin, until in way.waits if begin < slow)


def on_the_way(
    course: Course, point: int, athletes: Iterable[tuple[Instants, int | None]], silent_from_us: int, now_us: int
) -> tuple[OnTheWay, OnTheWay]:
    """Return who is due at a point: those with a pace of their own, and those who were at START alone.

    Of each athlete: believable crossings, and their own gun (None: they are not expected).
    """
    paced, started = OnTheWay([], []), OnTheWay([], [])
    km = [timing_point.km for timing_point in course.points]
    for crossings, gun_us in athletes:
        if gun_us is None:
            continue
        before = next((index for index in range(point - 1, -1, -1) if crossings[index] is not None), None)
        if before is None:
            continue
        from_us = crossings[before]
        assert from_us is not None
        if before == START and from_us < gun_us:
            continue
        start_us = crossings[START] if crossings[START] is not None else gun_us
        if before == START:
            way, unit_us = started, (km[point] - km[before]) * PACE_S_A_KM * US
        else:
            assert start_us is not None
            way, unit_us = paced, (from_us - start_us) / (km[before] - km[START]) * (km[point] - km[before])
        if unit_us <= 0:
            continue
        at_us = crossings[point]
        if at_us is not None:
            if at_us > from_us:
                way.took.append((at_us - from_us) / unit_us)
        elif all(crossings[index] is None for index in range(point + 1, len(km))) and now_us > from_us:
            way.waits.append((max(silent_from_us - from_us, 0) / unit_us, (now_us - from_us) / unit_us))
    return paced, started
