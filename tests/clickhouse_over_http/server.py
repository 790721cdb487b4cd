"""Run the stand-in server as a process, and order its faults."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import msgspec

from services.demo.stack import free_port
from tests.clickhouse_over_http.faults import Fault

READY_S = 120.0  # for a hang only


class ClickHouse:
    """A server of its own in a folder; after `kill` it can be started again on the same folder and port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def port(self) -> int:
        """The port on the loopback interface."""
        return self._port

    @property
    def url(self) -> str:
        """The address, as `matline up --clickhouse` takes it."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "services.operate.child", str(os.getpid())]
        command += [sys.executable, "-m", "tests.clickhouse_over_http", str(self._folder / "data"), str(self._port)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while not await self._answers(session):
                assert self._process.returncode is None, (self._folder / "server.log").read_text(errors="replace")
                await asyncio.sleep(0.05)

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/ping") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def order(self, *faults: Fault) -> None:
        """Play these faults on the next statements; without any, none."""
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.put(f"{self.url}/faults", data=msgspec.json.encode(faults))

    async def waiting(self) -> list[Fault]:
        """Return the ordered faults that have not all come."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.get(f"{self.url}/faults") as answer,
        ):
            return msgspec.json.decode(await answer.read(), type=list[Fault])

    async def kill(self) -> None:
        """End the process as a power cut does."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
