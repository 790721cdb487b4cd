"""Clocks against athletes' paces: when a mat saw them, and when an even pace between the mats around it would have.

An athlete who slows down, or climbs a hill, differs by more the longer the stretch takes; a clock that is wrong differs
by the same for everybody. So the difference is regressed on the stretch's duration, and the clock is the intercept.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import NamedTuple

from schemas.ids import US
from services.health.crossings import Instants
from services.scoring.core.course import Course

SAMPLE_MAX = 240
RECENT = 80
SAMPLE_MIN = 4
STEP_MIN = 20  # athletes on either side of a clock's jump
STEP_ERRORS = 9.0  # standard errors that a jump has to be clear of
STEP_MIN_S = 60.0
BEND_STEP = 0.02  # by how much athletes who come later differ in pace, as a share of the stretch
ITERATIONS = 8
# By how much paces differ along a stretch, as a share of its duration: the standard deviation of hills and fatigue
# common to all athletes, and of what a straight line leaves of it. Between two mats, and beyond the last one.
SLOPE_BETWEEN, BEND_BETWEEN = 0.05, 0.03
SLOPE_BEYOND, BEND_BEYOND = 0.2, 0.1
NOISE_MIN_S = 0.5
FEW = 8
ARRIVED = 1.3  # times as long as expected, after which nearly all have come
BEYOND_DOUBT = 2.0  # the pace before is known only roughly, which makes the line too flat


class Field(NamedTuple):
    """A race's athletes as far as they have come: their crossings, and the latest of all."""

    course: Course
    athletes: Sequence[Instants]
    latest_us: int


class Difference(NamedTuple):
    """One athlete at one point: the duration of the stretch it was judged by, and how late they came, in seconds.

    `settled`: nearly all who were there with the athlete have come to the end of the stretch. While they have not, only
    the quickest behind the point are known, and those seem to have been late at it.
    """

    stretch_s: float
    late_s: float
    at_us: int
    settled: bool = True


class Estimate(NamedTuple):
    """How far a mat's clock is ahead, with the standard error of that, in seconds, and from how many athletes."""

    ahead_s: float
    error_s: float
    athletes: int

    @property
    def significance(self) -> float:
        """How many standard errors the clock is from right."""
        return abs(self.ahead_s) / self.error_s


class Step(NamedTuple):
    """A clock that jumped: the first crossing after it, by how much it jumped ahead, and the standard error of that."""

    at_us: int
    change_s: float
    error_s: float


class _Fit(NamedTuple):
    """What one race's point says: the estimate, and each athlete's rest with its standard deviation."""

    estimate: Estimate
    differences: list[Difference]
    rests_s: list[float]
    scales: list[float]
    between: bool


def estimate_mat(mat: str, races: Iterable[Field], trusted: frozenset[str]) -> tuple[Estimate | None, Step | None]:
    """Return how far the clock of a mat is ahead of those of the trusted mats, and the clearest jump of it.

    The estimate is None where too few athletes tell, the jump where those of no race show one who were at mats around.
    """
    fits = _fits(mat, races, trusted)
    steps = [step for fit in fits if fit.between and (step := _step(fit)) is not None]
    jump = max(steps, key=lambda step: abs(step.change_s) / step.error_s, default=None)
    return _combined([fit.estimate for fit in fits]), jump


def _step(fit: _Fit) -> Step | None:
    """Return where one race's rests jump, if they do."""
    middle_s = BEND_STEP * median(difference.stretch_s for difference in fit.differences)
    series = sorted(
        (difference.at_us, rest_s, scale)
        for difference, rest_s, scale in zip(fit.differences, fit.rests_s, fit.scales, strict=True)
        if difference.settled
    )
    if len(series) < 2 * STEP_MIN:
        return None
    steps = [abs(b[1] / b[2] - a[1] / a[2]) for a, b in pairwise(series)]
    noise_s = max(1.4826 * median(steps) / sqrt(2), NOISE_MIN_S)
    weights = [scale**-2 for _, _, scale in series]
    total_w, total = sum(weights), sum(w * rest for w, (_, rest, _) in zip(weights, series, strict=True))
    best: Step | None = None
    before_w = before = 0.0
    for nth, (weight, (_, rest, _)) in enumerate(zip(weights, series, strict=True), start=1):
        before_w, before = before_w + weight, before + weight * rest
        if not STEP_MIN <= nth <= len(series) - STEP_MIN:
            continue
        after_w = total_w - before_w
        change_s = (total - before) / after_w - before / before_w
        bend_s = middle_s * max(scale for _, _, scale in series[max(nth - STEP_MIN, 0) : nth + STEP_MIN])
        error_s = sqrt(noise_s**2 * (1 / before_w + 1 / after_w) + bend_s**2)
        if best is None or abs(change_s) / error_s > abs(best.change_s) / best.error_s:
            best = Step(series[nth][0], change_s, error_s)
    if best is None or abs(best.change_s) < max(STEP_MIN_S, STEP_ERRORS * best.error_s):
        return None
    return best


