"""Find the revision of an event that was the newest at a moment in the past."""

from services.live.async_cache import AsyncCache
from services.live.errors import Refused
from services.live.http.query import Moment
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision

MOMENTS_HELD = 10_000
HIDDEN_HELD = 100_000  # bibs


class RevisionHistory:
    """Finds past revisions and keeps them. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: AsyncCache[tuple[AnnouncedRevision | None]] = AsyncCache(MOMENTS_HELD, lambda _: 1)
        self._hidden: AsyncCache[frozenset[str]] = AsyncCache(HIDDEN_HELD, lambda hidden: 1 + len(hidden))

    async def close(self) -> None:
        """Cancel all look-ups."""
        await self._moments.close()
        await self._hidden.close()

    async def find(self, newest: AnnouncedRevision, moment: Moment) -> AnnouncedRevision | None:
        """Return the newest announced revision that is not after a moment, or None when the moment is before the first.

        `newest` is the event's newest revision. Bibs that are hidden in it are hidden in the past too.
        """
        if moment.revision is not None and moment.revision >= newest.revision:
            return newest
        if moment.at_us is not None and moment.at_us >= newest.at_us:
            return newest

        async def load() -> tuple[AnnouncedRevision | None]:
            return (await self._store.revision_at(newest.event, moment.revision, moment.at_us),)

        (past,) = await self._moments.get((newest.event, moment), load)
        if past is None:
            return None
        if past.revision >= newest.revision:
            return newest
        hidden = await self._hidden.get(newest, lambda: self._store.hidden(newest.event, newest.revision))
        return past._replace(hidden=hidden)

    async def at(self, newest: AnnouncedRevision, moment: Moment) -> AnnouncedRevision:
        """Return the same. Raises Refused when the moment is before the first revision."""
        past = await self.find(newest, moment)
        if past is None:
            first = await self._store.first_revision(newest.event)
            raise Refused(
                404,
                "Before the beginning",
                f"the first revision of event {newest.event!r} is {first}; ask for that or a later one",
                first=first,
            )
        return past
