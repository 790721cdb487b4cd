"""How long a read takes from its acceptance to the boards, by the live service's own event stream."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence

import aiohttp
import msgspec
from msgspec import Struct

from loadtest.driver import Answer

AGAIN_AFTER_S = 0.5


class Percentiles(Struct, frozen=True):
    """Of reads that were accepted: how many were measured, and the 50th and 99th percentile in milliseconds."""

    reads: int
    p50_ms: float
    p99_ms: float


class _Revision(Struct):
    revision: int


class Watcher:
    """Notes when each revision of an event can be read, as any viewer hears it."""

    def __init__(self, live: str, event: str) -> None:
        self._url = f"{live}/v1/events/{event}/stream"
        self.revisions: list[int] = []
        self.seen_us: list[int] = []

    @property
    def newest(self) -> int:
        """The newest revision heard of, -1 before the first."""
        return self.revisions[-1] if self.revisions else -1

    async def run(self) -> None:
        """Listen until cancelled; a connection that breaks is made again."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(self._url) as answer:
                        if answer.status == 200:
                            await self._listen(answer)
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _listen(self, answer: aiohttp.ClientResponse) -> None:
        async for line in answer.content:
            if line.startswith(b"data:"):
                at_us = time.time_ns() // 1000
                try:
                    revision = msgspec.json.decode(line[5:], type=_Revision).revision
                except msgspec.DecodeError:
                    continue
                if revision > self.newest:
                    self.revisions.append(revision)
                    self.seen_us.append(at_us)

    def percentiles(self, answers: Sequence[Answer]) -> Percentiles | None:
        """Of the reads of these answers; None where none of them can be seen yet, or none says its revision."""
        waits: list[tuple[int, int]] = []
        for answer in answers:
            if answer.revision is None:
                continue
            at = bisect_left(self.revisions, answer.revision)
            if at < len(self.revisions):
                waits.append((max(0, self.seen_us[at] - answer.accepted_us), answer.reads))
        reads = sum(count for _, count in waits)
        if not reads:
            return None
        waits.sort()
        return Percentiles(reads, _quantile(waits, reads * 0.50) / 1000, _quantile(waits, reads * 0.99) / 1000)


def _quantile(waits: list[tuple[int, int]], rank: float) -> int:
    """The wait of the read of that rank; `waits` are ascending, each with how many reads waited so long."""
    for wait_us, count in waits:
        rank -= count
        if rank <= 0:
            return wait_us
    return waits[-1][0]
