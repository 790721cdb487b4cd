"""Kafka and ClickHouse as servers beside a stack: processes of their own, Kafka behind a line that can be cut.

ClickHouse is the stand-in of the tests: the real engine behind its HTTP interface, with faults on order. Kafka tells
its clients the address of the line, so that all that services send and read goes through it.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from msgspec import Struct

from loadtest.chaos.line import Line
from loadtest.stack import MATLINE, STOP_S, WITH_US, end, free_ports, started
from schemas.topics import PARTITIONS_DEFAULT

AGAIN_S = 0.5  # after which a server that ended is started again
READY_S = 300.0  # a first start downloads Kafka
_KAFKA = """
import os, sys
from pathlib import Path
from services.operate.embedded_kafka.node import prepare
folder, port, controller, line = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
node = prepare(folder, port, controller, print)
settings = folder / "server.properties"
listener = "advertised.listeners=PLAINTEXT://127.0.0.1:"
settings.write_text(settings.read_text().replace(f"{listener}{port}", f"{listener}{line}"))
os.execve(node.command[0], node.command, {**os.environ, **node.environment})
"""


class Servers(Struct, frozen=True, kw_only=True):
    """Running servers: their processes by name, the line to Kafka, ClickHouse's address, and its engine's folder."""

    processes: dict[str, "KeptProcess"]
    kafka: Line
    clickhouse: str
    engine: Path

    def options(self) -> list[str]:
        """Return the options by which `matline up` uses them."""
        return [f"--kafka=127.0.0.1:{self.kafka.port}", f"--clickhouse={self.clickhouse}"]


class KeptProcess:
    """A process that is started again whenever it ends, until `stop`."""

    def __init__(self, command: Sequence[str], output: Path) -> None:
        self.process_id: int | None = None
        self._command = command
        self._output = output
        self._running: asyncio.subprocess.Process | None = None
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            with self._output.open("ab") as output:
                self._running = await asyncio.create_subprocess_exec(
                    *(*WITH_US, str(os.getpid()), *self._command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self.process_id = self._running.pid
            await self._running.wait()
            await asyncio.sleep(AGAIN_S)

    async def stop(self) -> None:
        """End the process and start it no more."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        if self._running is not None:
            await end(self._running, STOP_S)


@asynccontextmanager
async def running_servers(folder: Path, matline: Sequence[str] = MATLINE) -> AsyncIterator[Servers]:
    """Start both servers in a folder and wait until they answer; stop them when the context is left.

    The command `matline` makes the topics.

    Raises TimeoutError.
    """
    kafka_port, controller_port, clickhouse_port = free_ports(3)
    engine = folder / "clickhouse-server"
    async with Line(kafka_port) as line:
        ports = (str(kafka_port), str(controller_port), str(line.port))
        kafka = (sys.executable, "-c", _KAFKA, str(folder / "kafka"), *ports)
        clickhouse = (sys.executable, "-m", "tests.clickhouse_over_http", str(engine), str(clickhouse_port))
        processes = {
            "kafka": KeptProcess(kafka, folder / "kafka.log"),
            "clickhouse": KeptProcess(clickhouse, folder / "clickhouse.log"),
        }
        try:
            url = f"http://127.0.0.1:{clickhouse_port}"
            async with asyncio.timeout(READY_S):
                await _answers(f"{url}/ping")
                await _topics(line.port, matline)
            yield Servers(processes=processes, kafka=line, clickhouse=url, engine=engine)
        finally:
            for process in processes.values():
                await process.stop()


async def _answers(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)


async def _topics(kafka_port: int, matline: Sequence[str]) -> None:
    """Create the topics as soon as Kafka answers."""
    while True:
        async with started(
            *(*matline, "topics", "create", f"--partitions={PARTITIONS_DEFAULT}", "--replication=1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MATLINE_KAFKA": f"127.0.0.1:{kafka_port}"},
        ) as process:
            if await process.wait() == 0:
                return
        await asyncio.sleep(1.0)
