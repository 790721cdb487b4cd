"""What an official should look at before relying on a fact. Warnings refuse nothing. Source: R1.10."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.course_times import start_instant_us
from schemas.events import (
    CaseDecided,
    ClockCorrected,
    DeviceAssigned,
    EntryWithdrawn,
    GunFired,
    PointWaived,
    ReadExcluded,
    Ruling,
    TimeSet,
)
from schemas.ids import US, bib_order
from services.fact_effects.athletes import AthleteOutline, Athletes
from services.fact_effects.unknown_names import has_no_ground, knows_device, unknown_device
from services.formatting.times import LocalClock, format_exact
from services.formatting.words import join_words
from services.scoring.core.officials_facts import OfficialsFacts
from services.scoring.core.required_points import EarlierRuling, overruled_by
from services.scoring.core.rulings import Rulings

GUN_OFF_MAX_US = 2 * 3600 * US  # starts are delayed by an hour now and then, by more hardly ever
GUN_ALIKE_US = 3600 * US  # so near to a usual mistake the gun is said to be it
OFFSET_LEAST_US = 100_000  # a wrong clock is off by more; a smaller offset is hardly worth a fact
DAY_US = 24 * 3600 * US
POINTS_NAMED_MAX = 3
ATHLETES_NAMED_MAX = 20


def fact_warnings(state: OfficialsFacts, fact: Ruling, athletes: Athletes) -> list[str]:
    """Return what is odd about a fact, in sentences; most facts have none."""
    rulings = state.rulings
    match fact:
        case EntryWithdrawn():
            return _was_read(rulings, fact, athletes)
        case GunFired():
            return [*_off_schedule(rulings, fact), *_after_starts(rulings, fact, athletes)]
        case TimeSet():
            return _out_of_order(rulings, fact, athletes)
        case CaseDecided():
            return _not_open(rulings, fact, athletes)
        case PointWaived():
            return _overruled(rulings, fact, athletes)
        case ClockCorrected():
            return [*_at_no_mat(rulings, fact.device), *_tiny_offset(fact)]
        case DeviceAssigned() | ReadExcluded():
            return _at_no_mat(rulings, fact.device)
        case _:
            return []


def _at_no_mat(rulings: Rulings, device: str) -> list[str]:
    return [] if knows_device(rulings, device) else [unknown_device(rulings, device).sentence()]


def _tiny_offset(fact: ClockCorrected) -> list[str]:
    """Return that an offset was probably meant in seconds, if it is too small to matter."""
    if not 0 < abs(fact.offset_us) < OFFSET_LEAST_US:
        return []
    seconds = f"{fact.offset_us / US:.6f}".rstrip("0")
    return [
        f"offset_us {fact.offset_us} is in microseconds and moves the clock by {seconds} s only; if {fact.offset_us} s"
        f" are meant, send offset_us {fact.offset_us * US}"
    ]


def _was_read(rulings: Rulings, fact: EntryWithdrawn, athletes: Athletes) -> list[str]:
    written, outline = rulings.entry_of(fact.bib), athletes.get(fact.bib)
    if written is None or outline is None or not outline.was_read:
        return []
    boards = [] if rulings.definition is None else rulings.definition.boards
    of_race = {board.id for board in boards if board.race == written.entry.race and written.entry.ranked}
    teams = [] if rulings.definition is None else rulings.definition.team_boards
    smaller = [repr(team.id) for team in teams if team.of in of_race]
    n = f"; N of {join_words(smaller)} becomes smaller, so scores of teams may change" if smaller else ""
    return [f"chips of bib {fact.bib!r} have been read; without the entry the athlete is on no list and in no team{n}"]


# --- Guns.


def _off_schedule(rulings: Rulings, fact: GunFired) -> list[str]:
    course = rulings.courses.get(fact.race)
    definition = rulings.definition
    if course is None or definition is None:
        return []
    start_us = start_instant_us(definition, course.race)
    off_us = fact.at_us - start_us
    if abs(off_us) <= GUN_OFF_MAX_US:
        return []
    clock = LocalClock(definition)
    side = "after" if off_us > 0 else "before"
    return [
        f"the gun at {clock.at(fact.at_us)} is {format_exact(abs(off_us))} {side} the scheduled start of race"
        f" {fact.race!r} at {clock.at(start_us)}{_usual_mistake(definition.timezone, off_us, start_us)}"
    ]


def _usual_mistake(timezone: str, off_us: int, start_us: int) -> str:
    """Return which usual mistake puts a gun so far from the scheduled start."""
    offset = datetime.fromtimestamp(start_us // US, ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    utc_us = round(offset.total_seconds()) * US
    if abs(utc_us) > GUN_ALIKE_US and abs(off_us - utc_us) <= GUN_ALIKE_US:
        return "; it may be a local time that was typed as UTC"
    if abs(off_us + DAY_US) <= GUN_ALIKE_US:
        return "; it may have the date of the day before"
    if abs(off_us - DAY_US) <= GUN_ALIKE_US:
        return "; it may have the date of the day after"
    return ""


def _after_starts(rulings: Rulings, fact: GunFired, athletes: Athletes) -> list[str]:
    """Compare with the START passings of the athletes whose own gun it would be."""
    starts = [
        instants
        for wave, instants in athletes.starts(fact.race).items()
        if wave == fact.wave or (fact.wave is None and (fact.race, wave) not in rulings.guns)
    ]
    passed = sum(map(len, starts))
    before = sum(at_us < fact.at_us for instants in starts for at_us in instants)
    if before * 2 <= passed:
        return []
    return [f"{before} of the {passed} athletes who passed START did so before this gun; they would lose it"]


# --- Athletes' points and cases.


def _out_of_order(rulings: Rulings, fact: TimeSet, athletes: Athletes) -> list[str]:
    written = rulings.entry_of(fact.bib)
    if written is None or fact.at_us is None:
        return []
    course = rulings.courses[written.entry.race]
    index = course.index.get(fact.point)
    if index is None:
        return []
    clock = LocalClock(rulings.definition)
    wrong = []
    for point, at_us in _points(rulings, fact, athletes.get(fact.bib)):
        place = course.index.get(point, index)
        if place > index and at_us <= fact.at_us:
            wrong.append(f"after {point!r} at {clock.at(at_us)}")
        elif place < index and at_us >= fact.at_us:
            wrong.append(f"before {point!r} at {clock.at(at_us)}")
    gun = rulings.own_gun(written.entry)
    if gun is not None and fact.at_us < gun.at_us:
        wrong.insert(0, f"before the athlete's gun at {clock.at(gun.at_us)}")
    if not wrong:
        return []
    return [
        f"{fact.point!r} at {clock.at(fact.at_us)} is out of order for bib {fact.bib!r}: it would be"
        f" {', '.join(wrong[:POINTS_NAMED_MAX])}"
    ]


def _points(rulings: Rulings, fact: TimeSet, outline: AthleteOutline | None) -> Iterable[tuple[str, int]]:
    """Return the athlete's points with their times; official times in force may be newer than the outline."""
    times = {} if outline is None else {point.point: point.at_us for point in outline.points}
    official = {point: at_us for point, at_us in rulings.times.get(fact.bib, {}).items() if at_us is not None}
    return (times | official).items()


