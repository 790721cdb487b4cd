"""One athlete's result, from the set of his reads and the officials' facts in force. Source: contract, section 3."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from schemas.events import Entry
from schemas.results import AthleteRow, Case, PointTime, Source, Status, printed_s
from services.scoring.core.book import Book, Written
from services.scoring.core.choice import OFFICIAL, Candidate, choose
from services.scoring.core.course import START, Course
from services.scoring.core.devices import ASK, UNKNOWN, Places
from services.scoring.core.passings import Passing, UsedRead, form_passings, pick_read
from services.scoring.core.reads import ChipReads

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


class Sorted(NamedTuple):
    """Reads of an athlete that may count, by the groups of `Places`, and those that are out already, by reason."""

    groups: list[list[UsedRead]]
    out: dict[Reason, list[UsedRead]]


class Ground(NamedTuple):
    """All that an athlete's reads came to: passings, what each point took, and every unused read with its reason."""

    passings: list[Passing]
    taken: list[Candidate | None]
    lap_ambiguous: bool
    unused: list[tuple[Reason, list[UsedRead]]]


def score(
    event: str,
    book: Book,
    places: Places,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    version: int,
) -> AthleteRow:
    """The result of one athlete; `worn` are all chips that ever were his, `places` the devices' by `book`.

    Pure: equal arguments give an equal row, and the order in which reads came does not matter.
    """
    written = book.entry_of(bib)
    if written is None:
        last = book.written[bib][-1] if book.written.get(bib) else None
        race = "" if last is None else last.entry.race
        return AthleteRow(event=event, bib=bib, version=version, race=race, gone=True)
    own_gun_us = book.own_gun_us(written.entry)
    reads = sort_reads(book, places, chips, bib, worn, own_gun_us)
    ground = find_points(book, places, bib, written.entry, reads)
    return _result(event, book, bib, written, ground, version)


def sort_reads(
    book: Book,
    places: Places,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    own_gun_us: int | None,
) -> Sorted:
    """The athlete's reads with corrected instants, by group; out are those of contract section 3.1 up to `before_gun`.

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
    places: Places,
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
    book: Book,
    places: Places,
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


def find_points(book: Book, places: Places, bib: str, entry: Entry, reads: Sorted) -> Ground:
    """Passings, the choice of points, and why every other read is unused."""
    course = book.courses[entry.race]
    unused: list[tuple[Reason, list[UsedRead]]] = list(reads.out.items())
    own_gun_us = book.own_gun_us(entry)
    race_gun_us = book.race_gun_us(entry.race)
    if own_gun_us is None or race_gun_us is None:
        return Ground([], [None] * len(course.points), False, unused)
    passings: list[Passing] = []
    for at, mat in enumerate(places.mats):
        main, backup = reads.groups[2 * at], reads.groups[2 * at + 1]
        if main or backup:
            found, same = form_passings(mat, main, backup, book.gap_us)
            passings += found
            unused += [("backup_duplicate", passing.reads) for passing in same]
    athlete = _Athlete(course, passings, _officials(book, course, bib), own_gun_us, race_gun_us)
    choice = choose(course, athlete.candidates(), own_gun_us)
    unused += athlete.unused(choice.taken)
    return Ground(passings, choice.taken, choice.lap_ambiguous, unused)


def _officials(book: Book, course: Course, bib: str) -> dict[int, int]:
    """Officials' times in force, by the index of their point."""
    times = book.times.get(bib, {})
    return {course.index[point]: at_us for point, at_us in times.items() if at_us is not None and point in course.index}


