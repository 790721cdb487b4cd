"""The runs: each puts a load on a stack with half a race on its boards, and yields a verdict on the memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import msgspec

from loadtest.attack import Gateway, attacking
from loadtest.bench.comparison import Verdict
from loadtest.bench.half_race import HalfRace, pushing
from loadtest.limits.memory import Held, resident_mib, slope
from loadtest.stack import RunningStack

PROCESSES = ("ingest", "scoring", "projections", "kafka")
NORMAL_READS = 20  # every EVERY_S: as in the busiest minutes of a race of 11,000
EVERY_S = 0.1
NORMAL_S = 30.0
SHORT_S = 60.0  # of the runs that put something to its limit at once
SAMPLE_S = 1.0
SLOW_VIEWERS = 1_000
OPENING = 50  # streams at a time
UNKNOWN = "nobody-knows-it"


def memory(stack: RunningStack) -> dict[str, float]:
    """Return the memory of each process, in MiB."""
    return {name: resident_mib(stack.process(name)) for name in PROCESSES}


async def most(stack: RunningStack, seconds: float) -> dict[str, float]:
    """Return the most that each process holds within some seconds, in MiB."""
    held = memory(stack)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        await asyncio.sleep(SAMPLE_S)
        held = {name: max(mib, held[name]) for name, mib in memory(stack).items()}
    return held


async def tenfold(stack: RunningStack, race: HalfRace, minutes: float) -> AsyncIterator[Verdict]:
    """Yield the memory under ten times the normal load."""
    async with pushing(race, NORMAL_READS, EVERY_S):
        normal = await most(stack, NORMAL_S)
    before, began_s = race.pushed, time.monotonic()
    async with pushing(race, 10 * NORMAL_READS, EVERY_S):
        held = await most(stack, minutes * 60)
    rate = (race.pushed - before) / (time.monotonic() - began_s)
    yield Held(name="ten times the load", normal_mib=normal, most_mib=held, note=f"{rate:,.0f} reads a second")


async def unknown_event(stack: RunningStack, _: HalfRace, __: float) -> AsyncIterator[Verdict]:
    """Yield the memory while a gateway sends for an event that nobody has defined."""
    normal = memory(stack)
    gateway = Gateway(f"http://127.0.0.1:{stack.ingest_port}/v1/events/{UNKNOWN}/reads", "lost", stack.good_token)
    sending = asyncio.create_task(gateway.push_for(SHORT_S))
    held = await most(stack, SHORT_S)
    await sending
    note = f"{len(gateway.waited_s)} requests, {len(gateway.failed)} without an answer of 200"
    yield Held(name="unknown event", normal_mib=normal, most_mib=held, note=note)


async def idle_connections(stack: RunningStack, race: HalfRace, _: float) -> AsyncIterator[Verdict]:
    """Yield the memory while 10,000 connections to ingest are opened, sent nothing, and opened again."""
    normal = memory(stack)
    path = f"/v1/events/{race.event}/reads"
    idle = attacking("idle", "127.0.0.1", stack.ingest_port, path, stack.hostile_token)
    async with idle as report, pushing(race, NORMAL_READS, EVERY_S):
        held = await most(stack, SHORT_S)
    yield Held(name="idle connections", normal_mib=normal, most_mib=held, note=f"{report.opened:,} opened")


async def slow_viewers(stack: RunningStack, race: HalfRace, _: float) -> AsyncIterator[Verdict]:
    """Yield the memory while viewers have streams open from which they read nothing."""
    normal = memory(stack)
    opening = asyncio.Semaphore(OPENING)

    async def view(viewers: AsyncExitStack) -> None:
        async with opening:
            _, writer = await asyncio.open_connection("127.0.0.1", stack.live_port, limit=1)
        viewers.callback(writer.close)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
        writer.write(f"GET /v1/events/{race.event}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    async with AsyncExitStack() as viewers:
        await asyncio.gather(*(view(viewers) for _ in range(SLOW_VIEWERS)))
        async with pushing(race, NORMAL_READS, EVERY_S):
            held = await most(stack, SHORT_S)
    yield Held(name=f"{SLOW_VIEWERS:,} slow viewers", normal_mib=normal, most_mib=held)


async def steady(stack: RunningStack, race: HalfRace, minutes: float) -> AsyncIterator[Verdict]:
    """Yield the growth of each process under a load that adds nothing: reads sent again, and boards asked for."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in PROCESSES}
    body = msgspec.json.encode({"gateway": "bench", "session": "again", "reads": race.take(NORMAL_READS)})
    event = f"/v1/events/{race.event}"
    reads = f"http://127.0.0.1:{stack.ingest_port}{event}/reads"
    headers = {"Authorization": f"Bearer {stack.good_token}", "Content-Type": "application/json"}
    began_s = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while (now_s := time.monotonic() - began_s) < minutes * 60:
            for name, mib in memory(stack).items():
                samples[name].append((now_s, mib))
            for _ in range(int(SAMPLE_S / EVERY_S)):
                async with session.post(reads, data=body, headers=headers) as answer:
                    await answer.read()
                async with session.get(f"http://127.0.0.1:{stack.live_port}{event}") as answer:
                    await answer.read()
                await asyncio.sleep(EVERY_S)
    for name in PROCESSES:
        yield slope(f"steady load, {name}", samples[name][len(samples[name]) // 10 :])  # the first tenth warms up
