"""Boards: the athletes on one, their order and their places. Source: R4.1 to R4.3."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from schemas.definition import Board, Definition
from schemas.ids import bib_order
from schemas.results import AthleteRow, JudgesOrder, printed_s


class BoardRow(Struct, frozen=True):
    """A line of a board. `time_s` is the printed time in whole seconds; the others are exact, in microseconds."""

    place: int
    bib: str
    time_s: int
    gun_us: int
    chip_us: int


class _Ranked(NamedTuple):
    """An athlete in the order of a root board: the rank (equal for athletes who tie) and the printed time."""

    rank: int
    athlete: AthleteRow
    time_s: int


def passes(definition: Definition, board: Board) -> Callable[[AthleteRow], bool]:
    """Return a check whether an entry is ranked and passes the filters of a board and of all boards around it."""
    chain = boards_around(definition, board)

    def check(row: AthleteRow) -> bool:
        entry = row.entry
        if row.gone or entry is None or not entry.ranked or row.race != board.race:
            return False
        return all(passes_filters(chained_board, row) for chained_board in chain)

    return check


def boards_around(definition: Definition, board: Board) -> list[Board]:
    """Return a board and those around it, the outermost last."""
    boards = {board.id: board for board in definition.boards}
    chain = [board]
    while chain[-1].within is not None:
        chain.append(boards[chain[-1].within])
    return chain


def root_of(definition: Definition, board: Board) -> Board:
    """Return the outermost board around one, whose order it has; itself when it is within no other."""
    return boards_around(definition, board)[-1]


def passes_filters(board: Board, row: AthleteRow) -> bool:
    """Return whether an athlete's entry passes a board's own filters."""
    entry = row.entry
    if entry is None:
        return False
    if board.gender is not None and entry.gender != board.gender:
        return False
    if board.born_from is not None and (entry.birth_year is None or entry.birth_year < board.born_from):
        return False
    if board.born_to is not None and (entry.birth_year is None or entry.birth_year > board.born_to):
        return False
    if board.nationality is not None and entry.nationality != board.nationality.upper():
        return False
    return (
        (board.division is None or entry.division == board.division)
        and (board.club is None or entry.club == board.club)
        and (board.wave is None or entry.wave == board.wave)
    )


def filtered_by(row: AthleteRow) -> tuple[object, ...]:
    """Return all of an athlete that `passes` looks at: those with equal values are on the same boards."""
    entry = row.entry
    if row.gone or entry is None or not entry.ranked:
        return (row.race,)
    return row.race, entry.gender, entry.birth_year, entry.nationality, entry.division, entry.club, entry.wave


def orders_of(orders: Iterable[JudgesOrder], race: str) -> list[JudgesOrder]:
    """Return the judges' orders of a race, in log order."""
    return [order for order in orders if order.race == race]


def board(
    definition: Definition, board_id: str, athletes: Iterable[AthleteRow], orders: list[JudgesOrder]
) -> list[BoardRow]:
    """Return the rows of a board, best first; `orders` are the judges' orders of its race, in log order.

    A board within another has the order of the other board: athletes who tie there tie here.
    """
    defined_board = next(board for board in definition.boards if board.id == board_id)
    root = root_of(definition, defined_board)
    on_root, on_board = passes(definition, root), passes(definition, defined_board)
    finishers = [row for row in athletes if row.status == "FINISHED" and on_root(row)]
    ranked = [place for place in _rank(root, finishers, orders, definition) if on_board(place.athlete)]
    rows = []
    for before, same in _ties(ranked):
        for athlete, time_s in sorted(((tied.athlete, tied.time_s) for tied in same), key=_by_bib):
            gun_us, chip_us = finish_times(athlete)
            rows.append(BoardRow(before + 1, athlete.bib, time_s, gun_us, chip_us))
    return rows


def _by_bib(timed: tuple[AthleteRow, int]) -> tuple[int, str]:
    return bib_order(timed[0].bib)


