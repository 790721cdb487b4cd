"""Children kept running: real processes, real signals."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.operate import supervise
from services.operate.supervise import ENDS_MOST, LINE_BYTES_MAX, Child, ChildSpec, GivenUp, start_fault
from services.runtime.faults import StartFault
from tests.integration.processes import is_alive

WAIT_S = 60.0  # for a hang only


class Said:
    """The lines that a supervisor says, to wait for."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._new = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._new.set()

    def of(self, name: str) -> list[str]:
        return [line for who, line in self.lines if who == name]

    async def heard(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while sum(text in line for _, line in self.lines) < times:
                self._new.clear()
                await self._new.wait()


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def quick(monkeypatch):
    """The same doubling, in milliseconds."""
    monkeypatch.setattr(supervise, "BACKOFF_FIRST_S", 0.01)


@pytest.fixture
async def running(said: Said) -> AsyncIterator:
    """Starts children of Python code; ends them after the test whatever happens."""
    started: list[tuple[Child, asyncio.Task[None]]] = []

    def start(code: str, **spec: Any) -> tuple[Child, "asyncio.Task[None]"]:
        command = [sys.executable, "-uc", code]
        child = Child(ChildSpec(name="part", command=command, environment={}, **spec), said)
        started.append((child, asyncio.create_task(child.run())))
        return started[-1]

    yield start
    for child, task in started:
        await child.stop()
        await asyncio.gather(task, return_exceptions=True)


async def ended(task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(WAIT_S):
        await task


async def test_one_that_ends_is_started_again_after_pauses_that_double_and_then_given_up(said, quick, running):
    child, task = running("print('no disk'); raise SystemExit(3)")
    with pytest.raises(GivenUp, match=rf"part ended {ENDS_MOST} times in a row, last with exit code 3") as given:
        await ended(task)
    assert "no disk" in str(given.value)
    assert child.starts == ENDS_MOST
    assert child.pid is None
    pauses = [float(line.split()[-2]) for line in said.of("up") if "starting it again" in line]
    assert pauses == [0.01 * 2**turn for turn in range(ENDS_MOST - 1)]
    assert said.of("part") == ["no disk"] * ENDS_MOST


async def test_a_pause_never_exceeds_its_bound(said, quick, running, monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_MOST_S", 0.02)
    _, task = running("raise SystemExit(1)")
    with pytest.raises(GivenUp):
        await ended(task)
    assert [line.split()[-2] for line in said.of("up") if "again" in line] == ["0.01", "0.02", "0.02", "0.02", "0.02"]


async def test_one_that_lived_long_begins_a_new_count(said, quick, running, monkeypatch):
    monkeypatch.setattr(supervise, "HEALTHY_S", 0.0)
    child, task = running("raise SystemExit(1)")
    await said.heard("starting it again in 0.01 s", times=ENDS_MOST + 2)
    assert not task.done()
    assert child.starts > ENDS_MOST


async def test_one_that_is_killed_is_started_again_and_the_signal_named(said, quick, running):
    child, _ = running("print('up'); import time; time.sleep(600)")
    await said.heard("up", times=1)
    async with asyncio.timeout(WAIT_S):
        while child.pid is None or "up" not in said.of("part"):
            await asyncio.sleep(0.01)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await said.heard("part ended (signal 9)")
    async with asyncio.timeout(WAIT_S):
        while said.of("part").count("up") < 2:
            await asyncio.sleep(0.01)
    assert child.pid != first


async def test_it_stops_by_a_term_that_the_child_may_answer(said, running):
    child, task = running(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "print('ready'); time.sleep(600)"
    )
    await said.heard("ready")
    await child.stop()
    await ended(task)
    assert said.of("part") == ["ready", "saved"]
    assert child.starts == 1


async def test_one_that_does_not_answer_a_term_is_killed(said, running, monkeypatch):
    monkeypatch.setattr(supervise, "STOP_S", 0.1)
    child, task = running(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready'); time.sleep(600)"
    )
    await said.heard("ready")
    pid = child.pid
    await child.stop()
    await ended(task)
    assert "part does not end; killing it" in said.of("up")
    assert not is_alive(pid)


async def test_a_stop_cuts_a_pause_short(said, running, monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_FIRST_S", 10 * WAIT_S)
    monkeypatch.setattr(supervise, "BACKOFF_MOST_S", 10 * WAIT_S)
    child, task = running("raise SystemExit(1)")
    await said.heard("starting it again in 600 s")
    await child.stop()
    await ended(task)
    assert child.starts == 1


async def test_a_stop_in_the_middle_of_a_start_leaves_nobody(said, running):
    child, task = running("import time; time.sleep(600)")
    while child.starts == 0:
        await asyncio.sleep(0)
    await child.stop()
    await ended(task)
    assert child.pid is None
    before, never = running("import time; time.sleep(600)")
    await before.stop()
    await ended(never)
    assert before.starts == 0


@pytest.mark.parametrize("own_session", [False, True])
async def test_what_a_dead_child_has_started_keeps_nothing_from_going_on(
    said, quick, running, monkeypatch, own_session
):
    monkeypatch.setattr(supervise, "DRAIN_S", 0.05)
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session={own_session}"
    _, task = running(f"import subprocess, sys\nprint(subprocess.Popen({sleeper}).pid)")
    with pytest.raises(GivenUp):
        await ended(task)
    left = [int(line) for line in said.of("part")]
    assert len(left) == ENDS_MOST
    for pid in left:
        if own_session:
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(WAIT_S):
            while is_alive(pid):
                await asyncio.sleep(0.01)


async def test_a_start_that_cannot_be_is_not_tried(said, running):
    def full() -> None:
        raise StartFault("the disk is full")

    child, task = running("print('never')", before_start=full)
    with pytest.raises(StartFault, match="disk is full"):
        await ended(task)
    assert child.starts == 0


async def test_a_command_that_is_not_there_is_named(said, quick):
    child = Child(ChildSpec(name="part", command=["/nowhere/kafka"], environment={}), said)
    with pytest.raises(GivenUp, match=r"exit code 127[^$]*cannot run /nowhere/kafka: No such file"):
        await ended(asyncio.create_task(child.run()))


async def test_escape_codes_are_taken_away_and_letters_stay(said, quick, running):
    running(
        r"import sys; sys.stdout.buffer.write(b'\x1b]0;title\x07\x1b[1;31mr\xc3\xb5t\x1b[0m\x1b[?25l\tx\x08\r\n\x1b[K\n"
        r"\xff\x1b(B\n')"
    )
    await said.heard("starting it again")
    assert said.of("part")[:2] == ["rõt\tx", "\ufffd(B"]


async def test_a_line_without_end_neither_blocks_nor_fills_the_memory(said, quick, running):
    running("print('x' * 1_000_000 ); print('after')")
    await said.heard("starting it again")
    long, after = said.of("part")[:2]
    assert long == "x" * LINE_BYTES_MAX + f" … (the rest of a line over {LINE_BYTES_MAX} bytes is left out)"
    assert after == "after"


async def test_it_has_no_input_and_an_environment_of_its_own(said, quick):
    code = "import os, sys; print(os.environ['MATLINE_WORKER'], 'PATH' in os.environ, repr(sys.stdin.read()))"
    spec = ChildSpec(name="part", command=[sys.executable, "-c", code], environment={"MATLINE_WORKER": "one"})
    with pytest.raises(GivenUp):
        await ended(asyncio.create_task(Child(spec, said).run()))
    assert said.of("part")[0] == "one True ''"


_PARENT = """
import asyncio, sys
from services.operate.supervise import Child, ChildSpec
command = [sys.executable, "-uc", "import os, time; print('child', os.getpid()); time.sleep(600)"]
spec = ChildSpec(name="part", command=command, environment={})
asyncio.run(Child(spec, lambda name, line: print(line, flush=True)).run())
"""


async def test_children_die_with_a_parent_that_is_killed():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, stdout=subprocess.PIPE)
    try:
        async with asyncio.timeout(WAIT_S):
            while not (line := await parent.stdout.readline()).startswith(b"child "):
                assert line, "the parent ended"
            child = int(line.split()[1])
            assert is_alive(child)
            parent.kill()
            await parent.wait()
            while is_alive(child):
                await asyncio.sleep(0.01)
    finally:
        if parent.returncode is None:
            parent.kill()
            await parent.wait()


def test_a_child_whose_parent_was_gone_before_it_began_does_not_begin(tmp_path: Path):
    made = tmp_path / "made"
    command = [sys.executable, "-m", "services.operate.child", "1", "touch", str(made)]
    assert subprocess.run(command, check=False).returncode == 1
    assert not made.exists()


def test_a_fault_is_found_in_groups_of_groups():
    fault = StartFault("x")
    assert start_fault(BaseExceptionGroup("", [KeyError(), ExceptionGroup("", [ValueError(), fault])])) is fault
    assert start_fault(ExceptionGroup("", [ValueError()])) is None
