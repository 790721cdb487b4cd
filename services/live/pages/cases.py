"""The cases of an event: those of athletes, of two athletes, and of teams with too many members. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.ids import bib_order
from schemas.results import AthleteRow, Case
from services.health.case_groups import group_cases, plain_groups
from services.health.health_document import Finding
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


def build_cases(announced: AnnouncedRevision, cases: Sequence[Case], findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the list of cases, how many of them are open, and the open ones under the findings that explain them."""
    return {
        "event": announced.event,
        "revision": announced.revision,
        "open": sum(case.open for case in cases),
        "cases": [plain_case(case) for case in cases],
        "groups": plain_groups(group_cases([case.case for case in cases if case.open], findings)),
    }
