"""The difference between two standings of an event, in the form of the standings document. Source: R5."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from schemas.ids import bib_order
from schemas.results import AthleteRow, Case, EventRow
from services.preview.copied_state import copied
from services.standings.incremental import EventStandings
from services.standings.plain_rows import (
    Plain,
    plain_athlete,
    plain_boards,
    plain_case,
    plain_delegations,
    plain_teams,
)
from services.standings.teams import team_cases


def difference(before: EventStandings, rows: Iterable[AthleteRow], event: EventRow) -> dict[str, Any]:
    """Return what the standings document would differ in with these rows and this event's row, which are newer.

    `before` is left as it is. `athletes`, `boards`, `team_boards`, `delegations` and `cases` list what differs, each
    with `before` and `after`, null where there is none; `counts` are athletes by race and status.
    """
    newer = list(rows)
    after = copied(before)
    changed = set(after.apply(newer, event).boards())
    bibs = [row.bib for row in newer]
    tables = changed | (before.cells.keys() ^ after.cells.keys())
    teams_before, teams_after = _teams(before), _teams(after)
    return {
        "athletes": _athletes(before, after, bibs),
        "boards": {
            name: lines
            for name in _in_order(before.cells, after.cells)
            if name in tables
            and (lines := _lines("bib", _board(before, name), _board(after, name), lambda line: bib_order(line["bib"])))
        },
        "team_boards": _tables(teams_before, teams_after),
        "delegations": _tables(plain_delegations(before.delegations), plain_delegations(after.delegations)),
        "cases": _lines("case", _cases(before, bibs), _cases(after, bibs), lambda case: case["case"]),
        "counts": _counts(before, after, bibs),
    }


def _athletes(before: EventStandings, after: EventStandings, bibs: Iterable[str]) -> list[Plain]:
    """Return the athletes who differ, by race in the order of the definition, then by bib."""
    races: dict[str, int] = {}
    for definition in (after.definition, before.definition):
        for race in () if definition is None else definition.races:
            races.setdefault(race.id, len(races))
    return _lines(
        "bib",
        [plain_athlete(row) for bib in bibs if (row := _present(before, bib)) is not None],
        [plain_athlete(row) for bib in bibs if (row := _present(after, bib)) is not None],
        lambda row: (races.get(row["race"], len(races)), bib_order(row["bib"])),
    )


def _present(standings: EventStandings, bib: str) -> AthleteRow | None:
    row = standings.rows.get(bib)
    return None if row is None or row.gone else row


def _lines(
    key: str, before: Iterable[Plain], after: Iterable[Plain], order: Callable[[Plain], Any]
) -> list[dict[str, Any]]:
    """Return the lines that differ, each found by `key`, in the order of the newer line, else of the older."""
    old = {line[key]: line for line in before}
    new = {line[key]: line for line in after}
    differing = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    differing.sort(key=lambda name: order(new[name] if name in new else old[name]))
    return [{key: name, "before": old.get(name), "after": new.get(name)} for name in differing]


def _in_order(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*after, *before]))


def _board(standings: EventStandings, name: str) -> list[Plain]:
    return plain_boards({name: standings.board(name)})[name] if name in standings.cells else []


def _teams(standings: EventStandings) -> dict[str, list[Plain]]:
    return plain_teams({name: change.rows for name, change in standings.teams.items()})


def _tables(before: Mapping[str, list[Plain]], after: Mapping[str, list[Plain]]) -> dict[str, list[dict[str, Any]]]:
    tables = {
        name: _lines("team", before.get(name, ()), after.get(name, ()), _team_order)
        for name in _in_order(before, after)
    }
    return {name: lines for name, lines in tables.items() if lines}


def _team_order(line: Plain) -> tuple[bool, int, str]:
    return line["place"] is None, line["place"] or 0, line["team"]


def _cases(standings: EventStandings, bibs: Iterable[str]) -> list[Plain]:
    """Return the cases of these athletes, those of all pairs of athletes, and those of all teams."""
    cases: list[Case] = [*standings.together.values()]
    for bib in bibs:
        row = _present(standings, bib)
        cases += [] if row is None else row.cases
    definition, event = standings.definition, standings.event
    if definition is not None and event is not None:
        for team in definition.team_boards:
            if team.id in standings.teams:
                cases += team_cases(definition, team, standings.teams[team.id].crowded, event.decided)
    return list(map(plain_case, cases))


def _counts(before: EventStandings, after: EventStandings, bibs: Iterable[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Return how many athletes there are by race and status, before and after, where that differs."""
    shifts: dict[tuple[str, str], int] = {}
    for bib in bibs:
        for standings, step in ((before, -1), (after, 1)):
            row = _present(standings, bib)
            if row is not None:
                shifts[row.race, row.status] = shifts.get((row.race, row.status), 0) + step
    totals: dict[tuple[str, str], int] = {}
    for row in before.rows.values():
        if not row.gone:
            totals[row.race, row.status] = totals.get((row.race, row.status), 0) + 1
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for (race, status), shift in sorted(shifts.items()):
        if shift:
            total = totals.get((race, status), 0)
            counts.setdefault(race, {})[status] = {"before": total, "after": total + shift}
    return counts
