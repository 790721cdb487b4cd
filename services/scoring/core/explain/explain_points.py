"""Explain each point in words: the time it took, its candidates and its limits. Source: R3.2, R3.3 and R3.5."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from schemas.definition import Limit
from schemas.events import PointWaived
from services.formatting.times import LocalClock
from services.formatting.words import join_words
from services.scoring.core.assign_points import OFFICIAL, Candidate, Loss, why_not
from services.scoring.core.athlete import Examined, source_of
from services.scoring.core.course import START, Bound, is_early, is_late
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.explain.evidence import Evidence
from services.scoring.core.explain.model import CandidateWhy, LimitWhy, PassingWhy, PointWhy, WaiverWhy
from services.scoring.core.required_points import WaivedPoint


def point_why(
    examined: Examined, evidence: Evidence, places: DevicePlacement, clock: LocalClock, path: str, index: int
) -> PointWhy:
    """Return the explanation of a point by its index on the course. `path` is the race's path in the definition."""
    classified = examined.classified
    point, taken = examined.course.points[index], classified.taken[index]
    chip = device = read_at_us = None
    if taken is not None and taken.read is not None:
        chip, nth = taken.read[2:]
        reads = evidence.chips[chip]
        device, read_at_us = places.name(reads.device[nth]), reads.at_us[nth]
    over = _is_over(examined, index)
    waived = _waived(examined.required.waived, index)
    return PointWhy(
        point=point.id,
        km=point.km,
        mat=point.mat,
        rule=f"{path}.points[{index}]",
        pick=point.pick,
        mandatory=point.mandatory,
        at_us=None if taken is None else taken.at_us,
        source=None if taken is None else source_of(classified, taken),
        passing=None if taken is None else passing_number(taken),
        chip=chip,
        device=device,
        read_at_us=read_at_us,
        missed=point.id in examined.required.missed,
        waivers=[] if waived is None else list(map(_waiver_why, waived.waivers)),
        over=over,
        says=_point_says(examined, clock, index) + ("; later than its limit" if over else ""),
        limits=list(_limits(examined, path, index)),
        candidates=[
            CandidateWhy(
                at_us=candidate.at_us,
                passing=passing_number(candidate),
                chosen=candidate is taken,
                says=candidate_says(examined, index, candidate),
            )
            for candidate in classified.candidates[index]
        ],
    )


def passing_number(candidate: Candidate) -> int | None:
    """Return the number of a candidate's passing, from 1; an official's time has none."""
    return None if candidate.passing == OFFICIAL else candidate.passing + 1


def passing_whys(examined: Examined) -> list[PassingWhy]:
    """Return the athlete's passings, in the order of their numbers."""
    return [
        PassingWhy(
            passing=number + 1,
            mat=passing.mat,
            backup=passing.backup,
            first_us=passing.reads[0][0],
            last_us=passing.reads[-1][0],
            reads=len(passing.reads),
            points=points_of_passing(examined, number),
        )
        for number, passing in enumerate(examined.classified.passings)
    ]


def points_of_passing(examined: Examined, number: int) -> list[str]:
    """Return the points that took a passing, by its number from 0."""
    pairs = zip(examined.course.points, examined.classified.taken, strict=True)
    return [point.id for point, taken in pairs if taken is not None and taken.passing == number]


# --- Reasons.


def _waived(listed: Iterable[WaivedPoint], index: int) -> WaivedPoint | None:
    return next((waived for waived in listed if waived.point == index), None)


def _waiver_why(waiver: PointWaived) -> WaiverWhy:
    return WaiverWhy(id=waiver.id, by=waiver.by, reason=waiver.reason, from_us=waiver.from_us, until_us=waiver.until_us)


def _point_says(examined: Examined, clock: LocalClock, index: int) -> str:
    classified, point = examined.classified, examined.course.points[index]
    taken = classified.taken[index]
    if taken is None:
        why = (
            "none of its candidates was taken" if classified.candidates[index] else "no read or official gave it a time"
        )
        return "; ".join([why, *_requirement(examined, clock, index)])
    if taken.passing == OFFICIAL:
        return "an official's time, which overrides every read here"
    read = "the peak of its reads" if point.pick == "peak" else f"the {point.pick} read"
    window = " inside the start window" if index == START else ""
    return f"{read}{window} of passing {passing_number(taken)}"


def _requirement(examined: Examined, clock: LocalClock, index: int) -> Iterator[str]:
    """Yield whether a point that was not taken is required of the athlete; nothing while no later point was taken."""
    required = examined.required
    if waived := _waived(required.waived, index):
        yield f"not required, since an official waived it for {_reach(examined, waived, clock)}"
    if examined.course.points[index].id in required.missed:
        yield "missed, since a later point was passed"
    if unreached := _waived(required.unreached, index):
        yield f"waived only for {_reach(examined, unreached, clock)}"


