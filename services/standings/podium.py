"""Which places 1 to 3 of a board, or of its order at a point, can still change without a new fact of an official.

A place is decided when nobody can take it any more, whatever reads are still to come: neither athletes on the course
and those who have not started, nor late reads of those who have finished. What is assumed of late reads, and what
rests on the limit of speed alone, is in R4.11.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

from msgspec import Struct

from schemas.definition import Board
from schemas.ids import US
from services.standings.contenders import NEVER_US, Contender, PodiumCourse

PODIUM_PLACES = 3
PODIUM_LINES_MAX = 20  # athletes who share places 1 to 3
RIVALS_MAX = 5  # listed for a place; the others are counted

LATE_US = 1_200 * US
"""How much later than another at the finish a read may reach the log: gateways keep reads while a network is away."""

_UNKNOWN_US = 2**62


class Rival(NamedTuple):
    """An athlete who can still take a place.

    `until_us` is the last instant at which a finish would do so; None where only an official can end the doubt: an open
    case, or a wave whose gun is not known.
    """

    bib: str
    until_us: int | None


class PodiumPlace(Struct, frozen=True):
    """A place of 1 to 3, who has it, and whether that is decided.

    `result_open`: the athlete's own result, or that of someone ahead, can still change. `rivals` are RIVALS_MAX at
    most, those furthest along the course first; `rivals_left_out` is how many more there are.
    """

    place: int
    bib: str
    decided: bool
    result_open: bool
    rivals: list[Rival]
    rivals_left_out: int


class _Span(NamedTuple):
    """The times that an athlete can still have: the best, and the worst of one who took the last point.

    A crossing gives the best time when it is counted from `zero_us`; None: that instant is not known.
    """

    best_us: int
    worst_us: int
    zero_us: int | None


_Chance = tuple[int, Contender]
"""The best time that an athlete can still have, and the athlete."""


class _Bar(NamedTuple):
    """A time by gun or by chip, and those who would change the place if they had one as good: `bibs`.

    `chances` are those of everybody, the best first.
    """

    by_chip: bool
    time_us: int
    chances: Sequence[_Chance]
    bibs: Container[str]


class _Reads(NamedTuple):
    """The instant up to which all reads of a race are there, and what that says of its contenders."""

    course: PodiumCourse
    complete_us: int

    def is_fixed(self, athlete: Contender, by_chip: bool) -> bool:
        """Return whether no late read changes the time that an athlete has."""
        if athlete.taken_us is None:
            return False
        taken_fixed = athlete.official or athlete.taken_us <= self.complete_us - self.course.settle_us
        return taken_fixed and (not by_chip or athlete.window_end_us <= self.complete_us)

    def span(self, athlete: Contender, by_chip: bool) -> _Span:
        """Return the times that an athlete can still have."""
        first_us, last_us = self._starts(athlete) if by_chip else (athlete.gun_us, athlete.gun_us)
        if first_us is None or last_us is None:
            return _Span(NEVER_US, _UNKNOWN_US, None)
        zero_us = last_us - athlete.adjusted_us
        worst_us = self._latest_crossing_us(athlete) - first_us + athlete.adjusted_us
        return _Span(self.earliest_crossing_us(athlete) - zero_us, worst_us, zero_us)

    def best_us(self, athlete: Contender, by_chip: bool) -> int:
        """Return the best time that an athlete can still have, as `span` does; this is asked of everybody."""
        start_us = self._starts(athlete)[1] if by_chip else athlete.gun_us
        if start_us is None:
            return NEVER_US
        return self.earliest_crossing_us(athlete) - start_us + athlete.adjusted_us

    def earliest_crossing_us(self, athlete: Contender) -> int:
        """Return the earliest crossing of the last point that an athlete can still come to have."""
        if athlete.taken_us is None:
            unknown_us = max(athlete.earliest_us, self.complete_us + max(athlete.after_us, 1))
            return unknown_us if athlete.other_us is None else min(unknown_us, athlete.other_us)
        fixed = self.is_fixed(athlete, by_chip=False)
        return athlete.taken_us if fixed else athlete.taken_us - self.course.settle_us

    def _latest_crossing_us(self, athlete: Contender) -> int:
        if athlete.taken_us is None:
            return _UNKNOWN_US
        moves = athlete.may_move and not self.is_fixed(athlete, by_chip=False)
        return athlete.taken_us + (self.course.settle_us if moves else 0)

    def _starts(self, athlete: Contender) -> tuple[int | None, int | None]:
        """Return the earliest and the latest start that an athlete can still come to have."""
        start_us, window_end_us = athlete.start_us, athlete.window_end_us
        if start_us is None or self.is_fixed(athlete, by_chip=True):
            return start_us, start_us
        window_is_read = window_end_us <= self.complete_us
        if not athlete.started:  # a wrong read further on may have taken the place of the start
            return start_us, start_us if window_is_read and athlete.reach < 0 else max(start_us, window_end_us)
        if window_is_read:
            return start_us, start_us
        settle_us = self.course.settle_us
        return start_us - settle_us, max(start_us, min(window_end_us, start_us + settle_us))

    def rival(self, athlete: Contender, bar: _Bar) -> Rival | None:
        """Return an athlete whose best time is as good as the bar as a rival, or None when no read can bring it."""
        span = self.span(athlete, bar.by_chip)
        if span.zero_us is None:
            return Rival(athlete.bib, None)
        if athlete.taken_us is not None and not athlete.ranked and self.is_fixed(athlete, bar.by_chip):
            return Rival(athlete.bib, None) if athlete.in_doubt else None
        until_us = span.zero_us + bar.time_us
        closed_at_us = self.course.closed_at_us
        if closed_at_us is not None and athlete.taken_us is None:
            if self.earliest_crossing_us(athlete) > closed_at_us:
                return None
            until_us = min(until_us, closed_at_us)
        return Rival(athlete.bib, until_us)


class Prospects(NamedTuple):
    """What can still become of everybody in a race at the course's last point: the same for all of its boards.

    `by_gun` and `by_chip` are the best times that each athlete can still have, the best first.
    """

    reads: _Reads
    contenders: Mapping[str, Contender]
    by_gun: Sequence[_Chance]
    by_chip: Sequence[_Chance]

    def chances(self, by_chip: bool) -> Sequence[_Chance]:
        """Return the best times by gun or by chip."""
        return self.by_chip if by_chip else self.by_gun


def prospects(course: PodiumCourse, contenders: Mapping[str, Contender]) -> Prospects:
    """Return what can still become of the contenders of a race, which are by bib."""
    heard_us = max((athlete.read_us for athlete in contenders.values()), default=NEVER_US)
    reads = _Reads(course, heard_us - LATE_US)
    by_gun, by_chip = (
        sorted(((reads.best_us(athlete, chip), athlete) for athlete in contenders.values()), key=_best)
        for chip in (False, True)
    )
    return Prospects(reads, contenders, by_gun, by_chip)


def _best(chance: _Chance) -> int:
    return chance[0]


class Leaders(NamedTuple):
    """Those of a board whom gun time puts before all others (R4.2): `first`, and the gun time of the last of them.

    `last_us` is None while everybody who has finished is among them. `bibs` are all athletes of the board.
    """

    bibs: Container[str]
    first: Mapping[str, Contender]
    last_us: int | None


def podium_leaders(ahead: Prospects, root: Board, bibs: Collection[str]) -> Leaders | None:
    """Return the leaders of a board by gun, then chip; None on any other, and at points, where gun time ranks all.

    `bibs` are all athletes of the board, with or without a place.
    """
    if not ahead.reads.course.own_finish or root.ranked_by() != "gun_then_chip" or root.gun_places == 0:
        return None
    everyone = (ahead.contenders[bib] for bib in bibs if bib in ahead.contenders)
    ranked = {athlete.bib: athlete for athlete in everyone if athlete.ranked}
    first_us = nsmallest(root.gun_places, map(_gun_time_us, ranked.values()))
    last_us = first_us[-1] if len(ranked) > root.gun_places else None
    first = {bib: athlete for bib, athlete in ranked.items() if last_us is None or _gun_time_us(athlete) <= last_us}
    return Leaders(bibs, first, last_us)


def podium(
    ahead: Prospects, leaders: Leaders | None, root: Board, lines: Sequence[tuple[int, str]], bibs: Container[str]
) -> list[PodiumPlace]:
    """Return the places 1 to 3 of a board, or of its order at the course's last point.

    `lines` are places and bibs, best first, and `bibs` all athletes of the board, with or without a place; `leaders`
    are those of `root`, the outermost board around it.
    """
    reads, contenders = ahead.reads, ahead.contenders
    if reads.course.target == 0:
        return []
    by_chip = root.ranked_by() == "chip" or (root.ranked_by() == "gun_then_chip" and reads.course.own_finish)
    places: list[PodiumPlace] = []
    passed: list[Contender] = []
    result_open = False
    for place, bib in lines[:PODIUM_LINES_MAX]:
        holder = contenders.get(bib) if bib in bibs else None
        if place > PODIUM_PLACES or holder is None:
            break
        bars = _bars(ahead, leaders, holder, by_chip, bibs)
        result_open = result_open or _is_open(reads, leaders, holder, bars[0], passed)
        passed.append(holder)
        counted = frozenset(athlete.bib for athlete in passed)
        if len(bars) > 1 and leaders is not None:
            counted |= leaders.first.keys()
        rivals = _rivals(reads, holder, bars, counted)
        listed = nsmallest(RIVALS_MAX, (rival for rival in rivals if rival[0].bib in bibs), key=_furthest)
        places.append(
            PodiumPlace(
                place,
                bib,
                decided=not result_open and not rivals,
                result_open=result_open,
                rivals=[rival for rival, _ in listed],
                rivals_left_out=len(rivals) - len(listed),
            )
        )
    return places


def _gun_time_us(athlete: Contender) -> int:
    if athlete.taken_us is None or athlete.gun_us is None:
        raise AssertionError(f"ranked athlete {athlete.bib} has no gun time")
    return athlete.taken_us - athlete.gun_us + athlete.adjusted_us


def _bars(
    ahead: Prospects, leaders: Leaders | None, holder: Contender, by_chip: bool, bibs: Container[str]
) -> list[_Bar]:
    """Return the times that others need to change a holder's place; the first is the holder's own, at its worst.

    Where gun time puts some first, whoever comes among them moves all others, on boards within the board too. `bibs`
    are the board's athletes, and `by_chip` says by which time those rank who are not among the first.
    """
    reads = ahead.reads
    if leaders is not None and holder.bib in leaders.first:
        return [_Bar(False, reads.span(holder, by_chip=False).worst_us, ahead.by_gun, leaders.bibs)]
    bars = [_Bar(by_chip, reads.span(holder, by_chip).worst_us, ahead.chances(by_chip), bibs)]
    if leaders is not None and leaders.last_us is not None:
        bars.append(_Bar(False, leaders.last_us, ahead.by_gun, leaders.bibs))
    return bars


def _is_open(reads: _Reads, leaders: Leaders | None, holder: Contender, bar: _Bar, ahead: Sequence[Contender]) -> bool:
    """Return whether a holder's own result can change, or fall in with that of someone ahead."""
    if holder.in_doubt or holder.incomplete:
        return True
    compared = ahead
    if leaders is not None and holder.bib not in leaders.first:
        if any(leader.in_doubt or not reads.is_fixed(leader, by_chip=False) for leader in leaders.first.values()):
            return True
        compared = [other for other in ahead if other.bib not in leaders.first]
    best_us, fixed = reads.span(holder, bar.by_chip).best_us, reads.is_fixed(holder, bar.by_chip)
    return any(
        reads.span(other, bar.by_chip).worst_us >= best_us
        for other in compared
        if not (fixed and reads.is_fixed(other, bar.by_chip))
    )


def _rivals(
    reads: _Reads, holder: Contender, bars: Sequence[_Bar], passed: frozenset[str]
) -> list[tuple[Rival, Contender]]:
    """Return all who can still change a holder's place, each once; `passed` are those who count before the holder."""
    rivals: dict[str, tuple[Rival, Contender]] = {}
    for bar in bars:
        fixed = reads.is_fixed(holder, bar.by_chip)
        for best_us, athlete in bar.chances:
            if best_us > bar.time_us:
                break
            if athlete.bib not in bar.bibs or athlete.bib in passed or athlete.bib in rivals:
                continue
            if athlete.ranked and fixed and reads.is_fixed(athlete, bar.by_chip):
                continue
            rival = reads.rival(athlete, bar)
            if rival is not None:
                rivals[athlete.bib] = rival, athlete
    return list(rivals.values())


def _furthest(rival: tuple[Rival, Contender]) -> tuple[int, int, str]:
    """Order rivals by how far they are along the course, and those at one point by who came there first."""
    athlete = rival[1]
    return -athlete.reach, athlete.reached_us, athlete.bib
