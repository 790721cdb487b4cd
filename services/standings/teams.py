"""Team standings of a board. Source: R4.4 to R4.6."""

from collections.abc import Iterable

from msgspec import Struct

from schemas.definition import Definition, TeamBoard
from schemas.ids import bib_order, case_name
from schemas.results import AthleteRow, Case
from services.standings.boards import BoardRow


class Member(Struct, frozen=True):
    """A member who counts, with the score: a place, or seconds."""

    bib: str
    score: int


class TeamRow(Struct, frozen=True):
    """A team's line. Without enough scores `place` and `score` are None, and `members` are all who have a score."""

    place: int | None
    team: str
    score: int | None
    members: list[Member]


def team_board(board: TeamBoard, members: list[AthleteRow], rows: list[BoardRow]) -> list[TeamRow]:
    """Return the teams of a board: those with a place, best first, then the others by name.

    `members` are the board's athletes by first entry (`boards.team_members`), `rows` the board itself.
    """
    scores = _scores(board, members, rows)
    placed: list[tuple[int, tuple[int, ...], str, list[Member]]] = []
    unplaced: list[TeamRow] = []
    for team, own in _teams(members).items():
        scored = [Member(row.bib, scores[row.bib]) for row in own[: board.max_members] if row.bib in scores]
        scored.sort(key=lambda member: (member.score, bib_order(member.bib)))
        if len(scored) < board.counting:
            unplaced.append(TeamRow(None, team, None, scored))
            continue
        counting = scored[: board.counting]
        placed.append((_total(board, counting), _tie_key(board, counting), team, counting))
    placed.sort(key=lambda row: row[:3])
    return _with_places(placed) + sorted(unplaced, key=lambda row: row.team)


def _teams(members: Iterable[AthleteRow]) -> dict[str, list[AthleteRow]]:
    teams: dict[str, list[AthleteRow]] = {}
    for row in members:
        if row.entry is not None and row.entry.team:
            teams.setdefault(row.entry.team, []).append(row)
    return teams


def _scores(board: TeamBoard, members: list[AthleteRow], rows: list[BoardRow]) -> dict[str, int]:
    """Return the score of each athlete of the board; athletes without one are left out."""
    if board.score != "sum_places":
        return {row.bib: row.time_s for row in rows}
    scores = {row.bib: row.place for row in rows}
    if board.non_finisher == "n_plus_1":
        competed = sum(row.status not in ("NOT_STARTED", "DNS") for row in members)
        scores.update((row.bib, competed + 1) for row in members if row.status in ("DNF", "OTL"))
    return scores


def _total(board: TeamBoard, counting: list[Member]) -> int:
    if board.score == "last_time":
        return counting[-1].score
    return sum(member.score for member in counting)


def _tie_key(board: TeamBoard, counting: list[Member]) -> tuple[int, ...]:
    """Return the key between equal scores: the places of the counting athletes, the last one first."""
    return tuple(member.score for member in reversed(counting)) if board.score == "sum_places" else ()


def _with_places(placed: list[tuple[int, tuple[int, ...], str, list[Member]]]) -> list[TeamRow]:
    rows: list[TeamRow] = []
    for index, (score, tie, team, members) in enumerate(placed):
        same = index > 0 and placed[index - 1][:2] == (score, tie)
        rows.append(TeamRow(rows[-1].place if same else index + 1, team, score, members))
    return rows


def crowded_teams(board: TeamBoard, members: Iterable[AthleteRow]) -> list[str]:
    """Return the teams with more members than may count, by name. Source: R4.6."""
    return sorted(team for team, own in _teams(members).items() if len(own) > board.max_members)


def team_cases(definition: Definition, board: TeamBoard, crowded: Iterable[str], decided: Iterable[str]) -> list[Case]:
    """Return a case for each team with more members than may count; deciding it only closes it. Source: R4.6."""
    race = next(individual.race for individual in definition.boards if individual.id == board.of)
    closed = set(decided)
    names = [f"team:{board.id}:{team}" for team in crowded]
    return [Case(name, race, open=case_name(name) not in closed) for name in names]
