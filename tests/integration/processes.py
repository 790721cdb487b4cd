"""Processes as the kernel reports them, and services in processes of their own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class LoggedService:
    """A service of Matline in a process of its own, which ends with this one. What it says goes to the file `log`."""

    process: asyncio.subprocess.Process

    def __init__(self, command: str, log: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._log = log
        self._environment = {**os.environ, **environment}

    async def start(self) -> None:
        """Start the process, also once more after it has ended; its log begins anew."""
        with self._log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.operate.child", str(os.getpid())),
                *(sys.executable, "-m", "services.cli", self._command),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """Return what the process has said so far."""
        return self._log.read_text()

    async def says(self, text: str) -> None:
        """Return as soon as the process says a text."""
        while text not in self.said():
            assert self.process.returncode is None, self.said()
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Kill the process if it still runs."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
