"""`matline up` as an organizer uses it: one process for each folder, and no process left running."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer

from schemas.topics import PARTITIONS_DEFAULT, RESULTS, STANDINGS
from services.demo.stack import Stack
from services.operate.up import Ports
from services.runtime.kafka import KafkaOptions
from tests.builders import EVENT, defined, entries, gun
from tests.integration.conftest import ports
from tests.integration.processes import is_alive

WAIT_S = 60.0  # for a hang only


def _up(data: Path, own: Ports) -> "subprocess.CompletedProcess[str]":
    options = [f"--{name}-port={getattr(own, name)}" for name in Ports.__struct_fields__]
    command = [sys.executable, "-m", "services.cli", "up", f"--data={data}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


def _cli(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


def _rebuild(data: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.cli", "rebuild", f"--data={data}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


async def _served(stack: Stack, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.live}{path}") as answer:
        return await answer.json() if answer.status == 200 else None


async def _sent(stack: Stack) -> int:
    """Send an event through ingest; return its revision."""
    async with aiohttp.ClientSession() as session:
        url = f"{stack.ingest}/v1/events/{EVENT}/facts"
        async with session.post(url, json=[defined(), entries("1", "2"), gun()]) as answer:
            assert answer.status == 200, await answer.text()
            revision: int = (await answer.json())["revision"]
            return revision


async def _until_served(stack: Stack, revision: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            event = await _served(stack, f"/v1/events/{EVENT}")
            if event is not None and event["revision"] >= revision:
                return
            await asyncio.sleep(0.05)


async def _until_gone(processes: list[int]) -> None:
    async with asyncio.timeout(WAIT_S):
        while any(map(is_alive, processes)):
            await asyncio.sleep(0.05)


async def test_a_stack_continues_from_the_log_in_its_folder_and_leaves_no_process_running(
    stack: Stack, tmp_path: Path
) -> None:
    await stack.start()
    holder, first = stack.pid, list(stack.processes.values())
    assert len(first) == 4
    refused = await asyncio.to_thread(_up, stack.data, ports())
    assert refused.returncode == 1
    assert f"in use by process {holder}" in refused.stdout
    revision = await _sent(stack)
    await _until_served(stack, revision)
    looked = await asyncio.to_thread(_cli, "doctor", EVENT, f"--stack={stack.data}")
    assert (looked.returncode, looked.stderr) == (0, "no faults\n"), looked.stdout
    assert "race hm: 2 entries" in looked.stdout
    shown = await asyncio.to_thread(_cli, "status", f"--stack={stack.data}")
    assert shown.returncode == 0
    assert EVENT in shown.stdout
    same = await asyncio.to_thread(_cli, "verify", EVENT, f"--stack={stack.data}")
    assert same.returncode == 0, same.stderr
    running = await asyncio.to_thread(_rebuild, stack.data)
    assert running.returncode == 1
    assert f"in use by process {holder}" in running.stderr

    await stack.stop()
    await _until_gone(first)
    assert "stopped" in (stack.data / "up.log").read_text()

    made_anew = await asyncio.to_thread(_rebuild, stack.data)
    assert made_anew.returncode == 0, made_anew.stderr
    assert len(list(stack.data.glob("clickhouse-*"))) == 1
    assert not (stack.data / "snapshots").exists()

    again = Stack(stack.data, stack.ports, print)
    await again.start()
    try:
        await _until_served(again, revision)
        event = await _served(again, f"/v1/events/{EVENT}")
        assert event is not None
        assert event["counts"] == {"NOT_STARTED": 2}
        second = list(again.processes.values())
        os.kill(again.pid, signal.SIGKILL)
        await _until_gone([again.pid, *second])
    finally:
        await again.stop()


async def test_a_configured_kafka_is_used_and_none_is_started(stack: Stack, kafka: KafkaOptions) -> None:
    """Others may write to it too; what nobody can read there does not end the stack, nor hold up its boards."""
    await stack.start(kafka=kafka.servers)
    processes = stack.processes
    assert set(processes) == {"projections", "scoring", "ingest"}
    await _until_served(stack, await _sent(stack))
    assert not (stack.data / "kafka").exists()
    async with AIOKafkaProducer(**kafka.client()) as producer:
        for partition in range(PARTITIONS_DEFAULT):
            await producer.send_and_wait(RESULTS.name, b"\xff", partition=partition)
        await producer.send_and_wait(STANDINGS.name, b"\xff", partition=0)
    await _until_served(stack, await _sent(stack))
    assert "sends all results of partition" in (stack.data / "up.log").read_text()
    assert stack.processes == processes


async def test_a_port_that_another_program_has_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen = msgspec.structs.replace(ports(), ingest=taken)
        said = await asyncio.to_thread(_up, tmp_path / "data", chosen)
    assert said.returncode == 1
    assert f"port {taken} for ingest cannot be opened" in said.stdout
    assert "--ingest-port" in said.stdout
    assert not (tmp_path / "data" / "kafka").exists()
