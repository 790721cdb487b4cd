"""Why an athlete has his result: every read of his chips, what could fill each point and what did, each step of his
times and of his status, the facts that bear on him.

Nothing is scored here a second time: `athlete.examine` works the result out, and this says in words what it found.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.definition import Limit
from schemas.events import Ruling
from schemas.names import public_name
from schemas.results import AthleteRow, printed_s
from services.formatting.times import MINUS, LocalClock, format_exact, format_hms
from services.formatting.words import join_words
from services.scoring.core.assign_points import OFFICIAL, Candidate
from services.scoring.core.athlete import Examined, StatusRule, examine, result
from services.scoring.core.course import START, Bound, Course
from services.scoring.core.device_places import ASK, UNKNOWN, DevicePlacement, Devices
from services.scoring.core.event import EventState, LoggedRuling
from services.scoring.core.explain.relevant_facts import FactWhy, Subject, facts_on
from services.scoring.core.passings import UsedRead
from services.scoring.core.reads import NO_RSSI, ChipReads
from services.scoring.core.rulings import Rulings

READS_SHOWN = 5_000  # of one athlete, used ones always; a chip that lies beside a mat is read for hours

_Key = tuple[str, int]
"""Where a read is kept: chip, and the chip's nth read."""


class StepWhy(Struct, frozen=True, kw_only=True):
    """One step towards a time: in words, with the instant or the duration that it gave, and what of the definition
    decided it, as path and value.
    """

    step: str
    says: str
    at_us: int | None = None
    time_us: int | None = None
    rule: str | None = None
    value: str | None = None


class StatusWhy(Struct, frozen=True):
    """A rule for the status, in the order in which they are asked; the last of a list is the one that applied."""

    rule: StatusRule
    applies: bool
    says: str


class LimitWhy(Struct, frozen=True, kw_only=True):
    """A limit of a point. `decides`: of several kinds this one is the limit; `kept` null where nothing was taken."""

    limit: Literal["cutoff", "earliest", "window"]
    rule: str
    value: str
    at_us: int
    decides: bool
    kept: bool | None


class CandidateWhy(Struct, frozen=True, kw_only=True):
    """What could fill a point by itself: a passing (its number, from 1), or an official's time (`passing` null)."""

    at_us: int
    passing: int | None
    chosen: bool
    says: str


class PointWhy(Struct, frozen=True, kw_only=True):
    """A point of his course: what it took, from which read, and why just that; `at_us` null: nothing.

    `read_at_us` is the read's time by its device's own clock. `rule` is the point's path in the definition.
    """

    point: str
    km: float
    mat: str
    rule: str
    pick: str
    mandatory: bool
    at_us: int | None
    source: str | None
    passing: int | None
    chip: str | None
    device: str | None
    read_at_us: int | None
    missed: bool
    over: bool
    says: str
    limits: list[LimitWhy]
    candidates: list[CandidateWhy]


class PassingWhy(Struct, frozen=True, kw_only=True):
    """A crossing of a mat: from its first read to its last, and the points that took it (mostly one or none)."""

    passing: int
    mat: str
    backup: bool
    first_us: int
    last_us: int
    reads: int
    points: list[str]


class ReadWhy(Struct, frozen=True, kw_only=True):
    """A read of a chip that he ever wore. `at_us` is corrected, `device_at_us` by the device's own clock.

    `point`: it gave that point its time. Else `reason`: why it is unused. Else `bib`: the chip was that one's then, and
    why is told there. `rule` is what of the definition decided, where something did.
    """

    chip: str
    device: str
    device_at_us: int
    at_us: int
    mat: str | None
    backup: bool
    rssi: float | None
    passing: int | None
    point: str | None
    reason: str | None
    bib: str | None
    rule: str | None
    says: str


class ChipWhy(Struct, frozen=True):
    """A chip that he ever wore: whose it is by the entries, how many reads it has, and how many came again."""

    chip: str
    owner: str | None
    reads: int
    repeats: int


