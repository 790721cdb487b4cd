"""An event's whole standings at a revision, as ClickHouse has them, in the form of `matline score`.

Places come from the tables of boards and teams, not from a second scoring: so whoever compares this with a log scored
anew compares all that the pipeline did. Reads without use are not in it; `explain` tells those. Source: R5.
"""

from typing import Any

import msgspec

from schemas.ids import bib_order, case_name
from schemas.results import Case, EventRow
from services.live.ranking import board_order
from services.live.store import Head, Store
from services.standings import Standings
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.document import Scored, document
from services.standings.event_index import EventIndex
from services.standings.teams import Member, TeamRow


async def standings_document(store: Store, view: EventIndex, head: Head) -> dict[str, Any]:
    """The document as plain objects, without `unused_reads`."""
    event = await store.event_row(head.event, head.revision)
    athletes = await store.all_athletes(head.event, head.revision)
    races = {race.id: at for at, race in enumerate(view.definition.races)}
    rows = sorted((row for row in athletes if not row.gone), key=lambda row: (races[row.race], bib_order(row.bib)))
    scored = Scored(event, view.definition, rows, await _standings(store, view, head, event), {})
    made = document(head.event, head.revision, scored)
    del made["unused_reads"]
    return made


async def _standings(store: Store, view: EventIndex, head: Head, event: EventRow | None) -> Standings:
    of = head.event, head.revision
    official = {race.id: race.official_time for race in view.definition.races}
    boards: dict[str, list[BoardRow]] = {}
    for board in view.definition.boards:
        cells = await store.board(head.event, board.id, head.revision)
        ordered = board_order(board, official[board.race], cells)
        boards[board.id] = [BoardRow(one.place, one.bib, one.time_s, one.gun_us, one.chip_us) for one in ordered]
    teams: dict[str, list[TeamRow]] = {}
    for team in view.definition.team_boards:
        lines = await store.teams(head.event, team.id, head.revision)
        teams[team.id] = [TeamRow(x.place, x.team, x.score, msgspec.convert(x.members, list[Member])) for x in lines]
    delegations: dict[str, list[DelegationRow]] = {}
    for one in view.definition.delegations:
        lines = await store.delegations(head.event, one.id, head.revision)
        delegations[one.id] = [DelegationRow(x.place, x.team, x.score) for x in lines]
    return Standings(boards, teams, delegations, _cases(view, await store.crowded(*of), event))


def _cases(view: EventIndex, crowded: list[tuple[str, str]], event: EventRow | None) -> list[Case]:
    """The cases of too large teams, by team board in the order of the definition, then by team."""
    decided = set() if event is None else set(event.decided)
    race_of = {board.id: board.race for board in view.definition.boards}
    return [
        Case(name, race_of[board.of], open=case_name(name) not in decided)
        for board in view.definition.team_boards
        for team in sorted(team for on, team in crowded if on == board.id)
        for name in (f"team:{board.id}:{team}",)
    ]