def _combined(estimates: list[Estimate]) -> Estimate | None:
    if not estimates:
        return None
    weights = [1 / estimate.error_s**2 for estimate in estimates]
    ahead_s = sum(weight * estimate.ahead_s for weight, estimate in zip(weights, estimates, strict=True)) / sum(weights)
    least_s = min(estimate.error_s for estimate in estimates)
    return Estimate(
        ahead_s, max(sqrt(1 / sum(weights)), 0.7 * least_s), sum(estimate.athletes for estimate in estimates)
    )


def _fits(mat: str, races: Iterable[Field], trusted: frozenset[str]) -> list[_Fit]:
    fits = []
    for field in races:
        for point in field.course.at_mat.get(mat, ()):
            fit = _fit_point(field, point, trusted)
            if fit is not None:
                fits.append(fit)
    return fits


def _fit_point(field: Field, point: int, trusted: frozenset[str]) -> _Fit | None:
    """Return what one race's point says: between two mats if enough athletes were at both, else beyond two."""
    course, athletes, latest_us = field
    usable = [
        index for index, timing_point in enumerate(course.points) if index != point and timing_point.mat in trusted
    ]
    before = [index for index in reversed(usable) if index < point]
    after = [index for index in usable if index > point]
    seen = [crossings for crossings in athletes if crossings[point] is not None]
    between = (
        [crossings for crossings in seen if any(crossings[index] is not None for index in after)]
        if before and after
        else []
    )
    if len(between) >= SAMPLE_MIN:
        differences = _differences(course, _thinned(between, point), point, before, after, latest_us)
        if len(differences) >= SAMPLE_MIN:
            return _fit(differences, SLOPE_BETWEEN, BEND_BETWEEN, True)
    if len(before) > 1:
        differences = _differences_beyond(course, _thinned(seen, point), point, before, latest_us)
    elif len(after) > 1:
        differences = _differences_beyond(course, _thinned(seen, point), point, after, latest_us)
    else:
        return None
    return _fit(differences, SLOPE_BEYOND, BEND_BEYOND, False) if len(differences) >= SAMPLE_MIN else None


