"""Assign passings to points, all of them at once, so that nothing depends on the order of arrival.

Source: R3.3. In a valid choice the mats match, times ascend strictly along the course and no stretch is too fast. Of
all valid choices, the one that fills most points counts. If there are several, FINISH is compared first, then the
points from last to first: filled before unfilled, earlier before later, and for START later before earlier.

The search goes along the course. The points before a filled point affect those after it only through that point, so
the search only needs the best beginning for each way of filling a point. What may come before a candidate is what came
long enough before it: of each earlier point its first candidates in time order. So the best of them is carried along
while time goes on, and the cost grows with the number of passings and not with its square.

One thing more can affect later points: a passing that two points of one mat could take, at reads that ascend. Passings
at a mat do not overlap, so that matters only while such a passing lasts, and a beginning remembers it until then.
"""

from collections.abc import Iterator, Mapping, Sequence
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
_NONE_USED: _Used = frozenset()
_Begins = dict[_Used, _Begin]
"""The best beginnings, by the passings that they use and that a later point could take too."""


def choose(course: Course, candidates: Sequence[list[Candidate]], own_gun_us: int) -> Choice:
    """Return the choice that counts. `candidates` lists those of each point; an official's time is the only one."""
    simple = _only_one_way(course, candidates, own_gun_us)
    if simple is not None:
        return Choice(simple, False)
    last_us = _passings_for_two(candidates)
    begins: list[list[tuple[Candidate, _Begins]]] = []
    for point, of_point in enumerate(candidates):
        begins.append(_ways_to(course, begins, point, sorted(of_point, key=_instant), own_gun_us, last_us))
    return _best(course, begins)


def _instant(candidate: Candidate) -> int:
    return candidate.at_us


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


def _passings_for_two(candidates: Sequence[list[Candidate]]) -> dict[int, int]:
    """Return the last instant of each passing that two points of a mat could both take, since their instants ascend."""
    first_us: dict[int, int] = {}
    last_us: dict[int, int] = {}
    for row in candidates:
        for candidate in row:
            number = candidate.passing
            if number == OFFICIAL:
                continue
            if number in first_us and first_us[number] < candidate.at_us:
                last_us[number] = max(last_us.get(number, candidate.at_us), candidate.at_us)
            first_us[number] = min(first_us.get(number, candidate.at_us), candidate.at_us)
    return last_us


class _Earlier:
    """The best beginnings that end at one point early enough for a candidate, for candidates that come in time order.

    `last_us` is that of `_passings_for_two`.
    """

    def __init__(self, point: int, row: list[tuple[Candidate, _Begins]], last_us: Mapping[int, int]) -> None:
        self.point = point
        self.official = _is_official(row)
        self._row = row
        self._next = 0
        self._last_us = last_us
        self._ways: _Begins = {}

    def until(self, latest_us: int, now_us: int) -> _Begins:
        """Return the best of those that end by `latest_us`, to go on at `now_us`."""
        row = self._row
        while self._next < len(row) and row[self._next][0].at_us <= latest_us:
            for used, begin in row[self._next][1].items():
                _keep(self._ways, used, begin)
            self._next += 1
        if self._last_us:
            self._forget(now_us)
        return self._ways

    def ended(self) -> Iterator[_Begin]:
        """Yield all beginnings that end at the point, whenever."""
        for _, ways in self._row:
            yield from ways.values()

    def _forget(self, now_us: int) -> None:
        """Forget used passings that no point from `now_us` on can take."""
        for used in list(self._ways):
            lasting = frozenset(passing for passing in used if self._last_us[passing] >= now_us)
            if lasting != used:
                _keep(self._ways, lasting, self._ways.pop(used))


def _ways_to(
    course: Course,
    begins: list[list[tuple[Candidate, _Begins]]],
    point: int,
    of_point: list[Candidate],
    own_gun_us: int,
    last_us: Mapping[int, int],
) -> list[tuple[Candidate, _Begins]]:
    """Return the candidates of a point, in time order, that a beginning can end with, and the best such beginnings."""
    row: list[tuple[Candidate, _Begins]] = []
    befores = _befores(begins, point, last_us)
    first = not any(before.official for before in befores)
    for candidate in of_point:
        ways: _Begins = {}
        for before in befores:
            latest_us = _latest_before(course, before, point, candidate)
            for used, begin in before.until(latest_us, candidate.at_us).items():
                _extend(ways, used, begin, point - 1 - before.point, course, point, candidate, last_us)
        if first and _misfit(course, None, point, candidate, own_gun_us) is None:
            _extend(ways, _NONE_USED, _NOTHING, point, course, point, candidate, last_us)
        if ways:
            row.append((candidate, ways))
    return row


def _befores(begins: list[list[tuple[Candidate, _Begins]]], point: int, last_us: Mapping[int, int]) -> list[_Earlier]:
    """Return the points that may be the last filled one before `point`: none leaves out one with an official's time."""
    befores: list[_Earlier] = []
    for before in range(point - 1, -1, -1):
        befores.append(_Earlier(before, begins[before], last_us))
        if befores[-1].official:
            break
    return befores


def _is_official(row: Sequence[tuple[Candidate, object]]) -> bool:
    return bool(row) and row[0][0].passing == OFFICIAL


def _latest_before(course: Course, before: _Earlier, point: int, candidate: Candidate) -> int:
    """Return the latest instant of `before` from which `candidate` can follow, by the same rule as `_misfit`."""
    if before.official and candidate.passing == OFFICIAL:
        return _UNFILLED
    return candidate.at_us - max(1, course.least_us[before.point][point])


def _extend(
    ways: _Begins,
    used: _Used,
    begin: _Begin,
    skipped: int,
    course: Course,
    point: int,
    candidate: Candidate,
    last_us: Mapping[int, int],
) -> None:
    """Add to `ways` the beginning that goes on from `begin` with `candidate` at `point`, unless its passing is used."""
    if candidate.passing in used:
        return
    if last_us.get(candidate.passing, candidate.at_us) > candidate.at_us:
        used = used | {candidate.passing}
    held = ways.get(used)
    if held is not None and begin.count + 1 < held.count:
        return
    own = -candidate.at_us if point == START else candidate.at_us
    bit = course.lap_bits[point]
    laps = tuple(lap | bit for lap in begin.laps)
    key = (own, *([_UNFILLED] * skipped), *begin.key)
    _keep(ways, used, _Begin(begin.count + 1, key, laps, _Step(point, candidate, begin.step)))


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


def _best(course: Course, begins: list[list[tuple[Candidate, _Begins]]]) -> Choice:
    """Return the best choice for the whole course: of the beginnings after which no official's time is left out."""
    points = len(course.points)
    complete: _Begins = {}
    befores = _befores(begins, points, {})
    for before in befores:
        unfilled = [_UNFILLED] * (points - 1 - before.point)
        for begin in before.ended():
            if _NONE_USED not in complete or begin.count >= complete[_NONE_USED].count:
                _keep(complete, _NONE_USED, _Begin(begin.count, (*unfilled, *begin.key), begin.laps, begin.step))
    if not any(before.official for before in befores):
        _keep(complete, _NONE_USED, _Begin(0, (_UNFILLED,) * points, _NOTHING.laps, None))
    taken: list[Candidate | None] = [None] * points
    best = complete[_NONE_USED]  # never missing: officials' times fit each other, and an empty choice is valid
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
