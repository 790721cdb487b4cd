"""Two processes of the projections: one writes, the other takes over when that one is killed, stopped or ended."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import aiohttp
import pytest

from services.demo.stack import free_port
from services.live.store import Store
from services.runtime.clickhouse import Database, DatabaseAddress
from services.runtime.kafka import KafkaOptions
from tests.builders import AT_FINISH, EVENT, ON_10K, Plain, defined, entries, gun, read, reads
from tests.clickhouse_over_http.server import ClickHouse
from tests.integration.processes import LoggedService
from tests.projections.results_writer import ResultsWriter, publish

WAIT_S = 120.0  # for a hang only
BIBS = [str(number) for number in range(1, 200)]
ACTIVE = "matline_projections_active 1.0"


class Projections(LoggedService):
    """A `matline projections` on its own port."""

    def __init__(self, folder: Path, clickhouse: ClickHouse, database: str, kafka: KafkaOptions) -> None:
        self.port = free_port()
        environment = {
            "MATLINE_CLICKHOUSE": f"{clickhouse.url}/{database}",
            "MATLINE_KAFKA": kafka.servers,
            "MATLINE_PROJECTIONS_PORT": str(self.port),
        }
        super().__init__("projections", folder / f"projections-{self.port}.log", environment)

    async def metrics(self) -> str:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
            ):
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return ""

    async def is_active(self) -> bool:
        return ACTIVE in await self.metrics()


@asynccontextmanager
async def finishing(kafka: KafkaOptions, writer: ResultsWriter) -> AsyncIterator[None]:
    """Let an athlete finish every tenth of a second."""
    rng = random.Random(7)
    over = asyncio.Event()

    def finish(bib: str) -> Plain:
        at_us = AT_FINISH + rng.randrange(60)
        return reads(read("S1", f"C{bib}", 1), read("K1", f"C{bib}", ON_10K), read("F1", f"C{bib}", at_us))

    async def race() -> None:
        for bib in cycle(BIBS):
            if over.is_set():
                return
            await publish(kafka, 0, *writer.frames(finish(bib)))
            await asyncio.sleep(0.1)

    racing = asyncio.create_task(race())
    try:
        yield
    finally:
        over.set()
        await racing


async def announced_after(database: Database, epoch: int) -> int:
    """Return the first epoch above one in which a revision was announced."""
    while True:
        ((newest,),) = await database.query("SELECT max(epoch) FROM revisions")
        if newest > epoch:
            return int(newest)
        await asyncio.sleep(0.1)


async def gap_s(database: Database, epoch: int) -> float:
    """Return for how long nothing was announced before an epoch."""
    ((gap_us,),) = await database.query(
        "SELECT minIf(announced_at_us, epoch = {e:Int64}) - maxIf(announced_at_us, epoch < {e:Int64}) FROM revisions",
        {"e": epoch},
    )
    return float(gap_us / 1e6)


@pytest.fixture
async def two(
    clickhouse: ClickHouse, address: DatabaseAddress, kafka: KafkaOptions, tmp_path: Path
) -> AsyncIterator[list[Projections]]:
    """One process that writes, and one that waits."""
    made = [Projections(tmp_path, clickhouse, address.database, kafka) for _ in range(2)]
    for projections, said in zip(made, ("this process holds the lease", "this one waits to take over"), strict=True):
        await projections.start()
        async with asyncio.timeout(WAIT_S):
            await projections.says(said)
    yield made
    for projections in made:
        await projections.close()


async def test_the_other_process_takes_over_from_one_killed_stopped_or_ended_and_boards_are_right(
    two: list[Projections], database: Database, kafka: KafkaOptions
) -> None:
    writer = ResultsWriter()
    first, second = two
    gaps: dict[str, float] = {}
    await publish(kafka, 0, *writer.frames(defined(), entries(*BIBS), gun()))
    async with asyncio.timeout(5 * WAIT_S), finishing(kafka, writer):
        epoch = await announced_after(database, 0)
        assert [await projections.is_active() for projections in two] == [True, False]

        first.process.kill()
        epoch = await announced_after(database, epoch)
        gaps["killed"] = await gap_s(database, epoch)
        await first.process.wait()
        await first.start()
        await first.says("this one waits to take over")

        second.process.send_signal(signal.SIGSTOP)
        epoch = await announced_after(database, epoch)
        gaps["stopped"] = await gap_s(database, epoch)
        second.process.send_signal(signal.SIGCONT)
        assert await second.process.wait() == 1
        assert "another process took over the projections" in second.said()
        await second.start()
        await second.says("this one waits to take over")

        first.process.terminate()
        epoch = await announced_after(database, epoch)
        gaps["ended"] = await gap_s(database, epoch)
    print(gaps)
    last = writer.state.next_offset - 1
    async with asyncio.timeout(WAIT_S):
        while [(last,)] != await database.query("SELECT revision FROM announced"):
            await asyncio.sleep(0.1)
    rows = {bib: writer.state.events[EVENT].row(bib) for bib in BIBS}
    finished = {bib: row.gun_us for bib, row in rows.items() if row.gun_us is not None}
    listed = await database.query("SELECT bib, gun_us, place FROM leaderboard WHERE board = 'men'")
    assert {bib: gun_us for bib, gun_us, _ in listed} == finished
    assert {bib: place for bib, _, place in listed} == {
        bib: 1 + sum(other < gun_us for other in finished.values()) for bib, gun_us in finished.items()
    }
    store = Store(database)
    await store.newest_revisions()
    board = (await store.rows.board(EVENT, "men", last)).rows
    assert {bib: cell.gun_us for bib, cell in board.items() if cell.rank_key} == finished
