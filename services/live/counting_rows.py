"""Queries on tables whose rows carry the epoch of their writer: those of one that lost its lease do not count."""

from typing import Any

from services.runtime.clickhouse import Database
from services.runtime.fences import FENCES, Fence, counting, effective
from services.runtime.fences import parameters as fence_parameters

CONDITION = "{fenced}"  # in a query, where the condition belongs


class CountingRows:
    """Runs such queries, with the fences of each event. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._epochs: dict[str, int] = {}  # in which the newest known revision of an event was announced
        self._fences: dict[str, tuple[int, list[Fence]]] = {}  # by event, as they were at an epoch

    def expect_epoch(self, event: str, epoch: int) -> None:
        """Note that a revision of an event was announced in an epoch: rows of earlier ones may not count any more."""
        self._epochs[event] = max(epoch, self._epochs.get(event, 0))

    async def query(self, sql: str, column: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a query that count. It has CONDITION at the end of its conditions, and `event` among its
        parameters; `column` has the revision or version of a row.
        """
        fences = await self._fences_of(parameters["event"])
        return await self._database.query(
            sql.replace(CONDITION, counting(fences, column)), {**parameters, **fence_parameters(fences)}
        )

    async def _fences_of(self, event: str) -> list[Fence]:
        epoch = self._epochs.get(event, 0)
        known, fences = self._fences.get(event, (0, []))
        if known < epoch:
            # A newer one may be incomplete while its writer begins, and says nothing of the revisions known so far.
            stored = [Fence(*row) for row in await self._database.query(FENCES, {"event": event})]
            fences = effective(fence for fence in stored if fence.epoch <= epoch)
            self._fences[event] = epoch, fences
        return fences
