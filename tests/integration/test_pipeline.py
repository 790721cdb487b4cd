"""The whole stack as a user starts it: a race in by HTTP and MYLAPS, processes killed, the true boards out."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from loadtest.driver import Target, drive
from loadtest.simulation import Simulation, simulate
from races import definition_toml
from schemas.definition import definition_from_toml
from services.demo.latency import Watcher
from services.demo.run import against_truth, caught_up
from services.demo.show import Screen
from services.demo.stack import Stack, free_port, fresh_folder
from services.runtime.up import Ports
from tests.integration.processes import is_alive

SIZE = 250
WAIT_S = 120.0  # for a hang only


def _ports() -> Ports:
    names = ("live", "ingest", "scoring", "projections", "mylaps", "kafka", "controller")
    return Ports(**{name: free_port() for name in names})


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack that is not started yet, ended after the test whatever happens."""
    made = Stack(fresh_folder(tmp_path / "data"), _ports(), print)
    yield made
    await made.stop()


def _race(seed: int) -> Simulation:
    definition = definition_from_toml(definition_toml("hanoi-half-2024"))
    return simulate(definition, SIZE, seed)


async def _kill(stack: Stack, name: str) -> None:
    """kill -9 of a service, once there is one that was not killed yet."""
    async with asyncio.timeout(WAIT_S):
        while not is_alive(stack.processes[name]):
            await asyncio.sleep(0.02)
    os.kill(stack.processes[name], signal.SIGKILL)


async def _run(stack: Stack, *words: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "MATLINE_KAFKA": stack.kafka, **environment},
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def _served(stack: Stack, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.live}{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_services_killed_in_the_middle_of_a_race_end_in_the_true_boards(stack: Stack, tmp_path: Path) -> None:
    """Scoring five times, ingest and the projections once, at instants that a seed draws."""
    rng = random.Random(5)
    simulation = _race(11)
    event, total = simulation.definition.event, len(simulation.reads)
    sources = tmp_path / "sources.toml"
    sources.write_text(simulation.sources_toml())
    await stack.start(sources)
    victims = ["scoring"] * 5 + ["projections", "ingest"]
    rng.shuffle(victims)
    instants = sorted(rng.sample(range(total // 20, total * 9 // 10), k=len(victims)))
    killed: list[str] = []
    killing: list[asyncio.Task[None]] = []

    def progress(driven: Any) -> None:
        while instants and driven.accepted >= instants[0]:
            instants.pop(0)
            killed.append(victims[len(killed)])
            killing.append(asyncio.create_task(_kill(stack, killed[-1])))

    watcher = Watcher(stack.live, event)
    watching = asyncio.create_task(watcher.run())
    target = Target(url=stack.ingest, mylaps=("127.0.0.1", stack.ports.mylaps))
    driven = await drive(simulation, target, progress=progress, pace=lambda _: total / 25)
    await asyncio.gather(*killing)
    await caught_up(stack, event, watcher)
    watching.cancel()
    assert killed == victims
    assert driven.accepted == driven.sent >= total
    standings = await _served(stack, f"/v1/events/{event}/standings")
    assert against_truth(Screen(), standings, simulation.truth)
    code, said = await _run(stack, "verify", event, f"--live={stack.live}", PYTHONHASHSEED="99")
    assert code == 0, said

    code, log = await _run(stack, "export", "log", event)
    assert code == 0
    (tmp_path / "log.jsonl").write_text(log)
    code, scored = await _run(stack, "score", str(tmp_path / "log.jsonl"))
    assert code == 0
    document = json.loads(scored)
    assert document["boards"] == standings["boards"]
    boards = {name: rows for name, rows in document["boards"].items() if rows}
    assert len(boards) >= 4
    for name, rows in boards.items():
        page = await _served(stack, f"/v1/events/{event}/boards/{name}?limit=1000")
        assert [(row["place"], row["bib"], row["time_s"]) for row in page["rows"]] == [
            (row["place"], row["bib"], row["time_s"]) for row in rows
        ]
