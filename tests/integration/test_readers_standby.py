"""Two processes of `matline readers`: one reads, the other takes over, and what the device keeps is on the log."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from loadtest.devices.raceresult import RaceResultDevice
from loadtest.devices.trouble import Trouble
from schemas import codec
from schemas.events import ReadsLogged, ReadsReceived
from services.demo.stack import free_port
from services.operate.export_log import lines
from services.runtime.kafka import KafkaOptions
from tests.builders import EVENT
from tests.integration.processes import LoggedService

WAIT_S = 120.0  # for a hang only
SOURCES = """
[[sources]]
protocol = "raceresult"
event = "{event}"
gateway = "finish"
zone = "UTC"
address = "127.0.0.1:{port}"
devices = {{ "Finish" = "F1" }}
"""


class Readers(LoggedService):
    """A `matline readers` with a folder of its own."""

    def __init__(self, folder: Path, sources: Path, kafka: KafkaOptions) -> None:
        self.port = free_port()
        folder.mkdir()
        environment = {
            "MATLINE_KAFKA": kafka.servers,
            "MATLINE_DATA": str(folder),
            "MATLINE_SOURCES": str(sources),
            "MATLINE_INGEST_PORT": str(self.port),
        }
        super().__init__("readers", folder / "log", environment)

    async def answers(self, status: int) -> None:
        """Return once it says whether it reads (200), or waits (503)."""
        while True:
            assert self.process.returncode is None, self.said()
            try:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"http://127.0.0.1:{self.port}/readyz") as answer,
                ):
                    if answer.status == status and (status == 200 or "waits" in await answer.text()):
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


@pytest.fixture
async def device() -> AsyncIterator[RaceResultDevice]:
    made = RaceResultDevice(Trouble(1), lambda: datetime.now(UTC).replace(tzinfo=None))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def two(device: RaceResultDevice, kafka: KafkaOptions, tmp_path: Path) -> AsyncIterator[list[Readers]]:
    """One process that reads, and one that waits."""
    sources = tmp_path / "matline.toml"
    sources.write_text(SOURCES.format(event=EVENT, port=device.port))
    made = [Readers(tmp_path / name, sources, kafka) for name in ("first", "second")]
    for readers, status in zip(made, (200, 503), strict=True):
        await readers.start()
        async with asyncio.timeout(WAIT_S):
            await readers.answers(status)
    yield made
    for readers in made:
        await readers.close()


async def logged(kafka: KafkaOptions) -> set[str]:
    """Return the chips that are on the log."""
    facts = [codec.line_from_json(line)[1] async for line in lines(EVENT, kafka)]
    return {read.chip for fact in facts if isinstance(fact, ReadsReceived | ReadsLogged) for read in fact.reads}


async def test_no_read_that_the_device_keeps_is_lost_when_another_process_takes_over(
    two: list[Readers], device: RaceResultDevice, kafka: KafkaOptions
) -> None:
    first, second = two
    over = asyncio.Event()
    gaps: dict[str, float] = {}

    async def pass_by() -> None:
        while not over.is_set():
            await device.passes(f"C{device.passings()}")
            await asyncio.sleep(0.02)

    passing = asyncio.create_task(pass_by())
    async with asyncio.timeout(3 * WAIT_S):
        while len(await logged(kafka)) < 50:
            await asyncio.sleep(0.1)

        began_s, connections = time.monotonic(), device.connections
        first.process.kill()
        while device.connections == connections:
            await asyncio.sleep(0.05)
        gaps["killed"] = time.monotonic() - began_s
        await second.answers(200)
        await first.process.wait()
        await first.start()
        await first.answers(503)

        began_s, connections = time.monotonic(), device.connections
        second.process.send_signal(signal.SIGSTOP)
        while device.connections == connections:
            await asyncio.sleep(0.05)
        gaps["stopped"] = time.monotonic() - began_s
        second.process.send_signal(signal.SIGCONT)
        await second.process.wait()
        assert "another process took over the readers" in second.said()
        await second.start()
        await second.answers(503)

        began_s, connections = time.monotonic(), device.connections
        first.process.terminate()
        while device.connections == connections:
            await asyncio.sleep(0.05)
        gaps["ended"] = time.monotonic() - began_s
        over.set()
        await passing
        kept = {f"6692-C{number}" for number in range(device.passings())}
        while await logged(kafka) != kept:
            await asyncio.sleep(0.2)
    print(gaps)