def _reach(examined: Examined, waived: WaivedPoint, clock: LocalClock) -> str:
    """Return for which times a point is waived, and between which the athlete passed it."""
    points, stretch = examined.course.points, waived.stretch
    intervals = [clock.between(waiver.from_us, waiver.until_us).strip() or "at any time" for waiver in waived.waivers]
    after = "the gun" if stretch.after is None else points[stretch.after].id
    return (
        f"those who passed {join_words(intervals)}: this athlete came after {after} at {clock.at(stretch.after_us)} "
        f"and before {points[stretch.before].id} at {clock.at(stretch.before_us)}"
    )


def candidate_says(examined: Examined, index: int, candidate: Candidate) -> str:
    """Return in words why the choice took a candidate for a point, or why it did not."""
    if candidate is examined.classified.taken[index]:
        return "taken: an official's time must be used" if candidate.passing == OFFICIAL else "taken"
    loss = loss_of(examined, index, candidate)
    if loss.why == "ranks_behind":
        return f"{rival(examined, index, candidate)} was preferred"
    return loss_says(examined, index, loss)


def loss_of(examined: Examined, index: int, candidate: Candidate) -> Loss:
    """Return why the choice did not take a candidate for a point."""
    if examined.guns.own_us is None:
        raise AssertionError("without a gun nothing is a candidate")
    return why_not(examined.course, examined.classified.taken, index, candidate, examined.guns.own_us)


def loss_says(examined: Examined, index: int, loss: Loss) -> str:
    """Return why the choice did not take a candidate for a point, in words that name the other point."""
    points, other = examined.course.points, loss.other
    here, there = points[index].id, "the gun" if other is None else points[other].id
    first, second = (here, there) if other is not None and other > index else (there, here)
    match loss.why:
        case "passing_used":
            return f"its passing already gave {there} its time"
        case "not_after":
            return f"{second} would not come after {first}"
        case "too_fast":
            return f"too fast from {first} to {second}"
        case "ranks_behind":
            return f"{here} took another passing"
        case _:
            assert_never(loss.why)


def rival(examined: Examined, index: int, candidate: Candidate) -> str:
    """Return in words which passing a point took instead of a candidate that would also have fitted."""
    held = examined.classified.taken[index]
    if held is None or held.at_us == candidate.at_us:
        return "another passing"
    return "a later passing" if held.at_us > candidate.at_us else "an earlier passing"


# --- Limits.


def _is_over(examined: Examined, index: int) -> bool:
    taken, limits = examined.classified.taken[index], examined.classified.limits
    return (
        taken is not None
        and limits is not None
        and index in limits.cutoff_us
        and is_late(taken.at_us, limits.cutoff_us[index])
    )


def _limits(examined: Examined, path: str, index: int) -> Iterator[LimitWhy]:
    """Yield the limits of a point: START's window, then each kind of its earliest and of its cut-off."""
    course, limits, taken = examined.course, examined.classified.limits, examined.classified.taken[index]
    if limits is None:
        return
    if index == START:
        yield LimitWhy(
            limit="window",
            rule=f"{path}.start_window_s",
            value=str(course.race.start_window_s),
            at_us=limits.window_end_us,
            decides=True,
            kept=None if taken is None else not is_late(taken.at_us, limits.window_end_us),
        )
    point, defined = course.points[index], course.race.points[index]
    for name, value, at_us in _instants(examined, point.earliest, defined.earliest):
        yield LimitWhy(
            limit="earliest",
            rule=f"{path}.points[{index}].earliest.{name}",
            value=value,
            at_us=at_us,
            decides=at_us == limits.earliest_us[index],
            kept=None if taken is None else not is_early(taken.at_us, at_us),
        )
    for name, value, at_us in _instants(examined, point.cutoff, defined.cutoff):
        yield LimitWhy(
            limit="cutoff",
            rule=f"{path}.points[{index}].cutoff.{name}",
            value=value,
            at_us=at_us,
            decides=at_us == limits.cutoff_us[index],
            kept=None if taken is None else not is_late(taken.at_us, at_us),
        )


def _instants(examined: Examined, bound: Bound | None, defined: Limit | None) -> Iterator[tuple[str, str, int]]:
    """Yield each kind of a limit: its name, the text in the definition, its instant."""
    own_us, race_us = examined.guns.own_us, examined.guns.race_us
    if bound is None or own_us is None or race_us is None:
        return
    for name, at_us in bound.instants(race_us, own_us).items():
        yield name, str(getattr(defined, name)), at_us
