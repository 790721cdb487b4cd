"""The messages of a reader that wait for the race log, and how many may wait."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from services.ingest.decoders.messages import Message, Unreadable

BATCH_MAX = 2_000  # messages that go to the log together: four full envelopes
WAITING_MAX = 20_000  # total weight in memory: a few megabytes, some seconds of the worst flood of one reader
RAW_WEIGHT_BYTES = 256  # a message weighs 1, and one more for each so many unreadable bytes


class Backlog(Protocol):
    """Keep messages in order until they are on the race log."""

    async def put(self, messages: Sequence[Message]) -> None:
        """Take messages, once there is room, and return when they are stored. Raises OSError."""
        ...

    async def peek(self) -> list[Message]:
        """Return the next messages, at least one; the same again until `done`."""
        ...

    async def done(self) -> None:
        """Drop what `peek` returned last, now that it is on the race log."""
        ...

    async def emptied(self) -> None:
        """Return once nothing waits."""
        ...

    def close(self) -> None:
        """Close open files."""
        ...


class MemoryBacklog:
    """A backlog in memory, for devices that keep their log: they are asked again for what this process loses."""

    def __init__(self, limit: int = WAITING_MAX) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()
        self._weight = 0
        self._peeked = 0
        self._changed = asyncio.Condition()

    async def put(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        weight = sum(map(_weight, messages))
        async with self._changed:
            # An empty backlog takes any put: a single read of a socket is bounded itself.
            await self._changed.wait_for(lambda: not self._waiting or self._weight + weight <= self._limit)
            self._waiting.extend(messages)
            self._weight += weight
            self._changed.notify_all()

    async def peek(self) -> list[Message]:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting))
            self._peeked = min(BATCH_MAX, len(self._waiting))
            return [self._waiting[index] for index in range(self._peeked)]

    async def done(self) -> None:
        async with self._changed:
            for _ in range(self._peeked):
                self._weight -= _weight(self._waiting.popleft())
            self._peeked = 0
            self._changed.notify_all()

    async def emptied(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._waiting)

    def close(self) -> None:
        return


def _weight(message: Message) -> int:
    return 1 + len(message.raw) // RAW_WEIGHT_BYTES if isinstance(message, Unreadable) else 1
