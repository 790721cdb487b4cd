"""Start processes, show their output, restart those that end, and leave none behind.

A child that worked and ends is started again at once, and one that keeps ending after a pause that doubles each time,
while the other children go on: readers are served even if no board can be made, and a person may mend, hours later,
what ends a child. The whole stack stops only for a child that keeps ending and never worked: a stack that never worked
is better stopped and explained.
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
from typing import NamedTuple

from msgspec import Struct

from services.runtime import exit_codes
from services.runtime.backoff import Backoff
from services.runtime.faults import StartFault

LINE_BYTES_MAX = 64 * 1024
LAST_LINES = 15
_ESCAPES = re.compile(  # titles, colours and cursor moves, other escapes, single control characters
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]"
)

Say = Callable[[str, str], None]
"""Shows a line to a person: the name of the process, and its text."""


class SupervisionLimits(Struct, frozen=True, kw_only=True):
    """When a child is started again, given up or killed.

    A child that ran for `healthy_s` works, and starts a new count of ends. After `ends_most` failures in a row it is
    given up. An end is a failure in a child that never worked, unless it was because Kafka or ClickHouse is away.
    `look_again_s` passes between two looks whether a child may start again that was not allowed to.
    `stop_s` passes from SIGTERM to SIGKILL, longer than any child needs to finish its work. `drain_s` bounds the wait
    for the last output of a dead child, since a process that it started may hold the pipe open for ever.
    """

    backoff: Backoff = Backoff(first_s=0.5, most_s=60.0)
    healthy_s: float = 60.0
    ends_most: int = 6
    look_again_s: float = 2.0
    stop_s: float = 12.0
    drain_s: float = 1.0


LIMITS = SupervisionLimits()


class ChildSpec(Struct, frozen=True, kw_only=True):
    """A process to keep running.

    `before_start` is called before each start and may raise StartFault. The first start then fails; a later one waits
    until it raises nothing, since who can mend it may come only after hours. `spare` is a command that prepares the
    same process and then waits for a line on its standard input: a child that works has one beside it, which takes its
    place when it ends.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    before_start: Callable[[], None] | None = None
    spare: Sequence[str] | None = None


class _Launched(NamedTuple):
    """A process, and the end of the pipe from which its output is read."""

    process: asyncio.subprocess.Process
    output: int


class GivenUp(Exception):
    """A child keeps ending; the message names it and has its last lines."""


class Child:
    """One process kept running until `stop`."""

    def __init__(self, spec: ChildSpec, say: Say, limits: SupervisionLimits = LIMITS) -> None:
        self.spec = spec
        self.starts = 0
        self._limits = limits
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._spare: _Launched | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None between two starts."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    @property
    def spare_pid(self) -> int | None:
        """The id of the process that would take the place of this one, or None while there is none."""
        spare = self._spare
        return None if spare is None or spare.process.returncode is not None else spare.process.pid

    async def run(self) -> None:
        """Keep the process running until `stop`. Raises GivenUp, StartFault."""
        try:
            await self._keep_running()
        finally:
            if (spare := self._take_spare()) is not None:
                spare.process.kill()
                os.close(spare.output)

    async def _keep_running(self) -> None:
        ends = failures = 0
        worked = False
        while not self._stopping.is_set():
            await self._until_allowed()
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > self._limits.healthy_s:
                worked, ends, failures = True, 0, 0
            ends += 1
            failures += not (worked or code == exit_codes.AWAY)
            if failures >= self._limits.ends_most:
                last = "\n".join(self._last)
                raise GivenUp(
                    f"{self.spec.name} ended {ends} times in a row, last with {_ended(code)}. Its last lines:\n{last}"
                )
            if worked and ends == 1:
                self._say("up", f"{self.spec.name} ended ({_ended(code)}); it is started again at once")
                continue
            pause = self._limits.backoff.pause_s(ends)
            self._say("up", f"{self.spec.name} ended ({_ended(code)}); it is started again in {pause:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _until_allowed(self) -> None:
        """Return when the process may start, or has to stop. Raises StartFault before the first start."""
        said = False
        while self.spec.before_start is not None and not self._stopping.is_set():
            try:
                self.spec.before_start()
            except StartFault as fault:
                if self.starts == 0:
                    raise
                if not said:
                    self._say("up", f"{self.spec.name} waits: {fault}. It is started as soon as that is mended")
                said = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.look_again_s):
                        await self._stopping.wait()
            else:
                return

    async def _run_once(self) -> int:
        """Return the exit code, or minus the signal that ended it; 0 if `stop` came before the start."""
        async with self._starting:
            if self._stopping.is_set():
                return 0
            self.starts += 1
            spare = self._take_spare()
            if spare is not None and spare.process.stdin is not None:
                spare.process.stdin.write(b"start\n")
            launched = spare or await self._launch(self.spec.command, asyncio.subprocess.DEVNULL)
            self._process = process = launched.process
        self._say("up", f"{self.spec.name} is process {process.pid}")
        showing = asyncio.create_task(self._show(launched.output))
        preparing = asyncio.create_task(self._prepare_spare())
        try:
            code = await process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # processes that it started and left behind
            await asyncio.wait((showing,), timeout=self._limits.drain_s)
        finally:
            showing.cancel()
            preparing.cancel()
        return code

    async def _prepare_spare(self) -> None:
        """Launch a spare process once the child works, unless one is there."""
        await asyncio.sleep(self._limits.healthy_s)
        if self.spec.spare is not None and self._spare is None:
            try:
                self._spare = await self._launch(self.spec.spare, asyncio.subprocess.PIPE)
            except OSError as error:  # too many processes, or too little memory: the child itself goes on
                self._say("up", f"{self.spec.name} has no spare process: {error.strerror}")

    def _take_spare(self) -> _Launched | None:
        """Return the spare process if it still runs; from now on there is none."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.process.returncode is not None:
            os.close(spare.output)
            return None
        return spare

    async def _launch(self, command: Sequence[str], stdin: int) -> _Launched:
        read, write = os.pipe()  # our own: with its own pipe, asyncio reports the end only once that is closed
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.operate.child",
                str(os.getpid()),
                *command,
                stdin=stdin,
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
        return _Launched(process, read)

    async def _show(self, pipe: int) -> None:
        """Show every line that a child prints under its name, without escape codes."""
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
        """Stop the process: SIGTERM, and SIGKILL if it does not end."""
        self._stopping.set()
        async with self._starting:  # a start that is under way finishes first
            process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._limits.stop_s):
                await process.wait()
        except TimeoutError:
            self._say("up", f"{self.spec.name} did not end within {self._limits.stop_s:g} s and is killed")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _ended(code: int) -> str:
    if code == exit_codes.AWAY:
        return "Kafka or ClickHouse is away"
    if code == exit_codes.SETTINGS:
        return f"exit code {code}: a person has to mend what its last line says"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def start_fault(error: BaseException) -> StartFault | GivenUp | None:
    """Return the fault to show to a person, from anywhere in a group of errors."""
    if isinstance(error, (StartFault, GivenUp)):
        return error
    if isinstance(error, BaseExceptionGroup):
        faults = (start_fault(inner) for inner in error.exceptions)
        return next((fault for fault in faults if fault is not None), None)
    return None
