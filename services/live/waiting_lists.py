"""The facts of an event that wait for something, with what they wait for. Officials see them whole."""

import asyncio
from collections.abc import Iterable

from schemas.codec import to_json
from schemas.events import kind_of
from schemas.results import AthleteRow
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.waiting_facts import WaitingFact, excluded_chips, waiting_facts
from services.live.async_cache import AsyncCache
from services.live.fact_folder import FactFolder
from services.live.http.answers import Answer, json_answer, weight
from services.live.loader import Loader
from services.live.preview_tables import PreviewTables
from services.live.public_facts import public_fact
from services.live.table_rows import AnnouncedRevision, LoggedLine
from services.preview.copied_state import copied
from services.preview.held_reads import HeldReads
from services.scoring.core.event import EventState

LISTS_BYTES = 8 * 1024 * 1024


class WaitingFacts:
    """Makes and keeps the lists. Methods raise Behind and DatabaseUnavailable."""

    def __init__(self, loader: Loader, folder: FactFolder, tables: PreviewTables) -> None:
        self._store = loader.store
        self._tables = tables
        self._folder = folder
        self._lists: AsyncCache[Answer] = AsyncCache(LISTS_BYTES, weight)

    async def close(self) -> None:
        """Cancel all making."""
        await self._lists.close()

    async def listed(self, announced: AnnouncedRevision, official: bool) -> Answer:
        """Return the list at a revision, whole for an official."""
        return await self._lists.get((announced, official), lambda: self._make(announced, official))

    async def _make(self, announced: AnnouncedRevision, official: bool) -> Answer:
        async with self._folder.held(announced) as facts:
            await self._folder.catch_up(facts, announced)
            state = await asyncio.to_thread(copied, facts.state)
        reads = await self._reads_of_excluded(state, announced)
        athletes = await self._store.with_cases(announced.event, announced.revision)
        return await asyncio.to_thread(_answer, announced, state, reads, athletes, official)

    async def _reads_of_excluded(self, state: EventState, announced: AnnouncedRevision) -> HeldReads:
        """Return the reads of chips of which one is excluded; if one was never read, all other chips without reads."""
        reads = HeldReads()
        chips = excluded_chips(state)
        if chips:
            reads.put(chips, await self._tables.chip_columns(announced.event, sorted(chips), announced.revision))
            if chips - reads.chips.keys():
                others = await self._tables.chips_read(announced.event, announced.revision)
                reads.put_unread(set(others) - reads.chips.keys())
        return reads


def _answer(
    announced: AnnouncedRevision, state: EventState, reads: HeldReads, athletes: Iterable[AthleteRow], official: bool
) -> Answer:
    state.hold(reads.chips, reads.devices)
    shown = []
    for fact in waiting_facts(state, OutlinedRows({row.bib: row for row in athletes})):
        public = public_fact(_line(fact), official)
        if public is not None:
            waits_for = fact.waits_for() if official else [item.says for item in fact.unknown]
            shown.append({**public, "waits_for": waits_for})
    return json_answer({"event": announced.event, "revision": announced.revision, "facts": shown}, announced.revision)


def _line(waiting: WaitingFact) -> LoggedLine:
    """Return a fact as the table of facts has it."""
    offset, ordinal, fact = waiting.logged
    return LoggedLine(offset, ordinal, kind_of(fact), fact.id or "", fact.recorded_at_us or 0, to_json(fact).decode())
