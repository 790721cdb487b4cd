"""Starts processes, shows what they say, starts a dead one again, and leaves nobody behind.

A child that ends is started again after a pause that doubles; one that keeps ending stops everything, because a stack
that looks alive and scores nothing is worse than one that has stopped and says why.
"""

import asyncio
import os
import re
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
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]")

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
        self._stopping = False
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        """The process now running, or None between two."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def run(self) -> None:
        """Start it, and start it again, until `stop`. Raises GivenUp, StartFault."""
        ends = 0
        while not self._stopping:
            if self.spec.before_start is not None:
                self.spec.before_start()
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping:
                return
            ends = 1 if time.monotonic() - began > HEALTHY_S else ends + 1
            if ends >= ENDS_MOST:
                last = "\n".join(self._last)
                raise GivenUp(
                    f"{self.spec.name} ended {ends} times in a row, last with {_ended(code)}. It said:\n{last}"
                )
            pause = min(BACKOFF_FIRST_S * 2 ** (ends - 1), BACKOFF_MOST_S)
            self._say("up", f"{self.spec.name} ended ({_ended(code)}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        self.starts += 1
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.runtime.child",
            str(os.getpid()),
            *self.spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LINE_BYTES_MAX,
            env={**os.environ, **self.spec.environment},
        )
        if process.stdout is None:
            raise AssertionError("a child without an output pipe")
        self._say("up", f"{self.spec.name} is process {process.pid}")
        await self._show(process.stdout)
        return await process.wait()

    async def _show(self, stream: asyncio.StreamReader) -> None:
        """Every line that a child prints, without escape codes, under its name."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: the reader has dropped what it held, go on behind it
                continue
            if not line:
                return
            text = _ESCAPES.sub(b"", line).decode(errors="replace").rstrip()
            if text:
                self._last.append(text)
                self._say(self.spec.name, text)

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL when it does not go."""
        self._stopping = True
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
