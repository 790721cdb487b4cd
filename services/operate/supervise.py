"""Starts processes, shows what they say, starts a dead one again, and leaves nobody behind.

A child that ends is started again after a pause that doubles; one that keeps ending stops everything, because a stack
that looks alive and scores nothing is worse than one that has stopped and says why.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from services.runtime.faults import StartFault

BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 10.0
HEALTHY_S = 60.0  # a child that lived this long begins a new count
ENDS_MOST = 6  # ends in a row before the whole is given up
STOP_S = 12.0  # from SIGTERM to SIGKILL: longer than any child needs to finish what it has begun
LINE_BYTES_MAX = 64 * 1024
LAST_LINES = 15
DRAIN_S = 1.0  # for what a dead child has printed: what it started in a session of its own may hold the pipe for good
_ESCAPES = re.compile(  # titles, colours and moves, other escapes, lone control characters
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]"
)

Say = Callable[[str, str], None]
"""Takes a line for a person: who says it, and what."""


class ChildSpec(Struct, frozen=True, kw_only=True):
    """A process to keep running. `before_start` is called before each start and may raise StartFault."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    before_start: Callable[[], None] | None = None


class GivenUp(Exception):
    """A child keeps ending; the message says which, how, and its last lines."""


class Child:
    """One process kept running until `stop`."""

    def __init__(self, spec: ChildSpec, say: Say) -> None:
        self.spec = spec
        self.starts = 0
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        """The process now running, or None between two."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def run(self) -> None:
        """Start it, and start it again, until `stop`. Raises GivenUp, StartFault."""
        ends = 0
        while not self._stopping.is_set():
            if self.spec.before_start is not None:
                self.spec.before_start()
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            ends = 1 if time.monotonic() - began > HEALTHY_S else ends + 1
            if ends >= ENDS_MOST:
                last = "\n".join(self._last)
                raise GivenUp(
                    f"{self.spec.name} ended {ends} times in a row, last with {_ended(code)}. It said:\n{last}"
                )
            pause = min(BACKOFF_FIRST_S * 2 ** (ends - 1), BACKOFF_MOST_S)
            self._say("up", f"{self.spec.name} ended ({_ended(code)}); starting it again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int:
        """Its exit code, or minus the signal that ended it; 0 where `stop` came before the start."""
        async with self._starting:
            if self._stopping.is_set():
                return 0
            self.starts += 1
            read, write = os.pipe()  # our own: asyncio holds an end back until its pipe is closed too
            try:
                self._process = process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "services.operate.child",
                    str(os.getpid()),
                    *self.spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=write,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                    env={**os.environ, **self.spec.environment},
                )
            except BaseException:
                os.close(read)
                raise
            finally:
                os.close(write)
        self._say("up", f"{self.spec.name} is process {process.pid}")
        showing = asyncio.create_task(self._show(read))
        try:
            code = await process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started, if it left anything
            await asyncio.wait((showing,), timeout=DRAIN_S)
        finally:
            showing.cancel()
        return code

    async def _show(self, pipe: int) -> None:
        """Every line that a child prints, without escape codes, under its name."""
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb", buffering=0)
        )
        rest = b""
        try:
            while data := await stream.read(LINE_BYTES_MAX):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._show_line(line)
                rest = rest[: LINE_BYTES_MAX + 1]
        finally:
            self._show_line(rest)
            transport.close()

    def _show_line(self, line: bytes) -> None:
        text = _ESCAPES.sub(b"", line[:LINE_BYTES_MAX]).decode(errors="replace").rstrip()
        if len(line) > LINE_BYTES_MAX:
            text = f"{text} … (the rest of a line over {LINE_BYTES_MAX} bytes is left out)"
        if text:
            self._last.append(text)
            self._say(self.spec.name, text)

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL when it does not go."""
        self._stopping.set()
        async with self._starting:  # a start on its way has its process first
            process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            self._say("up", f"{self.spec.name} does not end; killing it")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def start_fault(error: BaseException) -> StartFault | GivenUp | None:
    """The fault that a person has to see, wherever it is in a group of errors."""
    if isinstance(error, (StartFault, GivenUp)):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := start_fault(one)) is not None), None)
    return None
