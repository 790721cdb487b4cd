"""From an athlete's reads to the points that he took, and a reason for every read that gave none.

Source: R3.1 to R3.3.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from services.scoring.core.assign_points import OFFICIAL, Candidate, choose
from services.scoring.core.course import START, Course
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
    """The guns that an athlete's times count from: his own, and his race's earliest; None as long as there is none."""

    own_us: int | None
    race_us: int | None


class Sorted(NamedTuple):
    """Reads of an athlete that may count, by the groups of `DevicePlacement`, and those already out, by reason."""

    groups: list[list[UsedRead]]
    out: dict[Reason, list[UsedRead]]


class ReadClassification(NamedTuple):
    """All that an athlete's reads came to: passings, what could fill each point and what did, and every unused read
    with its reason.
    """

    passings: list[Passing]
    candidates: list[list[Candidate]]
    taken: list[Candidate | None]
    lap_ambiguous: bool
    unused: list[tuple[Reason, list[UsedRead]]]


def sort_reads(
    book: Rulings,
    places: DevicePlacement,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    own_gun_us: int | None,
) -> Sorted:
    """The athlete's reads with corrected instants, by group; out are those of R3.1 up to `before_gun`.

    Reads at an unknown device and of a chip that nobody wears belong to no athlete; the event counts them.
    """
    groups: list[list[UsedRead]] = [[] for _ in range(2 * len(places.mats) + 1)]  # UNKNOWN is the last
    out: dict[Reason, list[UsedRead]] = {}
    for chip in worn:
        reads = chips.get(chip)
        if reads is None:
            continue
        if places.moving or chip in book.worn or chip in book.excluded or own_gun_us is None:
            _sort_each(book, places, chip, reads, bib, own_gun_us, groups, out)
        elif book.owner_of(chip) == bib:
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
    """The common case, where no fact says anything special of the chip or of any device."""
    group_of = places.groups
    after = bisect_left(reads.at_us, own_gun_us)
    count = len(reads.at_us)
    for nth, at_us, device, rssi in zip(
        range(after, count), reads.at_us[after:], reads.device[after:], reads.rssi[after:], strict=True
    ):
        groups[group_of[device]].append((at_us, rssi, chip, nth))
    for nth in range(after):
        if group_of[reads.device[nth]] != UNKNOWN:
            out.setdefault("before_gun", []).append((reads.at_us[nth], reads.rssi[nth], chip, nth))


def _sort_each(
    book: Rulings,
    places: DevicePlacement,
    chip: str,
    reads: ChipReads,
    bib: str,
    own_gun_us: int | None,
    groups: list[list[UsedRead]],
    out: dict[Reason, list[UsedRead]],
) -> None:
    """Each read by itself: who wore the chip then, where the device stood, whether an official excluded it."""
    owner, assigned, excluded = book.owner_of(chip), chip in book.worn, book.excluded.get(chip, ())
    for nth, (raw_us, device, rssi) in enumerate(zip(reads.at_us, reads.device, reads.rssi, strict=True)):
        at_us, group = raw_us, places.groups[device]
        if group == ASK:
            at_us, group = places.ask(device, raw_us)
        if group == UNKNOWN or (book.wearer_of(chip, at_us, owner) if assigned else owner) != bib:
            continue
        read = (at_us, rssi, chip, nth)
        if excluded and (places.name(device), raw_us) in excluded:
            out.setdefault("excluded", []).append(read)
        elif own_gun_us is None or at_us < own_gun_us:
            out.setdefault("before_gun", []).append(read)
        else:
            groups[group].append(read)


def find_points(
    book: Rulings, course: Course, places: DevicePlacement, bib: str, guns: Guns, reads: Sorted
) -> ReadClassification:
    """Passings, the choice of points, and why every other read is unused."""
    unused: list[tuple[Reason, list[UsedRead]]] = list(reads.out.items())
    own_gun_us, race_gun_us = guns
    if own_gun_us is None or race_gun_us is None:
        return ReadClassification([], [[] for _ in course.points], [None] * len(course.points), False, unused)
    passings: list[Passing] = []
    groups = iter(reads.groups)
    for mat, main, backup in zip(places.mats, groups, groups, strict=True):
        if main or backup:
            found, same = form_passings(mat, main, backup, book.gap_us)
            passings += found
            unused += [("backup_duplicate", passing.reads) for passing in same]
    chooser = _Chooser(course, passings, _officials(book, course, bib), own_gun_us, race_gun_us)
    candidates = chooser.candidates()
    choice = choose(course, candidates, own_gun_us)
    unused += chooser.unused(choice.taken)
    return ReadClassification(passings, candidates, choice.taken, choice.lap_ambiguous, unused)


def _officials(book: Rulings, course: Course, bib: str) -> dict[int, int]:
    """Officials' times in force, by the index of their point."""
    times = book.times.get(bib)
    if times is None:
        return {}
    return {course.index[point]: at_us for point, at_us in times.items() if at_us is not None and point in course.index}


