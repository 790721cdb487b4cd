"""The spreads of races by their own finishers, by which athletes on the course are estimated; see `race_spread`.

Those of an answer are made of the results at the end of the last full RENEWED_US before its revision was announced. So
they depend on the revision alone, whichever process answers, and are not worked out again for each.
"""

from schemas.definition import Race
from schemas.ids import US
from services.live.async_cache import AsyncCache
from services.live.off_loop import off_loop
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.finish_estimate import Spreads
from services.standings.race_spread import race_spreads

RENEWED_US = 300 * US
SPREADS_HELD = 10_000
FINISHER_STEPS = 10  # microseconds a finisher takes, of a course of 10 points


class RaceSpreads:
    """Loads and keeps spreads. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spreads: AsyncCache[Spreads] = AsyncCache(SPREADS_HELD, lambda spreads: 1 + len(spreads))

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._spreads.close()

    async def at(self, event: EventIndex, race: Race, announced: AnnouncedRevision) -> Spreads:
        """Return the spreads of a race for a revision."""
        until_us = announced.at_us - announced.at_us % RENEWED_US
        key = (announced.event, event.row.version, race.id, until_us)
        return await self._spreads.get(key, lambda: self._load(announced.event, race, until_us))

    async def _load(self, event: str, race: Race, until_us: int) -> Spreads:
        past = await self._store.revision_at(event, None, until_us)
        if past is None:
            return {}
        finishers = await self._store.finishers(event, race.id, race.points[-1].id, past.revision)
        return await off_loop(FINISHER_STEPS * len(finishers), lambda: race_spreads(race, finishers))
