"""One athlete's result, from the set of their reads and the officials' facts in force. Source: R3.

`examine` takes the steps and keeps the outcome of each; `result` makes them a row, an explanation puts them in words.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from schemas.results import AthleteRow, PointTime, Source
from services.scoring.core.assign_points import OFFICIAL, Candidate
from services.scoring.core.classify_reads import Guns, ReadClassification, UnusedReads, find_points, sort_reads
from services.scoring.core.course import Course, Limits, is_late
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.judge_status import STATUS_RULES, Verdict, judge_status
from services.scoring.core.measure_times import Times, measure_times
from services.scoring.core.reads import ChipReads
from services.scoring.core.required_points import RequiredPoints, required_points
from services.scoring.core.rulings import Rulings, Written


def score(
    event: str,
    rulings: Rulings,
    places: DevicePlacement,
    chips: Mapping[str, ChipReads],
    bib: str,
    worn: Iterable[str],
    version: int,
) -> AthleteRow:
    """Return the result of one athlete.

    `worn` are all chips that the bib ever had, `places` the places of the devices by `rulings`. Pure: equal arguments
    give an equal row, and the order in which reads arrived does not matter.
    """
    return result(event, rulings, bib, examine(rulings, places, chips, bib, worn), version)


class Examined(NamedTuple):
    """The outcome of each step of scoring an athlete."""

    written: Written
    course: Course
    guns: Guns
    classified: ReadClassification
    cut_at: str | None
    required: RequiredPoints
    verdict: Verdict
    times: Times


def examine(
    rulings: Rulings, places: DevicePlacement, chips: Mapping[str, ChipReads], bib: str, worn: Iterable[str]
) -> Examined | None:
    """Take the steps of scoring an athlete; None for one without an entry in force."""
    written = rulings.entry_of(bib)
    if written is None:
        return None
    own, race_gun_us = rulings.own_gun(written.entry), rulings.race_gun_us(written.entry.race)
    guns = Guns(None, race_gun_us) if own is None else Guns(own.at_us, race_gun_us, own.wave)
    course = rulings.courses[written.entry.race]
    reads = sort_reads(rulings, places, chips, bib, worn, guns.own_us)
    classified = find_points(rulings, course, places, bib, guns, reads)
    cut_at = _cut_at(course, classified.taken, classified.limits)
    taken_us = [None if held is None else held.at_us for held in classified.taken]
    required = required_points(rulings, course, taken_us, guns.own_us)
    verdict = judge_status(rulings, course, bib, classified.taken, cut_at, required)
    times = measure_times(rulings, course, bib, guns, classified.taken, verdict)
    return Examined(written, course, guns, classified, cut_at, required, verdict, times)


def result(event: str, rulings: Rulings, bib: str, examined: Examined | None, version: int) -> AthleteRow:
    """Return the outcome as a row; without an entry in force, the athlete is gone."""
    if examined is None:
        last = rulings.written[bib][-1] if rulings.written.get(bib) else None
        race = "" if last is None else last.entry.race
        return AthleteRow(event=event, bib=bib, version=version, race=race, gone=True)
    written, course, guns, classified, cut_at, required, verdict, times = examined
    flags = [*verdict.flags, *times.flags()]
    if classified.lap_ambiguous:
        flags.append("lap_ambiguous")
    row = AthleteRow(
        event=event,
        bib=bib,
        version=version,
        race=written.entry.race,
        status=STATUS_RULES[verdict.rule].status,
        gun_us=times.gun_us,
        chip_us=times.chip_us,
        time_s=times.time_s,
        cut_at=cut_at,
        missed=required.missed,
        flags=sorted(flags),
        points=[
            PointTime(course.points[point].id, held.at_us, source_of(classified, held))
            for point, held in enumerate(classified.taken)
            if held is not None
        ],
        cases=[standing.case for standing in verdict.cases],
        unused=_counted(classified.unused),
        gun_at_us=times.gun_at_us,
        own_gun_us=guns.own_us,
        entry=written.entry,
        first_entry=rulings.first_entry(bib),
        hidden=rulings.hidden.get(bib, False),
    )
    return replace(row, **times.adjustments) if times.adjustments else row


def source_of(classified: ReadClassification, held: Candidate) -> Source:
    """Return where the time of a point comes from."""
    if held.passing == OFFICIAL:
        return "official"
    return "backup" if classified.passings[held.passing].backup else "main"


def _counted(unused: list[UnusedReads]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in unused:
        counts[group.reason] = counts.get(group.reason, 0) + len(group.reads)
    return dict(sorted(counts.items()))


# --- Cut-off.


def _cut_at(course: Course, taken: list[Candidate | None], limits: Limits | None) -> str | None:
    """Return the first point in course order that was passed after its cut-off. Source: R3.5."""
    if limits is None:
        return None
    for point, cutoff_us in limits.cutoff_us.items():
        held = taken[point]
        if held is not None and is_late(held.at_us, cutoff_us):
            return course.points[point].id
    return None
