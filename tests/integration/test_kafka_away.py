"""Kafka away, with readers that go on: they stay connected, nothing is acknowledged, and everything arrives afterwards.

An LLRP reader sends nothing twice, so what it says waits on our disk and not in memory; a MYLAPS exporter keeps what is
not acknowledged. Ingest is a process of its own, the broker a real one that stands still.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import aiohttp

from loadtest.devices.llrp import LlrpDevice
from loadtest.devices.mylaps import Exporter
from loadtest.devices.trouble import Trouble
from loadtest.raw_reads import RawRead
from schemas import codec
from schemas.events import ReadsLogged, ReadsReceived
from schemas.topics import PARTITIONS_DEFAULT
from services.demo.stack import free_port
from services.ingest.readers.journal import REMOVED_FROM_BYTES
from services.operate.export_log import lines
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import create_topics
from tests.conftest import running_broker

EVENT = "away-2026"
ZONE = "Asia/Ho_Chi_Minh"
BEGAN_US = 1_767_477_600_000_000
BEFORE = 200  # reads of each before the outage
PART = 60_000  # reads of the LLRP reader in each half of it
MESSAGES = 15  # of the exporter meanwhile, each full: it may have ten unacknowledged
FULL = 100
OUTAGE_S = 14.0  # at least: longer than a request to Kafka is waited for
HANG_S = 120.0
SENT_AT_ONCE = 200  # between two looks at the rest of the test


class Ingest:
    """An ingest process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, data: Path) -> None:
        self._process = process
        self._address = f"http://127.0.0.1:{port}"
        self._data = data

    async def metric(self, name: str) -> float:
        """Return the value of a metric with its labels; 0 while it has none."""
        async with aiohttp.ClientSession() as session, session.get(f"{self._address}/metrics") as answer:
            match = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
        return float(match[1]) if match else 0.0

    async def ready(self) -> bool:
        """Return whether ingest reports that it is ready."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._address}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def memory_bytes(self) -> int:
        """Return the process's resident memory in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def journal(self) -> bytes:
        """Return the bytes that wait on its disk."""
        return b"".join(path.read_bytes() for path in sorted(self._data.glob("readers/llrp+*/journal-*")))


def code(number: int) -> bytes:
    return b"away" + number.to_bytes(8, "big")


async def cross(device: LlrpDevice, first: int, number: int) -> None:
    """Let the LLRP reader see this many tags, each once."""
    for nth in range(first, first + number):
        await device.read(code(nth), BEGAN_US + nth * 1000)
        if nth % SENT_AT_ONCE == 0:
            await asyncio.sleep(0)


def message(nth: int, reads: int) -> list[RawRead]:
    return [
        RawRead(number, "M1", f"{number:07d}", BEGAN_US + number * 1000, -50.0)
        for number in range(nth * FULL, nth * FULL + reads)
    ]


async def on_the_log(kafka: KafkaOptions) -> Counter[tuple[str, str]]:
    facts = [codec.line_from_json(line)[1] async for line in lines(EVENT, kafka)]
    return Counter(
        (read.device, read.chip)
        for fact in facts
        if isinstance(fact, ReadsReceived | ReadsLogged)
        for read in fact.reads
    )


async def until(holds) -> None:
    """Wait until a condition on other processes holds."""
    while not await holds():
        await asyncio.sleep(0.1)


