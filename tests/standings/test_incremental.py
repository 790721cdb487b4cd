"""Incremental standings equal standings calculated from all rows."""

import random
from itertools import count

import msgspec
import pytest

from schemas.definition import Definition
from schemas.definition_parse import parse_definition
from schemas.events import Entry
from schemas.results import AthleteRow, EventRow, JudgesOrder
from services.standings import standings
from services.standings.incremental import Cell, EventStandings, rank_key

US = 1_000_000


def _definition(rank_by: str, gun_places: int, official: str) -> dict[str, object]:
    return {
        "event": "e",
        "name": "E",
        "date": "2026-01-04",
        "timezone": "Asia/Ho_Chi_Minh",
        "mats": [{"id": "s", "devices": ["S"]}, {"id": "f", "devices": ["F"]}],
        "races": [
            {
                "id": race,
                "name": race,
                "start": "2026-01-04T05:00:00",
                "official_time": official,
                "points": [{"id": "START", "mat": "s", "km": 0}, {"id": "FINISH", "mat": "f", "km": 10}],
            }
            for race in ("a", "b")
        ],
        "boards": [
            {"id": "a-men", "race": "a", "gender": "M", "rank_by": rank_by, "gun_places": gun_places},
            {"id": "a-old", "race": "a", "within": "a-men", "born_to": 1990},
            {"id": "a-old-ha-noi", "race": "a", "within": "a-old", "club": "Ha Noi"},
            {"id": "a-all", "race": "a", "rank_by": "chip"},
            {"id": "b-all", "race": "b", "rank_by": rank_by, "gun_places": gun_places},
        ],
        "team_boards": [
            {"id": "t-men", "of": "a-men", "counting": 2, "max_members": 2},
            {"id": "t-all", "of": "a-all", "score": "sum_times", "counting": 2, "max_members": 3},
        ],
        "delegations": [{"id": "d", "sum": ["t-men", "t-all"], "tie": "t-men"}],
    }


def _row(rng: random.Random, bib: str, version: int) -> AthleteRow:
    status = rng.choice(["FINISHED"] * 6 + ["DNF", "OTL", "DQ", "ON_COURSE", "NOT_STARTED"])
    finished = status == "FINISHED"
    entry = Entry(
        bib=bib,
        chips=[],
        race=rng.choice("aab"),
        gender=rng.choice(["M", "M", "F"]),
        given_name="G",
        family_name="F",
        birth_year=rng.choice([None, 1985, 1995]),
        club=rng.choice([None, "Ha Noi"]),
        team=rng.choice([None, "X", "Y", "Z"]),
        ranked=rng.random() < 0.9,
    )
    return AthleteRow(
        event="e",
        bib=bib,
        version=version,
        race=entry.race,
        status=status,  # type: ignore[arg-type]
        gun_us=rng.randrange(6) * US + 300 * US if finished else None,
        chip_us=rng.randrange(6) * US + 290 * US if finished else None,
        entry=entry,
        first_entry=int(bib),
        gone=rng.random() < 0.05,
    )


def _event(rng: random.Random, version: int, plain: dict[str, object] | None) -> EventRow:
    orders = [
        JudgesOrder(rng.choice("ab"), rng.sample([str(bib) for bib in range(12)], k=rng.randrange(2, 12)))
        for _ in range(rng.randrange(3))
    ]
    return EventRow(event="e", version=version, definition=plain, orders=orders)


def _check(running: EventStandings, definition: Definition, event: EventRow) -> None:
    made = standings(definition, running.rows.values(), event)
    assert {board.id: running.board(board.id) for board in definition.boards} == made.boards
    assert {name: change.rows for name, change in running.teams.items()} == made.team_boards
    assert running.delegations == made.delegations
    crowded = {f"team:{board}:{team}" for board, change in running.teams.items() for team in change.crowded}
    assert crowded == {case.case for case in made.cases}


@pytest.mark.parametrize("seed", range(60))
def test_incremental_standings_equal_those_of_all_rows(seed: int) -> None:
    rng = random.Random(seed)
    versions = count(1)
    plain = _definition(rng.choice(["gun", "chip", "gun_then_chip"]), rng.randrange(4), rng.choice(["gun", "chip"]))
    event = _event(rng, next(versions), plain)
    running = EventStandings()
    copy: dict[tuple[str, str], object] = {}
    running.apply([], event)
    for _ in range(25):
        rows = [_row(rng, str(rng.randrange(12)), next(versions)) for _ in range(rng.randrange(4))]
        changed_event = None
        if rng.random() < 0.2:
            if rng.random() < 0.5:
                plain = _definition(
                    rng.choice(["gun", "chip", "gun_then_chip"]), rng.randrange(4), rng.choice(["gun", "chip"])
                )
            changed_event = event = _event(rng, next(versions), plain)
        for change in running.apply(rows, changed_event).cells:
            copy.pop((change.board, change.bib), None)
            if change.cell is not None:
                copy[change.board, change.bib] = change.cell
        _check(running, parse_definition(plain), event)
        assert copy == {(board, bib): cell for board, cells in running.cells.items() for bib, cell in cells.items()}