class _Athlete:
    """What may fill his points, and why a passing does not."""

    def __init__(
        self, course: Course, passings: list[Passing], officials: dict[int, int], own_gun_us: int, race_gun_us: int
    ) -> None:
        self.course = course
        self.passings = passings
        self.officials = officials
        self.own_gun_us = own_gun_us
        self.window_end_us = own_gun_us + course.window_us
        self.earliest_us = [
            None if point.earliest is None else max(point.earliest.instants(race_gun_us, own_gun_us))
            for point in course.points
        ]

    def candidates(self) -> list[list[Candidate]]:
        """For each point what could fill it, by itself and by the officials' times before and behind it."""
        found: list[list[Candidate]] = [[] for _ in self.course.points]
        for number, passing in enumerate(self.passings):
            for point in self.course.at_mat.get(passing.mat, ()):
                if point in self.officials:
                    continue
                read = self._read_for(point, passing)
                if read is not None and not self._early(point, read) and self._fits_officials(point, read[0]):
                    found[point].append(Candidate(read[0], number, read))
        for point, at_us in self.officials.items():
            found[point] = [Candidate(at_us, OFFICIAL, None)]
        return found

    def _read_for(self, point: int, passing: Passing) -> UsedRead | None:
        """The read that `point` takes from a passing; START looks at the reads inside its window only."""
        reads = passing.reads
        if point == START and reads[-1][0] > self.window_end_us:
            reads = [read for read in reads if read[0] <= self.window_end_us]
            if not reads:
                return None
        return pick_read(reads, self.course.points[point].pick)

    def _early(self, point: int, read: UsedRead) -> bool:
        earliest_us = self.earliest_us[point]
        return earliest_us is not None and read[0] < earliest_us

    def _fits_officials(self, point: int, at_us: int) -> bool:
        """In order with every official's time; without any, reachable from the gun (else the choice decides that)."""
        if not self.officials:
            return at_us - self.own_gun_us >= self.course.least_us(START, point)
        return all(
            at_us > official_us if at < point else at_us < official_us for at, official_us in self.officials.items()
        )

    def unused(self, taken: list[Candidate | None]) -> Iterator[tuple[Reason, list[UsedRead]]]:
        """Every read of the passings that gave no point its time, with the first reason that keeps it from all."""
        used = {found.passing: (point, found.read) for point, found in enumerate(taken) if found is not None}
        for number, passing in enumerate(self.passings):
            points = self.course.at_mat.get(passing.mat, ())
            if not points:
                yield "not_on_course", passing.reads
                continue
            given_to, given = used.get(number, (None, None))
            rest = passing.reads if given is None else [read for read in passing.reads if read is not given]
            inside, outside = rest, []
            if points[0] == START and passing.reads[-1][0] > self.window_end_us:
                inside = [read for read in rest if read[0] <= self.window_end_us]
                outside = [read for read in rest if read[0] > self.window_end_us]
            for reads, in_window in ((inside, True), (outside, False)):
                if reads:
                    yield self._reason(passing, points, taken, given_to, in_window), reads

    def _reason(
        self,
        passing: Passing,
        points: tuple[int, ...],
        taken: list[Candidate | None],
        given_to: int | None,
        in_window: bool,
    ) -> Reason:
        """Strikes the mat's points in the order of the reasons; the reason that strikes the last one stands."""
        left = [point for point in points if point not in self.officials]
        if not left:
            return "overridden"
        if not in_window:
            left = [point for point in left if point != START]
            if not left:
                return "outside_start_window"
        if given_to is not None and given_to in left:
            return "superseded"
        at = {point: self._read_for(point, passing) for point in left}
        left = [point for point in left if (read := at[point]) is not None and not self._early(point, read)]
        if not left:
            return "too_early"
        left = [
            point for point in left if (read := at[point]) is not None and not self._too_fast(point, read[0], taken)
        ]
        return "superseded" if left else "too_fast"

    def _too_fast(self, point: int, at_us: int, taken: list[Candidate | None]) -> bool:
        """Too fast from his own gun, or from the nearest point before this one that was filled earlier."""
        if at_us - self.own_gun_us < self.course.least_us(START, point):
            return True
        for before in range(point - 1, -1, -1):
            candidate = taken[before]
            if candidate is not None:
                elapsed = at_us - candidate.at_us
                return 0 < elapsed < self.course.least_us(before, point)
        return False


# --- From points to a result: times, cut-off, completion, status.


class _Verdict(NamedTuple):
    status: Status
    flags: list[str]
    cases: list[Case]
    let_off: bool


def _result(event: str, book: Book, bib: str, written: Written, ground: Ground, version: int) -> AthleteRow:
    entry = written.entry
    course = book.courses[entry.race]
    race = course.race
    own_gun_us, race_gun_us = book.own_gun_us(entry), book.race_gun_us(entry.race)
    taken = ground.taken
    gun_at_us = race_gun_us if race.gun_from == "race" else own_gun_us
    cut_at = _cut_at(course, taken, race_gun_us, own_gun_us)
    missed = _missed(course, taken)
    verdict = _judge(book, course, bib, taken, cut_at, missed)
    flags = list(verdict.flags)
    finish, start = taken[course.finish], taken[START]
    gun_us = chip_us = None
    if finish is not None and gun_at_us is not None and own_gun_us is not None:
        gun_us = finish.at_us - gun_at_us
        if start is not None:
            chip_us = finish.at_us - start.at_us
        elif race.missing_start == "gun" or verdict.let_off:
            chip_us = finish.at_us - own_gun_us
            flags.append("start_assumed")
    if ground.lap_ambiguous:
        flags.append("lap_ambiguous")
    official_us = gun_us if race.official_time == "gun" else chip_us
    return AthleteRow(
        event=event,
        bib=bib,
        version=version,
        race=entry.race,
        status=verdict.status,
        gun_us=gun_us,
        chip_us=chip_us,
        time_s=printed_s(official_us) if verdict.status == "FINISHED" and official_us is not None else None,
        cut_at=cut_at,
        missed=missed,
        flags=sorted(flags),
        points=[_point_time(course, ground, at, found) for at, found in enumerate(taken) if found is not None],
        cases=verdict.cases,
        unused=_counted(ground.unused),
        gun_at_us=gun_at_us,
        own_gun_us=own_gun_us,
        entry=entry,
        first_entry=book.written[bib][0].position,
        hidden=book.hidden.get(bib, False),
    )


