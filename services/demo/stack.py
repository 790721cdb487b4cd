"""The stack of the demo: `matline up` as a process of its own, in a folder of its own, on ports that are free."""

import asyncio
import os
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

READY_S = 300.0  # with the downloads of a first start on a slow line
STOP_S = 40.0
LINES_KEPT = 40
_STARTED = re.compile(r"\| (\w+) is process (\d+)$")


class Stack:
    """A running `matline up`. `start` returns when it is ready; its lines go to `up.log` in its folder. `processes` are
    the ids of its services by name, as it told them last.
    """

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
        """The process of `matline up`; only while it runs."""
        if self._process is None:
            raise AssertionError("the stack is not started")
        return self._process.pid

    async def start(self, sources: Path | None = None, kafka: str | None = None) -> None:
        """Start it, readers as `sources` says, its own Kafka unless one is named, and wait until it is ready.

        Raises StartFault with its last lines.
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
            raise StartFault("the stack did not become ready. It said:\n" + "\n".join(self._last))

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        if process.stdout is None:
            raise AssertionError("a process without an output pipe")
        with (self.data / "up.log").open("a") as log:
            while line := await process.stdout.readline():
                text = line.decode(errors="replace").rstrip()
                self._last.append(text)
                log.write(text + "\n")
                log.flush()
                if not ready.is_set() and " INFO " not in text:  # all of them are in the log
                    self._say(text)
                if match := _STARTED.search(text):
                    self.processes[match[1]] = int(match[2])
                if "| ready: " in text:
                    ready.set()

    async def wait(self) -> None:
        """Return when it has ended by itself."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End it and whatever it started."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading


def fresh_folder(folder: Path) -> Path:
    """An empty folder for a demo: what an earlier demo left there goes. Raises StartFault while one runs there."""
    if folder.exists():
        folder_lock.take(folder).release()
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder.absolute()


def ports_for_demo() -> Ports:
    """The usual ports, and a free one in the place of each that another program has."""
    taken: set[int] = set()
    found: dict[str, int] = {}
    for name, usual in msgspec.structs.asdict(Ports()).items():
        port = usual if _is_free(usual) else _free_port(taken)
        taken.add(port)
        found[name] = port
    return Ports(**found)


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
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def free_port() -> int:
    """A port that nobody has."""
    return _free_port(set())