class CaseWhy(Struct, frozen=True):
    """A case of his, and what was decided."""

    case: str
    open: bool
    outcome: str | None
    says: str


class Explanation(Struct, frozen=True, kw_only=True):
    """All of it. `gone` says why an athlete has no result at all; everything of the result is empty then.

    `reads` holds READS_SHOWN at most, `reads_left_out` counts the others; `unused` counts all of his own by reason.
    """

    event: str
    bib: str
    name: str
    hidden: bool
    race: str | None
    version: int
    gone: str | None
    status: str | None
    gun_us: int | None
    chip_us: int | None
    time_s: int | None
    cut_at: str | None
    missed: list[str]
    flags: list[str]
    why: list[StatusWhy]
    times: list[StepWhy]
    points: list[PointWhy]
    cases: list[CaseWhy]
    passings: list[PassingWhy]
    unused: dict[str, int]
    reads: list[ReadWhy]
    reads_left_out: int
    chips: list[ChipWhy]
    facts: list[FactWhy]


class Known(NamedTuple):
    """What an explanation is made of: the event's facts, and the reads of at least the chips that he ever wore."""

    event: str
    book: Rulings
    rulings: Sequence[LoggedRuling]
    ids: set[str]
    is_withdrawn: Callable[[Ruling], bool]
    devices: Devices
    chips: Mapping[str, ChipReads]
    worn: tuple[str, ...]
    version: int


class Explained(NamedTuple):
    """The explanation, and the row that it explains: the same as scoring emits."""

    explanation: Explanation
    row: AthleteRow


class PlainRead(NamedTuple):
    """A read by its device's own clock: its strength, and how many times it came."""

    chip: str
    device: str
    at_us: int
    rssi: float | None
    came: int


def known(state: EventState, bib: str) -> Known:
    """What a state knows of an athlete, by all its reads."""
    state.pending()  # raises the versions of those whose chips were read since somebody last asked
    return known_by(state, bib, _plain_reads(state, state.chips_of(bib)))


def known_by(state: EventState, bib: str, reads: Iterable[PlainRead]) -> Known:
    """The same with these reads of his chips instead of the state's own, each once.

    Devices are numbered by their names. Scoring numbers them as they are first heard of; that decides which of two
    reads of the very same instant gives a point its time, and an explanation is not to depend on who was heard first.
    """
    told = list(reads)
    names = sorted({read.device for read in told})
    numbers = {name: number for number, name in enumerate(names)}
    chips: dict[str, ChipReads] = {}
    for read in told:
        held = chips.setdefault(read.chip, ChipReads())
        held.add(read.at_us, numbers[read.device], read.rssi)
        held.repeats += read.came - 1
    return Known(
        state.event,
        state.book,
        state.rulings,
        state.ids,
        state.is_withdrawn,
        Devices(names),
        chips,
        state.chips_of(bib),
        state.versions.get(bib, 0),
    )


def _plain_reads(state: EventState, chips: Iterable[str]) -> Iterator[PlainRead]:
    """A state's reads; that a chip's came again is said with its first, for a chip's are counted together."""
    names = state.devices.names
    for chip in chips:
        reads = state.chips.get(chip)
        if reads is None:
            continue
        came = 1 + reads.repeats
        for at_us, device, rssi in zip(reads.at_us, reads.device, reads.rssi, strict=True):
            yield PlainRead(chip, names[device], at_us, None if rssi == NO_RSSI else rssi, came)
            came = 1