def _ties(ranked: list[_Ranked]) -> Iterator[tuple[int, list[_Ranked]]]:
    """Yield the athletes of each rank together, with the number of those before them."""
    before = 0
    for _, group in groupby(ranked, key=lambda ranked_athlete: ranked_athlete.rank):
        same = list(group)
        yield before, same
        before += len(same)


def _rank(
    root: Board, finishers: list[AthleteRow], orders: list[JudgesOrder], definition: Definition
) -> Iterator[_Ranked]:
    """Yield finishers in the order of a board that is within no other."""
    kind = root.ranked_by()
    if kind == "gun_then_chip":
        leaders, rest = _split(finishers, root.gun_places)
        first = list(_in_order(leaders, _gun_us, orders, lambda row: printed_s(_gun_us(row)), 0))
        yield from first
        yield from _in_order(rest, _chip_us, orders, lambda row: printed_s(_chip_us(row)), len(leaders))
        return
    race = next(race for race in definition.races if race.id == root.race)
    official = _gun_us if race.official_time == "gun" else _chip_us
    by = _gun_us if kind == "gun" else _chip_us
    yield from _in_order(finishers, by, orders, lambda row: printed_s(official(row)), 0)


def _split(finishers: list[AthleteRow], gun_places: int) -> tuple[list[AthleteRow], list[AthleteRow]]:
    """Return the leaders by gun time, with all who tie with the last of them, and the rest. Source: R4.2."""
    if gun_places == 0:
        return [], finishers
    by_gun = sorted(finishers, key=_gun_us)
    if len(by_gun) <= gun_places:
        return by_gun, []
    last_us = _gun_us(by_gun[gun_places - 1])
    return [row for row in by_gun if _gun_us(row) <= last_us], [row for row in by_gun if _gun_us(row) > last_us]


def _in_order(
    rows: list[AthleteRow],
    by: Callable[[AthleteRow], int],
    orders: list[JudgesOrder],
    printed: Callable[[AthleteRow], int],
    before: int,
) -> Iterator[_Ranked]:
    """Yield rows by exact time. Those who tie share a rank, unless the judges' order names all of them."""
    rank = before
    for _, group in groupby(sorted(rows, key=by), key=by):
        same = list(group)
        order = order_for((row.bib for row in same), orders) if len(same) > 1 and orders else None
        if order is not None:
            same.sort(key=lambda row: order[row.bib])
        for index, row in enumerate(same):
            yield _Ranked(rank + index if order is not None else rank, row, printed(row))
        rank += len(same)


def order_for(same: Iterable[str], orders: list[JudgesOrder]) -> dict[str, int] | None:
    """Return the latest order that names all bibs that tie, as the place of each in it. Source: R1, `order_set`."""
    tied = set(same)
    for order in reversed(orders):
        places = {bib: index for index, bib in reversed(list(enumerate(order.bibs)))}
        if tied <= places.keys():
            return places
    return None


def finish_times(row: AthleteRow) -> tuple[int, int]:
    """Return the gun time and the chip time of a finisher, exact in microseconds."""
    return _gun_us(row), _chip_us(row)


def _gun_us(row: AthleteRow) -> int:
    if row.gun_us is None:
        raise AssertionError(f"finisher {row.bib} has no gun time")
    return row.gun_us


def _chip_us(row: AthleteRow) -> int:
    if row.chip_us is None:
        raise AssertionError(f"finisher {row.bib} has no chip time")
    return row.chip_us


def team_members(definition: Definition, board_id: str, athletes: Iterable[AthleteRow]) -> list[AthleteRow]:
    """Return all ranked athletes who pass a board's filters, with any status, in the order of their first entries."""
    defined_board = next(board for board in definition.boards if board.id == board_id)
    return sorted(filter(passes(definition, defined_board), athletes), key=lambda row: row.first_entry)