def _point_time(course: Course, ground: Ground, at: int, found: Candidate) -> PointTime:
    source: Source = "official"
    if found.passing != OFFICIAL:
        source = "backup" if ground.passings[found.passing].backup else "main"
    return PointTime(course.points[at].id, found.at_us, source)


def _counted(unused: list[tuple[Reason, list[UsedRead]]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for reason, reads in unused:
        counts[reason] += len(reads)
    return dict(sorted(counts.items()))


def _cut_at(
    course: Course, taken: list[Candidate | None], race_gun_us: int | None, own_gun_us: int | None
) -> str | None:
    """The first point in course order that he passed later than its limit; equal is in time. Source: 3.5."""
    if race_gun_us is None or own_gun_us is None:
        return None
    for point, found in zip(course.points, taken, strict=True):
        if point.cutoff is None or found is None:
            continue
        if found.at_us > min(point.cutoff.instants(race_gun_us, own_gun_us)):
            return point.id
    return None


def _missed(course: Course, taken: list[Candidate | None]) -> list[str]:
    """Mandatory points without a passing before a later one that has one (START: if it is required). Source: 3.6."""
    last = max((at for at, found in enumerate(taken) if found is not None), default=-1)
    return [
        point.id
        for at, point in enumerate(course.points[: max(last, 0)])
        if taken[at] is None and point.mandatory and (at != START or course.race.missing_start == "dnf")
    ]


def _judge(
    book: Book, course: Course, bib: str, taken: list[Candidate | None], cut_at: str | None, missed: list[str]
) -> _Verdict:
    """Status, its flag, and the cases that are there. Source: contract, sections 3.6 and 3.7."""
    race = course.race
    ruled = book.statuses.get(bib)
    ruled_status = None if ruled is None or ruled.status == "OK" else ruled.status
    case = f"missed:{bib}"
    grounds = bool(missed) and race.missing_mat != "ignore" and ruled_status is None and cut_at is None
    decided = book.decisions.get(case) if grounds else None
    cases = [Case(case, race.id, bib, open=decided is None)] if grounds else []
    if ruled is not None and _contradicted(course, taken, ruled_status, ruled.at_us):
        after = f"reads_after:{bib}"
        cases.append(Case(after, race.id, bib, open=after not in book.decisions))
    finished = taken[course.finish] is not None
    on_course = any(found is not None for found in taken)
    let_off = not missed or race.missing_mat == "ignore" or decided == "accept"
    flags: list[str] = []
    status: Status
    if ruled_status == "DQ" or decided == "dq":
        status = "DQ"
    elif ruled_status is not None:
        status = ruled_status
    elif cut_at is not None:
        status = "OTL"
    elif decided == "dnf" or (finished and not let_off and race.missing_mat == "dnf"):
        status = "DNF"
    elif finished:
        status = "FINISHED"
        if not let_off:  # for the time being: his case is to be decided
            let_off = True
            flags.append("review")
    elif book.closed.get(race.id):
        status = "DNF" if on_course else "DNS"
    else:
        status = "ON_COURSE" if on_course else "NOT_STARTED"
    return _Verdict(status, flags, cases, let_off)


def _contradicted(
    course: Course, taken: list[Candidate | None], ruled: Literal["DNS", "DNF", "DQ"] | None, at_us: int | None
) -> bool:
    """Whether a set status is contradicted by what the athlete did. Source: contract, section 3.7."""
    if ruled is None:
        return False
    if at_us is not None:
        return any(found is not None and found.at_us > at_us for found in taken)
    if ruled == "DNS":
        return any(found is not None for found in taken)
    return ruled == "DNF" and taken[course.finish] is not None
