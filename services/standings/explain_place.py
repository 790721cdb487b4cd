"""Explain an athlete's place on a board, or why there is none: filters, the time that ranks, ties. Source: R4."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from schemas.definition import Board, Definition
from schemas.results import AthleteRow, JudgesOrder
from services.standings.boards import boards_around, order_for, passes_filters

FILTERS = ("gender", "division", "born_from", "born_to", "nationality", "club", "wave")
TIED_SHOWN = 100  # of the athletes who share a time: a wrong gun may make a whole field share one


class Line(Protocol):
    """A line of a board, of a log or of live; times are exact, in microseconds."""

    @property
    def place(self) -> int: ...
    @property
    def bib(self) -> str: ...
    @property
    def time_s(self) -> int: ...
    @property
    def gun_us(self) -> int: ...
    @property
    def chip_us(self) -> int: ...


class PlaceWhy(Struct, frozen=True, kw_only=True):
    """An athlete's place on a board of their race, and why.

    `place` is null without one; `says` gives the reason. `total` counts the athletes with a place. `part`: the time
    that gave the place. `tied`: bibs with the same time (at most TIED_SHOWN), `judges_order` null unless it separates
    them. `rules` are paths in the definition with their values.
    """

    board: str
    place: int | None
    total: int
    time_s: int | None
    part: str | None
    tied: list[str]
    judges_order: list[str] | None
    rules: dict[str, str]
    says: str


def place_why(
    definition: Definition,
    board_id: str,
    athlete: AthleteRow,
    rows: Sequence[Line],
    root_rows: Sequence[Line],
    orders: list[JudgesOrder],
) -> PlaceWhy:
    """Return an athlete's place on a board, with the reason.

    `rows` are the board's, `root_rows` those of the outermost board around it (the same when there is none), `orders`
    the judges' orders of the race.
    """
    index = {board.id: number for number, board in enumerate(definition.boards)}
    board = definition.boards[index[board_id]]
    around = boards_around(definition, board)
    out = {
        f"boards[{index[filtering.id]}].{name}": str(getattr(filtering, name))
        for filtering in around
        for name in _filters_not_passed(filtering, athlete)
    }
    own = next((row for row in rows if row.bib == athlete.bib), None)
    if own is None:
        return PlaceWhy(
            board=board_id,
            place=None,
            total=len(rows),
            time_s=None,
            part=None,
            tied=[],
            judges_order=None,
            rules=out,
            says=_says_out(athlete, out),
        )
    root = around[-1]
    ranking = _Root(root, root_rows)
    says = ranking.says(own)
    same = ranking.same(own)
    order = order_for(same, orders) if len(same) > 1 else None
    tied = [bib for bib in same if bib != athlete.bib]
    if tied:
        says += "; " + (
            "judges ordered the athletes who tie" if order is not None else f"ties with {_count(len(tied))}"
        )
    if root is not board:
        says += f"; the order is that of board {root.id}, the places are the board's own"
    path = f"boards[{index[root.id]}]"
    rules: dict[str, str] = {f"{path}.rank_by": root.ranked_by()}
    if root.ranked_by() == "gun_then_chip":
        rules[f"{path}.gun_places"] = str(root.gun_places)
    if root is not board:
        rules[f"boards[{index[board_id]}].within"] = str(board.within)
    return PlaceWhy(
        board=board_id,
        place=own.place,
        total=len(rows),
        time_s=own.time_s,
        part=ranking.part(own),
        tied=tied[:TIED_SHOWN],
        judges_order=None if order is None else sorted(same, key=order.__getitem__)[:TIED_SHOWN],
        rules=rules,
        says=says,
    )


def _filters_not_passed(board: Board, athlete: AthleteRow) -> Iterator[str]:
    """Yield the filters of a board that the athlete does not pass, each tried by itself."""
    for name in FILTERS:
        value = getattr(board, name)
        if value is not None:
            alone = msgspec.structs.replace(Board(id=board.id, race=board.race), **{name: value})
            if not passes_filters(alone, athlete):
                yield name


def _says_out(athlete: AthleteRow, out: dict[str, str]) -> str:
    if athlete.entry is not None and not athlete.entry.ranked:
        return "the entry is not ranked"
    if out:
        filters = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in out.items())
        return f"the board is only for entries with {filters}"
    return f"only athletes with the status FINISHED have a place; this one's is {athlete.status}"


def _count(others: int) -> str:
    return "1 other" if others == 1 else f"{others} others"


class _Root:
    """The outermost board, and its leaders by gun time. Source: R4.2."""

    def __init__(self, board: Board, rows: Sequence[Line]) -> None:
        self.board = board
        self.rows = rows
        places = board.gun_places
        all_lead = len(rows) <= places
        self._limit_us = None if all_lead or places == 0 else sorted(row.gun_us for row in rows)[places - 1]

    def part(self, row: Line) -> str:
        """Return which time ranks an athlete: `gun` or `chip`."""
        kind = self.board.ranked_by()
        if kind != "gun_then_chip":
            return kind
        leads = self.board.gun_places > 0 and (self._limit_us is None or row.gun_us <= self._limit_us)
        return "gun" if leads else "chip"

    def says(self, row: Line) -> str:
        """Return in words why that time ranks an athlete."""
        part = self.part(row)
        if self.board.ranked_by() != "gun_then_chip":
            return f"ranked by {part} time"
        where = "among" if part == "gun" else "after"
        return f"{where} the first {self.board.gun_places} by gun time, so ranked by {part} time"

    def same(self, own: Line) -> list[str]:
        """Return the bibs with the same ranking time in the same part of the board, the athlete's own among them."""
        part = self.part(own)
        by_gun = part == "gun"
        time_us = own.gun_us if by_gun else own.chip_us
        alike = (row for row in self.rows if (row.gun_us if by_gun else row.chip_us) == time_us)
        return [row.bib for row in alike if self.part(row) == part]
