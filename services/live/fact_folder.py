"""The officials' facts of events, folded from ClickHouse's table as they come, without any read."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.live.errors import Behind
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.preview.folded_facts import FACTS_A_PAGE, FoldedFacts, nothing_folded

ENTRIES_HELD = 60_000  # of the events whose facts are held, some 1.5 kB each; the last event asked for is always held


class FactFolder:
    """Folds facts and keeps them. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: OrderedDict[str, FoldedFacts] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def held(self, announced: AnnouncedRevision) -> AsyncIterator[FoldedFacts]:
        """Hold the facts of an event, which nobody else changes or reads meanwhile; `advance` folds those that are new.

        For a revision that they are beyond, these are facts of their own, which are not kept.
        """
        async with self._locks.setdefault(announced.event, asyncio.Lock()):
            yield self._facts_of(announced)

    def _facts_of(self, announced: AnnouncedRevision) -> FoldedFacts:
        held = self._events.get(announced.event)
        if held is None:
            held = self._events[announced.event] = nothing_folded(announced.event)
        elif held.last[0] > announced.revision:
            return nothing_folded(announced.event)
        self._events.move_to_end(announced.event)
        while len(self._events) > 1 and sum(facts.entries for facts in self._events.values()) > ENTRIES_HELD:
            self._events.popitem(last=False)
        return held

    async def advance(self, facts: FoldedFacts, announced: AnnouncedRevision) -> None:
        """Fold the facts that are new. They are written in the order of the log, so none comes before the last one."""
        while True:
            lines = await self._store.facts_after(announced.event, facts.last, announced.revision)
            if lines:
                await asyncio.to_thread(facts.fold, lines)
            if len(lines) < FACTS_A_PAGE:
                return

    async def catch_up(self, facts: FoldedFacts, announced: AnnouncedRevision) -> None:
        """Fold the facts that are new, up to the revision. Raises Behind while some of them have not arrived yet."""
        await self.advance(facts, announced)
        event = await self._store.event_row(announced.event, announced.revision)
        if event is not None and event.version > facts.state.version:
            raise Behind("the facts behind the results have not all arrived yet; ask again soon")