async def test_readers_stay_connected_and_lose_nothing_while_kafka_is_away(tmp_path: Path) -> None:
    device = LlrpDevice(Trouble(0), BEGAN_US, buffer=10)
    await device.start()
    port, mylaps_port = free_port(), free_port()
    config = tmp_path / "matline.toml"
    config.write_text(
        f'[[sources]]\nprotocol = "llrp"\nevent = "{EVENT}"\ngateway = "L1"\naddress = "127.0.0.1:{device.port}"\n'
        f'[[sources]]\nprotocol = "mylaps"\nevent = "{EVENT}"\ngateway = "tent"\nzone = "{ZONE}"\n'
        f'address = "127.0.0.1:{mylaps_port}"\n'
    )
    acknowledged = 0

    def count(reads: int) -> None:
        nonlocal acknowledged
        acknowledged += reads

    with running_broker(tmp_path) as (kafka, broker):
        await create_topics(kafka, PARTITIONS_DEFAULT, 1, {})
        environment = {
            **os.environ,
            "MATLINE_KAFKA": kafka.servers,
            "MATLINE_INGEST_PORT": str(port),
            "MATLINE_SOURCES": str(config),
            "MATLINE_DATA": str(tmp_path),
            "MATLINE_TOKENS": str(tmp_path / "tokens.json"),
        }
        with (tmp_path / "ingest.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.operate.child", str(os.getpid())),
                *(sys.executable, "-m", "services.cli", "ingest"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ingest = Ingest(process, port, tmp_path)
        try:
            async with asyncio.timeout(HANG_S), Exporter("127.0.0.1", mylaps_port, ["M1"], ZONE, count) as exporter:
                await until(ingest.ready)
                await device.running()
                await exporter.heard()
                await cross(device, 0, BEFORE)
                await exporter.send(message(0, FULL))
                await exporter.send(message(1, FULL))
                await exporter.finish()
                while (await on_the_log(kafka)).total() < 2 * BEFORE:
                    await asyncio.sleep(0.1)
                assert acknowledged == BEFORE

                broker.send_signal(signal.SIGSTOP)
                stopped_s = asyncio.get_running_loop().time()

                async def export() -> None:
                    for nth in range(2, 2 + MESSAGES):
                        await exporter.send(message(nth, FULL))

                exporting = asyncio.create_task(export())
                await cross(device, BEFORE, PART)
                half = BEFORE + PART
                while code(half - 1).hex().upper().encode() not in ingest.journal():
                    await asyncio.sleep(0.05)
                bytes_half, memory_half = len(ingest.journal()), ingest.memory_bytes()
                await cross(device, half, PART)
                last = half + PART
                while code(last - 1).hex().upper().encode() not in ingest.journal():
                    await asyncio.sleep(0.05)
                bytes_whole, memory_whole = len(ingest.journal()), ingest.memory_bytes()
                await asyncio.sleep(stopped_s + OUTAGE_S - asyncio.get_running_loop().time())

                assert not await ingest.ready()
                assert acknowledged == BEFORE, "nothing is acknowledged that Kafka has not"
                assert not exporting.done(), "the exporter waits: ten messages are unacknowledged"
                assert bytes_whole > 1.8 * bytes_half
                assert memory_whole - memory_half < (bytes_whole - bytes_half) / 2, "it waits on disk, not in memory"
                for gateway in ("L1", "tent"):
                    assert (
                        await ingest.metric(f'matline_ingest_connections{{event="{EVENT}",gateway="{gateway}"}}') == 1
                    )
                assert await ingest.metric(f'matline_ingest_disconnections_total{{event="{EVENT}",gateway="L1"}}') == 0
                assert (device.lost, exporter.connections) == (0, 1)

                broker.send_signal(signal.SIGCONT)
                await exporting
                await exporter.finish()
                wanted = {("L1", code(nth).hex().upper()) for nth in range(last)}
                wanted |= {("M1", f"{number:07d}") for number in range((2 + MESSAGES) * FULL)}
                logged = await on_the_log(kafka)
                while logged.keys() < wanted:
                    await asyncio.sleep(0.5)
                    logged = await on_the_log(kafka)
                assert logged.keys() == wanted
                assert acknowledged == (2 + MESSAGES) * FULL
                await until(ingest.ready)
                while len(ingest.journal()) > REMOVED_FROM_BYTES:
                    await asyncio.sleep(0.05)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            await device.close()
    print(
        f"{last} reads of LLRP and {acknowledged} of MYLAPS, {logged.total() - len(wanted)} of them twice on the log; "
        f"journal {bytes_half / 1e6:.1f} and {bytes_whole / 1e6:.1f} MB, "
        f"memory {memory_half / 1e6:.1f} and {memory_whole / 1e6:.1f} MB"
    )
