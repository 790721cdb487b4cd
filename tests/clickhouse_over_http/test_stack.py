"""`matline up` on ClickHouse over HTTP: a race while the server fails in every way, with two processes of live."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

import races
from loadtest.driver import Target, drive
from loadtest.simulation import simulate
from schemas.definition_parse import definition_from_toml
from services.demo.run import against_truth
from services.demo.show import Screen
from services.demo.stack import Stack, free_port, fresh_folder
from services.runtime.clickhouse import Database, DatabaseAddress
from services.runtime.kafka import KafkaOptions
from tests.clickhouse_over_http.faults import Fault
from tests.clickhouse_over_http.server import ClickHouse
from tests.integration.conftest import ports

SIZE = 150
WAIT_S = 120.0  # for a hang only
MATLINE = (sys.executable, "-m", "services.cli")
FAULTS = (
    Fault(kind="error_after", times=2, begins="INSERT INTO revisions"),
    Fault(kind="lost_answer", times=3, begins="INSERT INTO athlete_versions"),
    Fault(kind="slow", times=2, begins="INSERT INTO board_rows", seconds=0.5),
    Fault(kind="away", times=4, begins="INSERT INTO splits"),
    Fault(kind="error_after", times=1, begins="INSERT INTO progress"),
    Fault(kind="lost_answer", times=2, begins="INSERT INTO reads"),
)


@asynccontextmanager
async def second_live(stack: Stack, clickhouse: ClickHouse, kafka: KafkaOptions) -> AsyncIterator[str]:
    """Serve the same boards by another process; yield its address once it answers."""
    port = free_port()
    environment = {
        **os.environ,
        "MATLINE_CLICKHOUSE": clickhouse.url,
        "MATLINE_KAFKA": kafka.servers,
        "MATLINE_DATA": str(stack.data),
        "MATLINE_LIVE_PORT": str(port),
    }
    with (stack.data / "second-live.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.operate.child", str(os.getpid())),
            *(*MATLINE, "live"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    live = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(WAIT_S):
            while await served(live, "/v1/events") is None:
                await asyncio.sleep(0.1)
        yield live
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def database_of(clickhouse: ClickHouse) -> AsyncIterator[Database]:
    """Open the database of the stack."""
    database = Database(DatabaseAddress(port=clickhouse.port))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def served(live: str, path: str) -> Any:
    """Return an answer, or None while there is none."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{live}{path}") as answer:
            return await answer.json() if answer.status == 200 else None
    except aiohttp.ClientError:
        return None


async def verified(event: str, live: str, kafka: KafkaOptions) -> tuple[int, str]:
    """Score the log again in another process and compare it with what is served."""
    process = await asyncio.create_subprocess_exec(
        *(*MATLINE, "verify", event, f"--live={live}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "MATLINE_KAFKA": kafka.servers, "PYTHONHASHSEED": "99"},
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_race_ends_in_the_true_boards_on_two_processes_of_live_although_the_server_fails(
    clickhouse: ClickHouse, kafka: KafkaOptions, tmp_path: Path
):
    stack = Stack(fresh_folder(tmp_path / "data"), ports(), print)
    simulation = simulate(definition_from_toml(races.definition_toml("hanoi-half-2024")), SIZE, 5)
    event, total = simulation.definition.event, len(simulation.reads)
    restarting: list[asyncio.Task[None]] = []

    async def restart() -> None:
        await clickhouse.kill()
        await asyncio.sleep(1.0)  # long enough for every process to notice
        await clickhouse.start()
        await clickhouse.order(*FAULTS)

    def progress(driven: Any) -> None:
        if not restarting and driven.accepted > total // 2:
            restarting.append(asyncio.create_task(restart()))

    try:
        await stack.start(kafka=kafka.servers, clickhouse=clickhouse.url)
        assert set(stack.processes) == {"projections", "live", "scoring", "ingest"}
        async with second_live(stack, clickhouse, kafka) as other:
            await clickhouse.order(*FAULTS)
            driven = await drive(simulation, Target(url=stack.ingest), progress=progress, pace=lambda _: total / 12)
            await asyncio.gather(*restarting)
            assert restarting
            for live in (stack.live, other):
                async with asyncio.timeout(WAIT_S):
                    while True:
                        shown = await served(live, f"/v1/events/{event}")
                        if shown is not None and shown["revision"] >= (driven.revision or 0):
                            break
                        await asyncio.sleep(0.1)
                assert against_truth(Screen(), await served(live, f"/v1/events/{event}/standings"), simulation.truth)
                code, said = await verified(event, live, kafka)
                assert code == 0, said
        async with database_of(clickhouse) as database:
            count = "SELECT uniqExact(chip, offset, ordinal) FROM reads"
            async with asyncio.timeout(WAIT_S):  # the reads reach the tables after the boards
                while await database.query(count) != [(driven.accepted,)]:
                    await asyncio.sleep(0.2)
            assert await database.query("SELECT count() - uniqExact(event, revision) FROM revisions") == [(0,)]
            assert {fault.kind for fault in await clickhouse.waiting()} <= {"slow"}  # every other fault came
    finally:
        await stack.stop()
    assert not (stack.data / "clickhouse").exists()
