"""Rows by bib at the newest revisions, made from those of an older one and the few that have changed since."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

ROWS_HELD_MAX = 500_000  # of one kind (cells, splits), some 200 bytes a row
RELOAD_S = 60.0  # rows that reached ClickHouse after their revision was announced are seen within this time
VERSIONS_HELD = 3  # of a key: what is made of a revision may still go on when the next is asked for

RowsKey = tuple[str, ...]
Row = TypeVar("Row")

ChangedRows = Callable[[RowsKey, int, int], Awaitable[list[tuple[str, Row | None]]]]
"""A function that loads the rows of a key that changed after one revision, up to another; None for a removed row.

Of several rows with one bib, the last counts.
"""


class HeldRows(Struct, Generic[Row]):
    """The rows of one key at a revision, by bib, which do not change any more.

    They are the same since the revision `changed_at`, and of the same bibs since `joined_at`.
    """

    revision: int
    loaded_s: float
    rows: dict[str, Row]
    changed_at: int
    joined_at: int


class IncrementalRows(Generic[Row]):
    """Rows by bib for each key."""

    def __init__(self, load_changed: ChangedRows[Row]) -> None:
        self.rows = 0  # at the newest revisions; those before share nearly all of them
        self._load_changed = load_changed
        self._held: OrderedDict[RowsKey, list[HeldRows[Row]]] = OrderedDict()  # of a key, the newest first
        self._locks: dict[RowsKey, asyncio.Lock] = {}

    async def at(self, key: RowsKey, revision: int) -> dict[str, Row]:
        """Return the rows at a revision. Raises what loading raises."""
        return (await self.held(key, revision)).rows

    async def held(self, key: RowsKey, revision: int) -> HeldRows[Row]:
        """Return the rows at a revision, and since when they are the same. Raises what loading raises."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            versions = self._held.get(key, [])
            for version in versions:
                if version.revision == revision:
                    self._held.move_to_end(key)
                    return version
            before = next((version for version in versions if version.revision < revision), None)
            made = await self._make(key, before, revision)
            if not versions or revision > versions[0].revision:
                self._hold(key, [made, *versions][:VERSIONS_HELD])
            return made

    async def _make(self, key: RowsKey, before: HeldRows[Row] | None, revision: int) -> HeldRows[Row]:
        loaded_s = time.monotonic()
        if before is None or loaded_s - before.loaded_s > RELOAD_S:
            loaded = await self._load_changed(key, -1, revision)
            rows = {bib: row for bib, row in loaded if row is not None}
            return HeldRows(revision, loaded_s, rows, revision, revision)
        last = dict(await self._load_changed(key, before.revision, revision))
        changed = {bib: row for bib, row in last.items() if before.rows.get(bib) != row}
        if not changed:
            return HeldRows(revision, before.loaded_s, before.rows, before.changed_at, before.joined_at)
        rows = dict(before.rows)
        for bib, row in changed.items():
            if row is None:
                rows.pop(bib, None)
            else:
                rows[bib] = row
        joined_at = before.joined_at if rows.keys() == before.rows.keys() else revision
        return HeldRows(revision, before.loaded_s, rows, revision, joined_at)

    def _hold(self, key: RowsKey, versions: list[HeldRows[Row]]) -> None:
        dropped = self._held.pop(key, [])
        self.rows += len(versions[0].rows) - (len(dropped[0].rows) if dropped else 0)
        self._held[key] = versions
        while self.rows > ROWS_HELD_MAX and len(self._held) > 1:
            dropped_key, dropped = self._held.popitem(last=False)
            self.rows -= len(dropped[0].rows)
            if dropped_key in self._locks and not self._locks[dropped_key].locked():
                del self._locks[dropped_key]
