"""The podiums of boards and points by revision: which places 1 to 3 can still change.

What can become of each athlete follows from their own result alone, so only the results that changed are read again.
The best times that everybody can still have are worked out once for all boards of a race.
"""

import msgspec

from schemas.definition import Board
from services.live.async_cache import AsyncCache
from services.live.incremental_rows import IncrementalRows, RowsKey
from services.live.off_loop import off_loop
from services.live.ranking import Ranking, root_board
from services.live.store import Store
from services.standings.contenders import Contender, PodiumCourse, contender, podium_course
from services.standings.event_index import EventIndex
from services.standings.podium import (
    PODIUM_LINES_MAX,
    Leaders,
    PodiumPlace,
    Prospects,
    podium,
    podium_leaders,
    prospects,
)

PODIUMS_HELD = 20_000
PROSPECTS_HELD = 200_000  # athletes on the way to a point, some 200 bytes each
LEADERS_HELD = 2_000
CONTENDER_STEPS = 15  # microseconds that an athlete's result takes
PROSPECT_STEPS = 3  # microseconds that an athlete's best times take

_course = msgspec.json.Decoder(PodiumCourse)


class PodiumCache:
    """Loads and keeps podiums. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._podiums: AsyncCache[list[PodiumPlace]] = AsyncCache(PODIUMS_HELD, lambda places: 1 + len(places))
        self._contenders: IncrementalRows[Contender] = IncrementalRows(self._contenders_changed)
        self._prospects: AsyncCache[Prospects] = AsyncCache(PROSPECTS_HELD, lambda ahead: 1 + len(ahead.contenders))
        self._leaders: AsyncCache[tuple[Leaders | None]] = AsyncCache(LEADERS_HELD, lambda _: 1)

    async def close(self) -> None:
        """Cancel all calls in progress."""
        for cache in (self._podiums, self._prospects, self._leaders):
            await cache.close()

    async def at(
        self, event: EventIndex, board: Board, point: str | None, ranking: Ranking, revision: int
    ) -> list[PodiumPlace]:
        """Return the podium of a board, or of its order at a point, at a revision; `ranking` is that order."""
        key = (event.definition.event, board.id, point, revision)
        places = self._podiums.held(key)
        if places is None:
            places = await self._make(event, board, point, ranking, revision)
            self._podiums.hold(key, places)
        return places

    async def _make(
        self, event: EventIndex, board: Board, point: str | None, ranking: Ranking, revision: int
    ) -> list[PodiumPlace]:
        if not ranking.lines:
            return []
        event_id, race, root = event.definition.event, event.races[board.race], root_board(event, board)
        course = podium_course(event.definition, race, point, event.row)
        # Results and course are all that contenders depend on; most officials' facts leave the course as it is.
        key = (event_id, msgspec.json.encode(course).decode())
        contenders = await self._contenders.held(key, revision)
        ahead = await self._prospects.computed(
            (*key, contenders.changed_at),
            PROSPECT_STEPS * len(contenders.rows),
            lambda: prospects(course, contenders.rows),
        )
        members = await self._store.rows.board(event_id, board.id, revision)
        everybody = await self._store.rows.board(event_id, root.id, revision)
        (leaders,) = await self._leaders.computed(
            # How a board ranks may be defined anew without a change to any result, or to who is on it.
            (*key, root.id, root.ranked_by(), root.gun_places, contenders.changed_at, everybody.joined_at),
            len(everybody.rows),
            lambda: (podium_leaders(ahead, root, everybody.rows),),
        )
        lines = [(line.place, line.bib) for line in ranking.lines[:PODIUM_LINES_MAX]]
        return await off_loop(len(everybody.rows), lambda: podium(ahead, leaders, root, lines, members.rows))

    async def _contenders_changed(self, key: RowsKey, since: int, revision: int) -> list[tuple[str, Contender | None]]:
        event_id, encoded = key
        course = _course.decode(encoded)
        rows = await self._store.rows.athletes_changed(event_id, since, revision)
        return await off_loop(
            CONTENDER_STEPS * len(rows),
            lambda: [(row.bib, contender(course, row)) for row in rows],
        )
