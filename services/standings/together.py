"""Chips that are carried together: pairs of athletes who pass the same points within fractions of a second.

Athletes are compared by the mats that they pass: each point, START aside, is the first, second, ... of its mat on the
athlete's own course, so athletes of different races meet at the mats that these share. The instants of each such
crossing are held sorted, and an athlete is compared only with neighbours there: the work grows with the number of
passings, not of pairs. It does not matter in which order results come. Source: R4.10.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Struct

from schemas.definition import Definition, Together
from schemas.ids import US, bib_order, case_name, together_name
from schemas.results import AthleteRow, Case, PointTime

Pair = tuple[str, str]
"""The bibs of two athletes, the shorter first, then by text."""

REBUILD_SHARE = 8  # sorting a list again costs less than inserting more than an eighth of its length one by one


class Crossing(NamedTuple):
    """A mat, and which of the athlete's points there, from 0; START does not count."""

    mat: str
    number: int


Crossings = Mapping[str, Mapping[str, Crossing]]
"""The crossing of each point, by race and point. START has none."""


class TogetherCase(Case, frozen=True, kw_only=True):
    """The case of two athletes: `bib` with `race`, and `other` with `other_race`. It concerns both races."""

    other: str
    other_race: str

    def races(self) -> tuple[str, ...]:
        return (self.race,) if self.race == self.other_race else (self.race, self.other_race)


class SideBySide(Struct, frozen=True, kw_only=True):
    """A crossing that two athletes took, both from reads: the point on the course of each, and the instants.

    `apart_us` is the later instant minus the earlier one. `counts` is false if both are whole seconds.
    """

    point: str
    other_point: str
    at_us: int
    other_at_us: int
    apart_us: int
    counts: bool


def looked_for(definition: Definition | None) -> Together | None:
    """Return the rule by which pairs are looked for; None without one, or when it asks for no points."""
    rule = None if definition is None else definition.together
    return None if rule is None or rule.points == 0 else rule


def crossings_of(definition: Definition) -> Crossings:
    """Return the crossing of each point of each race."""
    crossings: dict[str, dict[str, Crossing]] = {}
    for race in definition.races:
        counts: dict[str, int] = {}
        crossings[race.id] = {}
        for point in race.points[1:]:
            number = counts.get(point.mat, 0)
            crossings[race.id][point.id] = Crossing(point.mat, number)
            counts[point.mat] = number + 1
    return crossings


def side_by_side(definition: Definition, row: AthleteRow, other: AthleteRow) -> list[SideBySide]:
    """Return the crossings that two athletes took, both from reads, in the order of the first athlete's course."""
    crossings = crossings_of(definition)
    others, own = _taken(crossings, other), _taken(crossings, row)
    both = ((taken, others[crossing]) for crossing, taken in own.items() if crossing in others)
    return [
        SideBySide(
            point=taken.point,
            other_point=theirs.point,
            at_us=taken.at_us,
            other_at_us=theirs.at_us,
            apart_us=abs(taken.at_us - theirs.at_us),
            counts=not (_is_whole(taken.at_us) and _is_whole(theirs.at_us)),
        )
        for taken, theirs in both
    ]


def _taken(crossings: Crossings, row: AthleteRow) -> dict[Crossing, PointTime]:
    """Return the points that an athlete took from reads, by crossing; none of an athlete without an entry."""
    crossing_of = crossings.get(row.race)
    if crossing_of is None or row.gone:
        return {}
    return {
        crossing_of[taken.point]: taken
        for taken in row.points
        if taken.source != "official" and taken.point in crossing_of
    }


def _is_whole(at_us: int) -> bool:
    return at_us % US == 0


def pairs_together(definition: Definition, rows: Iterable[AthleteRow]) -> list[Pair]:
    """Return all pairs in the rows of all athletes, in the order of bibs."""
    rule = looked_for(definition)
    if rule is None:
        return []
    index = TogetherIndex(rule, crossings_of(definition))
    index.put(rows)
    return index.pairs()


def together_cases(pairs: Iterable[Pair], races: Mapping[str, str], decided: Iterable[str]) -> list[TogetherCase]:
    """Return the case of each pair; `races` are by bib. Deciding a case only closes it."""
    closed = set(decided)
    return [
        TogetherCase(
            case=name,
            race=races[bib],
            bib=bib,
            open=case_name(name) not in closed,
            other=other,
            other_race=races[other],
        )
        for bib, other in pairs
        for name in (together_name(bib, other),)
    ]


def with_shared_cases(rows: Iterable[AthleteRow], cases: Iterable[TogetherCase]) -> list[AthleteRow]:
    """Return rows with the cases that athletes share with others added to their own, for those who show them."""
    shared: dict[str, list[Case]] = {}
    for case in cases:
        for bib in (str(case.bib), case.other):
            shared.setdefault(bib, []).append(case)
    return [
        msgspec.structs.replace(row, cases=[*row.cases, *shared[row.bib]]) if row.bib in shared else row for row in rows
    ]


