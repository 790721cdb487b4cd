"""Who is where: places from what a board or a point holds. Pure. Source: R4.1."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from schemas.definition import Board
from schemas.results import printed_s
from services.live.store import Cell, Split

_CHIP_BIT = 63  # a rank key's highest: behind the leaders by gun, so by chip time

T = TypeVar("T")


class Placed(NamedTuple):
    """A line of an order; `tied`: others share its place. Times since gun and start, exact in microseconds; `ranked_us`
    is the one that gave the place, `shown_us` the one that is printed, `time_s` that in whole seconds.
    """

    place: int
    tied: bool
    bib: str
    gun_us: int
    chip_us: int
    ranked_us: int
    shown_us: int
    time_s: int


def board_order(board: Board, official_time: str, cells: Mapping[str, Cell]) -> list[Placed]:
    """The athletes with a place, best first; who shares one by bib, shorter first, then by text."""
    kind = board.ranked_by()
    lines = []
    for place, tied, bib, cell in _places((cell.rank_key, bib, cell) for bib, cell in cells.items() if cell.rank_key):
        by_chip = kind == "chip" or (kind == "gun_then_chip" and cell.rank_key >> _CHIP_BIT == 1)
        chip_shown = by_chip if kind == "gun_then_chip" else official_time == "chip"
        ranked_us = cell.chip_us if by_chip else cell.gun_us
        shown_us = cell.chip_us if chip_shown else cell.gun_us
        lines.append(Placed(place, tied, bib, cell.gun_us, cell.chip_us, ranked_us, shown_us, cell.time_s))
    return lines


def point_order(board: Board, members: Iterable[str], splits: Mapping[str, Split]) -> list[Placed]:
    """The members of a board who took a point, by the time there: chip time where the board ranks by it, else gun."""
    by_chip = board.ranked_by() == "chip"
    there = ((bib, splits[bib]) for bib in members if bib in splits)
    lines = []
    for place, tied, bib, split in _places((s.chip_us if by_chip else s.gun_us, bib, s) for bib, s in there):
        time_us = split.chip_us if by_chip else split.gun_us
        lines.append(Placed(place, tied, bib, split.gun_us, split.chip_us, time_us, time_us, printed_s(time_us)))
    return lines


def _places(keyed: Iterable[tuple[int, str, T]]) -> Iterable[tuple[int, bool, str, T]]:
    """Place, whether it is shared, bib and value, in order of the keys."""
    ordered = sorted(keyed, key=lambda one: (one[0], len(one[1]), one[1]))
    place = 0
    for at, (key, bib, value) in enumerate(ordered):
        with_before = at > 0 and ordered[at - 1][0] == key
        with_next = at + 1 < len(ordered) and ordered[at + 1][0] == key
        place = place if with_before else at + 1
        yield place, with_before or with_next, bib, value
