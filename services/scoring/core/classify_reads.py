"""Find the points that an athlete's reads gave, and a reason for every read that gave none.

Source: R3.1 to R3.3.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Literal, NamedTuple

from msgspec import Struct

from services.scoring.core.assign_points import OFFICIAL, Candidate, choose
from services.scoring.core.course import START, Course, Limits, is_early, is_late
from services.scoring.core.device_places import ASK, UNKNOWN, DevicePlacement
from services.scoring.core.passings import Passing, UsedRead, form_passings, pick_time
from services.scoring.core.reads import ChipReads
from services.scoring.core.rulings import Rulings

Reason = Literal[
    "unknown_device",
    "unknown_chip",
    "excluded",
    "before_gun",
    "backup_duplicate",
    "overridden",
    "outside_start_window",
    "too_early",
    "too_fast",
    "not_on_course",
    "superseded",
]


class Guns(NamedTuple):
    """The guns from which an athlete's times count: their own and the race's earliest, each None until it is fired.

    `own_wave` is the wave of the own gun, None for the gun fired without a wave.
    """

    own_us: int | None
    race_us: int | None
    own_wave: str | None = None


class Sorted(NamedTuple):
    """Reads of an athlete that may count, by the groups of `DevicePlacement`, and those that cannot, by reason."""

    groups: list[list[UsedRead]]
    out: dict[Reason, list[UsedRead]]


class LocatedReads(NamedTuple):
    """The corrected instant and the group of each read of a chip, and the bib that wore the chip then. Source: R3.1.

    The bib is None if nobody wore it.
    """

    at_us: Sequence[int]
    groups: list[int]
    wearers: list[str | None]


class Strike(Struct, frozen=True):
    """The reason why a passing did not fill one point of its mat.

    `other` is a point by index. For `too_fast` it is the earlier point from which the stretch is too fast (None: the
    own gun). For `superseded` it is the point with an official's time that contradicts the passing's order (None: none
    does).
    """

    point: int
    reason: Reason
    other: int | None = None


class UnusedReads(Struct, frozen=True):
    """Reads that gave no point its time, with their reason.

    `strikes` has a strike for each point of the mat, if the reason comes from them: the last in the order of
    STRIKE_ORDER is the reason.
    """

    reason: Reason
    reads: list[UsedRead]
    strikes: tuple[Strike, ...] = ()


STRIKE_ORDER: tuple[Reason, ...] = ("overridden", "outside_start_window", "too_early", "too_fast", "superseded")
"""The reasons why a passing does not fill a point; of several points, the last reason counts. Source: R3.1."""
_LATE_START: frozenset[Reason] = frozenset(("outside_start_window", "too_fast"))
"""The reasons of a start after the window at the mat of later points, for which it is too fast."""


class ReadClassification(NamedTuple):
    """The passings of an athlete's reads, the candidates of each point with the one that it took, and the unused reads.

    `limits` is None without a gun; then no read is used.
    """

    passings: list[Passing]
    candidates: list[list[Candidate]]
    taken: list[Candidate | None]
    lap_ambiguous: bool
    unused: list[UnusedReads]
    limits: Limits | None


# --- Wearers, places and times of reads.


def sort_reads(
    rulings: Rulings,
    places: DevicePlacement,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    own_gun_us: int | None,
) -> Sorted:
    """Return the athlete's reads with corrected instants, by group, without those out by R3.1 up to `before_gun`.

    Reads by an unknown device, or of a chip without a wearer, belong to no athlete; the event counts them.
    """
    groups: list[list[UsedRead]] = [[] for _ in range(2 * len(places.mats) + 1)]  # UNKNOWN is the last
    out: dict[Reason, list[UsedRead]] = {}
    for chip in worn:
        reads = chips.get(chip)
        if reads is None:
            continue
        assigned_or_excluded = rulings.is_assigned(chip) or chip in rulings.excluded
        if own_gun_us is None or assigned_or_excluded or not places.moving.isdisjoint(reads.device):
            _sort_each(rulings, places, chip, reads, bib, own_gun_us, groups, out)
        elif rulings.owner_of(chip) == bib:
            _sort_plainly(places, chip, reads, own_gun_us, groups, out)
    groups.pop()
    return Sorted(groups, out)


def _sort_plainly(
    places: DevicePlacement,
    chip: str,
    reads: ChipReads,
    own_gun_us: int,
    groups: list[list[UsedRead]],
    out: dict[Reason, list[UsedRead]],
) -> None:
    """Sort the reads of a chip in the common case, where no fact concerns the chip or a device that read it."""
    group_of = places.groups
    after = bisect_left(reads.at_us, own_gun_us)
    count = len(reads.at_us)
    used = zip(reads.at_us[after:], reads.rssi[after:], repeat(chip), range(after, count), strict=False)
    for device, read in zip(reads.device[after:], used, strict=True):
        groups[group_of[device]].append(read)
    for nth in range(after):
        if group_of[reads.device[nth]] != UNKNOWN:
            out.setdefault("before_gun", []).append((reads.at_us[nth], reads.rssi[nth], chip, nth))


def _sort_each(
    rulings: Rulings,
    places: DevicePlacement,
    chip: str,
    reads: ChipReads,
    bib: str,
    own_gun_us: int | None,
    groups: list[list[UsedRead]],
    out: dict[Reason, list[UsedRead]],
) -> None:
    """Sort each read of a chip by itself, since facts about its wearer, device or exclusion may concern it."""
    excluded = rulings.excluded.get(chip, ())
    located = locate_reads(rulings, places, chip, reads)
    for nth, (at_us, group, wearer, rssi) in enumerate(zip(*located, reads.rssi, strict=True)):
        if group == UNKNOWN or wearer != bib:
            continue
        read = (at_us, rssi, chip, nth)
        if excluded and (places.name(reads.device[nth]), reads.at_us[nth]) in excluded:
            out.setdefault("excluded", []).append(read)
        elif own_gun_us is None or at_us < own_gun_us:
            out.setdefault("before_gun", []).append(read)
        else:
            groups[group].append(read)


def locate_reads(rulings: Rulings, places: DevicePlacement, chip: str, reads: ChipReads) -> LocatedReads:
    """Return the corrected instant, the group and the wearer of each read of a chip."""
    group_of = places.groups
    instants: Sequence[int] = reads.at_us
    groups = [group_of[device] for device in reads.device]
    if ASK in groups:
        asked = [
            places.ask(device, at_us) if group == ASK else (at_us, group)
            for at_us, device, group in zip(reads.at_us, reads.device, groups, strict=True)
        ]
        instants, groups = [at_us for at_us, _ in asked], [group for _, group in asked]
    owner = rulings.owner_of(chip)
    wearers = (
        [rulings.wearer_of(chip, at_us, owner) for at_us in instants]
        if rulings.is_assigned(chip)
        else [owner] * len(groups)
    )
    return LocatedReads(instants, groups, wearers)


# --- Passings and points.


def find_points(
    rulings: Rulings, course: Course, places: DevicePlacement, bib: str, guns: Guns, reads: Sorted
) -> ReadClassification:
    """Form passings, choose the points, and find a reason for every unused read."""
    unused = [UnusedReads(reason, out) for reason, out in reads.out.items()]
    own_gun_us, race_gun_us = guns.own_us, guns.race_us
    if own_gun_us is None or race_gun_us is None:
        nothing: list[Candidate | None] = [None] * len(course.points)
        return ReadClassification([], [[] for _ in course.points], nothing, False, unused, None)
    passings: list[Passing] = []
    groups = iter(reads.groups)
    for mat, main, backup in zip(places.mats, groups, groups, strict=True):
        if main or backup:
            formed, same = form_passings(mat, main, backup, rulings.gap_us)
            passings += formed
            unused += [UnusedReads("backup_duplicate", passing.reads) for passing in same]
    limits = course.limits(race_gun_us, own_gun_us)
    chooser = _Chooser(course, passings, _officials(rulings, course, bib), own_gun_us, limits)
    candidates = chooser.candidates()
    choice = choose(course, candidates, own_gun_us)
    unused += chooser.unused(choice.taken)
    return ReadClassification(passings, candidates, choice.taken, choice.lap_ambiguous, unused, limits)


def _officials(rulings: Rulings, course: Course, bib: str) -> dict[int, int]:
    """Return officials' times in force, by the index of their point."""
    times = rulings.times.get(bib)
    if times is None:
        return {}
    return {course.index[point]: at_us for point, at_us in times.items() if at_us is not None and point in course.index}


