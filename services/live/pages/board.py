"""A page of a board: its lines and their values. Pure."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.definition import Board, Race
from schemas.results import AthleteRow
from services.live.errors import Refused
from services.live.feed.board_line import (
    BoardLine,
    Listing,
    Source,
    board_line,
    place_before,
    point_before,
    shown_point,
)
from services.live.feed.columns import board_row
from services.live.http.query import BoardQuery
from services.live.pages.podium import podium_places
from services.live.ranking import WHOLE_RACE, Placed, Ranking, root_board
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


class KnownLines(Struct):
    """The lines of an order as they were made last, and their rows as JSON, both by bib, for pages that follow."""

    listings: dict[str | None, Listing] = {}
    lines: dict[str, BoardLine] = {}
    rows: dict[str, tuple[BoardLine, bytes]] = {}


class EncodedPage(Struct, frozen=True):
    """A page of a board as JSON: what stands beside the rows, and the rows in order by bib."""

    beside: dict[str, Any]
    rows: dict[str, bytes]

    def encoded(self) -> bytes:
        """Return the page."""
        return msgspec.json.encode({**self.beside, "rows": list(map(msgspec.Raw, self.rows.values()))})


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


def build_board(data: BoardData, known: KnownLines | None = None) -> BoardPage:
    """Return a page of a board. Lines whose athletes are not known are left out; `known` ones are not made again."""
    held = KnownLines() if known is None else known
    listings = {point: _listing(data, point, held) for point in data.rankings}
    decided = {place.bib: place.decided for place in data.podium}
    lines = []
    for point, placed in data.lines:
        athlete = data.athletes.get(placed.bib)
        if athlete is None:
            continue
        source = Source(
            listing=listings[point],
            placed=placed,
            athlete=athlete,
            place_before=place_before(listings[point], athlete, data.earlier),
            first_with=data.first_with[athlete.version],
            changed=placed.bib in data.changed_bibs,
            decided=decided.get(placed.bib) if point == data.point else None,
        )
        line = held.lines.get(placed.bib)
        if line is None or line.source != source:
            line = held.lines[placed.bib] = board_line(source)
        lines.append(line)
    return BoardPage(lines, data.total, data.state, data.changed)


def _listing(data: BoardData, point: str | None, held: KnownLines) -> Listing:
    """Return what the lines of an order share: the same object as before while it is equal, which is compared fast."""
    ranking = data.rankings[point]
    listing = Listing(
        event=data.event,
        board=data.board,
        race=data.event.races[data.board.race],
        point=point,
        leader=ranking.lines[0] if ranking.lines else None,
        state=data.state,
        spreads=data.spreads,
        by_chip=root_board(data.event, data.board).ranked_by() == "chip",
    )
    before = held.listings.get(point)
    if before is None or before != listing:
        before = held.listings[point] = listing
    return before


def unknown_lines(data: BoardData, known: KnownLines) -> int:
    """Return about how many lines of a page have to be made: those of new results."""
    bibs = (line.placed.bib for line in data.lines)
    return sum(bib not in known.lines or known.lines[bib].athlete is not data.athletes.get(bib) for bib in bibs)


def encoded_page(data: BoardData, offset: int, known: KnownLines) -> EncodedPage:
    """Return a page of a board, or of all athletes of a race at a point, as the JSON answer has it."""
    page = build_board(data, known)
    rows = {}
    for line in page.lines:
        bib = line.athlete.bib
        held = known.rows.get(bib)
        if held is None or held[0] is not line:
            held = known.rows[bib] = line, msgspec.json.encode(board_row(line))
        rows[bib] = held[1]
    return EncodedPage(_beside_rows(data, page, offset), rows)


def board_document(data: BoardData, page: BoardPage, offset: int) -> dict[str, Any]:
    """Return the same as plain objects."""
    return {**_beside_rows(data, page, offset), "rows": list(map(board_row, page.lines))}


def _beside_rows(data: BoardData, page: BoardPage, offset: int) -> dict[str, Any]:
    about = {
        "revision": data.announced.revision,
        "state": page.state,
        "changed_since_official": page.changed,
        "total": page.total,
        "offset": offset,
    }
    if data.board.id == WHOLE_RACE:
        return {"event": data.announced.event, "race": data.board.race, "point": data.point, **about}
    podium = podium_places(data.event, data.podium, data.rivals)
    return {"event": data.announced.event, "board": data.board.id, **about, "point": data.point, "podium": podium}
