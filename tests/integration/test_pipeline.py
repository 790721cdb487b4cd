"""The whole stack as a user starts it: a race in by HTTP and MYLAPS, processes killed, the true boards out."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from loadtest.driver import Target, drive
from loadtest.simulation import Simulation, simulate
from races import definition_toml
from schemas.definition_parse import definition_from_toml
from services.demo.latency import Watcher
from services.demo.run import against_truth, caught_up
from services.demo.show import Screen
from services.demo.stack import Stack
from services.offline.export.publications import PublishingLog
from tests.integration.processes import is_alive

SIZE = 250
WAIT_S = 120.0  # for a hang only


def _race(seed: int) -> Simulation:
    definition = definition_from_toml(definition_toml("hanoi-half-2024"))
    return simulate(definition, SIZE, seed)


async def _kill(stack: Stack, name: str) -> None:
    """Kill a service with SIGKILL, once one runs that was not killed yet."""
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


async def _publish(stack: Stack, event: str, races: list[str]) -> None:
    """Publish results of all races again and again while they change, once the event is defined."""
    facts = [{"type": "results_published", "event": event, "race": race, "state": "provisional"} for race in races]
    async with aiohttp.ClientSession() as session:
        defined = False
        while not defined:
            with suppress(aiohttp.ClientError):  # just killed
                async with session.get(f"{stack.live}/v1/events/{event}") as answer:
                    defined = answer.status == 200
            await asyncio.sleep(0.05)
        while True:
            with suppress(aiohttp.ClientError):
                async with session.post(f"{stack.ingest}/v1/events/{event}/facts", json=facts):
                    pass
            await asyncio.sleep(0.5)


_KEPT = """
import asyncio, json, sys
from pathlib import Path
from services.runtime.clickhouse import Database, DatabaseAddress

async def main() -> None:
    database = Database(DatabaseAddress(path=Path(sys.argv[1])))
    await database.open()
    found = "SELECT DISTINCT offset, race, revision, sha256 FROM published ORDER BY offset, race"
    print(json.dumps([list(row) for row in await database.query(found)]))
    await database.close()

asyncio.run(main())
"""


async def _kept(folder: Path) -> list[list[Any]]:
    """Return every publication that the projections have kept; a separate process opens the engine's folder."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _KEPT, str(folder), stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    answers: list[list[Any]] = json.loads(said)
    return answers


async def test_services_killed_in_the_middle_of_a_race_end_in_the_true_boards(stack: Stack, tmp_path: Path) -> None:
    """Scoring five times, ingest and the projections once, at instants that a seed draws. And what is published on the
    way is kept exactly as a fold of the log up to there has it.
    """
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
    publishing = asyncio.create_task(_publish(stack, event, [race.id for race in simulation.definition.races]))
    target = Target(url=stack.ingest, mylaps=("127.0.0.1", stack.ports.mylaps))
    driven = await drive(simulation, target, progress=progress, pace=lambda _: total / 25)
    await asyncio.gather(*killing)
    publishing.cancel()
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

    publishing_log = PublishingLog()
    for line in log.splitlines():
        publishing_log.add(line.encode())
    expected = [
        [published.offset, published.race, published.offset, published.sha256]
        for published in (kept.published for kept in publishing_log.kept.values())
    ]
    await stack.stop()
    assert await _kept(tmp_path / "data" / "clickhouse") == sorted(expected)
    assert len({sha256 for *_, sha256 in expected}) >= 5
