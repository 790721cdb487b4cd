"""Work in short slices of time, so that no partition blocks the event loop for others, Kafka or health checks."""

import asyncio
import time
from types import TracebackType

SLICE_S = 0.02
PASSES = 20  # of the loop between two slices: Faust needs several for each record; with one it gets no record through


class TimeSlice:
    """A lock that all partitions share: one works at a time, and releases the lock soon after `over`.

    However many partitions are busy, they block the loop for one slice of `slice_s` at a time; between two slices the
    loop runs everything else.
    """

    def __init__(self, slice_s: float = SLICE_S) -> None:
        self._slice_s = slice_s
        self._lock = asyncio.Lock()
        self._until_s = 0.0

    async def __aenter__(self) -> "TimeSlice":
        await self._lock.acquire()
        self._until_s = time.monotonic() + self._slice_s
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        for _ in range(PASSES):
            await asyncio.sleep(0)

    def over(self) -> bool:
        """Return whether the slice has used up its time."""
        return time.monotonic() >= self._until_s