def explain(of: Known, bib: str) -> Explained:
    """Why an athlete has his result. He must have had an entry at some time (`EventState.was_entered`)."""
    book = of.book
    places = of.devices.places(book)
    found = examine(book, places, of.chips, bib, of.worn)
    row = result(of.event, book, bib, found, of.version)
    teller = _Teller(of, places, bib, found)
    reads, left_out = teller.reads()
    devices = {places.name(device) for chip in of.worn if chip in of.chips for device in set(of.chips[chip].device)}
    subject = Subject(bib, row.race or None, frozenset(of.worn), frozenset(devices))
    explanation = Explanation(
        event=of.event,
        bib=bib,
        name=bib if row.hidden or row.entry is None else public_name(row),
        hidden=row.hidden,
        race=row.race or None,
        version=row.version,
        gone=_gone(row) if found is None else None,
        status=None if found is None else row.status,
        gun_us=row.gun_us,
        chip_us=row.chip_us,
        time_s=row.time_s,
        cut_at=row.cut_at,
        missed=row.missed,
        flags=row.flags,
        why=[] if found is None else _status_steps(book, found, row),
        times=[] if found is None else teller.times(found, row),
        points=[] if found is None else [teller.point(found, at) for at in range(len(found.course.points))],
        cases=[] if found is None else _cases(book, found, row),
        passings=[] if found is None else _passings(found),
        unused=row.unused,
        reads=reads,
        reads_left_out=left_out,
        chips=_chips(of),
        facts=facts_on(book, of.rulings, of.ids, of.is_withdrawn, subject),
    )
    return Explained(explanation, row)


def _gone(row: AthleteRow) -> str:
    if not row.race:
        return "every entry of his was withdrawn"
    return f"his entry names the race {row.race}, which is not defined"


def _chips(of: Known) -> list[ChipWhy]:
    none = ChipReads()
    reads = ((chip, of.chips.get(chip, none)) for chip in of.worn)
    return [ChipWhy(chip, of.book.owner_of(chip), len(one.at_us), one.repeats) for chip, one in reads]


# --- Status and cases.

_STATUS_SAYS: dict[StatusRule, tuple[str, str]] = {  # what is said of a rule that applies, and of one that does not
    "dq_set": ("an official set DQ", "no official set DQ"),
    "dq_decided": ("his case was decided: dq", "no case was decided dq"),
    "dns_set": ("an official set DNS", "no official set DNS"),
    "dnf_set": ("an official set DNF", "no official set DNF"),
    "over_limit": ("he was over the time limit at {cut_at}", "he was in time wherever he passed"),
    "dnf_decided": ("his case was decided: dnf", "no case was decided dnf"),
    "missed_points": ("he finished, but missed {missed}", "he did not finish with a required point missed"),
    "finished": ("he finished{by}", "he has not finished"),
    "closed_on_course": ("{race} is closed, and he was on course", "{race} is not closed with him on course"),
    "closed_not_started": ("{race} is closed, and he passed no point", "{race} is not closed without him"),
    "on_course": ("he passed a point, and has not finished", "he passed no point"),
    "not_started": ("he passed no point so far", ""),
}


def _status_steps(book: Rulings, found: Examined, row: AthleteRow) -> list[StatusWhy]:
    """The rules asked, up to the first that applied. Source: R3.7."""
    by = ""
    if "review" in row.flags:
        by = f", though {join_words(row.missed)} is missed: for the jury to look at, until then he counts"
    elif row.missed and found.verdict.rule == "finished":
        accepted = book.decisions.get(f"missed:{row.bib}") == "accept"
        by = f", and {join_words(row.missed)} missed " + ("was accepted" if accepted else "does not matter")
    words = {"cut_at": row.cut_at, "missed": join_words(row.missed) if row.missed else "", "by": by, "race": row.race}
    steps = []
    for rule, (applies, not_so) in _STATUS_SAYS.items():
        here = rule == found.verdict.rule
        steps.append(StatusWhy(rule, here, (applies if here else not_so).format(**words)))
        if here:
            break
    return steps


def _cases(book: Rulings, found: Examined, row: AthleteRow) -> list[CaseWhy]:
    cases = []
    for case in row.cases:
        if case.case.startswith("missed:"):
            says = f"{join_words(found.missed)} missed before a later point that he took"
        else:
            says = "he took a point that the set status speaks against"
        cases.append(CaseWhy(case.case, case.open, book.decisions.get(case.case), says))
    return cases


