"""Find the revision of an event that was the newest at a moment in the past, or the first that had a result."""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct, field

from services.live.async_cache import AsyncCache
from services.live.errors import Refused
from services.live.http.query import Moment
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision

MOMENTS_HELD = 10_000
HIDDEN_HELD = 100_000  # bibs
REVISIONS_HELD = 1_000_000  # 16 bytes each; those of the event asked for last are always held


class _Announced(Struct):
    """The announced revisions of an event in order, and when each was, as far as they were asked for."""

    revisions: "array[int]" = field(default_factory=lambda: array("q"))
    at_us: "array[int]" = field(default_factory=lambda: array("q"))


class RevisionHistory:
    """Finds past revisions and keeps them. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: AsyncCache[tuple[AnnouncedRevision | None]] = AsyncCache(MOMENTS_HELD, lambda _: 1)
        self._hidden: AsyncCache[frozenset[str]] = AsyncCache(HIDDEN_HELD, lambda hidden: 1 + len(hidden))
        self._announced: OrderedDict[str, _Announced] = OrderedDict()  # the event asked for last is at the end
        self._lock = asyncio.Lock()

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

    async def first_with(self, newest: AnnouncedRevision, versions: Iterable[int]) -> dict[int, AnnouncedRevision]:
        """Return for each version of a row the first announced revision that had it, `newest` at the latest."""
        held = await self._announced_through(newest)
        first = {}
        for version in versions:
            index = bisect_left(held.revisions, version)
            known = index < len(held.revisions)
            revision, at_us = (held.revisions[index], held.at_us[index]) if known else (newest.revision, newest.at_us)
            first[version] = AnnouncedRevision(newest.event, revision, at_us)
        return first

    async def announced(self, newest: AnnouncedRevision, revision: int) -> AnnouncedRevision | None:
        """Return the newest announced revision that is not above another, None when there is none.

        Unlike in `find`, names that were hidden later are shown in it, as they were then.
        """
        held = await self._announced_through(newest)
        index = bisect_right(held.revisions, revision) - 1
        return AnnouncedRevision(newest.event, held.revisions[index], held.at_us[index]) if index >= 0 else None

    async def _announced_through(self, newest: AnnouncedRevision) -> "_Announced":
        """Return the announced revisions of an event, in order, up to the given one at least."""
        async with self._lock:
            held = self._announced.setdefault(newest.event, _Announced())
            self._announced.move_to_end(newest.event)
            last = held.revisions[-1] if held.revisions else -1
            if last < newest.revision:
                for announced in await self._store.revisions_after(newest.event, last, newest.revision):
                    held.revisions.append(announced.revision)
                    held.at_us.append(announced.at_us)
                while len(self._announced) > 1 and self._count() > REVISIONS_HELD:
                    self._announced.popitem(last=False)
            return held

    def _count(self) -> int:
        return sum(len(announced.revisions) for announced in self._announced.values())

    async def at(self, newest: AnnouncedRevision, moment: Moment) -> AnnouncedRevision:
        """Return the newest announced revision that is not after a moment. Raises Refused when there is none."""
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
