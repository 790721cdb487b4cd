"""Measure how long reads take from their acceptance to the boards, using the live service's event stream."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence

import aiohttp
import msgspec
from msgspec import Struct

from loadtest.driver import Answer

RECONNECT_S = 0.5


class Percentiles(Struct, frozen=True):
    """The number of measured reads, and the 50th and 99th percentile of their delays in milliseconds."""

    reads: int
    p50_ms: float
    p99_ms: float


class _Revision(Struct):
    revision: int


class Watcher:
    """Record when each revision of an event is announced to viewers."""

    def __init__(self, live: str, event: str) -> None:
        self._url = f"{live}/v1/events/{event}/stream"
        self.revisions: list[int] = []
        self.seen_us: list[int] = []

    @property
    def newest(self) -> int:
        """The newest announced revision, or -1 before the first."""
        return self.revisions[-1] if self.revisions else -1

    async def run(self) -> None:
        """Listen until cancelled. Reconnect if the connection breaks."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(self._url) as answer:
                        if answer.status == 200:
                            await self._listen(answer)
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(RECONNECT_S)

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
        """Return the delays of these answers' reads, or None if no revision of them was announced."""
        waits: list[tuple[int, int]] = []
        for answer in answers:
            if answer.revision is None:
                continue
            index = bisect_left(self.revisions, answer.revision)
            if index < len(self.revisions):
                waits.append((max(0, self.seen_us[index] - answer.accepted_us), answer.reads))
        reads = sum(count for _, count in waits)
        if not reads:
            return None
        waits.sort()
        return Percentiles(reads, _quantile(waits, reads * 0.50) / 1000, _quantile(waits, reads * 0.99) / 1000)


def _quantile(waits: list[tuple[int, int]], rank: float) -> int:
    """Return the wait of the read with this rank.

    `waits` ascend; each has the number of reads that waited that long.
    """
    for wait_us, count in waits:
        rank -= count
        if rank <= 0:
            return wait_us
    return waits[-1][0]
