"""Measure how long a board takes while explanations of a large event, the live API's costliest answers, are computed.

The control is a process that uses as much of the processor and sends nothing to the live API.
"""

import asyncio
import time

import aiohttp

import races
from loadtest.attack import attacking
from loadtest.bench.comparison import Comparison, p99
from loadtest.bench.stack import BenchStack
from loadtest.driver import Target, drive
from loadtest.simulation import Simulation, simulate
from schemas.definition_parse import definition_from_toml

RACE = "vnexpress-hcmc-midnight-2024"
SIZE = 1500
EXPLAINED = 20
PAUSE_S = 0.01  # between two board requests
SCORED_S = 120.0  # for the boards to show all athletes


async def explanation_comparison(stack: BenchStack) -> Comparison:
    """Return how long a board takes while explanations are asked for, one after the other."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), SIZE, 1)
    target = Target(
        url=f"http://127.0.0.1:{stack.ingest_port}", gateway_token=stack.good_token, official_token=stack.official_token
    )
    driven = await drive(simulation, target)
    event = f"http://127.0.0.1:{stack.live_port}/v1/events/{simulation.definition.event}"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await _scored(session, event, driven.revision or 0)
        explained = asyncio.create_task(_explain(session, event, simulation))
        loaded_s = await _waits_until(explained, session, event)
        explained.result()
        async with attacking("burn", "127.0.0.1", stack.ingest_port, "/", ""):
            resting = asyncio.create_task(asyncio.sleep(3.0))
            control_s = await _waits_until(resting, session, event)
    return Comparison(name="board under explanations", loaded_s=p99(loaded_s), control_s=p99(control_s))


async def _scored(session: aiohttp.ClientSession, event: str, revision: int) -> None:
    async with asyncio.timeout(SCORED_S):
        while True:
            try:
                async with session.get(event) as answer:
                    if (await answer.json())["revision"] >= revision:
                        return
            except aiohttp.ClientResponseError:
                pass  # 404 until the definition has arrived
            await asyncio.sleep(0.2)


async def _explain(session: aiohttp.ClientSession, event: str, simulation: Simulation) -> None:
    for entry in simulation.entries[:: SIZE // EXPLAINED]:
        async with session.get(f"{event}/athletes/{entry.bib}/explain") as answer:
            await answer.read()


async def _waits_until(end: "asyncio.Task[None]", session: aiohttp.ClientSession, event: str) -> list[float]:
    waits_s: list[float] = []
    while not end.done():
        began_s = time.perf_counter()
        async with session.get(event) as answer:
            await answer.read()
        waits_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(PAUSE_S)
    return waits_s
