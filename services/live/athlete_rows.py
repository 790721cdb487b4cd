"""Athletes' results at an event's newest revisions: those that were asked for, brought up to date by what changes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct, field

from schemas.results import AthleteRow
from services.live.incremental_rows import RELOAD_S, VERSIONS_HELD
from services.live.results_query import athletes_at
from services.live.revision_steps import RevisionSteps
from services.runtime.clickhouse import Database

ATHLETES_HELD_MAX = 20_000  # of all events, some 3 KB each


class _Held(Struct):
    """The results of some athletes at a revision; None for a bib that is unknown.

    `asked` are the bibs that were asked for since they were loaded, at this revision or one before.
    """

    revision: int
    loaded_s: float
    rows: dict[str, AthleteRow | None]
    asked: set[str]


class _Event(Struct):
    """What is held of an event: at the newest revision that was asked for, and at a few before, the newest first."""

    versions: list[_Held] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def rows(self) -> int:
        """The number of rows at the newest revision; those before share nearly all of them."""
        return len(self.versions[0].rows) if self.versions else 0


class AthleteRows:
    """Loads and keeps results. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, steps: RevisionSteps) -> None:
        self._database = database
        self._steps = steps
        self._events: OrderedDict[str, _Event] = OrderedDict()  # the event asked for last is at the end

    async def at(self, event: str, bibs: Iterable[str], revision: int) -> dict[str, AthleteRow]:
        """Return the results of some athletes at a revision by bib, without bibs that are unknown."""
        wanted = dict.fromkeys(bibs)
        held = await self._at_revision(event, revision)
        if held is None:
            return await athletes_at(self._database, event, wanted, revision)
        held.asked.update(wanted)
        missing = [bib for bib in wanted if bib not in held.rows]
        if missing:
            loaded = await athletes_at(self._database, event, missing, revision)
            held.rows.update((bib, loaded.get(bib)) for bib in missing)
            self._bound()
        return {bib: row for bib in wanted if (row := held.rows[bib]) is not None}

    async def _at_revision(self, event: str, revision: int) -> _Held | None:
        """Return what is held of an event at a revision; None when that is older than what is held."""
        of_event = self._events.setdefault(event, _Event())
        self._events.move_to_end(event)
        async with of_event.lock:
            versions = of_event.versions
            held = next((version for version in versions if version.revision == revision), None)
            if held is not None:
                return held
            if versions and revision < versions[0].revision:
                return None
            held = await self._advanced(event, versions[0] if versions else None, revision)
            of_event.versions = [held, *versions][:VERSIONS_HELD]
            self._bound()
            return held

    async def _advanced(self, event: str, before: _Held | None, revision: int) -> _Held:
        """Return what is held of an event brought to a revision, or loaded again after some time."""
        now_s = time.monotonic()
        if before is not None and now_s - before.loaded_s <= RELOAD_S:
            steps = await self._steps.between(event, before.revision, revision)
            if steps is not None:
                rows = dict(before.rows)
                for step in steps:
                    rows.update(step.athletes)
                return _Held(revision, before.loaded_s, rows, before.asked)
        bibs = [] if before is None else list(before.asked)
        loaded = await athletes_at(self._database, event, bibs, revision)
        return _Held(revision, now_s, {bib: loaded.get(bib) for bib in bibs}, set())

    def _bound(self) -> None:
        """Forget the event that was asked for longest ago while there are too many rows, or all of a single one."""
        rows = sum(of_event.rows for of_event in self._events.values())
        while rows > ATHLETES_HELD_MAX:
            of_event = next(iter(self._events.values()))
            rows -= of_event.rows
            of_event.versions = []
            self._events.popitem(last=False)
