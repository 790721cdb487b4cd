"""Standings: boards, teams and delegations as a pure function of a definition and the athletes' results.

Everything that depends on other athletes (places, ties, the size of a field) is worked out only here. So the row of an
athlete changes only with their own result. Source: R4.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from schemas.definition import Definition
from schemas.results import AthleteRow, Case, EventRow
from services.standings.boards import BoardRow, board, orders_of, team_members
from services.standings.delegations import DelegationRow, delegation
from services.standings.teams import TeamRow, crowded_teams, team_board, team_cases
from services.standings.together import TogetherCase, pairs_together, together_cases


class Standings(Struct, frozen=True):
    """All standings of an event by id, in the order of the definition, and the cases that no athlete has alone.

    `cases` are those of teams that are too large, `together` those of athletes whose chips may be carried together.
    """

    boards: dict[str, list[BoardRow]]
    team_boards: dict[str, list[TeamRow]]
    delegations: dict[str, list[DelegationRow]]
    cases: list[Case]
    together: list[TogetherCase]


def standings(definition: Definition, athletes: Iterable[AthleteRow], event: EventRow | None) -> Standings:
    """Return the standings of an event. `event` has the judges' orders and the decided cases; None: there are none."""
    field = list(athletes)
    orders = [] if event is None else event.orders
    boards: dict[str, list[BoardRow]] = {}
    for defined in definition.boards:
        boards[defined.id] = board(definition, defined.id, field, orders_of(orders, defined.race))
    teams: dict[str, list[TeamRow]] = {}
    cases: list[Case] = []
    decided = [] if event is None else event.decided
    for team in definition.team_boards:
        members = team_members(definition, team.of, field)
        teams[team.id] = team_board(team, members, boards[team.of])
        cases += team_cases(definition, team, crowded_teams(team, members), decided)
    delegations = {defined.id: delegation(defined, teams) for defined in definition.delegations}
    together = together_cases(pairs_together(definition, field), {row.bib: row.race for row in field}, decided)
    return Standings(boards, teams, delegations, cases, together)


def all_cases(athletes: Iterable[AthleteRow], made: Standings) -> Iterator[Case]:
    """Yield all cases: those of each athlete, then those that begin with the athlete; then those of teams.

    `athletes` are in the order of the document. Source: R5.4.
    """
    together: dict[str | None, list[TogetherCase]] = {}
    for case in made.together:
        together.setdefault(case.bib, []).append(case)
    for row in athletes:
        yield from row.cases
        yield from together.get(row.bib, ())
    yield from made.cases
