"""Values held by key within a bound. Several who ask for the same at once share one making of it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

LARGEST_SHARE = 8  # what weighs over one eighth of all is not held: it would push out too many others


class AsyncCache(Generic[V]):
    """Holds values that weigh at most `most` together; the least lately asked for leave first."""

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        self.weight = 0
        self._most = most
        self._weigh = weigh
        self._held: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[V]] = {}

    def held(self, key: Hashable) -> V | None:
        """The value of a key, if it is held."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    async def get(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """The value of a key, made by `make` where it is not held; what that raises reaches all who wait.

        The making goes on when whoever asked first leaves.
        """
        found = self.held(key)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        value = await make()
        self._hold(key, value)
        return value

    def _made(self, key: Hashable, done: "asyncio.Task[V]") -> None:
        del self._making[key]
        if not done.cancelled():
            done.exception()  # seen, even if all who waited have left

    def _hold(self, key: Hashable, value: V) -> None:
        weight = self._weigh(value)
        if weight * LARGEST_SHARE > self._most:
            return
        self._held[key] = value, weight
        self.weight += weight
        while self.weight > self._most:
            _, (_, lost) = self._held.popitem(last=False)
            self.weight -= lost

    async def close(self) -> None:
        """Let go of what is being made."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