def test_an_older_row_changes_nothing() -> None:
    rng = random.Random(1)
    running = EventStandings()
    running.apply([], EventRow(event="e", version=1, definition=_definition("gun", 3, "gun")))
    row = _row(rng, "7", 5)
    running.apply([row])
    older = msgspec.structs.replace(row, version=4, status="DQ", gun_us=None)
    assert running.apply([older]).cells == []
    assert running.rows["7"] == row


def test_boards_that_a_new_definition_does_not_have_lose_their_members() -> None:
    running = EventStandings()
    plain = _definition("gun", 3, "gun")
    rng = random.Random(2)
    running.apply(
        [_row(rng, str(bib), bib + 2) for bib in range(8)],
        EventRow(event="e", version=1, definition=plain),
    )
    members = len(running.cells["a-all"])
    boards = [board for board in plain["boards"] if board["id"] != "a-all"]  # type: ignore[attr-defined]
    fewer = {**plain, "boards": boards, "team_boards": [], "delegations": []}
    changes = running.apply([], EventRow(event="e", version=20, definition=fewer))
    assert members > 0
    assert sum(change.board == "a-all" and change.cell is None for change in changes.cells) == members
    assert (running.teams, running.delegations) == ({}, {})


def _finisher(bib: str, version: int, gun_s: int, **entry: object) -> AthleteRow:
    row = _row(random.Random(1), bib, version)
    changed_entry = msgspec.structs.replace(row.entry, race="a", gender="M", ranked=True, **entry)  # type: ignore[type-var]
    times = {"status": "FINISHED", "gun_us": gun_s * US, "chip_us": gun_s * US - US}
    return msgspec.structs.replace(row, race="a", gone=False, entry=changed_entry, **times)


def test_keys_fit_in_64_bits_and_leaders_sort_before_the_rest() -> None:
    longest, shortest = 2**53, -(2**53)
    assert 0 < rank_key(0, shortest, 0) < rank_key(0, longest, 1023) < rank_key(1, shortest, 0)
    assert rank_key(1, shortest, 0) < rank_key(1, 0, 0) < rank_key(1, 1, 0) < rank_key(1, 1, 1) < 2**64
    assert rank_key(1, longest, 1023) < 2**64


def test_the_keys_of_a_board_fit_in_64_bits_with_any_leader() -> None:
    running = EventStandings()
    rows = [_finisher(str(bib), bib + 1, 300 + bib) for bib in range(1, 6)]
    changes = running.apply(rows, EventRow(event="e", version=1, definition=_definition("gun_then_chip", 2, "gun")))
    keys = {change.bib: change.cell.rank_key for change in changes.cells if change.cell and change.board == "a-men"}
    assert [bib for bib, key in keys.items() if key < 2**63] == ["1", "2"]
    assert all(0 < key < 2**64 for key in keys.values())
    for kind in ("gun", "chip"):
        running.apply([], EventRow(event="e", version=9, definition=_definition(kind, 2, "gun")))
        assert all(cell.rank_key < 2**63 for cell in running.cells["a-men"].values())


def test_results_before_their_definition_appear_on_boards_once_it_arrives() -> None:
    running = EventStandings()
    assert running.apply([_finisher("7", 1, 300)]).cells == []
    assert running.apply([], EventRow(event="e", version=2, definition=None)).cells == []
    changes = running.apply([], EventRow(event="e", version=3, definition=_definition("gun", 3, "gun")))
    assert "a-men" in {change.board for change in changes.cells}
    assert running.board("a-men")[0].bib == "7"


def test_an_athlete_of_a_race_that_is_not_defined_is_on_no_board() -> None:
    running = EventStandings()
    row = msgspec.structs.replace(_finisher("7", 2, 300), race="nowhere")
    assert running.apply([row], EventRow(event="e", version=1, definition=_definition("gun", 3, "gun"))).cells == []


def test_an_unchanged_cell_is_not_reported_again() -> None:
    running = EventStandings()
    row = _finisher("7", 2, 300)
    plain = _definition("gun", 3, "gun")
    running.apply([row, _finisher("8", 3, 310)], EventRow(event="e", version=1, definition=plain))
    assert running.apply([msgspec.structs.replace(row, version=4)]).cells == []
    boards = [board for board in plain["boards"] if board["id"] != "a-all"]  # type: ignore[attr-defined]
    fewer = {**plain, "boards": boards, "team_boards": [], "delegations": []}
    changes = running.apply([], EventRow(event="e", version=5, definition=fewer))
    assert sorted(changes.cells) == [("a-all", "7", None), ("a-all", "8", None)]


def test_a_member_without_a_place_has_the_key_for_no_place() -> None:
    running = EventStandings()
    row = msgspec.structs.replace(_finisher("7", 2, 300), status="DNF")
    changes = running.apply([row], EventRow(event="e", version=1, definition=_definition("gun", 3, "gun")))
    assert {change.cell for change in changes.cells} == {Cell(0, 0, 0, 0)}
