"""The flags of a result that people see: which there are, in which words, and what each rests on. Pure.

A flag is the name that feeds and files have. Its words are short enough for a table; its reason is a sentence.
"""

from collections.abc import Iterable

from schemas.definition import Race
from schemas.ids import US
from schemas.results import AthleteRow
from services.formatting.times import MINUS, format_seconds
from services.formatting.words import join_words

CASE = "case"
ADJUSTED = {name.removesuffix("_us"): name for name in AthleteRow.ADJUSTMENTS}
"""The flags of adjusted times, with the field of each."""
SHOWN = frozenset((*ADJUSTED, "review", "start_assumed", "waived"))

_WORDS = {
    **{flag: flag.replace("_", " ") for flag in ADJUSTED},
    CASE: "open case",
    "review": "under review",
    "start_assumed": "start assumed",
    "waived": "point waived",
}
EXPLAINED = {
    **dict.fromkeys(ADJUSTED, "the jury added time, or took some off"),
    CASE: "the jury has a case to decide; the result may change",
    "review": "a point was missed, and the jury has not decided",
    "start_assumed": "START has no passing; the own gun replaces it in the chip time",
    "waived": "a point was not read, and the jury does not require it",
}
"""What each flag means, for a legend."""


def public_flags(row: AthleteRow) -> list[str]:
    """Return the flags of a result that everybody may see, sorted; `case`: a case of the athlete is open."""
    flags = SHOWN.intersection(row.flags)
    return sorted(flags | {CASE} if any(case.open for case in row.cases) else flags)


def flag_words(row: AthleteRow) -> str:
    """Return the flags in words, such as `start assumed, penalty +0:00:30`; an empty text without any."""
    flags = public_flags(row)
    return ", ".join(_adjustment(row, flag) if flag in ADJUSTED else _WORDS[flag] for flag in flags)


def flag_reasons(race: Race, row: AthleteRow) -> list[str]:
    """Return a sentence for each flag and open case: what the result rests on. Under review, the case says it all."""
    flags = public_flags(row)
    reasons = [_case_reason(row, case.case) for case in row.cases if case.open]
    reasons += [f"{_adjustment(row, flag)}, by the jury" for flag in flags if flag in ADJUSTED]
    if "start_assumed" in flags:
        reasons.append(
            "START has no passing; the own gun replaces it"
            + ("" if race.official_time == "chip" else ", in the chip time only")
        )
    if "waived" in flags:
        reasons.append(f"{join_words(waived_points(race, row) or ['a point'])} was not read, and is not required")
    return reasons


def waived_points(race: Race, row: AthleteRow) -> list[str]:
    """Return the points that the athlete lacks before the last one taken, and that are not required of them."""
    if "waived" not in row.flags or not row.points:
        return []
    taken = {held.point for held in row.points}
    course = [point.id for point in race.points]
    behind = course[1 : course.index(row.points[-1].point)] if row.points[-1].point in course else []
    mandatory = {point.id for point in race.points if point.mandatory}
    return [point for point in behind if point in mandatory and point not in taken and point not in row.missed]


def legend(rows: Iterable[AthleteRow]) -> list[str]:
    """Return a line for each flag that these results have, saying what it means."""
    present = {flag for row in rows for flag in public_flags(row)}
    return [f"{_WORDS[flag]}: {EXPLAINED[flag]}" for flag in sorted(present)]


def _adjustment(row: AthleteRow, flag: str) -> str:
    """Return an adjustment with what it changed the times by, such as `penalty +0:00:30`."""
    field = ADJUSTED[flag]
    changed_us = AthleteRow.ADJUSTMENTS[field] * int(getattr(row, field))
    return f"{_WORDS[flag]} {MINUS if changed_us < 0 else '+'}{format_seconds(abs(changed_us) / US)}"


def _case_reason(row: AthleteRow, case: str) -> str:
    kind = case.partition(":")[0]
    if kind == "missed" and row.missed:
        return f"missed {join_words(row.missed)}, and case {case} is open"
    if kind == "reads_after":
        return f"was read after the status {row.status} was set, and case {case} is open"
    if kind == "after_close":
        return f"finished after the race was closed, and case {case} is open"
    if kind == "together":
        return f"the chip crossed the mats together with another athlete's, and case {case} is open"
    return f"case {case} is open"