def _thinned(athletes: list[Instants], point: int) -> list[Instants]:
    """Return at most SAMPLE_MAX of the athletes: the latest at the point, and of the others an even choice."""
    if len(athletes) <= SAMPLE_MAX:
        return athletes
    ordered = sorted(athletes, key=lambda crossings: crossings[point] or 0)
    earlier, rest = ordered[:-RECENT], SAMPLE_MAX - RECENT
    return [earlier[nth * len(earlier) // rest] for nth in range(rest)] + ordered[-RECENT:]


def _differences(
    course: Course, athletes: Iterable[Instants], point: int, before: list[int], after: list[int], latest_us: int
) -> list[Difference]:
    """Compare with an even pace between the nearest trusted points around."""
    differences = []
    for crossings in athletes:
        at_us = crossings[point]
        first = next((index for index in before if crossings[index] is not None), None)
        last = next((index for index in after if crossings[index] is not None), None)
        if first is None or last is None or at_us is None:
            continue
        from_us, until_us = crossings[first], crossings[last]
        assert from_us is not None
        assert until_us is not None
        if until_us - from_us < course.least_us[first][last]:
            continue
        kms = [course.points[index].km for index in (first, point, last)]
        expected_us = from_us + (until_us - from_us) * (kms[1] - kms[0]) / (kms[2] - kms[0])
        settled = expected_us + ARRIVED * (until_us - expected_us) <= latest_us
        differences.append(Difference((until_us - from_us) / US, (at_us - expected_us) / US, at_us, settled))
    return differences


def _differences_beyond(
    course: Course, athletes: Iterable[Instants], point: int, along: list[int], latest_us: int
) -> list[Difference]:
    """Compare with the pace between the ends of `along`: the trusted points on one side, the nearest first.

    Those are left out who might still be on the way there: the quick ones alone would make the clock look behind.
    """
    differences = []
    for crossings in athletes:
        at_us = crossings[point]
        there = [index for index in along if crossings[index] is not None]
        if len(there) < 2 or at_us is None:
            continue
        near, far = there[0], there[-1]
        near_us, far_us = crossings[near], crossings[far]
        assert near_us is not None
        assert far_us is not None
        forward = near > far
        if (near_us - far_us if forward else far_us - near_us) < course.least_us[min(there)][max(there)]:
            continue
        kms = [course.points[index].km for index in (far, near, point)]
        stretch_us = (near_us - far_us) * (kms[2] - kms[1]) / (kms[1] - kms[0])
        if forward and near_us + ARRIVED * stretch_us > latest_us:
            continue
        differences.append(Difference(abs(stretch_us) / US, (at_us - near_us - stretch_us) / US, at_us))
    return differences


def _fit(differences: list[Difference], slope_sd: float, bend_sd: float, between: bool) -> _Fit:
    """Fit a robust, slightly bent line, whose intercept is the clock.

    Its slope and its bend are the athletes', and small. Slow athletes pace themselves less evenly, so the quick ones
    count for more.
    """
    middle_s = median(difference.stretch_s for difference in differences)
    scales = [(difference.stretch_s / middle_s) ** 1.5 for difference in differences]
    terms = [(1.0, difference.stretch_s, difference.stretch_s**2 / middle_s) for difference in differences]
    line = (median(difference.late_s for difference in differences), 0.0, 0.0)
    error_s = 0.0
    for _ in range(ITERATIONS):
        rests = [
            (difference.late_s - sum(c * x for c, x in zip(line, term, strict=True))) / scale
            for difference, term, scale in zip(differences, terms, scales, strict=True)
        ]
        noise_s = max(1.4826 * median(map(abs, rests)), NOISE_MIN_S)
        weights = [
            (min(1.0, 1.5 * noise_s / abs(rest)) if rest else 1.0) / (scale * noise_s) ** 2
            for rest, scale in zip(rests, scales, strict=True)
        ]
        normal = [
            [sum(w * term[i] * term[j] for w, term in zip(weights, terms, strict=True)) for j in range(3)]
            for i in range(3)
        ]
        normal[1][1] += slope_sd**-2
        normal[2][2] += bend_sd**-2
        right = [
            sum(w * t[i] * difference.late_s for w, t, difference in zip(weights, terms, differences, strict=True))
            for i in range(3)
        ]
        inverse = _inverse(normal)
        a, b, c = (sum(x * y for x, y in zip(row, right, strict=True)) for row in inverse)
        line, error_s = (a, b, c), sqrt(inverse[0][0])
    rests = [
        difference.late_s - sum(c * x for c, x in zip(line, term, strict=True))
        for difference, term in zip(differences, terms, strict=True)
    ]
    error_s *= 1 + FEW / len(differences)  # of few athletes, the spread tells little
    error_s *= 1 if between else BEYOND_DOUBT
    return _Fit(Estimate(line[0], error_s, len(differences)), differences, rests, scales, between)


def _inverse(m: list[list[float]]) -> list[list[float]]:
    """Return the inverse of a symmetric 3 x 3 matrix, by cofactors."""
    cofactors = [
        [
            m[(i + 1) % 3][(j + 1) % 3] * m[(i + 2) % 3][(j + 2) % 3]
            - m[(i + 1) % 3][(j + 2) % 3] * m[(i + 2) % 3][(j + 1) % 3]
            for j in range(3)
        ]
        for i in range(3)
    ]
    determinant = sum(m[0][j] * cofactors[0][j] for j in range(3))
    return [[cofactors[j][i] / determinant for j in range(3)] for i in range(3)]
