"""The stack of the demo: `matline up` as a separate process, in its own folder, on free ports."""

import asyncio
import os
import random
import re
import shutil
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from services.operate.up import Ports
from services.runtime import folder_lock
from services.runtime.faults import StartFault

READY_S = 300.0  # for a first start with its downloads on a slow line
STOP_S = 40.0
LINES_KEPT = 40
PORTS = range(20_000, 32_000)  # below those that a system gives to connections, which might take one meanwhile
_OF_UP = "up | "  # before lines of `matline up` itself
_dice = random.SystemRandom()  # others may have seeded the common one, and draw the same
_returned: set[int] = set()
_STARTED = re.compile(r"\b(\w+) is process (\d+)$")


class Stack:
    """A `matline up` whose output goes to `up.log` in its folder. `processes` has the process id of each service."""

    def __init__(self, data: Path, ports: Ports, say: Callable[[str], None]) -> None:
        self.data = data
        self.ports = ports
        self._say = say
        self.processes: dict[str, int] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._last: deque[str] = deque(maxlen=LINES_KEPT)
        self._reading: asyncio.Task[None] | None = None

    @property
    def live(self) -> str:
        """The address of the boards."""
        return f"http://127.0.0.1:{self.ports.live}"

    @property
    def ingest(self) -> str:
        """The address of ingest."""
        return f"http://127.0.0.1:{self.ports.ingest}"

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return f"127.0.0.1:{self.ports.kafka}"

    @property
    def pid(self) -> int:
        """The process id of `matline up`, which must be running."""
        if self._process is None:
            raise AssertionError("the stack is not started")
        return self._process.pid

    async def start(self, sources: Path | None = None, kafka: str | None = None, clickhouse: str | None = None) -> None:
        """Start the stack and wait until it is ready. Without `kafka` and `clickhouse` it starts its own.

        Raises StartFault with the last lines of its output.
        """
        options = [f"--{name}-port={port}" for name, port in msgspec.structs.asdict(self.ports).items()]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.operate.child",
            str(os.getpid()),
            sys.executable,
            "-m",
            "services.cli",
            "up",
            f"--data={self.data}",
            *([] if sources is None else [f"--sources={sources}"]),
            *([] if kafka is None else [f"--kafka={kafka}"]),
            *([] if clickhouse is None else [f"--clickhouse={clickhouse}"]),
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read(self._process, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((waiting, self._reading), timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            raise StartFault("the stack did not become ready. Its last lines:\n" + "\n".join(self._last))

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        if process.stdout is None:
            raise AssertionError("a process without an output pipe")
        with (self.data / "up.log").open("a") as log:
            while line := await process.stdout.readline():
                text = line.decode(errors="replace").rstrip()
                self._last.append(text)
                log.write(text + "\n")
                log.flush()
                if not ready.is_set() and (shown := text.partition(_OF_UP)[2]):  # up.log has all lines
                    self._say(shown)
                if match := _STARTED.search(text):
                    self.processes[match[1]] = int(match[2])
                if " ready: boards " in text:
                    ready.set()

    async def wait(self) -> None:
        """Wait until the stack ends by itself."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """Stop the stack with all its processes."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading


def fresh_folder(folder: Path) -> Path:
    """Empty the folder for a demo, or make it. Raises StartFault while another demo uses it."""
    if folder.exists():
        folder_lock.take(folder).release()
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder.absolute()


def ports_for_demo() -> Ports:
    """Return the usual ports, with a free one in place of each that another program uses."""
    taken: set[int] = set()
    ports: dict[str, int] = {}
    for name, usual in msgspec.structs.asdict(Ports()).items():
        port = usual if _is_free(usual) else _free_port(taken)
        taken.add(port)
        ports[name] = port
    return Ports(**ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    while True:
        port = _dice.choice(PORTS)
        if port not in taken and _is_free(port):
            return port


def free_port() -> int:
    """Return a port that is free, and was not returned before."""
    port = _free_port(_returned)
    _returned.add(port)
    return port
