"""A bounded cache of values that are made asynchronously. Callers that ask for a key at the same time share a call.

A shared call is a task of its own, whose start and end each wait for the event loop. Where many values are made one
after the other, and each takes microseconds, `computed` and `hold` spare that.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from services.live.off_loop import STEPS_ON_LOOP

V = TypeVar("V")

LARGEST_SHARE = 8  # a value heavier than one eighth of the bound is not kept: it would push out too many others


class AsyncCache(Generic[V]):
    """Keep values that weigh at most `most` together; the least recently used are dropped first."""

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        self.weight = 0
        self._most = most
        self._weigh = weigh
        self._held: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[V]] = {}

    def held(self, key: Hashable) -> V | None:
        """Return the value of a key, or None when it is not kept."""
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    async def get(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """Return the value of a key, made by `make` when it is not kept. Raises what `make` raises, for all who wait.

        `make` goes on when the caller that started it is cancelled.
        """
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    async def computed(self, key: Hashable, steps: int, work: Callable[[], V]) -> V:
        """Return the value of a key, or `work()`: from a thread when it takes more than STEPS_ON_LOOP steps.

        Raises what `work` raises.
        """
        if steps > STEPS_ON_LOOP:
            return await self.get(key, lambda: asyncio.to_thread(work))
        held = self.held(key)
        if held is None:
            held = work()
            self.hold(key, held)
        return held

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        value = await make()
        self.hold(key, value)
        return value

    def _made(self, key: Hashable, done: "asyncio.Task[V]") -> None:
        del self._making[key]
        if not done.cancelled():
            done.exception()  # retrieved, even if all callers that waited were cancelled

    def hold(self, key: Hashable, value: V) -> None:
        """Keep the value of a key."""
        weight = self._weigh(value)
        if weight * LARGEST_SHARE > self._most:
            return
        _, before = self._held.pop(key, (value, 0))
        self._held[key] = value, weight
        self.weight += weight - before
        while self.weight > self._most:
            _, (_, dropped) = self._held.popitem(last=False)
            self.weight -= dropped

    async def close(self) -> None:
        """Cancel all calls in progress."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