class TogetherIndex:
    """The pairs among the latest results of athletes. `put` takes new results, and returns the pairs that changed."""

    def __init__(self, rule: Together, crossings: Crossings) -> None:
        self._points = rule.points
        self._within_us = rule.within_us
        self._crossings = crossings
        self._instants: dict[str, dict[Crossing, int]] = {}
        self._lines: dict[Crossing, _Line] = {}
        self._partners: dict[str, set[str]] = {}

    def pairs(self) -> list[Pair]:
        """Return all pairs, in the order of bibs."""
        pairs = {_pair(bib, other) for bib, others in self._partners.items() for other in others}
        return sorted(pairs, key=lambda pair: (bib_order(pair[0]), bib_order(pair[1])))

    def has(self, pair: Pair) -> bool:
        """Return whether two athletes make a pair."""
        return pair[1] in self._partners.get(pair[0], ())

    def put(self, rows: Iterable[AthleteRow]) -> set[Pair]:
        """Take in the latest results of athletes; return the pairs that came or went."""
        moved = self._move(rows)
        changed: set[Pair] = set()
        for bib in moved:
            for other in self._partners.get(bib, set()) ^ self._find(bib):
                self._turn(bib, other)
                self._turn(other, bib)
                changed.add(_pair(bib, other))
        return changed

    def _turn(self, bib: str, other: str) -> None:
        """Add `other` to the partners of an athlete, or remove them if they are there."""
        partners = self._partners.setdefault(bib, set())
        partners ^= {other}
        if not partners:
            del self._partners[bib]

    def _move(self, rows: Iterable[AthleteRow]) -> list[str]:
        """Put the instants of results in place of those before; return the bibs that have other instants now."""
        moved: list[str] = []
        added: dict[Crossing, list[tuple[int, str]]] = {}
        for row in rows:
            before, now = self._instants.get(row.bib, {}), _instants(self._crossings, row)
            if before == now:
                continue
            self._instants[row.bib] = now
            moved.append(row.bib)
            for crossing, at_us in before.items():
                if now.get(crossing) != at_us:
                    self._lines[crossing].remove(at_us, row.bib)
            for crossing, at_us in now.items():
                if before.get(crossing) != at_us:
                    added.setdefault(crossing, []).append((at_us, row.bib))
        for crossing, instants in added.items():
            self._lines.setdefault(crossing, _Line()).add(instants)
        return moved

    def _find(self, bib: str) -> set[str]:
        """Return everybody who makes a pair with an athlete.

        They are near the athlete at `points` crossings or more, so at one of any `len(own) - points + 1`; the
        athlete's neighbours are looked at where these are fewest, because many may pass a mat at once.
        """
        own = self._instants[bib]
        if len(own) < self._points:
            return set()
        near = [self._lines[crossing].near(at_us, self._within_us) for crossing, at_us in own.items()]
        near.sort(key=len)
        candidates = {other for window in near[: len(own) - self._points + 1] for other in window.bibs()}
        candidates.discard(bib)
        return {other for other in candidates if self._agree(own, self._instants[other])}

    def _agree(self, own: Mapping[Crossing, int], others: Mapping[Crossing, int]) -> bool:
        counted = 0
        for crossing, at_us in own.items():
            other_us = others.get(crossing)
            if other_us is None or (_is_whole(at_us) and _is_whole(other_us)):
                continue
            if abs(at_us - other_us) > self._within_us:
                return False
            counted += 1
        return counted >= self._points


def _instants(crossings: Crossings, row: AthleteRow) -> dict[Crossing, int]:
    return {crossing: taken.at_us for crossing, taken in _taken(crossings, row).items()}


def _pair(bib: str, other: str) -> Pair:
    return (bib, other) if bib_order(bib) < bib_order(other) else (other, bib)


class _Sorted:
    """Athletes by instant: two lists side by side, so that an instant costs no object of its own."""

    def __init__(self) -> None:
        self.at_us: list[int] = []
        self.bibs: list[str] = []

    def add(self, instants: list[tuple[int, str]]) -> None:
        if len(instants) * REBUILD_SHARE > len(self.at_us):
            together = sorted([*zip(self.at_us, self.bibs, strict=True), *instants])
            self.at_us = [at_us for at_us, _ in together]
            self.bibs = [bib for _, bib in together]
            return
        for at_us, bib in instants:
            index = bisect_right(self.at_us, at_us)
            self.at_us.insert(index, at_us)
            self.bibs.insert(index, bib)

    def remove(self, at_us: int, bib: str) -> None:
        first = bisect_left(self.at_us, at_us)
        index = self.bibs.index(bib, first)
        del self.at_us[index]
        del self.bibs[index]


class _Window(NamedTuple):
    """A part of one or two sorted lists: the neighbours of an instant."""

    parts: tuple[tuple[_Sorted, int, int], ...]

    def __len__(self) -> int:
        return sum(end - begin for _, begin, end in self.parts)

    def bibs(self) -> Iterator[str]:
        for instants, begin, end in self.parts:
            yield from instants.bibs[begin:end]


class _Line:
    """Everybody who took a crossing, those with whole seconds apart: two of them tell nothing about each other.

    So a mat that is timed by hand, where thousands may share a second, costs no more than any other.
    """

    def __init__(self) -> None:
        self._whole = _Sorted()
        self._exact = _Sorted()

    def add(self, instants: list[tuple[int, str]]) -> None:
        """Add athletes with their instants."""
        for kept, is_whole in ((self._whole, True), (self._exact, False)):
            if own := [pair for pair in instants if _is_whole(pair[0]) == is_whole]:
                kept.add(own)

    def remove(self, at_us: int, bib: str) -> None:
        """Remove an athlete who was added with that instant."""
        (self._whole if _is_whole(at_us) else self._exact).remove(at_us, bib)

    def near(self, at_us: int, within_us: int) -> _Window:
        """Return the athletes within `within_us` of an instant whose instants tell something together with it."""
        lists = (self._exact,) if _is_whole(at_us) else (self._exact, self._whole)
        return _Window(
            tuple(
                (kept, bisect_left(kept.at_us, at_us - within_us), bisect_right(kept.at_us, at_us + within_us))
                for kept in lists
            )
        )
