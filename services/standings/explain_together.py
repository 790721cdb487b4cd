"""Explain a case of two athletes whose chips may be carried together: their instants side by side. Source: R4.10."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from schemas.definition import Definition
from schemas.ids import case_name
from schemas.results import AthleteRow
from services.formatting.times import LocalClock, format_short
from services.standings.together import SideBySide, TogetherCase, looked_for, side_by_side

POINTS_IN_WORDS = 10  # of a pair; the others are counted


class TogetherWhy(Struct, frozen=True, kw_only=True):
    """A case that an athlete shares with another, as one of the two sees it.

    `outcome` is null until the case is decided. `other` is the bib of the other athlete. `side_by_side` has every point
    that both took from reads; `point` and `at_us` are the athlete's own.
    """

    case: str
    open: bool
    outcome: str | None
    says: str
    other: str
    other_race: str
    side_by_side: list[SideBySide]


def other_bib(case: TogetherCase, bib: str) -> str:
    """Return the bib of the other athlete of a case."""
    return case.other if case.bib == bib else str(case.bib)


def together_whys(
    definition: Definition,
    row: AthleteRow,
    cases: Iterable[TogetherCase],
    others: Mapping[str, AthleteRow],
    decisions: Mapping[str, str],
) -> list[TogetherWhy]:
    """Return the cases that an athlete shares. `others` are by bib, `decisions` the outcomes by case."""
    whys = []
    for case in cases:
        if row.bib not in (case.bib, case.other):
            continue
        other = others[other_bib(case, row.bib)]
        seen = side_by_side(definition, row, other)
        whys.append(
            TogetherWhy(
                case=case.case,
                open=case.open,
                outcome=decisions.get(case_name(case.case)),
                says=_says(definition, other, seen),
                other=other.bib,
                other_race=other.race,
                side_by_side=seen,
            )
        )
    return whys


def _says(definition: Definition, other: AthleteRow, seen: list[SideBySide]) -> str:
    rule = looked_for(definition)
    counted = [passed.apart_us for passed in seen if passed.counts]
    if rule is None or not counted:
        raise AssertionError(f"a case with bib {other.bib} has no ground")
    points = "1 point" if len(counted) == 1 else f"{len(counted)} points"
    within = "at equal instants" if rule.within_us == 0 else f"within {format_short(rule.within_us)}"
    furthest = f", {format_short(max(counted))} apart at most" if max(counted) else ""
    return f"passed {points} {within} of bib {other.bib}{furthest}"


def instants_in_words(clock: LocalClock, seen: list[SideBySide]) -> str:
    """Return the points that count with both instants, such as `10K 06:00:00.5 and 06:00:00.6`."""
    counted = [passed for passed in seen if passed.counts]
    parts = [
        f"{_points(passed)} {clock.at(passed.at_us)} and {clock.at(passed.other_at_us)}"
        for passed in counted[:POINTS_IN_WORDS]
    ]
    parts += [f"{len(counted) - POINTS_IN_WORDS} more points"] if len(counted) > POINTS_IN_WORDS else []
    return "; ".join(parts)


def _points(passed: SideBySide) -> str:
    return passed.point if passed.point == passed.other_point else f"{passed.point} and {passed.other_point}"
