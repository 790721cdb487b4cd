"""The cases of an event: those of athletes, of two athletes, and of teams with too many members. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.ids import bib_order, case_name
from schemas.results import AthleteRow, Case, Protest
from services.health.case_groups import group_cases, plain_groups
from services.health.health_document import Finding
from services.live.feed.board_line import shown_names
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.plain_rows import plain_case
from services.standings.teams import team_cases
from services.standings.together import TogetherCase


def event_team_cases(event: EventIndex, crowded: Mapping[str, Sequence[str]]) -> list[Case]:
    """Return the cases of teams in the order of the definition; `crowded` names such teams by team board."""
    return [
        case
        for team_board in event.definition.team_boards
        for case in team_cases(event.definition, team_board, crowded.get(team_board.id, ()), event.row.decided)
    ]


def event_cases(
    event: EventIndex,
    athletes: Sequence[AthleteRow],
    together: Sequence[TogetherCase],
    crowded: Mapping[str, Sequence[str]],
) -> list[Case]:
    """Return all cases, open and decided: those of athletes first, in the order of their bibs."""
    of_athletes = [case for row in athletes for case in row.cases] + [*together]
    of_athletes.sort(key=lambda case: bib_order(case.bib or ""))
    return of_athletes + event_team_cases(event, crowded)


def undecided_yet(cases: Iterable[Case], decisions: Mapping[str, str]) -> bool:
    """Return whether the decision on a case that is not open is missing, since its fact has not arrived yet."""
    return any(not case.open and case_name(case.case) not in decisions for case in cases)


def build_cases(
    announced: AnnouncedRevision,
    cases: Sequence[Case],
    athletes: Mapping[str, AthleteRow],
    decisions: Mapping[str, str],
    protests: Sequence[Protest],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Return the cases with what a jury asks first, how many of them are open, the open ones under the findings that
    explain them, and the protests. `decisions` are the outcomes by case.
    """
    return {
        "event": announced.event,
        "revision": announced.revision,
        "open": sum(case.open for case in cases),
        "cases": [
            {
                **plain_case(case),
                "outcome": decisions.get(case_name(case.case)),
                **_athlete(athletes.get(case.bib or "")),
            }
            for case in cases
        ],
        "groups": plain_groups(group_cases([case.case for case in cases if case.open], findings)),
        "protests": [_protest(protest) for protest in protests],
    }


def _athlete(row: AthleteRow | None) -> dict[str, Any]:
    if row is None:
        return {"name": None, "status": None, "points": [], "missed": []}
    points = [split.point for split in row.points]
    return {"name": shown_names(row).name, "status": row.status, "points": points, "missed": row.missed}


def _protest(protest: Protest) -> dict[str, Any]:
    return {
        "protest": protest.protest,
        "race": protest.race,
        "bib": protest.bib,
        "text": protest.text,
        "filed_at_us": protest.filed_at_us,
        "outcome": protest.outcome,
    }
