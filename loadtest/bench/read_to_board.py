"""Measure how long reads take to the boards while they arrive at a steady rate, whatever the system does.

The load is open: a read is due by the clock, its request is sent then even if earlier ones have no answer, and its wait
counts from that instant, so that a system that falls behind cannot slow the load and so hide its delay. Source:
Karimov et al., Benchmarking Distributed Stream Data Processing Systems (ICDE 2018), sections III and IV.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from loadtest.bench.comparison import Measure, Measured
from loadtest.bench.half_race import HalfRace
from loadtest.bench.processor_time import processor_s
from loadtest.stack import RunningStack, running_stack
from loadtest.viewers.connections import Arrivals, StreamViewer, address
from loadtest.viewers.streams import percentile

ATHLETES = 11_000
TICK_S = 0.01  # between two requests: at 2,000 reads a second each holds 20
MEASURED_S = 7.0  # six runs at both rates take 504,000 of the 590,000 reads that half a race of 11,000 has
SHOWN_S = 60.0  # for the last of the reads to be on the boards
EVERY_S = 0.05
SERVICES = ("ingest", "scoring", "projections", "kafka")


class Goal(Struct, frozen=True):
    """A rate of reads a second, and the longest median and 99th percentile that are fast enough, in seconds."""

    rate: int
    p50_s: float
    p99_s: float


GOALS = (Goal(2_000, 0.08, 0.2), Goal(10_000, 1.0, 1.0))


class Shown(Struct, frozen=True):
    """A request: when its reads were due, and the revision after which they are on the boards."""

    due_us: int
    revision: int


class ReadToBoard(Struct, frozen=True, kw_only=True):
    """The waits of reads from when they were due until a viewer was shown them, in seconds.

    `processor_s` is what each service used, with its threads, and `reads` how many reads it was for.
    """

    goal: Goal
    waits_s: list[float]
    reads: int
    processor_s: dict[str, float]

    @property
    def name(self) -> str:
        """The rate."""
        return f"{self.goal.rate:,} reads/s"

    @property
    def case(self) -> str:
        """What the reads go through."""
        return "from a due read to the board"

    @property
    def values(self) -> Mapping[str, float]:
        """The waits, and what each service spent."""
        return {
            "median, ms": self._at(0.5) * 1000,
            "p99, ms": self._at(0.99) * 1000,
            **{f"{name}, µs a read": used_s / self.reads * 1e6 for name, used_s in self.processor_s.items()},
        }

    @property
    def holds(self) -> bool:
        """Whether reads are shown soon enough."""
        return self._at(0.5) <= self.goal.p50_s and self._at(0.99) <= self.goal.p99_s

    def _at(self, share: float) -> float:
        return percentile(self.waits_s, share)

    def line(self) -> str:
        """Return one line for a person."""
        costs = ", ".join(f"{name} {used_s / self.reads * 1e6:.0f}" for name, used_s in self.processor_s.items())
        return (
            f"{self.name:<24} due to board p50 {self._at(0.5) * 1000:.0f} ms, p99 {self._at(0.99) * 1000:.0f} ms"
            f" (at most {self.goal.p50_s * 1000:.0f}, {self.goal.p99_s * 1000:.0f}); processor seconds a million"
            f" reads: {costs}  {'ok' if self.holds else 'TOO SLOW'}"
        )


@asynccontextmanager
async def reads_to_boards() -> AsyncIterator[Measure]:
    """Yield a measurement of the waits at each rate, in the second half of a race. It raises TimeoutError."""
    async with running_stack() as stack, HalfRace(stack, ATHLETES) as race:

        async def measure() -> AsyncIterator[Measured]:
            for goal in GOALS:
                yield await _waited(stack, race, goal)

        yield measure


async def _waited(stack: RunningStack, race: HalfRace, goal: Goal) -> ReadToBoard:
    arrivals = Arrivals()
    viewer = await _viewer(f"http://127.0.0.1:{stack.live_port}", race.event, arrivals)
    before = {name: processor_s(stack.process(name)) for name in SERVICES}
    sent = await _load(race, goal.rate, MEASURED_S)
    last = max(request.revision for request in sent)
    await race.shown(last, SHOWN_S)
    await _streamed(arrivals, last)
    used = {name: processor_s(stack.process(name)) - before[name] for name in SERVICES}
    viewer.stop()
    return ReadToBoard(
        goal=goal, waits_s=waits_s(sent, arrivals), reads=round(goal.rate * MEASURED_S), processor_s=used
    )


async def _streamed(arrivals: Arrivals, revision: int) -> None:
    """Wait until a stream has shown a revision, which may be later than the answers do. Raises TimeoutError."""
    async with asyncio.timeout(SHOWN_S):
        while True:
            if arrivals.revisions and arrivals.revisions[-1] >= revision:
                return
            await asyncio.sleep(EVERY_S)


async def _viewer(url: str, event: str, arrivals: Arrivals) -> StreamViewer:
    host, port, authority = address(url)
    _, viewer = await asyncio.get_running_loop().create_connection(
        lambda: StreamViewer(f"/v1/events/{event}/stream", authority, arrivals), host, port
    )
    await viewer.opened
    return viewer


async def _load(race: HalfRace, rate: int, seconds: float) -> list[Shown]:
    """Send reads at a rate for some time; return the requests once all are answered."""
    began_s, began_us = time.monotonic(), time.time_ns() // 1000

    async def send(due_s: float) -> Shown:
        return Shown(began_us + round(due_s * 1e6), await race.push(round(rate * TICK_S)))

    sending: list[asyncio.Task[Shown]] = []
    for nth in range(round(seconds / TICK_S)):
        due_s = nth * TICK_S
        await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
        sending.append(asyncio.create_task(send(due_s)))
    return list(await asyncio.gather(*sending))


def waits_s(sent: Sequence[Shown], arrivals: Arrivals) -> list[float]:
    """Return how long after they were due the reads of each request were shown.

    They are shown with the first revision that is not below their own.
    """
    return [
        (arrivals.at_us[bisect_left(arrivals.revisions, request.revision)] - request.due_us) / 1e6 for request in sent
    ]
