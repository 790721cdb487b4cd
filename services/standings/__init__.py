"""Standings: boards, teams and delegations as a pure function of a definition and the athletes' results.

Everything that depends on other athletes (places, ties, the size of a field) is worked out only here. So the row of an
athlete changes only with their own result. Source: R4.
"""

from collections.abc import Iterable

from msgspec import Struct

from schemas.definition import Definition
from schemas.results import AthleteRow, Case, EventRow
from services.standings.boards import BoardRow, board, orders_of, team_members
from services.standings.delegations import DelegationRow, delegation
from services.standings.teams import TeamRow, crowded_teams, team_board, team_cases


class Standings(Struct, frozen=True):
    """All standings of an event by id, in the order of the definition, and the cases of teams that are too large."""

    boards: dict[str, list[BoardRow]]
    team_boards: dict[str, list[TeamRow]]
    delegations: dict[str, list[DelegationRow]]
    cases: list[Case]


def standings(definition: Definition, athletes: Iterable[AthleteRow], event: EventRow | None) -> Standings:
    """Return the standings of an event. `event` has the judges' orders and the decided cases; None: there are none."""
    field = list(athletes)
    orders = [] if event is None else event.orders
    boards: dict[str, list[BoardRow]] = {}
    for defined in definition.boards:
        boards[defined.id] = board(definition, defined.id, field, orders_of(orders, defined.race))
    teams: dict[str, list[TeamRow]] = {}
    cases: list[Case] = []
    for team in definition.team_boards:
        members = team_members(definition, team.of, field)
        teams[team.id] = team_board(team, members, boards[team.of])
        cases += team_cases(definition, team, crowded_teams(team, members), [] if event is None else event.decided)
    delegations = {defined.id: delegation(defined, teams) for defined in definition.delegations}
    return Standings(boards, teams, delegations, cases)
