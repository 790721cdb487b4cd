"""Results as tables: one for each board, team board and delegation, and one for those who did not finish. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from schemas.definition import Board, Race, TeamBoard
from schemas.results import AthleteRow, printed_s
from services.offline.export.publications import PublishingLog, results_of
from services.offline.export.result_tables import PERSON, Cell, Duration, Table, flags_cell, person, table
from services.standings import Standings
from services.standings.age_grade import finisher_grade
from services.standings.boards import BoardRow
from services.standings.document import Scored
from services.standings.event_index import EventIndex, age_group, event_index, in_asked_language, title
from services.standings.publication import (
    Difference,
    PublicationKey,
    Published,
    delegation_standing,
    difference,
    publication_key,
    race_document,
    standing,
)

CHANGED = "changed_since_official"
UNFINISHED = "_not-finished"  # no id of a board begins with `_`

StateOf = Callable[[str], str]
"""A function that returns the state of a row's results, by its bib or team."""


class States:
    """The states of rows, as the live API has them: a row that differs from the official results says so."""

    def __init__(self, log: PublishingLog, made: Scored) -> None:
        self._log = log
        self._made = made
        self._published = log.in_force(made)
        self._differences: dict[PublicationKey, Difference] = {}

    def board(self, race: str, board: str) -> StateOf:
        """Return the states on a board or team board."""
        current = standing(self._published, race, board)
        return self._of(current.state, current.held, board)

    def delegation(self, delegation: str) -> StateOf:
        """Return the states on a delegation."""
        current = delegation_standing(self._published, delegation)
        return (lambda _: "live") if current is None else self._of(current.state, current.held, delegation)

    def _of(self, state: str, held: Published | None, board: str) -> StateOf:
        if held is None or held.state != "official":
            return lambda _: state
        since = self._difference(held)
        rows = [*since.boards.get(board, ()), *since.team_boards.get(board, ()), *since.delegations.get(board, ())]
        changed = frozenset(row.get("bib", row.get("team")) for row in rows)
        return lambda key: CHANGED if key in changed else state

    def _difference(self, held: Published) -> Difference:
        key = publication_key(held)
        if key not in self._differences:
            now = race_document(results_of(self._made, held.race))
            self._differences[key] = difference(self._log.kept[key].document, now, held.boards)
        return self._differences[key]


class _Field(NamedTuple):
    """The data for all tables."""

    view: EventIndex
    standings: Standings
    athletes: dict[str, AthleteRow]


def results_tables(log: PublishingLog, made: Scored, language: str | None = None) -> list[Table]:
    """Return boards in the order of the definition, team boards, delegations, and those who did not finish."""
    view = None if made.event is None else event_index(made.event)
    if view is None:
        return []
    view = in_asked_language(view, language)
    states = States(log, made)
    athletes = made.with_all_cases()
    field = _Field(view, made.standings, {row.bib: row for row in athletes})
    tables = [_board(field, board, states.board(board.race, board.id)) for board in view.boards.values()]
    for team in view.team_boards.values():
        state = states.board(view.boards[team.of].race, team.id)
        tables.append(table(team.id, title(team, view.language), _TEAM, _team_rows(field, team, state)))
    for delegation in view.delegations.values():
        state = states.delegation(delegation.id)
        standings = made.standings.delegations[delegation.id]
        rows: list[list[Cell]] = [[row.place, row.team, row.score, state(row.team)] for row in standings]
        tables.append(
            table(delegation.id, title(delegation, view.language), ["place", "team", "score", "result_state"], rows)
        )
    return [*tables, table(UNFINISHED, "Not finished", _UNFINISHED, _unfinished(athletes))]


# --- Boards.


def _board(field: _Field, board: Board, state: StateOf) -> Table:
    race = field.view.races[board.race]
    points = [point.id for point in race.points[1:-1]]
    times = ["time", "gun_time", "chip_time", "age_grade", *points]
    columns = ["place", *PERSON, "age_group", *times, "result_state", "flags"]
    rows = (_board_row(field, race, row, points, state) for row in field.standings.boards[board.id])
    return table(board.id, title(board, field.view.language), columns, rows)


def _board_row(field: _Field, race: Race, row: BoardRow, points: Sequence[str], state: StateOf) -> list[Cell]:
    athlete = field.athletes[row.bib]
    splits = _splits(race, athlete)
    return [
        row.place,
        *person(athlete),
        age_group(field.view, athlete),
        Duration(row.time_s),
        Duration(printed_s(row.gun_us)),
        Duration(printed_s(row.chip_us)),
        None if athlete.hidden else finisher_grade(field.view.definition, race, athlete, row.time_s),
        *(splits.get(point) for point in points),
        state(row.bib),
        flags_cell(athlete),
    ]


def _splits(race: Race, row: AthleteRow) -> dict[str, Duration]:
    """Return the times at points since the gun, or since the athlete's start where chip time is official."""
    start_us = row.gun_at_us
    if race.official_time == "chip":
        taken = row.points[0] if row.points else None
        start_us = taken.at_us if taken is not None and taken.point == "START" else row.own_gun_us
    if start_us is None:
        return {}
    return {taken.point: Duration(printed_s(taken.at_us - start_us)) for taken in row.points}


# --- Teams.

_TEAM = ["place", "team", "score", "members", "result_state"]


def _team_rows(field: _Field, team: TeamBoard, state: StateOf) -> Iterator[list[Cell]]:
    timed = team.score != "sum_places"
    for row in field.standings.team_boards[team.id]:
        members = "; ".join(f"{member.bib} {person(field.athletes[member.bib])[1]}" for member in row.members)
        score = Duration(row.score) if timed and row.score is not None else row.score
        yield [row.place, row.team, score, members, state(row.team)]


# --- The others.

_UNFINISHED = ["race", *PERSON, "status", "last_point", "why", "flags"]
_WHY = {"DQ": "disqualified", "DNS": "did not start", "DNF": "did not finish"}


def _unfinished(athletes: Sequence[AthleteRow]) -> Iterator[list[Cell]]:
    for row in athletes:
        if row.status == "FINISHED":
            continue
        why = (
            f"over the time limit at {row.cut_at}"
            if row.cut_at
            else ", ".join(f"missed {point}" for point in row.missed)
        )
        last = row.points[-1].point if row.points else None
        yield [row.race, *person(row), row.status, last, why or _WHY.get(row.status), flags_cell(row)]
