"""Rows by bib at the newest revision, made from those of an older one and the few that have changed since."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

ROWS_HELD_MAX = 500_000  # of one kind (cells, splits), some 200 bytes a row
RELOAD_S = 60.0  # rows that reached ClickHouse after their revision was announced are seen within this time

RowsKey = tuple[str, ...]
Row = TypeVar("Row")

ChangedRows = Callable[[RowsKey, int, int], Awaitable[list[tuple[str, Row | None]]]]
"""A function that loads the rows of a key that changed after one revision, up to another; None for a removed row."""


class HeldRows(Struct, Generic[Row]):
    """The rows of one key at a revision."""

    revision: int
    loaded_s: float
    rows: dict[str, Row]


class IncrementalRows(Generic[Row]):
    """Rows by bib for each key. A dictionary that was returned does not change any more."""

    def __init__(self, load_changed: ChangedRows[Row]) -> None:
        self.rows = 0
        self._load_changed = load_changed
        self._held: OrderedDict[RowsKey, HeldRows[Row]] = OrderedDict()
        self._locks: dict[RowsKey, asyncio.Lock] = {}

    async def at(self, key: RowsKey, revision: int) -> dict[str, Row]:
        """Return the rows at a revision. Raises what loading raises."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            held = self._held.get(key)
            if held is not None and held.revision == revision:
                self._held.move_to_end(key)
                return held.rows
            if held is None or revision < held.revision or time.monotonic() - held.loaded_s > RELOAD_S:
                loaded_s, since, rows = time.monotonic(), -1, {}
            else:
                loaded_s, since, rows = held.loaded_s, held.revision, dict(held.rows)
            for bib, row in await self._load_changed(key, since, revision):
                if row is None:
                    rows.pop(bib, None)
                else:
                    rows[bib] = row
            if held is None or revision > held.revision:
                self._hold(key, HeldRows(revision, loaded_s, rows))
            return rows

    def _hold(self, key: RowsKey, held: HeldRows[Row]) -> None:
        before = self._held.pop(key, None)
        self.rows += len(held.rows) - (0 if before is None else len(before.rows))
        self._held[key] = held
        while self.rows > ROWS_HELD_MAX and len(self._held) > 1:
            dropped_key, dropped = self._held.popitem(last=False)
            self.rows -= len(dropped.rows)
            if dropped_key in self._locks and not self._locks[dropped_key].locked():
                del self._locks[dropped_key]
