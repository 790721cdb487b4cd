"""Run a separate `matline up` for benchmarks, chaos and drills, in a temporary folder, on free ports, with tokens."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

READY_S = 300.0  # a first start downloads Kafka
STOP_S = 180.0  # `up` gives each of its processes 12 s, one after the other, and a busy machine takes longer
PORTS = ("live", "ingest", "scoring", "projections", "mylaps", "kafka", "controller")
MATLINE = (sys.executable, "-m", "services.cli")
WITH_US = (sys.executable, "-m", "services.operate.child")  # ends the stack even when this process is killed


class StackAddresses(Struct, frozen=True, kw_only=True):
    """Where a race is sent to and watched: the ports of a stack, and the tokens of a gateway and of an official."""

    live_port: int
    ingest_port: int
    kafka_port: int
    good_token: str
    official_token: str


class RunningStack(StackAddresses, frozen=True, kw_only=True):
    """A running stack: also its other ports, the token of another gateway, its files, and what stops it."""

    scoring_port: int
    projections_port: int
    hostile_token: str
    data: Path
    stop: Callable[[], Awaitable[None]]
    output: Path

    def process(self, name: str) -> int:
        """Return the process id of a part of the stack, the last that it told."""
        return int(
            re.findall(rf"^ *up \| .*\b{name} is process (\d+)$", self.output.read_text(errors="replace"), re.M)[-1]
        )


@asynccontextmanager
async def running_stack(
    matline: Sequence[str] = MATLINE, sources: str = "", disk: Path | None = None, options: Sequence[str] = ()
) -> AsyncIterator[RunningStack]:
    """Start a stack by the command `matline up` with options, and wait until it is ready.

    It has `sources` in its matline.toml. Its data are on `disk`, by default where temporary files are; what it prints
    never is. It is stopped when the context is left.

    Raises RuntimeError with the last lines of its output if it does not become ready.
    """
    with (
        tempfile.TemporaryDirectory(prefix="matline-load-", dir=disk) as folder,
        tempfile.TemporaryDirectory(prefix="matline-printed-") as printed,
    ):
        data = Path(folder)
        if sources:
            (data / "matline.toml").write_text(sources)
        tokens = make_tokens(data)
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        of_ports = [f"--{name}-port={port}" for name, port in ports.items()]
        output = Path(printed) / "up.log"
        with output.open("wb") as written:
            process = await asyncio.create_subprocess_exec(
                *(*WITH_US, str(os.getpid()), *matline, "up", f"--data={data}", *of_ports, *options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=written,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            await _ready(process, output)
            yield RunningStack(
                live_port=ports["live"],
                ingest_port=ports["ingest"],
                scoring_port=ports["scoring"],
                projections_port=ports["projections"],
                good_token=tokens["good"],
                hostile_token=tokens["hostile"],
                kafka_port=ports["kafka"],
                official_token=tokens["bench"],
                data=data,
                stop=lambda: end(process, STOP_S),
                output=output,
            )
        finally:
            await end(process, STOP_S)


_HOLDERS = (("gateway", "good"), ("gateway", "hostile"), ("official", "bench"))


def make_tokens(data: Path, matline: Sequence[str] = MATLINE) -> dict[str, str]:
    """Return tokens by their holders, two gateways and an official, made by the command `matline` in its folder."""
    return {name: _token(data, role, name, matline) for role, name in _HOLDERS}


def _token(data: Path, role: str, name: str, matline: Sequence[str]) -> str:
    gateways = ["--gateway", "*"] if name == "good" else []
    made = subprocess.run(
        [*matline, "token", "add", role, name, "--event", "*", *gateways],
        env={**os.environ, "MATLINE_DATA": str(data), "MATLINE_TOKENS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return made.stdout.strip()


def free_ports(number: int) -> list[int]:
    """Return so many different ports of this machine that no program uses now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in sockets]


async def _ready(process: asyncio.subprocess.Process, output: Path) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + READY_S
    while " ready: boards " not in (text := await asyncio.to_thread(output.read_text, errors="replace")):
        if process.returncode is not None or loop.time() > end_s:
            last = "\n".join(text.splitlines()[-15:])
            raise RuntimeError(f"the stack did not become ready. Its last lines:\n{last}")
        await asyncio.sleep(0.2)


async def end(process: asyncio.subprocess.Process, wait_s: float) -> None:
    """Ask a process to end, and kill it if it still runs after `wait_s`, or if nobody waits any longer."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await process.wait()
    finally:
        await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process if it still runs, and wait for its end."""
    if process.returncode is None:
        process.kill()
        await process.wait()


@asynccontextmanager
async def started(*command: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process with options of `create_subprocess_exec`; kill it, if it still runs, when the context is left."""
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        await kill(process)