class _Chooser:
    """What may fill an athlete's points, and why a passing does not."""

    def __init__(
        self, course: Course, passings: list[Passing], officials: dict[int, int], own_gun_us: int, race_gun_us: int
    ) -> None:
        self.course = course
        self.passings = passings
        self.officials = officials
        self.own_gun_us = own_gun_us
        self.window_end_us = own_gun_us + course.window_us
        self.earliest_us = {at: max(earliest.instants(race_gun_us, own_gun_us)) for at, earliest in course.earliests}

    def candidates(self) -> list[list[Candidate]]:
        """For each point what could fill it, by itself and by the officials' times before and behind it."""
        course, officials = self.course, self.officials
        found: list[list[Candidate]] = [[] for _ in course.points]
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
                if self._fits_officials(point, at_us) if officials else self._reached(point, at_us):
                    found[point].append(Candidate(at_us, number, read))
        for point, at_us in officials.items():
            found[point] = [Candidate(at_us, OFFICIAL, None)]
        return found

    def _pick_for(self, point: int, passing: Passing) -> tuple[int, UsedRead] | None:
        """The instant that `point` takes from a passing, and the read that gave it; START looks at the reads inside its
        window only.
        """
        reads = passing.reads
        if point == START and reads[-1][0] > self.window_end_us:
            reads = [read for read in reads if read[0] <= self.window_end_us]
            if not reads:
                return None
        return pick_time(reads, self.course.points[point].pick)

    def _early(self, point: int, at_us: int) -> bool:
        return point in self.earliest_us and at_us < self.earliest_us[point]

    def _reached(self, point: int, at_us: int) -> bool:
        """Whether the point can be reached from the gun by then."""
        return at_us - self.own_gun_us >= self.course.least_us[START][point]

    def _fits_officials(self, point: int, at_us: int) -> bool:
        """In order with every official's time; whether stretches are believable the choice finds out."""
        return all(
            at_us > official_us if at < point else at_us < official_us for at, official_us in self.officials.items()
        )

    def unused(self, taken: list[Candidate | None]) -> list[tuple[Reason, list[UsedRead]]]:
        """Every read of the passings that gave no point its time, with the first reason that keeps it from all."""
        found: list[tuple[Reason, list[UsedRead]]] = []
        used = {one.passing: (point, one.read) for point, one in enumerate(taken) if one is not None}
        for number, passing in enumerate(self.passings):
            points = self.course.at_mat.get(passing.mat)
            if points is None:
                found.append(("not_on_course", passing.reads))
                continue
            given_to, given = used.get(number, (None, None))
            rest = passing.reads if given is None else _without(passing.reads, given)
            if points[0] != START or passing.reads[-1][0] <= self.window_end_us:
                if rest:
                    found.append((self._reason(passing, points, taken, given_to, True), rest))
                continue
            for in_window in (True, False):
                some = [read for read in rest if (read[0] <= self.window_end_us) == in_window]
                if some:
                    found.append((self._reason(passing, points, taken, given_to, in_window), some))
        return found

    def _reason(
        self,
        passing: Passing,
        points: tuple[int, ...],
        taken: list[Candidate | None],
        given_to: int | None,
        in_window: bool,
    ) -> Reason:
        """Strikes the mat's points in the order of the reasons; the reason that strikes the last one stands."""
        if given_to is not None and (in_window or given_to != START):
            return "superseded"
        left = [point for point in points if point not in self.officials]
        if not left:
            return "overridden"
        if not in_window:
            left = [point for point in left if point != START]
            if not left:
                return "outside_start_window"
        picked = [(point, found[0]) for point in left if (found := self._pick_for(point, passing)) is not None]
        picked = [(point, at_us) for point, at_us in picked if not self._early(point, at_us)]
        if not picked:
            return "too_early"
        too_fast = all(self._too_fast(point, at_us, taken) for point, at_us in picked)
        return "too_fast" if too_fast else "superseded"

    def _too_fast(self, point: int, at_us: int, taken: list[Candidate | None]) -> bool:
        """Too fast from his own gun, or from the nearest point before this one that was filled earlier."""
        if not self._reached(point, at_us):
            return True
        for before in range(point - 1, -1, -1):
            candidate = taken[before]
            if candidate is not None:
                return 0 < at_us - candidate.at_us < self.course.least_us[before][point]
        return False


def _without(reads: list[UsedRead], given: UsedRead) -> list[UsedRead]:
    """The reads of a passing but the one that a point took: mostly the first or the last."""
    if reads[0] is given:
        return reads[1:]
    if reads[-1] is given:
        return reads[:-1]
    return [read for read in reads if read is not given]
