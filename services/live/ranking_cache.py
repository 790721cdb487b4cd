"""Rankings of boards and points by revision, each made once from the rows that the store holds."""

from schemas.definition import Board
from services.live.async_cache import AsyncCache
from services.live.incremental_rows import HeldRows
from services.live.off_loop import off_loop
from services.live.ranking import (
    WHOLE_RACE,
    Placed,
    Ranking,
    board_order,
    on_course_order,
    point_order,
    ranking_of,
    root_board,
)
from services.live.store import Store
from services.standings.event_index import EventIndex
from services.standings.incremental import Cell

LINES_HELD = 400_000  # some 200 bytes each


class RankingCache:
    """Loads and keeps rankings. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rankings: AsyncCache[Ranking] = AsyncCache(LINES_HELD, lambda ranking: 1 + len(ranking.lines))
        self._on_course: AsyncCache[list[tuple[str, Placed]]] = AsyncCache(LINES_HELD, lambda lines: 1 + len(lines))

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._rankings.close()
        await self._on_course.close()

    async def board(self, event: EventIndex, board: Board, revision: int) -> Ranking:
        """Return a board's ranking at a revision."""
        event_id = event.definition.event
        official_time = event.races[board.race].official_time
        root = root_board(event, board)
        held = await self._store.rows.board(event_id, board.id, revision)

        key = ("board", event_id, event.row.version, board.id, held.changed_at)
        return await self._rankings.computed(
            key, len(held.rows), lambda: ranking_of(board_order(root, official_time, held.rows))
        )

    async def at_point(self, event: EventIndex, board: Board, point: str, revision: int) -> Ranking:
        """Return the ranking of a board's members at a point, at a revision."""
        event_id = event.definition.event
        root = root_board(event, board)
        members = await self._members(event_id, board, revision)
        splits = await self._store.rows.splits(event_id, board.race, point, revision)

        key = ("point", event_id, event.row.version, board.race, board.id, point, members.joined_at, splits.changed_at)
        return await self._rankings.computed(
            key, len(members.rows), lambda: ranking_of(point_order(root, members.rows, splits.rows))
        )

    async def _members(self, event: str, board: Board, revision: int) -> HeldRows[Cell] | HeldRows[bool]:
        """Return the members of a board, which may be a whole race."""
        if board.id != WHOLE_RACE:
            return await self._store.rows.board(event, board.id, revision)
        return await self._store.rows.ranked(event, board.race, revision)

    async def on_course(self, event: EventIndex, board: Board, revision: int) -> list[tuple[str, Placed]]:
        """Return a board's members who are on the course, the furthest first: each with their last point, and the line
        there.
        """
        event_id, race = event.definition.event, event.races[board.race]

        async def make() -> list[tuple[str, Placed]]:
            bibs = (await self._store.rows.on_course(event_id, race.id, revision)).rows.keys()
            at_points = {point.id: await self.at_point(event, board, point.id, revision) for point in race.points[1:]}
            finished = await self.board(event, board, revision)
            return await off_loop(len(bibs), lambda: on_course_order(race, finished, at_points, bibs))

        return await self._on_course.get((event_id, board.id, revision), make)
