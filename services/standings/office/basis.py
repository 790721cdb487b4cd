"""What prizes and titles rest on: flags and open cases of the athletes who earn them. Pure."""

from collections.abc import Iterable, Mapping

from schemas.definition import Definition
from schemas.results import AthleteRow
from services.standings import Standings
from services.standings.result_flags import CASE, flag_reasons, public_flags


class Basis:
    """The results behind awards, looked up by athlete and by team."""

    def __init__(self, definition: Definition, ranked: Standings | None, rows: Iterable[AthleteRow]) -> None:
        """Keep the results; `ranked` is needed for teams only."""
        self._races = {race.id: race for race in definition.races}
        self._rows = {row.bib: row for row in rows}
        self._sums = {delegation.id: delegation.sum for delegation in definition.delegations}
        self._members = {} if ranked is None else _members(ranked)
        self._open = set() if ranked is None else {case.case for case in ranked.cases if case.open}

    def flags(self, bibs: Iterable[str]) -> list[str]:
        """Return the flags of all these athletes, sorted."""
        known = [self._rows[bib] for bib in bibs if bib in self._rows]
        return sorted({flag for row in known for flag in public_flags(row)})

    def of_athlete(self, bib: str) -> list[str]:
        """Return what an athlete's result rests on, a sentence each; none when nothing is assumed or open."""
        row = self._rows.get(bib)
        return [] if row is None else flag_reasons(self._races[row.race], row)

    def team_flags(self, board: str, team: str) -> list[str]:
        """Return the flags of the members who make a team's score on a team board or delegation, sorted."""
        flags = self.flags(self._scoring(board, team))
        return sorted({*flags, CASE} if self._team_cases(board, team) else flags)

    def of_team(self, board: str, team: str) -> list[str]:
        """Return what a team's score rests on, naming the members by their bibs."""
        cases = [f"case {case} is open" for case in self._team_cases(board, team)]
        return cases + [f"{bib}: {why}" for bib in self._scoring(board, team) for why in self.of_athlete(bib)]

    def _team_cases(self, board: str, team: str) -> list[str]:
        cases = (f"team:{name}:{team}" for name in self._sums.get(board, [board]))
        return [case for case in cases if case in self._open]

    def _scoring(self, board: str, team: str) -> list[str]:
        """Return the bibs that make a team's score; of a delegation, those on all of its team boards."""
        names = self._sums.get(board, [board])
        return list(dict.fromkeys(bib for name in names for bib in self._members.get((name, team), ())))


def _members(ranked: Standings) -> Mapping[tuple[str, str], list[str]]:
    return {
        (name, row.team): [member.bib for member in row.members]
        for name, rows in ranked.team_boards.items()
        for row in rows
    }
