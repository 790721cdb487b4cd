"""Delegations: a team's scores on several team boards added up. Source: R4.7."""

from collections.abc import Mapping

from msgspec import Struct

from schemas.definition import Delegation
from services.standings.teams import TeamRow


class DelegationRow(Struct, frozen=True):
    """A delegation's line; `place` and `score` are None unless the team has a place on each of the boards."""

    place: int | None
    team: str
    score: int | None


def delegation(rule: Delegation, team_boards: Mapping[str, list[TeamRow]]) -> list[DelegationRow]:
    """Return the delegations with a place, best first, then the others by name."""
    scores = [{row.team: row.score for row in team_boards[board] if row.score is not None} for board in rule.sum]
    teams = {row.team for board in rule.sum for row in team_boards[board]}
    ties = {} if rule.tie is None else {r.team: r.place for r in team_boards[rule.tie] if r.place is not None}
    last = len(ties) + 1
    placed = sorted(
        (sum(own[team] for own in scores), ties.get(team, last), team)
        for team in teams
        if all(team in own for own in scores)
    )
    rows: list[DelegationRow] = []
    for index, (score, tie, team) in enumerate(placed):
        same = index > 0 and placed[index - 1][:2] == (score, tie)
        rows.append(DelegationRow(rows[-1].place if same else index + 1, team, score))
    named = {row.team for row in rows}
    return rows + [DelegationRow(None, team, None) for team in sorted(teams - named)]
