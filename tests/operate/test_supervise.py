"""Supervised children: real processes, real signals."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.commands.spare import stamps
from services.operate.supervise import LIMITS, LINE_BYTES_MAX, Child, ChildSpec, GivenUp, SupervisionLimits, start_fault
from services.runtime import exit_codes
from services.runtime.backoff import Backoff
from services.runtime.faults import StartFault
from tests.integration.processes import is_alive

WAIT_S = 60.0  # for a hang only


QUICK = SupervisionLimits(backoff=Backoff(first_s=0.01, most_s=10.0))
"""The usual limits, with pauses of milliseconds."""


class Output:
    """The lines that a supervisor shows, to wait for."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._new = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._new.set()

    def of(self, name: str) -> list[str]:
        return [line for process, line in self.lines if process == name]

    async def shows(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while sum(text in line for _, line in self.lines) < times:
                self._new.clear()
                await self._new.wait()


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
async def running(output: Output) -> AsyncIterator:
    """Start children from Python code; stop them after the test in any case."""
    started: list[tuple[Child, asyncio.Task[None]]] = []

    def start(code: str, limits: SupervisionLimits = QUICK, **spec: Any) -> tuple[Child, "asyncio.Task[None]"]:
        command = [sys.executable, "-uc", code]
        child = Child(ChildSpec(name="part", command=command, environment={}, **spec), output, limits)
        started.append((child, asyncio.create_task(child.run())))
        return started[-1]

    yield start
    for child, task in started:
        await child.stop()
        await asyncio.gather(task, return_exceptions=True)


async def ended(task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(WAIT_S):
        await task


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_child_that_ends_is_started_again_after_doubling_pauses_and_then_given_up(output, running):
    child, task = running("print('no disk'); raise SystemExit(3)")
    with pytest.raises(GivenUp, match=rf"part ended {LIMITS.ends_most} times in a row, last with exit code 3") as given:
        await ended(task)
    assert "no disk" in str(given.value)
    assert child.starts == LIMITS.ends_most
    assert child.pid is None
    pauses = [float(line.split()[-2]) for line in output.of("up") if "is started again" in line]
    assert pauses == [0.01 * 2**end for end in range(LIMITS.ends_most - 1)]
    assert output.of("part") == ["no disk"] * LIMITS.ends_most


async def test_a_pause_never_exceeds_its_limit(output, running):
    limits = SupervisionLimits(backoff=Backoff(first_s=0.01, most_s=0.02))
    _, task = running("raise SystemExit(1)", limits)
    with pytest.raises(GivenUp):
        await ended(task)
    assert [line.split()[-2] for line in output.of("up") if "again" in line] == ["0.01", "0.02", "0.02", "0.02", "0.02"]


async def test_a_child_that_ran_long_starts_a_new_count(output, running):
    limits = SupervisionLimits(backoff=QUICK.backoff, healthy_s=0.0)
    child, task = running("raise SystemExit(1)", limits)
    await output.shows("is started again at once", times=LIMITS.ends_most + 2)
    assert not task.done()
    assert child.starts > LIMITS.ends_most


async def test_a_child_that_worked_once_is_never_given_up(output, running, tmp_path: Path):
    """Its first run lasts longer than `healthy_s`, and later ones end at once, as when a topic was cut meanwhile."""
    limits = SupervisionLimits(backoff=Backoff(first_s=0.01, most_s=0.01), healthy_s=2.0)
    ran = tmp_path / "ran"
    child, task = running(
        f"import pathlib, time\nran = pathlib.Path({str(ran)!r})\nif not ran.exists(): ran.touch(); time.sleep(2.5)\n"
        f"raise SystemExit({exit_codes.SETTINGS})",
        limits,
    )
    await output.shows("is started again in 0.01 s", times=LIMITS.ends_most + 2)
    assert len([line for line in output.of("up") if "at once" in line]) == 1
    assert not task.done()
    assert child.starts > LIMITS.ends_most


async def test_a_child_whose_kafka_is_away_is_started_again_until_it_answers(output, running):
    limits = SupervisionLimits(backoff=Backoff(first_s=0.01, most_s=0.02))
    child, task = running(f"raise SystemExit({exit_codes.AWAY})", limits)
    await output.shows("part ended (Kafka or ClickHouse is away); it is started again in 0.02 s", LIMITS.ends_most + 2)
    assert not task.done()
    assert child.starts > LIMITS.ends_most


async def test_a_child_with_wrong_settings_is_given_up(output, running):
    _, task = running(f"raise SystemExit({exit_codes.SETTINGS})")
    with pytest.raises(GivenUp, match="exit code 2"):
        await ended(task)


async def test_a_child_that_is_killed_is_started_again_and_the_signal_named(output, running):
    child, _ = running("print('up'); import time; time.sleep(600)")
    await output.shows("up", times=1)
    async with asyncio.timeout(WAIT_S):
        while child.pid is None or "up" not in output.of("part"):
            await asyncio.sleep(0.01)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await output.shows("part ended (signal 9)")
    async with asyncio.timeout(WAIT_S):
        while output.of("part").count("up") < 2:
            await asyncio.sleep(0.01)
    assert child.pid != first


async def test_a_child_may_finish_its_work_after_sigterm(output, running):
    child, task = running(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "print('ready'); time.sleep(600)"
    )
    await output.shows("ready")
    await child.stop()
    await ended(task)
    assert output.of("part") == ["ready", "saved"]
    assert child.starts == 1


async def test_a_child_that_ignores_sigterm_is_killed(output, running):
    child, task = running(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready'); time.sleep(600)",
        SupervisionLimits(stop_s=0.1),
    )
    await output.shows("ready")
    pid = child.pid
    await child.stop()
    await ended(task)
    assert "part did not end within 0.1 s and is killed" in output.of("up")
    assert not is_alive(pid)


async def test_a_stop_cuts_a_pause_short(output, running):
    limits = SupervisionLimits(backoff=Backoff(first_s=10 * WAIT_S, most_s=10 * WAIT_S))
    child, task = running("raise SystemExit(1)", limits)
    await output.shows("is started again in 600 s")
    await child.stop()
    await ended(task)
    assert child.starts == 1


async def test_a_stop_during_a_start_leaves_no_process(output, running):
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
async def test_processes_that_a_dead_child_started_do_not_stop_the_supervisor(output, running, own_session):
    limits = SupervisionLimits(backoff=QUICK.backoff, drain_s=0.05)
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session={own_session}"
    _, task = running(f"import subprocess, sys\nprint(subprocess.Popen({sleeper}).pid)", limits)
    with pytest.raises(GivenUp):
        await ended(task)
    left = [int(line) for line in output.of("part")]
    assert len(left) == LIMITS.ends_most
    for pid in left:
        if own_session:
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(WAIT_S):
            while is_alive(pid):
                await asyncio.sleep(0.01)


async def test_a_child_whose_preparation_fails_is_not_started(output, running):
    def full() -> None:
        raise StartFault("the disk is full")

    child, task = running("print('never')", before_start=full)
    with pytest.raises(StartFault, match="disk is full"):
        await ended(task)
    assert child.starts == 0


async def test_a_child_that_may_not_start_again_waits_until_it_may_and_says_why_once(output, running):
    refused = 0

    def full_for_a_while() -> None:
        nonlocal refused
        if child.starts == 1 and refused < 3:
            refused += 1
            raise StartFault("the disk is full")

    again = replace(QUICK, look_again_s=0.01)
    child, _ = running("print('works'); raise SystemExit(3)", again, before_start=full_for_a_while)
    await output.shows("works", times=2)
    assert refused == 3
    assert [line for line in output.of("up") if "full" in line] == [
        "part waits: the disk is full. It is started as soon as that is mended"
    ]


async def test_a_child_that_waits_to_be_started_can_be_stopped(output, running):
    def full() -> None:
        if child.starts:
            raise StartFault("the disk is full")

    child, task = running("raise SystemExit(3)", before_start=full)
    await output.shows("part waits")
    await child.stop()
    await ended(task)
    assert child.starts == 1


SPARE = [sys.executable, "-uc", "import time; input(); print('spare works'); time.sleep(1000)"]


async def test_a_spare_takes_the_place_of_a_child_that_worked(output, running):
    works = replace(QUICK, healthy_s=0.0)
    child, _ = running("print('works'); import time; time.sleep(1000)", works, spare=SPARE)
    await output.shows("works")
    await until(lambda: child.spare_pid)
    ended_pid, spare_pid = child.pid, child.spare_pid
    assert "spare works" not in output.of("part")
    os.kill(ended_pid, signal.SIGKILL)
    await output.shows("spare works")
    assert child.pid == spare_pid
    await until(lambda: child.spare_pid not in (None, spare_pid))  # the next one


async def test_a_spare_that_has_ended_is_not_used(output, running):
    works = replace(QUICK, healthy_s=0.0)
    child, _ = running("print('works'); import time; time.sleep(1000)", works, spare=SPARE)
    await output.shows("works")
    await until(lambda: child.spare_pid)
    os.kill(child.spare_pid, signal.SIGKILL)
    await until(lambda: child.spare_pid is None)
    os.kill(child.pid, signal.SIGKILL)
    await output.shows("works", times=2)


async def test_a_spare_that_cannot_be_launched_is_said_and_the_child_goes_on(output, running):
    works = replace(QUICK, healthy_s=0.0)
    child, _ = running("import time; time.sleep(1000)", works, spare=[sys.executable, "-c", "x" * 1_000_000])
    await output.shows("part has no spare process: Argument list too long")
    os.kill(child.pid, signal.SIGKILL)
    await output.shows("part is process", times=2)


async def test_a_spare_ends_with_its_child(output, running):
    works = replace(QUICK, healthy_s=0.0)
    child, task = running("import time; time.sleep(1000)", works, spare=SPARE)
    await until(lambda: child.spare_pid)
    spare_pid = child.spare_pid
    await child.stop()
    await ended(task)
    await until(lambda: not is_alive(spare_pid))


@pytest.mark.parametrize("service", ["ingest", "scoring", "projections", "live"])
def test_a_spare_of_each_service_imports_it_and_ends_with_its_input(service):
    spare = [sys.executable, "-m", "services.commands.spare", service]
    assert subprocess.run(spare, stdin=subprocess.DEVNULL, timeout=WAIT_S, check=False).returncode == 0


def test_a_spare_that_is_started_runs_its_service():
    spare = [sys.executable, "-m", "services.commands.spare", "ingest"]
    wrong = {**os.environ, "MATLINE_KAFKA": "no address"}
    run = subprocess.run(spare, input=b"start\n", capture_output=True, env=wrong, timeout=WAIT_S, check=False)
    assert run.returncode == exit_codes.SETTINGS
    assert b"MATLINE_KAFKA=no address is not an address" in run.stderr


def test_a_spare_sees_that_a_file_of_its_code_was_replaced_or_removed(tmp_path: Path):
    kept, replaced, removed = files = [tmp_path / name for name in ("kept.py", "replaced.py", "removed.py")]
    for file in files:
        file.write_text("x = 1\n")
    imported = stamps(map(str, files))
    assert stamps(imported) == imported
    new = tmp_path / "new.py"
    new.write_text("x = 2\n")
    os.utime(new, ns=(0, replaced.stat().st_mtime_ns))  # an installer may keep times
    new.replace(replaced)
    removed.unlink()
    differing = {file for file, stamp in stamps(imported).items() if stamp != imported[file]}
    assert differing == {str(replaced), str(removed)}
    assert str(kept) in imported


async def test_a_missing_command_is_named(output):
    child = Child(ChildSpec(name="part", command=["/nowhere/kafka"], environment={}), output, QUICK)
    with pytest.raises(GivenUp, match=r"exit code 127[^$]*cannot run /nowhere/kafka: No such file"):
        await ended(asyncio.create_task(child.run()))


async def test_escape_codes_are_removed_and_letters_kept(output, running):
    running(
        r"import sys; sys.stdout.buffer.write(b'\x1b]0;title\x07\x1b[1;31mr\xc3\xb5t\x1b[0m\x1b[?25l\tx\x08\r\n\x1b[K\n"
        r"\xff\x1b(B\n')"
    )
    await output.shows("is started again")
    assert output.of("part")[:2] == ["rõt\tx", "\ufffd(B"]


async def test_a_line_without_an_end_neither_blocks_nor_fills_the_memory(output, running):
    running("print('x' * 1_000_000 ); print('after')")
    await output.shows("is started again")
    long, after = output.of("part")[:2]
    assert long == "x" * LINE_BYTES_MAX + f" … (the rest of a line over {LINE_BYTES_MAX} bytes is left out)"
    assert after == "after"


async def test_it_has_no_input_and_an_environment_of_its_own(output):
    code = "import os, sys; print(os.environ['MATLINE_WORKER'], 'PATH' in os.environ, repr(sys.stdin.read()))"
    spec = ChildSpec(name="part", command=[sys.executable, "-c", code], environment={"MATLINE_WORKER": "one"})
    with pytest.raises(GivenUp):
        await ended(asyncio.create_task(Child(spec, output, QUICK).run()))
    assert output.of("part")[0] == "one True ''"


_PARENT = """
import asyncio, sys
from services.operate.supervise import Child, ChildSpec, SupervisionLimits
command = [sys.executable, "-uc", "import time; print('child'); time.sleep(600)"]
spare = [sys.executable, "-uc", "import time; time.sleep(600)"]  # not one that ends with its input
spec = ChildSpec(name="part", command=command, environment={}, spare=spare)
async def run():
    child = Child(spec, lambda name, line: None, SupervisionLimits(healthy_s=0.0))
    running = asyncio.create_task(child.run())
    while child.pid is None or child.spare_pid is None:
        await asyncio.sleep(0.01)
    print("children", child.pid, child.spare_pid, flush=True)
    await running
asyncio.run(run())
"""


async def test_a_child_and_its_spare_end_with_a_parent_that_is_killed():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, stdout=subprocess.PIPE)
    try:
        async with asyncio.timeout(WAIT_S):
            pids = [int(pid) for pid in (await parent.stdout.readline()).split()[1:]]
            assert list(map(is_alive, pids)) == [True, True]
            parent.kill()
            await parent.wait()
            while any(map(is_alive, pids)):
                await asyncio.sleep(0.01)
    finally:
        if parent.returncode is None:
            parent.kill()
            await parent.wait()


def test_a_child_whose_parent_has_ended_does_not_start(tmp_path: Path):
    made = tmp_path / "made"
    command = [sys.executable, "-m", "services.operate.child", "1", "touch", str(made)]
    assert subprocess.run(command, check=False).returncode == 1
    assert not made.exists()


def test_a_fault_is_found_in_groups_of_groups():
    fault = StartFault("x")
    assert start_fault(BaseExceptionGroup("", [KeyError(), ExceptionGroup("", [ValueError(), fault])])) is fault
    assert start_fault(ExceptionGroup("", [ValueError()])) is None
