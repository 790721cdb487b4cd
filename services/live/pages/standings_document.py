"""An event's whole standings at a revision, as ClickHouse has them, in the form of `matline score`. Pure.

Places come from the tables of boards and teams, not from a second scoring. So comparing this document with a newly
scored log checks the whole pipeline. Unused reads are not in it; `explain` lists them. Source: R5.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.live.pages.cases import event_team_cases
from services.live.ranking import Ranking
from services.live.table_rows import AnnouncedRevision, TeamLine
from services.standings import Standings
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.document import Scored, document
from services.standings.event_index import EventIndex
from services.standings.teams import Member, TeamRow
from services.standings.together import TogetherCase


class StandingsData(Struct, frozen=True, kw_only=True):
    """The data from which the document is built.

    All athletes; boards, team boards and delegations by id; the teams with more members than may count, by team board;
    and the cases of two athletes, by their bibs.
    """

    event: EventIndex
    announced: AnnouncedRevision
    athletes: Sequence[AthleteRow]
    rankings: Mapping[str, Ranking]
    team_boards: Mapping[str, Sequence[TeamLine]]
    delegations: Mapping[str, Sequence[TeamLine]]
    crowded: Mapping[str, Sequence[str]]
    together: Sequence[TogetherCase]


def build_standings(data: StandingsData) -> dict[str, Any]:
    """Return the document as plain objects, without `unused_reads`."""
    race_order = {race.id: index for index, race in enumerate(data.event.definition.races)}
    athletes = sorted(
        (row for row in data.athletes if not row.gone), key=lambda row: (race_order[row.race], bib_order(row.bib))
    )
    standings = Standings(
        {name: _board_rows(ranking) for name, ranking in data.rankings.items()},
        {name: list(map(_team_row, lines)) for name, lines in data.team_boards.items()},
        {name: list(map(_delegation_row, lines)) for name, lines in data.delegations.items()},
        event_team_cases(data.event, data.crowded),
        list(data.together),
    )
    scored = Scored(data.event.row, data.event.definition, athletes, standings, {})
    plain = document(data.announced.event, data.announced.revision, scored)
    del plain["unused_reads"]
    return plain


def _board_rows(ranking: Ranking) -> list[BoardRow]:
    return [BoardRow(line.place, line.bib, line.time_s, line.gun_us, line.chip_us) for line in ranking.lines]


def _team_row(line: TeamLine) -> TeamRow:
    return TeamRow(line.place, line.team, line.score, msgspec.convert(line.members, list[Member]))


def _delegation_row(line: TeamLine) -> DelegationRow:
    return DelegationRow(line.place, line.team, line.score)