def _not_open(rulings: Rulings, fact: CaseDecided, athletes: Athletes) -> list[str]:
    decided = rulings.decisions.get(fact.case)
    if decided is not None:
        return [f"case {fact.case!r} is not open: it is decided with {decided!r}, which this decision replaces"]
    return [f"case {fact.case!r} is not open"] if has_no_ground(fact.case, athletes) else []


# --- Waivers.

_DECIDED: dict[EarlierRuling, str] = {"accepted": "accept", "dnf_decided": "dnf", "dq_decided": "dq"}


def _overruled(rulings: Rulings, fact: PointWaived, athletes: Athletes) -> list[str]:
    """Return which decided cases a waiver lifts, and which athletes who are DQ it lets off."""
    overruled = sorted(
        overruled_by(rulings, athletes.in_race(fact.race), [fact]), key=lambda athlete: bib_order(athlete.bib)
    )
    lifted = [
        f"missed:{athlete.bib} ({_DECIDED[athlete.ruling]})" for athlete in overruled if athlete.ruling in _DECIDED
    ]
    disqualified = [athlete.bib for athlete in overruled if athlete.ruling == "dq_set"]
    warnings = []
    if lifted:
        warnings.append(f"these cases end, and what was decided on them no longer applies: {_named(lifted)}")
    if disqualified:
        warnings.append(
            f"these athletes are DQ and would no longer miss {fact.point!r}; they stay DQ until a status OK takes it "
            f"back: bib {_named(disqualified)}"
        )
    return warnings


def _named(names: list[str]) -> str:
    more = len(names) - ATHLETES_NAMED_MAX
    return ", ".join(names[:ATHLETES_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
