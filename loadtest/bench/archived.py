"""Measure what archived events cost: the memory of scoring and the projections, and what a start takes.

Both processes are killed each time and started again by `matline up`: without any event, with many, and with the same
ones archived. A start is told by processor time, which hardly depends on what else the machine does.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping

import aiohttp
from msgspec import Struct

from loadtest.bench.capacity import day_of, memory_mib, send_day
from loadtest.bench.caught_up import caught_up
from loadtest.bench.processor_time import processor_s
from loadtest.stack import RunningStack

EVENTS = 500
ATHLETES = 4  # of each: what an archived one costs does not depend on its size
READS_A_SECOND = 3_000.0
AT_ONCE = 25  # events sent at a time
STARTED = ("scoring", "projections")
START_S_MAX = 5.0  # more than without any event
EVERY_S = 0.5
SAVED_S = 5.0  # the metric is renewed every second, later on a busy machine
WAIT_S = 1_800.0  # for a hang only


class Started(Struct, frozen=True, kw_only=True):
    """A start of scoring and of the projections: processor seconds until both were ready, and their memory then."""

    events: str
    processor_s: dict[str, float]
    memory_mib: dict[str, float]
    holds: bool = True

    @property
    def name(self) -> str:
        """How many events of what kind."""
        return self.events

    @property
    def case(self) -> str:
        """What is compared."""
        return "a start"

    @property
    def values(self) -> Mapping[str, float]:
        """All figures."""
        return {
            **{f"{part}, processor s": seconds for part, seconds in self.processor_s.items()},
            **{f"{part}, MiB": mib for part, mib in self.memory_mib.items()},
        }

    def line(self) -> str:
        """Return one line for a person."""
        figures = (
            f"{part} {self.processor_s[part]:.1f} s of processor, {self.memory_mib[part]:.0f} MiB" for part in STARTED
        )
        return f"{self.name:<24} {'; '.join(figures)}  {'ok' if self.holds else 'TOO SLOW'}"


async def starts(stack: RunningStack) -> AsyncIterator[Started]:
    """Yield a start without any event, with EVENTS of them, and with these archived."""
    headers = {"Authorization": f"Bearer {stack.official_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        none = await _started(session, stack, "no event")
        yield none
        names = [f"archived-{number}" for number in range(EVENTS)]
        for begin in range(0, EVENTS, AT_ONCE):
            days = [day_of(name, ATHLETES, seed) for seed, name in enumerate(names[begin : begin + AT_ONCE], begin)]
            async with asyncio.TaskGroup() as group:
                for day in days:
                    group.create_task(send_day(stack, day, READS_A_SECOND / AT_ONCE))
        await caught_up(stack)
        yield await _started(session, stack, f"{EVENTS} events")
        for name in names:
            await _archive(session, stack, name)
        for name in names:
            await _until_archived(session, stack, name)
        started = await _started(session, stack, f"{EVENTS} archived events")
        more_s = sum(started.processor_s.values()) - sum(none.processor_s.values())
        yield Started(
            events=started.events,
            processor_s=started.processor_s,
            memory_mib=started.memory_mib,
            holds=more_s <= START_S_MAX,
        )


async def _archive(session: aiohttp.ClientSession, stack: RunningStack, event: str) -> None:
    url = f"http://127.0.0.1:{stack.ingest_port}/v1/events/{event}/facts"
    async with session.post(url, json={"type": "event_archived", "event": event}) as answer:
        if answer.status != 200:
            raise RuntimeError(f"{event} is not archived: {await answer.text()}")


async def _until_archived(session: aiohttp.ClientSession, stack: RunningStack, event: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            async with session.get(f"http://127.0.0.1:{stack.live_port}/v1/events/{event}") as answer:
                if answer.status == 200 and (await answer.json())["archived"]:
                    return
            await asyncio.sleep(EVERY_S)


async def _started(session: aiohttp.ClientSession, stack: RunningStack, events: str) -> Started:
    """Kill both processes once snapshots have everything, and return what their start took."""
    ports = dict(zip(STARTED, (stack.scoring_port, stack.projections_port), strict=True))
    async with asyncio.timeout(WAIT_S):
        await _all_saved(session, ports["scoring"])
        before = {part: stack.process(part) for part in STARTED}
        for process in before.values():
            os.kill(process, signal.SIGKILL)
        used_s: dict[str, float] = {}
        while len(used_s) < len(STARTED):
            await asyncio.sleep(EVERY_S / 10)
            for part in STARTED:
                if part not in used_s and stack.process(part) != before[part] and await _ready(session, ports[part]):
                    used_s[part] = processor_s(stack.process(part))
    memory = {part: memory_mib(stack.process(part)) for part in STARTED}
    return Started(events=events, processor_s=used_s, memory_mib=memory)


async def _all_saved(session: aiohttp.ClientSession, port: int) -> None:
    """Return once snapshots of scoring have had everything that was folded for a while."""
    saved_looks = 0
    while saved_looks < SAVED_S / EVERY_S:
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        ages = [line for line in lines if line.startswith("matline_scoring_snapshot_age_seconds{")]
        is_saved = not any(float(line.rpartition(" ")[2]) > 0 for line in ages)
        saved_looks = saved_looks + 1 if is_saved else 0
        await asyncio.sleep(EVERY_S)


async def _ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
