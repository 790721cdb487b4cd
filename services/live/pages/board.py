"""A page of a board: its lines and their values. Pure."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from msgspec import Struct

from schemas.definition import Board, Race
from schemas.results import AthleteRow
from services.formatting.times import format_instant
from services.live.errors import Refused
from services.live.feed.board_line import BoardLine, Listing, board_line, point_before, shown_point
from services.live.feed.columns import board_row
from services.live.http.query import BoardQuery
from services.live.ranking import Placed, Ranking
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.finish_estimate import Spreads

LINE_STEPS = 25  # microseconds that building a line and encoding it take


class BoardData(Struct, frozen=True, kw_only=True):
    """The data from which a page of a board is built.

    `point` is the point whose order was asked for, None for the board itself; `ranking` is that order. `lines` are the
    lines of the page out of `total`, `athletes` their athletes, and `earlier` the rankings at the points that these
    took before (`points_before`). `state` is the state of the board's results, `changed` whether anything of it differs
    from its official results, and `changed_bibs` the bibs whose rows do. `spreads` are those by which athletes on the
    course are estimated.
    """

    event: EventIndex
    announced: AnnouncedRevision
    board: Board
    point: str | None
    ranking: Ranking
    total: int
    lines: Sequence[Placed]
    athletes: Mapping[str, AthleteRow]
    earlier: Mapping[str, Ranking]
    state: str
    changed: bool
    changed_bibs: frozenset[str]
    spreads: Spreads


class BoardPage(Struct, frozen=True):
    """The lines of a page, how many the board has in all, and the state of its results."""

    lines: list[BoardLine]
    total: int
    state: str
    changed: bool


def check_point(race: Race, point: str | None) -> None:
    """Check that a race has a point, if one is asked for. Raises Refused."""
    points = [known.id for known in race.points]
    if point is not None and point not in points:
        raise Refused(422, "No such point", f"race {race.id!r} has no point {point!r}; it has {', '.join(points)}")


def select_lines(ranking: Ranking, query: BoardQuery, matches: Set[str] | None) -> tuple[int, list[Placed]]:
    """Return the number of matching lines, and those of the page; `matches` are the bibs that a search found."""
    lines = ranking.lines if matches is None else [line for line in ranking.lines if line.bib in matches]
    return len(lines), lines[query.offset : query.offset + query.limit]


def points_before(race: Race, point: str | None, athletes: Mapping[str, AthleteRow]) -> list[str]:
    """Return the points whose rankings the lines of these athletes compare their places with."""
    before = {point_before(row, shown_point(race, point, row)) for row in athletes.values()}
    return sorted(name for name in before if name is not None)


def build_board(data: BoardData) -> BoardPage:
    """Return a page of a board. Lines whose athletes are not known are left out."""
    listing = Listing(
        event=data.event,
        board=data.board,
        race=data.event.races[data.board.race],
        announced=data.announced,
        updated_at=format_instant(data.announced.at_us, data.event.zone, "microseconds"),
        point=data.point,
        leader=data.ranking.lines[0] if data.ranking.lines else None,
        state=data.state,
        changed=data.changed_bibs,
        spreads=data.spreads,
    )
    lines = [
        board_line(listing, placed, data.athletes[placed.bib], data.earlier)
        for placed in data.lines
        if placed.bib in data.athletes
    ]
    return BoardPage(lines, data.total, data.state, data.changed)


def board_document(data: BoardData, page: BoardPage, offset: int) -> dict[str, Any]:
    """Return a page of a board as the JSON answer has it."""
    return {
        "event": data.announced.event,
        "board": data.board.id,
        "revision": data.announced.revision,
        "state": page.state,
        "changed_since_official": page.changed,
        "total": page.total,
        "offset": offset,
        "point": data.point,
        "rows": list(map(board_row, page.lines)),
    }
