"""One athlete's result, from the set of his reads and the officials' facts in force. Source: R3."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from schemas.results import AthleteRow, Case, PointTime, Source, Status, printed_s
from services.scoring.core.assign_points import OFFICIAL, Candidate
from services.scoring.core.classify_reads import Guns, ReadClassification, Reason, find_points, sort_reads
from services.scoring.core.course import START, Course
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.passings import UsedRead
from services.scoring.core.reads import ChipReads
from services.scoring.core.rulings import Rulings, Written


def score(
    event: str,
    book: Rulings,
    places: DevicePlacement,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    version: int,
) -> AthleteRow:
    """The result of one athlete; `worn` are all chips that ever were his, `places` the devices' by `book`.

    Pure: equal arguments give an equal row, and the order in which reads came does not matter.
    """
    return result(event, book, bib, examine(book, places, chips, bib, worn), version)


class Examined(NamedTuple):
    """All that an athlete's result was worked out from, step by step: for the result itself, and for saying why."""

    written: Written
    course: Course
    guns: Guns
    ground: ReadClassification
    cut_at: str | None
    missed: list[str]
    verdict: "Verdict"


def examine(
    book: Rulings, places: DevicePlacement, chips: Mapping[str, ChipReads], bib: str, worn: Iterable[str]
) -> Examined | None:
    """An athlete's result before it is written down; None for one without an entry in force."""
    written = book.entry_of(bib)
    if written is None:
        return None
    guns = Guns(book.own_gun_us(written.entry), book.race_gun_us(written.entry.race))
    course = book.courses[written.entry.race]
    reads = sort_reads(book, places, chips, bib, worn, guns.own_us)
    ground = find_points(book, course, places, bib, guns, reads)
    cut_at = _cut_at(course, ground.taken, guns.race_us, guns.own_us)
    missed = _missed(course, ground.taken)
    verdict = _judge(book, course, bib, ground.taken, cut_at, missed)
    return Examined(written, course, guns, ground, cut_at, missed, verdict)


# --- From points to a result: times, cut-off, completion, status.


StatusRule = Literal[
    "dq_set",
    "dq_decided",
    "dns_set",
    "dnf_set",
    "over_limit",
    "dnf_decided",
    "missed_points",
    "finished",
    "closed_on_course",
    "closed_not_started",
    "on_course",
    "not_started",
]
"""Why an athlete has his status, in the order in which the rules are asked. Source: R3.7."""

_STATUS_BY: dict[StatusRule, Status] = {
    "dq_set": "DQ",
    "dq_decided": "DQ",
    "dns_set": "DNS",
    "dnf_set": "DNF",
    "over_limit": "OTL",
    "dnf_decided": "DNF",
    "missed_points": "DNF",
    "finished": "FINISHED",
    "closed_on_course": "DNF",
    "closed_not_started": "DNS",
    "on_course": "ON_COURSE",
    "not_started": "NOT_STARTED",
}
_SET_BY: dict[Literal["DNS", "DNF", "DQ"], StatusRule] = {"DQ": "dq_set", "DNS": "dns_set", "DNF": "dnf_set"}


class Verdict(NamedTuple):
    """What an athlete's points come to: his status and the rule that gave it, flags, cases, whether he is let off."""

    rule: StatusRule
    flags: list[str]
    cases: list[Case]
    let_off: bool


def result(event: str, book: Rulings, bib: str, found: Examined | None, version: int) -> AthleteRow:
    """What was found, as a row; without an entry in force the athlete is gone."""
    if found is None:
        last = book.written[bib][-1] if book.written.get(bib) else None
        named = "" if last is None else last.entry.race
        return AthleteRow(event=event, bib=bib, version=version, race=named, gone=True)
    written, course, guns, ground, cut_at, missed, verdict = found
    entry = written.entry
    race = course.race
    own_gun_us, race_gun_us = guns
    taken = ground.taken
    gun_at_us = race_gun_us if race.gun_from == "race" else own_gun_us
    status = _STATUS_BY[verdict.rule]
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
        status=status,
        gun_us=gun_us,
        chip_us=chip_us,
        time_s=printed_s(official_us) if status == "FINISHED" and official_us is not None else None,
        cut_at=cut_at,
        missed=missed,
        flags=sorted(flags),
        points=[_point_time(course, ground, at, found) for at, found in enumerate(taken) if found is not None],
        cases=verdict.cases,
        unused=_counted(ground.unused),
        gun_at_us=gun_at_us,
        own_gun_us=own_gun_us,
        entry=entry,
        first_entry=book.first_entry(bib),
        hidden=book.hidden.get(bib, False),
    )


def _point_time(course: Course, ground: ReadClassification, at: int, found: Candidate) -> PointTime:
    source: Source = "official"
    if found.passing != OFFICIAL:
        source = "backup" if ground.passings[found.passing].backup else "main"
    return PointTime(course.points[at].id, found.at_us, source)


def _counted(unused: list[tuple[Reason, list[UsedRead]]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason, reads in unused:
        counts[reason] = counts.get(reason, 0) + len(reads)
    return dict(sorted(counts.items()))


def _cut_at(
    course: Course, taken: list[Candidate | None], race_gun_us: int | None, own_gun_us: int | None
) -> str | None:
    """The first point in course order that he passed later than its limit; equal is in time. Source: 3.5."""
    if race_gun_us is None or own_gun_us is None:
        return None
    for at, cutoff in course.cutoffs:
        found = taken[at]
        if found is not None and found.at_us > min(cutoff.instants(race_gun_us, own_gun_us)):
            return course.points[at].id
    return None


def _missed(course: Course, taken: list[Candidate | None]) -> list[str]:
    """Mandatory points without a passing before a later one that has one (START: if it is required). Source: 3.6."""
    if None not in taken:
        return []
    last = max((at for at, found in enumerate(taken) if found is not None), default=-1)
    return [
        point.id
        for at, point in enumerate(course.points[: max(last, 0)])
        if taken[at] is None and point.mandatory and (at != START or course.race.missing_start == "dnf")
    ]


def _judge(
    book: Rulings, course: Course, bib: str, taken: list[Candidate | None], cut_at: str | None, missed: list[str]
) -> Verdict:
    """Status, its flag, and the cases that are there. Source: R3.6 and R3.7."""
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
    rule: StatusRule
    if ruled_status is not None:
        rule = _SET_BY[ruled_status]
    elif decided == "dq":
        rule = "dq_decided"
    elif cut_at is not None:
        rule = "over_limit"
    elif decided == "dnf":
        rule = "dnf_decided"
    elif finished and not let_off and race.missing_mat == "dnf":
        rule = "missed_points"
    elif finished:
        rule = "finished"
        if not let_off:  # for the time being: his case is to be decided
            let_off = True
            flags.append("review")
    elif book.closed.get(race.id):
        rule = "closed_on_course" if on_course else "closed_not_started"
    else:
        rule = "on_course" if on_course else "not_started"
    return Verdict(rule, flags, cases, let_off)


def _contradicted(
    course: Course, taken: list[Candidate | None], ruled: Literal["DNS", "DNF", "DQ"] | None, at_us: int | None
) -> bool:
    """Whether a set status is contradicted by what the athlete did. Source: R3.7."""
    if ruled is None:
        return False
    if at_us is not None:
        return any(found is not None and found.at_us > at_us for found in taken)
    if ruled == "DNS":
        return any(found is not None for found in taken)
    return ruled == "DNF" and taken[course.finish] is not None
