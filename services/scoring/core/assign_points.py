"""Which passing is which point: the whole ordered assignment, so that nothing depends on the order of arrival.

Source: R3.3. Of all choices in which mats match, times ascend strictly along the course and no stretch
is too fast, the one holds that fills most points; of several compare FINISH, then the points from last to first: filled
before unfilled, earlier before later, and START later before earlier.

The search goes along the course. What came before a filled point bears on what comes after only through that point (and
through a passing that two points of one mat could both take at different reads), so the best beginning for each way of
filling a point is enough to go on from.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from services.scoring.core.course import START, Course
from services.scoring.core.passings import UsedRead

OFFICIAL = -1  # the passing number of an official's time
_UNFILLED = 2**62  # sorts behind every instant


class Candidate(NamedTuple):
    """A way to fill a point: when, by which passing (its number, or OFFICIAL), and the read that gives the time.

    `at_us` is that read's instant, or with the pick `peak` one near it.
    """

    at_us: int
    passing: int
    read: UsedRead | None


class Choice(NamedTuple):
    """What each point took (None: nothing), and whether laps could have been told otherwise."""

    taken: list[Candidate | None]
    lap_ambiguous: bool


Misfit = Literal["not_after", "too_fast"]
"""Why one candidate cannot follow another along the course."""


class Loss(NamedTuple):
    """Why the choice did not take a candidate for its point. Points are indexes.

    `passing_used`: its passing gave the point `other`. `not_after` and `too_fast`: the stretch between its point and
    the filled point `other` (None: the own gun). `ranks_behind`: its point took one that comes first.
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
    """The choice that holds. `candidates` lists for each point what could fill it; an official's time stands alone."""
    simple = _only_one_way(course, candidates, own_gun_us)
    if simple is not None:
        return Choice(simple, False)
    twice = _passings_for_two(candidates)
    begins: list[list[tuple[Candidate, _Begins]]] = []
    for point, found in enumerate(candidates):
        row = []
        for candidate in found:
            ways = _ways_to(course, begins, candidates, point, candidate, own_gun_us, twice)
            if ways:
                row.append((candidate, ways))
        begins.append(row)
    return _best(course, begins, candidates)


def _only_one_way(
    course: Course, candidates: Sequence[list[Candidate]], own_gun_us: int
) -> list[Candidate | None] | None:
    """The common case, without a search: no point has two candidates, no passing two points, and all fit together."""
    taken: list[Candidate | None] = []
    passings: list[int] = []
    at, at_us = START, own_gun_us
    for point, found in enumerate(candidates):
        if not found:
            taken.append(None)
            continue
        if len(found) > 1 or found[0].passing == OFFICIAL:
            return None
        candidate = found[0]
        if candidate.at_us - at_us < course.least_us[at][point] or (passings and candidate.at_us <= at_us):
            return None
        passings.append(candidate.passing)
        taken.append(candidate)
        at, at_us = point, candidate.at_us
    return taken if len(set(passings)) == len(passings) else None


def _passings_for_two(candidates: Sequence[list[Candidate]]) -> _Used:
    """Passings that two points of a mat could both take, since they pick instants that ascend."""
    first_at: dict[int, int] = {}
    found = set()
    for row in candidates:
        for candidate in row:
            number = candidate.passing
            if number == OFFICIAL:
                continue
            if number in first_at and first_at[number] < candidate.at_us:
                found.add(number)
            first_at[number] = min(first_at.get(number, candidate.at_us), candidate.at_us)
    return frozenset(found)


def _ways_to(
    course: Course,
    begins: list[list[tuple[Candidate, _Begins]]],
    candidates: Sequence[list[Candidate]],
    point: int,
    candidate: Candidate,
    own_gun_us: int,
    twice: _Used,
) -> _Begins:
    """The best beginnings that end with `candidate` at `point`, by the doubly usable passings that they have used."""
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
    """Every beginning that may come right before `point`; none leaves out a point that has an official's time."""
    for at in range(point - 1, -1, -1):
        for candidate, ways in begins[at]:
            for used, begin in ways.items():
                yield (at, candidate), begin, used
        if _is_official(candidates[at]):
            return
    yield None, _NOTHING, frozenset()


def _is_official(found: list[Candidate]) -> bool:
    return bool(found) and found[0].passing == OFFICIAL


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
    """Keep the better of two beginnings, and the lap points of both where they fill as many."""
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
    """The best of the whole courses: the beginnings that leave out no official's time behind them."""
    points = len(course.points)
    whole: _Begins = {}
    everything = frozenset[int]()
    for before, begin, _ in _befores(begins, candidates, points):
        skipped = points - 1 - (before[0] if before else -1)
        _keep(whole, everything, _Begin(begin.count, (*([_UNFILLED] * skipped), *begin.key), begin.laps, begin.step))
    taken: list[Candidate | None] = [None] * points
    best = whole[everything]  # it is there: officials' times always follow each other, and nothing at all is a choice
    laps = 0
    step = best.step
    while step is not None:
        taken[step.point] = step.candidate
        laps |= course.lap_bits[step.point]
        step = step.before
    return Choice(taken, any(other != laps for other in best.laps))


# --- Why the others were not taken.


def why_not(
    course: Course, taken: Sequence[Candidate | None], point: int, candidate: Candidate, own_gun_us: int
) -> Loss:
    """Return why the choice `taken` does not have `candidate` at `point`.

    A candidate that fits between its neighbours among the points taken, and whose passing gave no other point, could
    stand in the place of the one that was taken: so that one ranks before it.
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
