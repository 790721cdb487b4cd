"""Explain in words how each read of an athlete's chips was used, or why not. Source: R3.1."""

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from schemas.chip_codes import codes_of
from services.formatting.times import LocalClock
from services.formatting.words import join_words
from services.scoring.core.assign_points import Candidate
from services.scoring.core.athlete import Examined
from services.scoring.core.classify_reads import Strike, UnusedReads, locate_reads
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.explain.evidence import Evidence
from services.scoring.core.explain.explain_points import loss_of, loss_says, points_of_passing, rival
from services.scoring.core.explain.model import ChipWhy, ReadWhy
from services.scoring.core.passings import UsedRead
from services.scoring.core.reads import NO_RSSI, ChipReads
from services.scoring.core.rulings import Place

READS_SHOWN = 5_000  # of one athlete, always with the used ones; a chip that lies beside a mat is read for hours

_Key = tuple[str, int]
"""The key of a read: its chip, and its index among the chip's reads."""


class _Outcome(NamedTuple):
    """The outcome of a read: the point that it gave, the reason why it is unused, or the other bib that wore its chip.

    `rule` is the path in the definition that decided, if one did.
    """

    says: str
    rule: str | None = None
    point: str | None = None
    reason: str | None = None
    bib: str | None = None


class _Uses(NamedTuple):
    """The point, the unused group and the passing (from 0) of each read that scoring examined."""

    points: dict[_Key, str]
    unused: dict[_Key, UnusedReads]
    passings: dict[_Key, int]


def chip_whys(evidence: Evidence) -> list[ChipWhy]:
    """Return the chips that the bib ever wore, each once, whatever the codes by which it was read."""
    return [_chip_why(evidence, chip) for chip in evidence.named]


def _chip_why(evidence: Evidence, chip: str) -> ChipWhy:
    rulings = evidence.rulings
    codes = [code for code in codes_of(rulings.chip_codes, chip) if code in evidence.chips]
    reads = [evidence.chips[code] for code in codes]
    return ChipWhy(
        chip,
        rulings.owner_of(chip),
        sum(len(of_code.at_us) for of_code in reads),
        sum(of_code.repeats for of_code in reads),
        [code for code in codes if code != chip],
    )


def read_whys(
    evidence: Evidence, places: DevicePlacement, examined: Examined | None, clock: LocalClock, path: str
) -> tuple[list[ReadWhy], int]:
    """Return every read of every chip that the bib ever wore, by corrected instant, and how many are left out."""
    uses = _Uses({}, {}, {}) if examined is None else _uses(examined)
    whys: list[ReadWhy] = []
    left_out = 0
    for chip in evidence.worn:
        reads = evidence.chips.get(chip)
        if reads is None:
            continue
        located = locate_reads(evidence.rulings, places, chip, reads)
        for nth, (at_us, group, wearer) in enumerate(zip(*located, strict=True)):
            key = chip, nth
            if len(whys) >= READS_SHOWN and key not in uses.points:
                left_out += 1
                continue
            place = places.place(group)
            outcome = _outcome(examined, uses, key, places.name(reads.device[nth]), place, wearer, clock, path)
            whys.append(_read_why(reads, key, at_us, place, places, uses, outcome))
    whys.sort(key=lambda why: (why.at_us, why.device, why.chip))
    return whys, left_out


def _read_why(
    reads: ChipReads,
    key: _Key,
    at_us: int,
    place: Place | None,
    places: DevicePlacement,
    uses: _Uses,
    outcome: _Outcome,
) -> ReadWhy:
    chip, nth = key
    passing = uses.passings.get(key)
    return ReadWhy(
        chip=chip,
        device=places.name(reads.device[nth]),
        device_at_us=reads.at_us[nth],
        at_us=at_us,
        mat=None if place is None else place.mat,
        backup=place is not None and place.backup,
        rssi=None if reads.rssi[nth] == NO_RSSI else reads.rssi[nth],
        passing=None if passing is None else passing + 1,
        point=outcome.point,
        reason=outcome.reason,
        bib=outcome.bib,
        rule=outcome.rule,
        says=outcome.says,
    )


def _uses(examined: Examined) -> _Uses:
    course, classified = examined.course, examined.classified
    return _Uses(
        {
            taken.read[2:]: point.id
            for point, taken in zip(course.points, classified.taken, strict=True)
            if taken is not None and taken.read is not None
        },
        {key: unused for unused in classified.unused for key in _keys(unused.reads)},
        {key: number for number, passing in enumerate(classified.passings) for key in _keys(passing.reads)},
    )


