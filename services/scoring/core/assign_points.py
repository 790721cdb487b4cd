"""Assign passings to points, all of them at once, so that nothing depends on the order of arrival.

Source: R3.3. In a valid choice the mats match, times ascend strictly along the course and no stretch is too fast. Of
all valid choices, the one that fills most points counts. If there are several, FINISH is compared first, then the
points from last to first: filled before unfilled, earlier before later, and for START later before earlier.

The search goes along the course. The points before a filled point affect those after it only through that point (and
through a passing that two points of one mat could both take at different reads). So the search only needs the best
beginning for each way of filling a point.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from services.scoring.core.course import START, Course
from services.scoring.core.passings import UsedRead

OFFICIAL = -1  # the passing number of an official's time
_UNFILLED = 2**62  # sorts behind every instant


class Candidate(NamedTuple):
    """A way to fill a point: the instant, the passing (its number, or OFFICIAL), and the read that gives the time.

    `at_us` is that read's instant, or with the pick `peak` one near it.
    """

    at_us: int
    passing: int
    read: UsedRead | None


class Choice(NamedTuple):
    """The candidate that each point took (None: nothing), and whether laps could have been assigned differently."""

    taken: list[Candidate | None]
    lap_ambiguous: bool


Misfit = Literal["not_after", "too_fast"]
"""The reasons why one candidate cannot follow another along the course."""


class Loss(NamedTuple):
    """The reason why the choice did not take a candidate for its point. Points are indexes.

    `passing_used`: its passing gave the point `other`. `not_after` and `too_fast`: the stretch between its point and
    the filled point `other` (None: the own gun). `ranks_behind`: its point took a candidate that ranks before it.
    """

    why: Literal["passing_used", "not_after", "too_fast", "ranks_behind"]
    other: int | None


class _Step(NamedTuple):
    point: int
    candidate: Candidate
    before: "_Step | None"


class _Begin:
    """The best beginning of a course that ends at one candidate of one point; `laps` are the sets of lap points that
    beginnings with as many points fill, two at most, since two are enough to differ."""

    __slots__ = ("count", "key", "laps", "step")

    def __init__(self, count: int, key: tuple[int, ...], laps: tuple[int, ...], step: _Step | None) -> None:
        self.count = count
        self.key = key
        self.laps = laps
        self.step = step


_NOTHING = _Begin(0, (), (0,), None)
_Used = frozenset[int]
_Begins = dict[_Used, _Begin]


def choose(course: Course, candidates: Sequence[list[Candidate]], own_gun_us: int) -> Choice:
    """Return the choice that counts. `candidates` lists those of each point; an official's time is the only one."""
    simple = _only_one_way(course, candidates, own_gun_us)
    if simple is not None:
        return Choice(simple, False)
    twice = _passings_for_two(candidates)
    begins: list[list[tuple[Candidate, _Begins]]] = []
    for point, of_point in enumerate(candidates):
        row = []
        for candidate in of_point:
            ways = _ways_to(course, begins, candidates, point, candidate, own_gun_us, twice)
            if ways:
                row.append((candidate, ways))
        begins.append(row)
    return _best(course, begins, candidates)


def _only_one_way(
    course: Course, candidates: Sequence[list[Candidate]], own_gun_us: int
) -> list[Candidate | None] | None:
    """Return the choice in the common case: no point has two candidates, no passing two points, and all fit together.

    None in any other case, which needs a search.
    """
    taken: list[Candidate | None] = []
    passings: list[int] = []
    before, before_us = START, own_gun_us
    for point, of_point in enumerate(candidates):
        if not of_point:
            taken.append(None)
            continue
        if len(of_point) > 1 or of_point[0].passing == OFFICIAL:
            return None
        candidate = of_point[0]
        if candidate.at_us - before_us < course.least_us[before][point] or (passings and candidate.at_us <= before_us):
            return None
        passings.append(candidate.passing)
        taken.append(candidate)
        before, before_us = point, candidate.at_us
    return taken if len(set(passings)) == len(passings) else None


def _passings_for_two(candidates: Sequence[list[Candidate]]) -> _Used:
    """Return the passings that two points of a mat could both take, since they pick instants that ascend."""
    first_us: dict[int, int] = {}
    usable_twice = set()
    for row in candidates:
        for candidate in row:
            number = candidate.passing
            if number == OFFICIAL:
                continue
            if number in first_us and first_us[number] < candidate.at_us:
                usable_twice.add(number)
            first_us[number] = min(first_us.get(number, candidate.at_us), candidate.at_us)
    return frozenset(usable_twice)


