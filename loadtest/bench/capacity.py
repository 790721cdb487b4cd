"""Measure what a read costs, by how many events are on at once: processor time of each part, memory, and disk.

Processor time hardly depends on what else the machine does, so these figures serve for planning, and none has a limit.
The same number of reads comes each time, at the same rate, of fewer athletes in each event as there are more events.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

import races
from loadtest.bench.caught_up import CAUGHT_UP_S, caught_up
from loadtest.bench.processor_time import processor_s
from loadtest.driver import Target, drive
from loadtest.plans import plan_for
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack
from schemas.definition_parse import definition_from_toml

RACE = "hanoi-half-2024"
ATHLETES = 2_000  # in all events together
EVENTS = (1, 20, 100)
READS_A_SECOND = 3_000.0
PARTS = ("ingest", "scoring", "projections", "kafka")


class Cost(Struct, frozen=True, kw_only=True):
    """What some reads cost a stack. Processor times are in microseconds for each read; disk is in bytes for each."""

    events: int
    athletes: int
    reads: int
    processor_us: dict[str, float]
    memory_mib: dict[str, float]
    disk: dict[str, float]

    @property
    def name(self) -> str:
        """How many events and reads."""
        return f"{self.events} events at once"

    @property
    def case(self) -> str:
        """The reads, which are the same each time."""
        return f"the reads of {ATHLETES:,} athletes"

    @property
    def values(self) -> Mapping[str, float]:
        """All of it."""
        return {
            "reads a second and core": 1e6 / sum(self.processor_us.values()),
            **{f"{part}, µs a read": us for part, us in self.processor_us.items()},
            **{f"memory of {part}, MiB": mib for part, mib in self.memory_mib.items()},
            **{f"disk of {part}, bytes a read": size for part, size in self.disk.items()},
        }

    @property
    def holds(self) -> bool:
        """There is no limit: this is for planning."""
        return True

    def line(self) -> str:
        """Return one line for a person."""
        times = ", ".join(f"{part} {us:.0f}" for part, us in self.processor_us.items())
        memory = ", ".join(f"{part} {mib:.0f}" for part, mib in self.memory_mib.items())
        disk = ", ".join(f"{part} {size:.0f}" for part, size in self.disk.items())
        rate = 1e6 / sum(self.processor_us.values())
        return (
            f"{self.name:<24} {self.athletes:,} athletes, {self.reads:,} reads: {rate:,.0f} reads a second and core;"
            f" µs a read: {times}; MiB: {memory}; bytes a read: {disk}"
        )


async def costs(stack: RunningStack) -> AsyncIterator[Cost]:
    """Yield what the same reads cost in one event and in more and more at once."""
    for events in EVENTS:
        days = [day_of(f"capacity-{events}-{number}", ATHLETES // events, number) for number in range(events)]
        reads = sum(len(day.reads) for day in days)
        before, disk_before = _processor_s(stack), _disk(stack)
        async with asyncio.TaskGroup() as group:
            for day in days:
                group.create_task(send_day(stack, day, READS_A_SECOND * len(day.reads) / reads))
        await caught_up(stack)
        after, disk_after = _processor_s(stack), _disk(stack)
        yield Cost(
            events=events,
            athletes=sum(day.size for day in days),
            reads=reads,
            processor_us={part: (after[part] - before[part]) * 1e6 / reads for part in PARTS},
            memory_mib={part: memory_mib(stack.process(part)) for part in PARTS},
            disk={part: (disk_after[part] - disk_before[part]) / reads for part in disk_after},
        )


def day_of(event: str, athletes: int, seed: int) -> Simulation:
    """Return a day of an event with so many athletes."""
    definition = definition_from_toml(races.definition_toml(RACE))
    renamed = msgspec.structs.replace(definition, event=event)
    return simulate(renamed, athletes, seed, plan_for(definition))


async def send_day(stack: RunningStack, day: Simulation, reads_a_second: float) -> None:
    """Send a day to a stack."""
    target = Target(
        url=f"http://127.0.0.1:{stack.ingest_port}",
        gateway_token=stack.good_token,
        official_token=stack.official_token,
        patience_s=CAUGHT_UP_S,
    )
    await drive(day, target, pace=lambda _: reads_a_second)


def _processor_s(stack: RunningStack) -> dict[str, float]:
    """Return the processor time that each part has used."""
    return {part: processor_s(stack.process(part)) for part in PARTS}


def memory_mib(process: int) -> float:
    """Return the memory of a process that is not on disk."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _disk(stack: RunningStack) -> dict[str, int]:
    """Return the bytes that the log of Kafka and the tables of ClickHouse take."""
    return {
        part: sum(path.stat().st_blocks * 512 for path in (stack.data / part).rglob("*") if path.is_file())
        for part in ("kafka", "clickhouse")
    }
