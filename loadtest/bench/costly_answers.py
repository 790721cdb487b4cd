"""Measure how long a board takes while explanations and previews of a large event, live's costliest answers, are made.

The control is a process that uses as much of the processor and sends nothing to the live API.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import aiohttp

import races
from loadtest.attack import attacking
from loadtest.bench.comparison import Comparison, p99
from loadtest.driver import Target, drive
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack
from schemas.definition_parse import definition_from_toml

RACE = "vnexpress-hcmc-midnight-2024"
SIZE = 1500
EXPLAINED = 20
PREVIEWED = 3  # of each race
PAUSE_S = 0.01  # between two board requests
SCORED_S = 120.0  # for the boards to show all athletes


async def answer_comparisons(stack: RunningStack) -> AsyncIterator[Comparison]:
    """Yield how long a board takes while explanations, and then previews, are asked for, one after the other."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), SIZE, 1)
    target = Target(
        url=f"http://127.0.0.1:{stack.ingest_port}", gateway_token=stack.good_token, official_token=stack.official_token
    )
    driven = await drive(simulation, target)
    event = f"http://127.0.0.1:{stack.live_port}/v1/events/{simulation.definition.event}"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await _scored(session, event, driven.revision or 0)
        explained_s = await _waits_during(_explain(session, event, simulation), session, event)
        previewed_s = await _waits_during(_preview(session, event, simulation, stack.official_token), session, event)
        async with attacking("burn", "127.0.0.1", stack.ingest_port, "/", ""):
            control_s = await _waits_during(asyncio.sleep(3.0), session, event)
    yield Comparison(name="board under explanations", loaded_s=p99(explained_s), control_s=p99(control_s))
    yield Comparison(name="board under previews", loaded_s=p99(previewed_s), control_s=p99(control_s))


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


async def _preview(session: aiohttp.ClientSession, event: str, simulation: Simulation, token: str) -> None:
    """Ask what each race's gun would change, again and again: that concerns all of its athletes."""
    for _ in range(PREVIEWED):
        for race in simulation.definition.races:
            fact = {"type": "gun_fired", "event": simulation.definition.event, "race": race.id, "at": race.start[11:]}
            async with session.post(
                f"{event}/preview", json=fact, headers={"Authorization": f"Bearer {token}"}
            ) as answer:
                await answer.read()


async def _waits_during(work: Coroutine[Any, Any, None], session: aiohttp.ClientSession, event: str) -> list[float]:
    """Return how long each board request took while some work was done, in seconds."""
    waits_s: list[float] = []
    done = asyncio.create_task(work)
    while not done.done():
        began_s = time.perf_counter()
        async with session.get(event) as answer:
            await answer.read()
        waits_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(PAUSE_S)
    done.result()
    return waits_s