def _ways_to(
    course: Course,
    begins: list[list[tuple[Candidate, _Begins]]],
    candidates: Sequence[list[Candidate]],
    point: int,
    candidate: Candidate,
    own_gun_us: int,
    twice: _Used,
) -> _Begins:
    """Return the best beginnings that end with `candidate` at `point`, by the used passings of those in `twice`."""
    own = -candidate.at_us if point == START else candidate.at_us
    bit = course.lap_bits[point]
    ways: _Begins = {}
    for before, begin, used in _befores(begins, candidates, point):
        if _misfit(course, before, point, candidate, own_gun_us) is not None:
            continue
        if candidate.passing in twice:
            if candidate.passing in used:
                continue
            used = used | {candidate.passing}
        skipped = point - 1 - (before[0] if before else -1)
        key = (own, *([_UNFILLED] * skipped), *begin.key)
        laps = tuple(lap | bit for lap in begin.laps)
        _keep(ways, used, _Begin(begin.count + 1, key, laps, _Step(point, candidate, begin.step)))
    return ways


def _befores(
    begins: list[list[tuple[Candidate, _Begins]]], candidates: Sequence[list[Candidate]], point: int
) -> Iterator[tuple[tuple[int, Candidate] | None, _Begin, _Used]]:
    """Yield every beginning that may come right before `point`; none leaves out a point with an official's time."""
    for before in range(point - 1, -1, -1):
        for candidate, ways in begins[before]:
            for used, begin in ways.items():
                yield (before, candidate), begin, used
        if _is_official(candidates[before]):
            return
    yield None, _NOTHING, frozenset()


def _is_official(candidates: list[Candidate]) -> bool:
    return bool(candidates) and candidates[0].passing == OFFICIAL


def _misfit(
    course: Course, before: tuple[int, Candidate] | None, point: int, candidate: Candidate, own_gun_us: int
) -> Misfit | None:
    """Return why `candidate` cannot come right after `before`, or None when the stretch is believable.

    Two officials' times, or the gun and one, are not checked.
    """
    if before is None:
        reached = candidate.passing == OFFICIAL or candidate.at_us - own_gun_us >= course.least_us[START][point]
        return None if reached else "too_fast"
    earlier_point, earlier = before
    if candidate.passing == OFFICIAL and earlier.passing == OFFICIAL:
        return None
    elapsed_us = candidate.at_us - earlier.at_us
    if elapsed_us <= 0:
        return "not_after"
    return "too_fast" if elapsed_us < course.least_us[earlier_point][point] else None


def _keep(ways: _Begins, used: _Used, begin: _Begin) -> None:
    """Keep the better of two beginnings, and the lap points of both if they fill the same number of points."""
    held = ways.get(used)
    if held is None or begin.count > held.count:
        ways[used] = begin
    elif begin.count == held.count:
        laps = tuple(dict.fromkeys(held.laps + begin.laps))[:2]
        better = begin if begin.key < held.key else held
        ways[used] = _Begin(better.count, better.key, laps, better.step)


def _best(
    course: Course, begins: list[list[tuple[Candidate, _Begins]]], candidates: Sequence[list[Candidate]]
) -> Choice:
    """Return the best choice for the whole course: of the beginnings after which no official's time is left out."""
    points = len(course.points)
    complete: _Begins = {}
    everything = frozenset[int]()
    for before, begin, _ in _befores(begins, candidates, points):
        skipped = points - 1 - (before[0] if before else -1)
        _keep(complete, everything, _Begin(begin.count, (*([_UNFILLED] * skipped), *begin.key), begin.laps, begin.step))
    taken: list[Candidate | None] = [None] * points
    best = complete[everything]  # never missing: officials' times fit each other, and an empty choice is valid
    laps = 0
    step = best.step
    while step is not None:
        taken[step.point] = step.candidate
        laps |= course.lap_bits[step.point]
        step = step.before
    return Choice(taken, any(other != laps for other in best.laps))


# --- The reasons why the other candidates were not taken.


def why_not(
    course: Course, taken: Sequence[Candidate | None], point: int, candidate: Candidate, own_gun_us: int
) -> Loss:
    """Return why the choice `taken` does not have `candidate` at `point`.

    A candidate that fits between its neighbours among the points taken, and whose passing gave no other point, could
    replace the candidate that was taken; so that one ranks before it.
    """
    filled = [(other, held) for other, held in enumerate(taken) if held is not None and other != point]
    for other, held in filled:
        if held.passing == candidate.passing:
            return Loss("passing_used", other)
    before = next((pair for pair in reversed(filled) if pair[0] < point), None)
    misfit = _misfit(course, before, point, candidate, own_gun_us)
    if misfit is not None:
        return Loss(misfit, None if before is None else before[0])
    after = next((pair for pair in filled if pair[0] > point), None)
    if after is not None:
        misfit = _misfit(course, (point, candidate), after[0], after[1], own_gun_us)
        if misfit is not None:
            return Loss(misfit, after[0])
    if taken[point] is None:
        raise AssertionError(f"the choice leaves {course.points[point].id} empty, though a candidate fits there")
    return Loss("ranks_behind", point)
