"""Work in short turns, so that no partition keeps the loop from others, from Kafka, or from a health check."""

import asyncio
import time
from types import TracebackType

TURN_S = 0.02
PASSES = 20  # of the loop between two turns: Faust takes several for each record, and would get one record a turn


class TimeSlice:
    """Whoever works holds a turn, one at a time, and gives it back soon after `over`; then everybody else has his.

    One lock for all partitions: however many are busy, the loop is held for one turn at a time.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._until_s = 0.0

    async def __aenter__(self) -> "TimeSlice":
        await self._lock.acquire()
        self._until_s = time.monotonic() + TURN_S
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._lock.release()
        for _ in range(PASSES):
            await asyncio.sleep(0)

    def over(self) -> bool:
        """Whether the turn has lasted long enough."""
        return time.monotonic() >= self._until_s
