"""Measure the memory of each process, and how long a start takes, by the number of athletes and of events.

Reads go to Kafka directly, and of those of a race only one of six, so that many athletes take minutes and not an hour:
memory is by athletes far more than by reads.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from msgspec import Struct

import races
from loadtest.bench.caught_up import caught_up, is_answered
from loadtest.bench.comparison import Measure, Measured
from loadtest.bench.recovery import HEALTHY_S
from loadtest.bench.scoring_beside import envelopes, frame_of, write
from loadtest.limits.memory import resident_mib
from loadtest.plans import plan_for
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack, running_stack
from schemas.codec import encode_envelope
from schemas.definition_parse import definition_from_toml
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, partition_of

RACE = "hanoi-half-2024"
ONE_READ_OF = 6
SIZES = ((11_000, 1), (55_000, 1), (200_000, 1), (11_000, 40), (11_000, 500))  # athletes in all, and events
PROCESSES = ("ingest", "scoring", "projections", "kafka")
STARTED_AGAIN = ("scoring", "projections")
LAG_SEEN_S = 5.0  # until the services have noticed the last records
READY_S = 600.0
EVERY_S = 0.1


class Growth(Struct, frozen=True, kw_only=True):
    """The memory of each process in MiB, and the seconds from kill -9 of one until it is ready again."""

    athletes: int
    events: int
    memory_mib: dict[str, float]
    ready_s: dict[str, float]
    holds: bool = True

    @property
    def case(self) -> str:
        """What is more and more."""
        return "athletes of an event" if self.events == 1 else f"events of {self.athletes:,} athletes in all"

    @property
    def name(self) -> str:
        """How many there are."""
        return f"{self.athletes if self.events == 1 else self.events:,}"

    @property
    def values(self) -> Mapping[str, float]:
        """All of it, the memory that grows most first."""
        return {
            "memory in all, MiB": sum(self.memory_mib.values()),
            **{f"{process}, MiB": mib for process, mib in self.memory_mib.items()},
            **{f"{process} ready again, s": ready_s for process, ready_s in self.ready_s.items()},
        }

    def line(self) -> str:
        """Return one line for a person."""
        memory = ", ".join(f"{process} {mib:.0f}" for process, mib in self.memory_mib.items())
        ready = ", ".join(f"{process} {ready_s:.1f}" for process, ready_s in self.ready_s.items())
        return f"{self.case}: {self.name}: MiB: {memory}; seconds from kill -9 until ready again: {ready}"


@asynccontextmanager
async def growth() -> AsyncIterator[Measure]:
    """Yield a measurement of all sizes, each in a stack of its own. It raises TimeoutError."""

    async def measure() -> AsyncIterator[Measured]:
        for athletes, events in SIZES:
            async with running_stack() as stack:
                began_s = time.monotonic()
                for number in range(events):
                    await _write_race(stack, _race(athletes // events, number))
                await asyncio.sleep(LAG_SEEN_S)
                await caught_up(stack)
                memory_mib = {process: resident_mib(stack.process(process)) for process in PROCESSES}
                # `matline up` starts a process again at once only if it has run for a while.
                await asyncio.sleep(max(0.0, HEALTHY_S - (time.monotonic() - began_s)))
                ready_s = {process: await _started_again(stack, process) for process in STARTED_AGAIN}
                yield Growth(athletes=athletes, events=events, memory_mib=memory_mib, ready_s=ready_s)

    yield measure


def _race(athletes: int, number: int) -> Simulation:
    definition = definition_from_toml(races.definition_toml(RACE))
    renamed = msgspec.structs.replace(definition, event=f"growth-{number}")
    simulation = simulate(renamed, athletes, number, plan_for(definition))
    reads = msgspec.structs.replace(simulation.reads, packed=simulation.reads.packed[::ONE_READ_OF])
    return msgspec.structs.replace(simulation, reads=reads)


async def _write_race(stack: RunningStack, simulation: Simulation) -> None:
    """Write a race to `race-log`, and wait until scoring has written its results. Raises TimeoutError."""
    event, servers = simulation.definition.event, f"127.0.0.1:{stack.kafka_port}"
    partition = partition_of(event, PARTITIONS_DEFAULT)
    facts = [*simulation.opening, *simulation.guns]
    records = [(event.encode(), encode_envelope(event, [timed.fact])) for timed in facts]
    last = await write(servers, RACE_LOG.name, [*records, *envelopes(simulation)], partition)
    await frame_of(servers, partition, last)


async def _started_again(stack: RunningStack, process: str) -> float:
    """Kill a process, and return how many seconds pass until its successor is ready. Raises TimeoutError."""
    port = {"scoring": stack.scoring_port, "projections": stack.projections_port}[process]
    os.kill(stack.process(process), signal.SIGKILL)
    began_s = time.monotonic()
    async with aiohttp.ClientSession() as session, asyncio.timeout(READY_S):
        while True:
            if await is_answered(session, f"http://127.0.0.1:{port}/readyz"):
                return time.monotonic() - began_s
            await asyncio.sleep(EVERY_S)