class _Chooser:
    """Find the candidates for an athlete's points, and the reasons why the other passings are unused."""

    def __init__(
        self, course: Course, passings: list[Passing], officials: dict[int, int], own_gun_us: int, limits: Limits
    ) -> None:
        self.course = course
        self.passings = passings
        self.officials = officials
        self.own_gun_us = own_gun_us
        self.window_end_us = limits.window_end_us
        self.earliest_us = limits.earliest_us

    def candidates(self) -> list[list[Candidate]]:
        """Return the candidates of each point, judged each by itself and by the officials' times around it."""
        course, officials = self.course, self.officials
        candidates: list[list[Candidate]] = [[] for _ in course.points]
        for number, passing in enumerate(self.passings):
            for point in course.at_mat.get(passing.mat, ()):
                if point in officials:
                    continue
                picked = self._pick_for(point, passing)
                if picked is None:
                    continue
                at_us, read = picked
                if self.earliest_us and self._early(point, at_us):
                    continue
                if self._out_of_order(point, at_us) is None if officials else self._reached(point, at_us):
                    candidates[point].append(Candidate(at_us, number, read))
        for point, at_us in officials.items():
            candidates[point] = [Candidate(at_us, OFFICIAL, None)]
        return candidates

    def _pick_for(self, point: int, passing: Passing) -> tuple[int, UsedRead] | None:
        """Return the instant that `point` takes from a passing, and the read that gave it.

        START uses only the reads inside its window; None if there are none.
        """
        reads = passing.reads
        if point == START and is_late(reads[-1][0], self.window_end_us):
            reads = reads[: self._in_window(reads)]
            if not reads:
                return None
        return pick_time(reads, self.course.points[point].pick)

    def _in_window(self, reads: list[UsedRead]) -> int:
        """Return how many of the first reads, in time order, are inside START's window; equal is in time."""
        return bisect_right(reads, self.window_end_us, key=_instant)

    def _early(self, point: int, at_us: int) -> bool:
        return point in self.earliest_us and is_early(at_us, self.earliest_us[point])

    def _reached(self, point: int, at_us: int) -> bool:
        """Return whether the point can be reached from the own gun by then."""
        return at_us - self.own_gun_us >= self.course.least_us[START][point]

    def _out_of_order(self, point: int, at_us: int) -> int | None:
        """Return the first point with an official's time that contradicts the order of an instant, or None.

        The choice decides later whether the stretches are believable.
        """
        for official, official_us in self.officials.items():
            if at_us <= official_us if official < point else at_us >= official_us:
                return official
        return None

    def unused(self, taken: list[Candidate | None]) -> list[UnusedReads]:
        """Return every read of the passings that gave no point its time, with the reason."""
        unused: list[UnusedReads] = []
        used = {held.passing: (point, held.read) for point, held in enumerate(taken) if held is not None}
        for number, passing in enumerate(self.passings):
            points = self.course.at_mat.get(passing.mat)
            if points is None:
                unused.append(UnusedReads("not_on_course", passing.reads))
                continue
            given_to, given = used.get(number, (None, None))
            rest = passing.reads if given is None else _without(passing.reads, given)
            if points[0] != START or not is_late(passing.reads[-1][0], self.window_end_us):
                if rest:
                    unused.append(self._unused(passing, rest, points, taken, given_to, True))
                continue
            count = self._in_window(rest)
            for in_window, reads in ((True, rest[:count]), (False, rest[count:])):
                if reads:
                    unused.append(self._unused(passing, reads, points, taken, given_to, in_window))
        return unused

    def _unused(
        self,
        passing: Passing,
        reads: list[UsedRead],
        points: tuple[int, ...],
        taken: list[Candidate | None],
        given_to: int | None,
        in_window: bool,
    ) -> UnusedReads:
        """Return unused reads of a passing with their reason, all of them inside START's window or all after it."""
        if given_to is not None and (in_window or given_to != START):
            return UnusedReads("superseded", reads)
        strikes = tuple(self._strike(point, passing, taken, in_window) for point in points)
        reasons = {strike.reason for strike in strikes}
        if reasons == _LATE_START and _began_after(taken, reads[-1][0]):
            return UnusedReads("outside_start_window", reads, strikes)
        return UnusedReads(max(reasons, key=STRIKE_ORDER.index), reads, strikes)

    def _strike(self, point: int, passing: Passing, taken: list[Candidate | None], in_window: bool) -> Strike:
        """Return why a passing did not fill one point."""
        if point in self.officials:
            return Strike(point, "overridden")
        picked = self._pick_for(point, passing) if in_window or point != START else None
        if picked is None:
            return Strike(point, "outside_start_window")
        at_us = picked[0]
        if self._early(point, at_us):
            return Strike(point, "too_early")
        if not self._reached(point, at_us):
            return Strike(point, "too_fast")
        before = next((before for before in range(point - 1, -1, -1) if taken[before] is not None), None)
        if before is not None and self._too_fast(before, taken[before], point, at_us):
            return Strike(point, "too_fast", before)
        return Strike(point, "superseded", self._out_of_order(point, at_us))

    def _too_fast(self, before: int, candidate: Candidate | None, point: int, at_us: int) -> bool:
        """Return whether an instant is too soon after an earlier point; one not after it is merely out of order."""
        return candidate is not None and 0 < at_us - candidate.at_us < self.course.least_us[before][point]


def _began_after(taken: list[Candidate | None], at_us: int) -> bool:
    """Return whether the points that are filled all lie after an instant; officials may have set them in any order."""
    filled = [held.at_us for held in taken if held is not None]
    return bool(filled) and min(filled) > at_us


def _instant(read: UsedRead) -> int:
    return read[0]


def _without(reads: list[UsedRead], given: UsedRead) -> list[UsedRead]:
    """Return the reads of a passing except the one that a point took, which is usually the first or the last."""
    if reads[0] is given:
        return reads[1:]
    if reads[-1] is given:
        return reads[:-1]
    return [read for read in reads if read is not given]