def _keys(reads: list[UsedRead]) -> Iterator[_Key]:
    return (read[2:] for read in reads)


# --- Why a read is used or unused.


def _outcome(
    examined: Examined | None,
    uses: _Uses,
    key: _Key,
    device: str,
    place: Place | None,
    wearer: str | None,
    clock: LocalClock,
    path: str,
) -> _Outcome:
    if place is None:
        return _Outcome(f"device {device} was at no mat then", "mats", reason="unknown_device")
    point, unused = uses.points.get(key), uses.unused.get(key)
    if point is not None:
        return _Outcome(f"gave {point} its time", point=point)
    if unused is not None and examined is not None:
        says, rule = _unused_says(examined, unused, place, uses.passings.get(key), clock, path)
        return _Outcome(says, rule, reason=unused.reason)
    if wearer is None:
        return _Outcome(f"nobody wore chip {key[0]} then", reason="unknown_chip")
    return _Outcome(f"bib {wearer} wore chip {key[0]} then", bib=wearer)


def _unused_says(
    examined: Examined, unused: UnusedReads, place: Place, passing: int | None, clock: LocalClock, path: str
) -> tuple[str, str | None]:
    """Return the reason in words, and the path in the definition that decided, if one did."""
    race, own_us = examined.course.race, examined.guns.own_us
    match unused.reason:
        case "excluded":
            return "an official excluded it", None
        case "before_gun":
            gun = "the athlete's own gun"
            return f"{gun} has not been fired" if own_us is None else f"before {gun}, {clock.at(own_us)}", None
        case "backup_duplicate":
            return f"a backup read of a crossing that main devices at {place.mat} also read", "passing_gap_s"
        case "not_on_course":
            return f"{race.id} has no point at {place.mat}", f"{path}.points"
        case "overridden" | "outside_start_window" | "too_early" | "too_fast" | "superseded":
            if passing is None:
                raise AssertionError(f"a read is unused as {unused.reason}, but is in no passing")
            if not unused.strikes:
                return f"its passing gave {join_words(points_of_passing(examined, passing))} by another read", None
            says = dict.fromkeys(_strike_says(examined, strike, passing, clock) for strike in unused.strikes)
            return "; ".join(says), _rule(unused, path)
        case "unknown_device" | "unknown_chip":
            raise AssertionError(f"a read that is unused as {unused.reason} belongs to no athlete")
        case _:
            assert_never(unused.reason)


def _rule(unused: UnusedReads, path: str) -> str | None:
    """Return the path in the definition behind a reason that comes from strikes."""
    match unused.reason:
        case "outside_start_window":
            return f"{path}.start_window_s"
        case "too_early":
            point = next(strike.point for strike in unused.strikes if strike.reason == "too_early")
            return f"{path}.points[{point}].earliest"
        case "too_fast":
            return f"{path}.max_speed_mps"
        case _:
            return None


def _strike_says(examined: Examined, strike: Strike, passing: int, clock: LocalClock) -> str:
    """Return why a passing did not fill one point."""
    course, limits = examined.course, examined.classified.limits
    point = course.points[strike.point].id
    if limits is None:
        raise AssertionError("without a gun there is no passing")
    match strike.reason:
        case "overridden":
            return f"an official's time overrides it at {point}"
        case "outside_start_window":
            return f"{point} takes reads up to {course.race.start_window_s} s after the athlete's own gun"
        case "too_early":
            return f"{point} takes reads from {clock.at(limits.earliest_us[strike.point])} on"
        case "too_fast":
            since = "the gun" if strike.other is None else course.points[strike.other].id
            return f"{point} could not be reached so soon after {since}"
        case _:
            return _superseded_says(examined, strike, passing)


def _superseded_says(examined: Examined, strike: Strike, passing: int) -> str:
    """Return why a passing that could fill a point does not: the choice took another, or its order is wrong."""
    point = examined.course.points[strike.point].id
    if strike.other is not None:
        return f"out of order at {point} with the official's time at {examined.course.points[strike.other].id}"
    candidate = _candidate(examined, strike.point, passing)
    loss = loss_of(examined, strike.point, candidate)
    if loss.why == "ranks_behind":
        return f"{rival(examined, strike.point, candidate)} was preferred at {point}"
    return loss_says(examined, strike.point, loss)


def _candidate(examined: Examined, point: int, passing: int) -> Candidate:
    for candidate in examined.classified.candidates[point]:
        if candidate.passing == passing:
            return candidate
    raise AssertionError(f"passing {passing} is not a candidate of point {point}, but has no reason not to be")
