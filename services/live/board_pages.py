"""Pages of boards as JSON, made from the lines of the revision before: a revision changes a few of them.

An answer and the events of a stream take their rows from here, so that each row is encoded once.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from schemas.definition import Board
from services.live.async_cache import AsyncCache
from services.live.http.query import BoardQuery
from services.live.loader import Loader
from services.live.off_loop import off_loop
from services.live.pages.board import (
    LINE_STEPS,
    BoardData,
    BoardPage,
    EncodedPage,
    KnownLines,
    build_board,
    encoded_page,
    unknown_lines,
)
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex

ROWS_HELD = 30_000  # of pages, some 1 KB each; those of successive revisions share nearly all of them
LINES_KNOWN_MAX = 15_000  # of all orders, some 2 KB each; those of the largest marathon's boards that pages show
KNOWN_STEPS = 3  # microseconds that a line takes which is known

Made = TypeVar("Made")

_Order = tuple[str, str, str, str | None]  # event, race, board and point


class BoardPages:
    """Makes pages and keeps them. Methods raise Refused and DatabaseUnavailable."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._pages: AsyncCache[EncodedPage] = AsyncCache(ROWS_HELD, lambda page: 1 + len(page.rows))
        self._known: OrderedDict[_Order, KnownLines] = OrderedDict()  # the order asked for last is at the end

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._pages.close()

    async def page(
        self, event: EventIndex, announced: AnnouncedRevision, board: Board, query: BoardQuery
    ) -> EncodedPage:
        """Return a page of a board, which may be a whole race."""
        key = (announced, board.race, board.id, query)
        page = self._pages.held(key)
        if page is None:
            page = await self.encoded(await self._loader.board(event, announced, board, query), query.offset)
            self._pages.hold(key, page)
        return page

    async def encoded(self, data: BoardData, offset: int) -> EncodedPage:
        """Return a page of loaded lines."""
        return await self._made(data, lambda known: encoded_page(data, offset, known))

    async def lines(self, data: BoardData) -> BoardPage:
        """Return the lines of a page, for other formats."""
        return await self._made(data, lambda known: build_board(data, known))

    async def _made(self, data: BoardData, make: Callable[[KnownLines], Made]) -> Made:
        """Return what `make` makes of the lines that are known of an order, and of those of `data`."""
        key = data.announced.event, data.board.race, data.board.id, data.point
        known = self._known.setdefault(key, KnownLines())
        self._known.move_to_end(key)
        before = len(known.lines)
        steps = KNOWN_STEPS * len(data.lines) + LINE_STEPS * unknown_lines(data, known)
        made = await off_loop(steps, lambda: make(known))
        if len(known.lines) > LINES_KNOWN_MAX:  # all others would have to make way, and then it would go too
            self._known.pop(key, None)
        elif len(known.lines) != before:
            while sum(len(held.lines) for held in self._known.values()) > LINES_KNOWN_MAX:
                self._known.popitem(last=False)
        return made
