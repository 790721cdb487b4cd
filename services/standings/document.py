"""The standings document, made from scoring's rows of the athletes and the event. Source: R5."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas.definition import Definition
from schemas.definition_parse import parse_definition
from schemas.ids import bib_order
from schemas.results import AthleteRow, EventRow
from services.standings import Standings, all_cases, standings
from services.standings.plain_rows import (
    plain_athlete,
    plain_boards,
    plain_case,
    plain_delegations,
    plain_teams,
)
from services.standings.together import with_shared_cases


class Scored(NamedTuple):
    """All rows of an event, and the standings made from them."""

    event: EventRow | None
    definition: Definition | None
    athletes: list[AthleteRow]
    standings: Standings
    unused: dict[str, int]

    def with_all_cases(self) -> list[AthleteRow]:
        """Return the athletes with all cases that they are in, also those that they share with another."""
        return with_shared_cases(self.athletes, self.standings.together)


def scored_rows(event: EventRow | None, rows: Iterable[AthleteRow]) -> Scored:
    """Return the results in rows from any store, athletes in document order; without unused reads."""
    present = [row for row in rows if not row.gone]
    if event is None or event.definition is None:
        return Scored(event, None, present, Standings({}, {}, {}, [], []), {})
    definition = parse_definition(event.definition)
    races = {race.id: number for number, race in enumerate(definition.races)}
    present.sort(key=lambda row: (races[row.race], bib_order(row.bib)))
    return Scored(event, definition, present, standings(definition, present, event), {})


def document(event: str, revision: int, scored: Scored) -> dict[str, Any]:
    """Return the document as plain objects, in the order of R5."""
    ranked = scored.standings
    return {
        "event": event,
        "revision": revision,
        "athletes": [plain_athlete(row) for row in scored.athletes],
        "boards": plain_boards(ranked.boards),
        "team_boards": plain_teams(ranked.team_boards),
        "delegations": plain_delegations(ranked.delegations),
        "cases": [plain_case(case) for case in all_cases(scored.athletes, ranked)],
        "unused_reads": scored.unused,
    }
