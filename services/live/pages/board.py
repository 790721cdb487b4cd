"""A page of a board: its lines and their values. Pure."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from msgspec import Struct

from schemas.definition import Board, Race
from schemas.results import AthleteRow
from services.live.errors import Refused
from services.live.feed.board_line import BoardLine, Listing, board_line, point_before, shown_point
from services.live.feed.columns import board_row
from services.live.http.query import BoardQuery
from services.live.pages.podium import podium_places
from services.live.ranking import Placed, Ranking, root_board
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.finish_estimate import Spreads
from services.standings.podium import PodiumPlace

LINE_STEPS = 25  # microseconds that building a line and encoding it take


class ShownLine(NamedTuple):
    """A line of a page, and the point at which its place and times are; None for those of the board itself."""

    point: str | None
    placed: Placed


class BoardData(Struct, frozen=True, kw_only=True):
    """The data from which a page of a board is built.

    `point` is the point whose order was asked for, None for the board itself. `rankings` are the orders from which the
    lines come, by point. `lines` are the lines of the page out of `total`, `athletes` their athletes, and `earlier` the
    rankings at the points that these took before (`points_before`). `state` is the state of the board's results,
    `changed` whether anything of it differs from its official results, and `changed_bibs` the bibs whose rows do.
    `first_with` are the revisions that first had the athletes' results, by the versions of these. `spreads` are those
    by which athletes on the course are estimated. `podium` says which first places can still change, and `rivals` are
    the public names of those who can take one, by bib.
    """

    event: EventIndex
    announced: AnnouncedRevision
    board: Board
    point: str | None
    rankings: Mapping[str | None, Ranking]
    total: int
    lines: Sequence[ShownLine]
    athletes: Mapping[str, AthleteRow]
    earlier: Mapping[str, Ranking]
    state: str
    changed: bool
    changed_bibs: frozenset[str]
    spreads: Spreads
    first_with: Mapping[int, AnnouncedRevision]
    podium: Sequence[PodiumPlace]
    rivals: Mapping[str, str]


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


def select_lines(
    ranking: Ranking, on_course: Sequence[tuple[str, Placed]], query: BoardQuery, matches: Set[str] | None
) -> tuple[int, list[ShownLine]]:
    """Return the number of matching lines, and those of the page; `matches` are the bibs that a search found."""
    ranked, ahead = ranking.lines, on_course
    if matches is not None:
        ranked = [line for line in ranked if line.bib in matches]
        ahead = [(point, line) for point, line in ahead if line.bib in matches]
    end = query.offset + query.limit
    shown = [ShownLine(query.point, line) for line in ranked[query.offset : end]]
    if end > len(ranked):
        begin = max(query.offset - len(ranked), 0)
        shown += [ShownLine(point, line) for point, line in ahead[begin : end - len(ranked)]]
    return len(ranked) + len(ahead), shown


def points_before(race: Race, lines: Iterable[ShownLine], athletes: Mapping[str, AthleteRow]) -> list[str]:
    """Return the points whose rankings these lines compare their places with."""
    before = {
        point_before(row, shown_point(race, line.point, row))
        for line in lines
        if (row := athletes.get(line.placed.bib)) is not None
    }
    return sorted(name for name in before if name is not None)


def build_board(data: BoardData) -> BoardPage:
    """Return a page of a board. Lines whose athletes are not known are left out."""
    listings = {
        point: Listing(
            event=data.event,
            board=data.board,
            race=data.event.races[data.board.race],
            first_with=data.first_with,
            point=point,
            leader=ranking.lines[0] if ranking.lines else None,
            state=data.state,
            changed=data.changed_bibs,
            spreads=data.spreads,
            by_chip=root_board(data.event, data.board).ranked_by() == "chip",
            decided={place.bib: place.decided for place in data.podium} if point == data.point else {},
        )
        for point, ranking in data.rankings.items()
    }
    lines = [
        board_line(listings[point], placed, data.athletes[placed.bib], data.earlier)
        for point, placed in data.lines
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
        "podium": podium_places(data.event, data.podium, data.rivals),
        "rows": list(map(board_row, page.lines)),
    }


def split_document(data: BoardData, page: BoardPage, offset: int) -> dict[str, Any]:
    """Return a page of all athletes of a race at a point as the JSON answer has it."""
    return {
        "event": data.announced.event,
        "race": data.board.race,
        "point": data.point,
        "revision": data.announced.revision,
        "state": page.state,
        "changed_since_official": page.changed,
        "total": page.total,
        "offset": offset,
        "rows": list(map(board_row, page.lines)),
    }
