"""Ingest under attack takes every push of a good gateway, refuses the attackers, and keeps within its memory.

A real ingest on a real Kafka, with tokens; attackers are processes of their own. How long the good gateway waits is
measured by `loadtest.bench`.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from loadtest.attack import Gateway, attacking
from services.demo.stack import free_port
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT

HANG_S = 120.0
PUSH_S = 1.5  # 150 requests, 15 of them on connections of their own
SLOW_S = 11.5  # ingest refuses slow bodies after 10 s
RSS_MAX_BYTES = 400 * 1024 * 1024  # of ingest: 90 MB by itself, 128 MB of bodies of one token, what waits for Kafka
PATH = f"/v1/events/{EVENT}/reads"


class Ingest:
    """The process, its port, and the tokens of a good gateway and of a hostile one."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, good: str, hostile: str) -> None:
        self.process = process
        self.port = port
        self.hostile = hostile
        self.gateway = Gateway(f"http://127.0.0.1:{port}{PATH}", "good", good)


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process ever had."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@contextmanager
def running(folder: Path, servers: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an ingest process."""
    environment = {
        **os.environ,
        "MATLINE_KAFKA": servers,
        "MATLINE_INGEST_PORT": str(port),
        "MATLINE_DATA": str(folder),
    }
    command = [sys.executable, "-m", "services.cli", "ingest"]
    with (folder / "ingest.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=HANG_S)


@pytest.fixture
async def ingest(kafka, tmp_path: Path) -> AsyncIterator[Ingest]:
    tokens = [new_token("gateway", name, [EVENT], [name], "2026-01-04T00:00:00+00:00") for name in ("good", "x")]
    (tmp_path / "tokens.json").write_bytes(tokens_bytes([token for _, token in tokens]))
    port = free_port()
    with running(tmp_path, kafka.servers, port) as process:
        async with asyncio.timeout(HANG_S), aiohttp.ClientSession() as session:
            while not await _ready(session, port):
                await asyncio.sleep(0.05)
        yield Ingest(process, port, tokens[0][0], tokens[1][0])


async def _ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


ATTACKS = {  # the statuses that answer each attack; and 429 once it sends too much
    "token": {"401"},
    "too_large": {"413"},
    "nested": {"400"},
    "gzip_bombs": {"413"},
    "zstd_bombs": {"413"},
    "idle": set(),
    "slow": {"408", "429"},  # 429 where a token has too many bodies under way
}


@pytest.mark.parametrize("kind", ATTACKS)
async def test_ingest_takes_every_push_of_a_good_gateway_during_an_attack(ingest: Ingest, kind: str):
    async with attacking(kind, "127.0.0.1", ingest.port, PATH, ingest.hostile) as report:
        await ingest.gateway.push_for(SLOW_S if kind == "slow" else PUSH_S)
        assert ingest.process.poll() is None
    assert ingest.gateway.failed == [], report
    assert ATTACKS[kind] <= set(report.statuses) <= ATTACKS[kind] | {"429"}, report
    assert peak_bytes(ingest.process.pid) <= RSS_MAX_BYTES
    await ingest.gateway.push_for(0.5)
    assert ingest.gateway.failed == []
