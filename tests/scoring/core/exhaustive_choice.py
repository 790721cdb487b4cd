"""The choice of passings by comparing every candidate with every earlier one: plain, and slow for many passings.

The property of `choose` in `test_assign_points` is that it gives the same answer.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.scoring.core.assign_points import OFFICIAL, Candidate, Choice
from services.scoring.core.course import START, Course

_UNFILLED = 2**62  # sorts behind every instant


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
        if _misfit(course, before, point, candidate, own_gun_us):
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
) -> bool:
    """Return whether `candidate` cannot come right after `before`; officials' times are not checked."""
    if before is None:
        return candidate.passing != OFFICIAL and candidate.at_us - own_gun_us < course.least_us[START][point]
    earlier_point, earlier = before
    if candidate.passing == OFFICIAL and earlier.passing == OFFICIAL:
        return False
    elapsed_us = candidate.at_us - earlier.at_us
    return elapsed_us <= 0 or elapsed_us < course.least_us[earlier_point][point]


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
