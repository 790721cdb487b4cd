"""Explain an athlete's place on a board, or why there is none: filters, the time that ranks, ties. Source: R4."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from schemas.definition import Board, Definition
from schemas.results import AthleteRow, JudgesOrder
from services.standings.boards import boards_around, order_for, passes_filters

FILTERS = ("gender", "division", "born_from", "born_to", "nationality", "club", "wave")
TIED_SHOWN = 100  # of those who share a time: a whole field may, by a fault of the gun


class Line(Protocol):
    """A line of a board, as a board's rows and live's orders have it; times exact, in microseconds."""

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
    """A board of the athlete's race. `place` is null without one, and `says` why; `total` counts those with a place.

    `part`: which time gave the place. `tied`: bibs with the same time (TIED_SHOWN at most), `judges_order` null unless
    it parts them. `rules` are paths in the definition with their values.
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
    """Return an athlete's place on a board, with why.

    `rows` are the board's, `root_rows` those of the outermost board around it (the same when there is none), `orders`
    the judges' orders of the race.
    """
    at = {board.id: number for number, board in enumerate(definition.boards)}
    of = definition.boards[at[board_id]]
    around = boards_around(definition, of)
    out = {
        f"boards[{at[one.id]}].{name}": str(getattr(one, name))
        for one in around
        for name in _filters_not_passed(one, athlete)
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
    if root is not of:
        says += f"; in the order of board {root.id}, with places counted anew"
    path = f"boards[{at[root.id]}]"
    rules: dict[str, str] = {f"{path}.rank_by": root.ranked_by()}
    if root.ranked_by() == "gun_then_chip":
        rules[f"{path}.gun_places"] = str(root.gun_places)
    if root is not of:
        rules[f"boards[{at[board_id]}].within"] = str(of.within)
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


def _filters_not_passed(of: Board, athlete: AthleteRow) -> Iterator[str]:
    """Yield the filters of a board that the athlete does not pass, each tried by itself."""
    for name in FILTERS:
        value = getattr(of, name)
        if value is not None:
            alone = msgspec.structs.replace(Board(id=of.id, race=of.race), **{name: value})
            if not passes_filters(alone, athlete):
                yield name


def _says_out(athlete: AthleteRow, out: dict[str, str]) -> str:
    if athlete.entry is not None and not athlete.entry.ranked:
        return "the entry is not ranked"
    if out:
        filters = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in out.items())
        return f"the board is for {filters}, which the entry is not"
    return f"only athletes who are FINISHED have a place; the status is {athlete.status}"


def _count(others: int) -> str:
    return "1 other" if others == 1 else f"{others} others"


class _Root:
    """The outermost board, and which of its athletes lead by gun time. Source: R4.2."""

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
        """Return why it is that time."""
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
