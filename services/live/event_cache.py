"""Events at a revision, with their definitions indexed; kept, since most revisions leave the event as it is."""

from schemas.results import EventRow
from services.live.async_cache import AsyncCache
from services.live.errors import Refused
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex, event_index

EVENTS_HELD = 2_000  # events at a revision; archived events stay at their last one


class EventCache:
    """Loads and keeps events. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: AsyncCache[EventIndex | None] = AsyncCache(EVENTS_HELD, lambda _: 1)
        self._latest: dict[str, tuple[EventRow, EventIndex | None]] = {}

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._events.close()

    async def event(self, event: str, revision: int) -> EventIndex | None:
        """Return an event at a revision, or None while it has no definition."""
        return await self._events.get((event, revision), lambda: self._load(event, revision))

    async def defined(self, announced: AnnouncedRevision) -> EventIndex:
        """Return an event at a revision. Raises Refused while it has no definition."""
        event = await self.event(announced.event, announced.revision)
        if event is None:
            raise Refused(
                404,
                "No definition",
                f"event {announced.event!r} has no race definition at revision {announced.revision}",
            )
        return event

    async def _load(self, event: str, revision: int) -> EventIndex | None:
        row = await self._store.event_row(event, revision)
        if row is None:
            return None
        latest = self._latest.get(event)
        if latest is not None and latest[0] == row:
            return latest[1]
        index = event_index(row)
        if latest is None or row.version > latest[0].version:
            self._latest[event] = row, index
        return index