def _passings(found: Examined) -> list[PassingWhy]:
    points: dict[int, list[str]] = {}
    for at, taken in enumerate(found.ground.taken):
        if taken is not None:
            points.setdefault(taken.passing, []).append(found.course.points[at].id)
    return [
        PassingWhy(
            passing=number + 1,
            mat=one.mat,
            backup=one.backup,
            first_us=one.reads[0][0],
            last_us=one.reads[-1][0],
            reads=len(one.reads),
            points=points.get(number, []),
        )
        for number, one in enumerate(found.ground.passings)
    ]


# --- Points, times and reads.


class _Teller:
    """Says of one athlete what was found."""

    def __init__(self, of: Known, places: DevicePlacement, bib: str, found: Examined | None) -> None:
        self._of = of
        self._places = places
        self._bib = bib
        self._found = found
        self._clock = LocalClock(of.book.definition)
        self._path = "" if found is None else _race_path(of.book, found.course.race.id)

    def times(self, found: Examined, row: AthleteRow) -> list[StepWhy]:
        """His times step by step. Source: R3.4 and R3.8."""
        course, at = found.course, self._clock.at
        steps = self._guns(found, row)
        finish, start = found.ground.taken[course.finish], found.ground.taken[START]
        if row.gun_at_us is None or row.own_gun_us is None:
            return steps
        if finish is None:
            return [*steps, StepWhy(step="finish", says="FINISH has no passing, so there are no times")]
        steps.append(StepWhy(step="finish", says=f"FINISH at {at(finish.at_us)}", at_us=finish.at_us))
        gun_us = finish.at_us - row.gun_at_us
        says = f"gun time {at(finish.at_us)} − {at(row.gun_at_us)} = {format_exact(gun_us)}"
        steps.append(StepWhy(step="gun_time", says=says, time_us=gun_us))
        rule, value = f"{self._path}.missing_start", course.race.missing_start
        if start is not None:
            steps.append(StepWhy(step="start", says=f"START at {at(start.at_us)}", at_us=start.at_us))
        elif row.chip_us is None:
            says = "START has no passing and nothing stands in for it, so there is no chip time"
            return [*steps, StepWhy(step="start", says=says, rule=rule, value=value), *self._printed(course, row)]
        else:
            says = f"START has no passing; his own gun stands in: {at(row.own_gun_us)}"
            steps.append(StepWhy(step="start", says=says, at_us=row.own_gun_us, rule=rule, value=value))
        if row.chip_us is not None:
            since_us = finish.at_us - row.chip_us
            says = f"chip time {at(finish.at_us)} − {at(since_us)} = {format_exact(row.chip_us)}"
            steps.append(StepWhy(step="chip_time", says=says, time_us=row.chip_us))
        return [*steps, *self._printed(course, row)]

    def _guns(self, found: Examined, row: AthleteRow) -> list[StepWhy]:
        entry, race, at = found.written.entry, found.course.race, self._clock.at
        if row.own_gun_us is None:
            wave = "" if entry.wave is None else f", nor for his wave {entry.wave}"
            says = f"no gun was fired for {race.id}{wave}: no times, and no passing of his is used"
            return [StepWhy(step="own_gun", says=says)]
        by_wave = entry.wave is not None and (race.id, entry.wave) in self._of.book.guns
        of = f"his wave {entry.wave}" if by_wave else race.id
        steps = [StepWhy(step="own_gun", says=f"his own gun, of {of}: {at(row.own_gun_us)}", at_us=row.own_gun_us)]
        if row.gun_at_us is not None:
            counts = "the race's earliest gun" if race.gun_from == "race" else "his own gun"
            says = f"gun time counts from {counts}: {at(row.gun_at_us)}"
            rule = f"{self._path}.gun_from"
            steps.append(StepWhy(step="gun", says=says, at_us=row.gun_at_us, rule=rule, value=race.gun_from))
        return steps

    def _printed(self, course: Course, row: AthleteRow) -> list[StepWhy]:
        rule, value = f"{self._path}.official_time", course.race.official_time
        official_us = row.gun_us if value == "gun" else row.chip_us
        if official_us is None:
            says = f"{value} time is the official one, and there is none"
        elif row.time_s is None:
            says = f"{value} time is the official one, but a time is printed of finishers only"
        else:
            exact, printed = format_exact(official_us), format_hms(row.time_s, MINUS)
            says = f"{value} time is the official one: {exact}, rounded up to the whole second {printed}"
        printed_us = None if official_us is None or row.time_s is None else printed_s(official_us) * 1_000_000
        return [StepWhy(step="printed", says=says, time_us=printed_us, rule=rule, value=value)]

    def point(self, found: Examined, at: int) -> PointWhy:
        """A point: its limits, what could fill it and what did."""
        course, ground = found.course, found.ground
        point, taken = course.points[at], ground.taken[at]
        limits = self._limits(found, at)
        kept = self._kept(taken)
        over = taken is not None and any(one.limit == "cutoff" and one.decides and not one.kept for one in limits)
        source = None
        if taken is not None:
            official = taken.passing == OFFICIAL
            source = "official" if official else "backup" if ground.passings[taken.passing].backup else "main"
        return PointWhy(
            point=point.id,
            km=point.km,
            mat=point.mat,
            rule=f"{self._path}.points[{at}]",
            pick=point.pick,
            mandatory=point.mandatory,
            at_us=None if taken is None else taken.at_us,
            source=source,
            passing=None if taken is None else _number(taken),
            chip=None if kept is None else kept[0],
            device=None if kept is None else self._places.name(self._of.chips[kept[0]].device[kept[1]]),
            read_at_us=None if kept is None else self._of.chips[kept[0]].at_us[kept[1]],
            missed=point.id in found.missed,
            over=over,
            says=self._point_says(found, at, over),
            limits=limits,
            candidates=[
                CandidateWhy(
                    at_us=one.at_us,
                    passing=_number(one),
                    chosen=one is taken,
                    says=self._candidate_says(found, at, one),
                )
                for one in ground.candidates[at]
            ],
        )

    def _kept(self, taken: Candidate | None) -> _Key | None:
        """Where the read is kept that gave a point its time."""
        return None if taken is None or taken.read is None else taken.read[2:]

    def _limits(self, found: Examined, at: int) -> list[LimitWhy]:
        course, (own_us, race_us) = found.course, found.guns
        if own_us is None or race_us is None:
            return []
        path, taken = f"{self._path}.points[{at}]", found.ground.taken[at]
        at_us = None if taken is None else taken.at_us
        limits = []
        if at == START:
            end_us = own_us + course.window_us
            kept = None if at_us is None else at_us <= end_us
            value = str(course.race.start_window_s)
            rule = f"{self._path}.start_window_s"
            limits.append(LimitWhy(limit="window", rule=rule, value=value, at_us=end_us, decides=True, kept=kept))
        point, defined = course.points[at], course.race.points[at]
        for kind, bound, limit in (
            ("earliest", point.earliest, defined.earliest),
            ("cutoff", point.cutoff, defined.cutoff),
        ):
            if bound is None or limit is None:
                continue
            each = _each(bound, limit, race_us, own_us)
            instants = [one_us for _, _, one_us in each]
            deciding = max(instants) if kind == "earliest" else min(instants)
            for name, value, one_us in each:
                early = kind == "earliest"
                kept = None if at_us is None else (at_us >= one_us if early else at_us <= one_us)
                limits.append(
                    LimitWhy(
                        limit="earliest" if early else "cutoff",
                        rule=f"{path}.{kind}.{name}",
                        value=value,
                        at_us=one_us,
                        decides=one_us == deciding,
                        kept=kept,
                    )
                )
        return limits

    def _point_says(self, found: Examined, at: int, over: bool) -> str:
        course, taken = found.course, found.ground.taken[at]
        if taken is None:
            says = "nothing could fill it" if not found.ground.candidates[at] else "the choice leaves it out"
            if course.points[at].id in found.missed:
                return f"{says}; missed, for he took a later point"
            return says
        late = "; later than its limit" if over else ""
        if taken.passing == OFFICIAL:
            return f"an official's time, which beats every read here{late}"
        pick = course.points[at].pick
        read = "the peak of its reads" if pick == "peak" else f"the {pick} read"
        window = " inside the start window" if at == START else ""
        return f"{read}{window} of passing {_number(taken)}{late}"

    def _candidate_says(self, found: Examined, at: int, one: Candidate) -> str:
        """Why the choice took a candidate, or did not. Source: R3.3."""
        course, taken = found.course, found.ground.taken
        if one is taken[at]:
            return "taken: an official's time must be used" if one.passing == OFFICIAL else "taken"
        for other, held in enumerate(taken):
            if held is not None and held.passing == one.passing:
                return f"its passing gave {course.points[other].id}"
        before = next((p for p in range(at - 1, -1, -1) if taken[p] is not None), None)
        after = next((p for p in range(at + 1, len(taken)) if taken[p] is not None), None)
        if before is not None and (says := _apart(course, before, taken[before], at, one)) is not None:
            return says
        if after is not None and (says := _apart(course, at, one, after, taken[after])) is not None:
            return says
        held = taken[at]
        if held is not None and (held.at_us > one.at_us) == (at == START) and held.at_us != one.at_us:
            return f"{'a later' if at == START else 'an earlier'} passing comes first"
        return "the choice that holds fills more points, or ranks before"

    def reads(self) -> tuple[list[ReadWhy], int]:
        """Every read of every chip that he ever wore, by corrected instant, and how many are left out."""
        used, reasons, passing_of = self._sorted()
        told: list[ReadWhy] = []
        left_out = 0
        for chip in self._of.worn:
            reads = self._of.chips.get(chip)
            if reads is None:
                continue
            owner = self._of.book.owner_of(chip)
            for nth in range(len(reads.at_us)):
                key = chip, nth
                if len(told) >= READS_SHOWN and key not in used:
                    left_out += 1
                    continue
                told.append(self._read(reads, key, owner, used.get(key), reasons.get(key), passing_of.get(key)))
        told.sort(key=lambda one: (one.at_us, one.device, one.chip))
        return told, left_out

    def _sorted(self) -> tuple[dict[_Key, str], dict[_Key, str], dict[_Key, int]]:
        """By read: the point that it gave, the reason why it is unused, its passing."""
        if self._found is None:
            return {}, {}, {}
        course, ground = self._found.course, self._found.ground
        used = {
            kept: course.points[at].id
            for at, taken in enumerate(ground.taken)
            if (kept := self._kept(taken)) is not None
        }
        reasons = {key: str(reason) for reason, reads in ground.unused for key in _keys(reads)}
        passing_of = {key: at + 1 for at, one in enumerate(ground.passings) for key in _keys(one.reads)}
        return used, reasons, passing_of

    def _read(
        self,
        reads: ChipReads,
        key: _Key,
        owner: str | None,
        point: str | None,
        reason: str | None,
        passing: int | None,
    ) -> ReadWhy:
        chip, nth = key
        device_at_us, number, rssi = reads.at_us[nth], reads.device[nth], reads.rssi[nth]
        at_us, group = device_at_us, self._places.groups[number]
        if group == ASK:
            at_us, group = self._places.ask(number, device_at_us)
        device = self._places.name(number)
        mat = None if group == UNKNOWN else self._places.mats[group // 2]
        bib = None
        if mat is None:
            reason = "unknown_device"
        elif point is None and reason is None:
            bib = self._of.book.wearer_of(chip, at_us, owner)
            reason = "unknown_chip" if bib is None else None
        rule, says = self._read_says(chip, device, mat, point, reason, bib, passing)
        return ReadWhy(
            chip=chip,
            device=device,
            device_at_us=device_at_us,
            at_us=at_us,
            mat=mat,
            backup=group != UNKNOWN and group % 2 == 1,
            rssi=None if rssi == NO_RSSI else rssi,
            passing=passing,
            point=point,
            reason=reason,
            bib=bib,
            rule=rule,
            says=says,
        )

    def _read_says(
        self,
        chip: str,
        device: str,
        mat: str | None,
        point: str | None,
        reason: str | None,
        bib: str | None,
        passing: int | None,
    ) -> tuple[str | None, str]:
        """What of the definition decided, and the reason in words. Source: R3.1."""
        if point is not None:
            return None, f"gave {point} its time"
        if bib is not None:
            return None, f"{chip} was worn by bib {bib} then"
        if mat is None:
            return "mats", f"{device} stands at no mat then"
        if reason == "unknown_chip":
            return None, f"nobody wears {chip} then"
        if self._found is None:
            raise AssertionError(f"bib {self._bib} has no entry, and a read of {chip}")
        return self._reason_says(self._found, str(reason), mat, passing)

    def _reason_says(self, found: Examined, reason: str, mat: str, passing: int | None) -> tuple[str | None, str]:
        race, own_us = found.course.race, found.guns.own_us
        here = [found.course.points[at].id for at in found.course.at_mat.get(mat, ())]
        points = " or ".join(here)
        match reason:
            case "excluded":
                return None, "an official excluded it"
            case "before_gun":
                return (
                    None,
                    "no gun of his was fired" if own_us is None else f"before his gun, {self._clock.at(own_us)}",
                )
            case "backup_duplicate":
                return "passing_gap_s", f"a backup's of a crossing that main devices at {mat} read"
            case "overridden":
                return None, f"an official's time stands at {join_words(here)}"
            case "outside_start_window":
                return f"{self._path}.start_window_s", f"later than {race.start_window_s} s after his own gun"
            case "too_early":
                early = next(at for at in found.course.at_mat[mat] if found.course.points[at].earliest is not None)
                return f"{self._path}.points[{early}].earliest", f"before the earliest that {points} takes"
            case "too_fast":
                return f"{self._path}.max_speed_mps", f"{points} could not be reached so soon"
            case "not_on_course":
                return f"{self._path}.points", f"{race.id} has no point at {mat}"
            case _:
                took = [
                    found.course.points[at].id
                    for at, taken in enumerate(found.ground.taken)
                    if taken is not None and _number(taken) == passing
                ]
                if took:
                    return None, f"its passing gave {join_words(took)} by another read"
                return None, f"another passing won at {points}"


def _number(one: Candidate) -> int | None:
    """The number of a candidate's passing, from 1; an official's time has none."""
    return None if one.passing == OFFICIAL else one.passing + 1


def _each(bound: Bound, limit: Limit, race_gun_us: int, own_gun_us: int) -> list[tuple[str, str, int]]:
    """Each kind of a limit: its name, the text in the definition, its instant."""
    texts = [(name, text) for name in ("clock", "gun", "wave") if (text := getattr(limit, name)) is not None]
    instants = bound.instants(race_gun_us, own_gun_us)
    return [(name, text, at_us) for (name, text), at_us in zip(texts, instants, strict=True)]


def _race_path(book: Rulings, race: str) -> str:
    definition = book.definition
    if definition is None:
        raise AssertionError(f"race {race} without a definition")
    return f"races[{next(at for at, one in enumerate(definition.races) if one.id == race)}]"


def _keys(reads: Iterable[UsedRead]) -> Iterable[_Key]:
    return (read[2:] for read in reads)


def _apart(course: Course, at: int, one: Candidate | None, then: int, other: Candidate | None) -> str | None:
    """Why two candidates cannot follow each other along the course, if so."""
    if one is None or other is None:
        return None
    elapsed_us = other.at_us - one.at_us
    first, second = course.points[at].id, course.points[then].id
    if elapsed_us <= 0:
        return f"{second} would not come after {first}"
    if elapsed_us < course.least_us[at][then]:
        return f"too fast from {first} to {second}"
    return None
