"""Make rows of the tables from results: pure, so that the same results always make the same rows."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from schemas.definition import Definition
from schemas.names import search_text
from schemas.results import AthleteRow, Case, EventRow, PointTime, Publication, UnknownChips
from services.standings.incremental import Changes
from services.standings.plain_rows import plain_delegations
from services.standings.publication import RaceResults, judged

Row = tuple[object, ...]
_json = msgspec.json.Encoder()


class TableRows(Struct, frozen=True):
    """Rows by table, in the order of each table's columns (`tables.TABLES`)."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, rows: Iterable[Row]) -> None:
        """Add rows to a table."""
        added = list(rows)
        if added:
            self.tables.setdefault(table, []).extend(added)

    def count(self) -> int:
        """Return the number of all rows."""
        return sum(map(len, self.tables.values()))


def athlete_row(row: AthleteRow) -> Row:
    """Return a version of an athlete's result, for `athlete_versions`."""
    return (
        row.event,
        row.bib,
        row.version,
        row.race,
        row.status,
        int(row.gone),
        row.gun_us,
        row.chip_us,
        row.time_s,
        sum(case.open for case in row.cases),
        search_text(row),
        _json.encode(row).decode(),
    )


def event_row(row: EventRow) -> Row:
    """Return a version of the event-wide state, for `event_versions`."""
    return row.event, row.version, _json.encode(row).decode()


def unknown_chips_row(chips: UnknownChips) -> Row:
    """Return the list of chips that nobody wears, for `unknown_chips`."""
    return chips.event, chips.version, len(chips.chips), chips.left_out, _json.encode(chips.chips).decode()


class _Split(Struct, frozen=True):
    race: str
    point: str
    at_us: int
    gun_us: int
    chip_us: int
    source: str


def _splits(row: AthleteRow | None) -> dict[tuple[str, str], _Split]:
    """Return splits by race and point: times since the gun, and since the start passing or the gun that replaces it."""
    if row is None or row.gone or row.gun_at_us is None or row.own_gun_us is None:
        return {}
    start_us = _start_us(row.points, row.own_gun_us)
    return {
        (row.race, taken.point): _Split(
            row.race, taken.point, taken.at_us, taken.at_us - row.gun_at_us, taken.at_us - start_us, taken.source
        )
        for taken in row.points
    }


def _start_us(points: list[PointTime], own_gun_us: int) -> int:
    return points[0].at_us if points and points[0].point == "START" else own_gun_us


def split_changes(before: AthleteRow | None, now: AthleteRow) -> Iterator[Row]:
    """Yield the splits that a new result adds, changes or takes back, for `splits`."""
    old, new = _splits(before), _splits(now)
    for key, split in new.items():
        if old.get(key) != split:
            yield _split_row(now, split, 1)
    for key, split in old.items():
        if key not in new:
            yield _split_row(now, split, 0)


def _split_row(now: AthleteRow, split: _Split, there: int) -> Row:
    times = (split.at_us, split.gun_us, split.chip_us) if there else (0, 0, 0)
    return now.event, split.race, split.point, now.bib, now.version, there, *times, split.source


def standings_rows(event: str, revision: int, changes: Changes) -> TableRows:
    """Return the changes of a revision on boards, teams and delegations, and the cases of pairs of athletes."""
    rows = TableRows()
    rows.add(
        "board_rows",
        (
            (event, change.board, change.bib, revision, 0, 0, 0, 0, 0)
            if change.cell is None
            else (event, change.board, change.bib, revision, 1, *change.cell)
            for change in changes.cells
        ),
    )
    rows.add(
        "team_standings",
        (
            (
                event,
                board,
                revision,
                [team.place for team in change.rows],
                [team.team for team in change.rows],
                [team.score for team in change.rows],
                [_json.encode(team.members).decode() for team in change.rows],
                change.crowded,
            )
            for board, change in changes.teams.items()
        ),
    )
    rows.add(
        "together_cases",
        (
            (event, *pair, revision, 0, "", "", 0)
            if case is None
            else (event, *pair, revision, 1, case.race, case.other_race, int(case.open))
            for pair, case in changes.together.items()
        ),
    )
    rows.add(
        "delegation_standings",
        (
            (event, board, revision, [row.place for row in own], [row.team for row in own], [row.score for row in own])
            for board, own in changes.delegations.items()
        ),
    )
    return rows


class Publishing(Struct, frozen=True):
    """A new publication, with everything that decides its effect and its contents, as it was at its revision."""

    definition: Definition
    event: EventRow
    publication: Publication
    cases: list[Case]
    results: RaceResults
    revision: int


def published_rows(publishing: Iterable[Publishing]) -> TableRows:
    """Return the rows of publications. A field of 55,000 takes seconds, too long for an event loop."""
    rows = TableRows()
    documents: dict[tuple[str, str, int], Row] = {}
    for new in publishing:
        kept, document = judged(new.definition, new.event, new.publication, new.cases, new.results, new.revision)
        name = new.event.event
        documents[name, kept.race, kept.revision] = (
            name,
            kept.race,
            kept.revision,
            document.decode(),
            _json.encode(plain_delegations(new.results.delegations)).decode(),
        )
        boards, void = _json.encode(kept.boards).decode(), _json.encode(kept.void).decode()
        row = (name, kept.offset, kept.race, kept.state, boards, kept.revision, kept.recorded_at_us, kept.sha256, void)
        rows.add("published", [row])
    rows.add("published_documents", documents.values())
    return rows
