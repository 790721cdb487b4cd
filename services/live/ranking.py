"""Order athletes on a board or at a point, and give them places. Pure. Source: R4.1."""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple, TypeVar

from msgspec import Struct

from schemas.definition import Board, Race
from schemas.results import printed_s
from services.live.table_rows import Split
from services.standings.event_index import EventIndex
from services.standings.incremental import Cell

_CHIP_BIT = 63  # the highest of a rank key: set for athletes behind the leaders by gun, who rank by chip time
WHOLE_RACE = ""  # instead of the id of a board

Value = TypeVar("Value")


class Placed(NamedTuple):
    """An athlete's line in a ranking. `tied`: others share the place.

    The times since gun and start are exact in microseconds. `ranked_us` is the one that gave the place, `shown_us` the
    one that is printed, and `time_s` is that in whole seconds.
    """

    place: int
    tied: bool
    bib: str
    gun_us: int
    chip_us: int
    ranked_us: int
    shown_us: int
    time_s: int


class Ranking(Struct, frozen=True):
    """The lines of a board or a point, best first, and the index of each bib in them."""

    lines: list[Placed]
    index: dict[str, int]

    def line(self, bib: str) -> Placed | None:
        """Return the line of a bib, or None when it has no place."""
        index = self.index.get(bib)
        return None if index is None else self.lines[index]


def ranking_of(lines: list[Placed]) -> Ranking:
    """Return lines, which are in order, as a ranking."""
    return Ranking(lines, {line.bib: index for index, line in enumerate(lines)})


EMPTY = ranking_of([])


def whole_race(race: Race) -> Board:
    """Return a board of everybody in a race who is ranked, by the official time. It has no id, as no other has."""
    return Board(id=WHOLE_RACE, race=race.id, rank_by=race.official_time)


def root_board(event: EventIndex, board: Board) -> Board:
    """Return the outermost board around one, which says how both rank; the board itself when it is within no other."""
    while board.within is not None:
        board = event.boards[board.within]
    return board


def board_order(board: Board, official_time: str, cells: Mapping[str, Cell]) -> list[Placed]:
    """Return the athletes with a place, best first. Athletes who share one are by bib, shorter first, then by text."""
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
    """Return the members of a board who took a point, by the time there: chip time where the board ranks by it."""
    by_chip = board.ranked_by() == "chip"
    taken = ((bib, splits[bib]) for bib in members if bib in splits)
    keyed = ((split.chip_us if by_chip else split.gun_us, bib, split) for bib, split in taken)
    lines = []
    for place, tied, bib, split in _places(keyed):
        time_us = split.chip_us if by_chip else split.gun_us
        lines.append(Placed(place, tied, bib, split.gun_us, split.chip_us, time_us, time_us, printed_s(time_us)))
    return lines


def on_course_order(
    race: Race, finished: Ranking, at_points: Mapping[str, Ranking], on_course: Set[str]
) -> list[tuple[str, Placed]]:
    """Return those on the course by the furthest point that each took, and of one point in the order there.

    `at_points` are the board's rankings at all points after START. Who has only started is in none of them.
    """
    seen = set(finished.index)
    lines = []
    for point in reversed(race.points[1:]):
        for line in at_points[point.id].lines:
            if line.bib in on_course and line.bib not in seen:
                seen.add(line.bib)
                lines.append((point.id, line))
    return lines


def rank_at_point(board: Board, members: Mapping[str, Cell], splits: Mapping[str, Split], bib: str) -> int | None:
    """Return the place of a bib among the members of a board at a point, without ordering all of them.

    None when the bib has not taken the point.
    """
    own = splits.get(bib)
    if own is None:
        return None
    if board.ranked_by() == "chip":
        return 1 + sum(split.chip_us < own.chip_us for other, split in splits.items() if other in members)
    return 1 + sum(split.gun_us < own.gun_us for other, split in splits.items() if other in members)


def _places(keyed: Iterable[tuple[int, str, Value]]) -> Iterable[tuple[int, bool, str, Value]]:
    """Yield place, whether it is shared, bib and value, in the order of the keys."""
    ordered = sorted(keyed, key=lambda entry: (entry[0], len(entry[1]), entry[1]))
    place = 0
    for index, (key, bib, value) in enumerate(ordered):
        with_previous = index > 0 and ordered[index - 1][0] == key
        with_next = index + 1 < len(ordered) and ordered[index + 1][0] == key
        place = place if with_previous else index + 1
        yield place, with_previous or with_next, bib, value
