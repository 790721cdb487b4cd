"""Do to a running stack what the schedule says: signals, lines cut or slow, a full disk, records nobody can read."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import get_args

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from loadtest.chaos.disk import fill
from loadtest.chaos.line import Line
from loadtest.chaos.schedule import (
    DATABASE,
    DISK,
    ENDING,
    KAFKA_LINE,
    LINE,
    PARTS,
    WORKER,
    WRITER,
    Fault,
    Poison,
)
from loadtest.chaos.servers import Servers
from loadtest.stack import MATLINE, WITH_US, RunningStack, free_ports, started
from schemas.topics import ENVELOPE_VERSION, PARTITIONS_DEFAULT, partition_of

SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "kill_all": signal.SIGKILL}
JOINING_S = 8.0  # for a worker to start and to become a member of the group
STANDBY_S = 60.0  # for second projections to wait for the lease, unless other faults keep them from it
TAKEN_OVER_S = 120.0  # for them to write, likewise
AWAKE_S = 3.0  # for projections that were stopped to write what they still may, and to notice that they lost the lease
READY = ("/readyz", re.compile(""))
WRITING = ("/metrics", re.compile(r"^matline_projections_revisions_total [1-9]", re.M))
LATE_S = 0.3  # of each answer of ClickHouse, while they are late
ORDER_EVERY_S = 0.1
EVERY_TIME = 1_000_000
SPARE = {"few files": 2, "little memory": 0}  # beyond what a process has: files, and bytes
ANNOUNCED_S = 300.0  # for the next process of a part that has ended, on a disk that may be full
SENT_S = 300.0  # for the broker to come back and take a record, also from a disk that is full
LARGE_BYTES = 900 * 1024  # just under what the broker takes on race-log
_DATABASE_KINDS = {"away": "away", "late": "slow", "lost answer": "lost_answer", "error after": "error_after"}
CUT = b"\x83\xa1v\x02\xa5event"  # an envelope that ends within its head


class Injected(Struct, frozen=True, kw_only=True):
    """A fault that was done, and when it was over, by the harness's monotonic clock."""

    fault: Fault
    over_s: float


def unreadable_values(event: str) -> frozenset[bytes | None]:
    """Return all values of records that are injected. No service writes any of them."""
    return frozenset(_unreadable(kind, event) for kind in get_args(Poison))


class Targets(Struct, frozen=True, kw_only=True):
    """What faults hit: a stack, the line of its senders, and the servers beside it, if there are any."""

    stack: RunningStack
    line: Line
    servers: Servers | None = None

    def parts(self) -> tuple[str, ...]:
        """Return the names of all parts."""
        return PARTS["embedded" if self.servers is None else "servers"]

    def process(self, part: str) -> int:
        """Return the process id of a part, the last that is known."""
        kept = None if self.servers is None else self.servers.processes.get(part)
        if kept is None:
            return self.stack.process(part)
        assert kept.process_id is not None
        return kept.process_id


async def inject(targets: Targets, event: str, faults: list[Fault]) -> list[Injected]:
    """Do all faults at their times from now on, also while others last; return when the last is over."""
    began_s = time.monotonic()

    async def do(fault: Fault) -> Injected:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
        await _do(targets, event, fault)
        return Injected(fault=fault, over_s=time.monotonic())

    return await asyncio.gather(*map(do, faults))


async def _do(targets: Targets, event: str, fault: Fault) -> None:
    servers = targets.servers
    if fault.poison is not None:
        await poison(targets.stack, event, fault.target, fault.poison)
    elif fault.target == LINE:
        await _disturb(targets.line, fault)
    elif fault.target == DISK:
        await fill(targets.stack.data, fault.for_s)
    elif fault.target == WORKER:
        await _join(targets.stack, fault.for_s)
    elif servers is not None and fault.target == WRITER:
        await _succeed(targets, servers, fault)
    elif servers is not None and fault.target == KAFKA_LINE:
        await _disturb(servers.kafka, fault)
    elif servers is not None and fault.target == DATABASE:
        await _order(servers.clickhouse, fault)
    elif fault.kind in SPARE:
        await _limit(await _running(targets, fault.target), fault)
    else:
        await _signal(targets, fault)


async def _limit(process: int, fault: Fault) -> None:
    """Let a process have hardly more files, or no more memory, than it has now, for some seconds."""
    limited = resource.RLIMIT_NOFILE if fault.kind == "few files" else resource.RLIMIT_AS
    with suppress(ProcessLookupError, FileNotFoundError):  # it may end because of the limit; the next process has none
        used = _files(process) if fault.kind == "few files" else _memory_bytes(process)
        usual = resource.prlimit(process, limited)
        resource.prlimit(process, limited, (used + SPARE[fault.kind], usual[1]))
        await asyncio.sleep(fault.for_s)
        resource.prlimit(process, limited, usual)


def _files(process: int) -> int:
    """Return how many files a process may at least have, by the highest number of one that is open."""
    return 1 + max(int(file.name) for file in Path(f"/proc/{process}/fd").iterdir())


def _memory_bytes(process: int) -> int:
    """Return the size of a process's address space."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[0]) * resource.getpagesize()


async def _disturb(line: Line, fault: Fault) -> None:
    line.down, line.slow = fault.kind == "cut", fault.kind == "slow"
    if line.down:
        line.cut()
    await asyncio.sleep(fault.for_s)
    line.down = line.slow = False


async def _join(stack: RunningStack, for_s: float) -> None:
    """Let another worker of scoring join the group, which moves partitions, and kill it after some seconds."""
    with tempfile.TemporaryDirectory(prefix="matline-worker-", dir=stack.data) as folder:
        async with started(
            *(*WITH_US, str(os.getpid()), *MATLINE, "scoring"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={
                **os.environ,
                "MATLINE_KAFKA": f"127.0.0.1:{stack.kafka_port}",
                "MATLINE_DATA": folder,
                "MATLINE_WORKER": Path(folder).name,
                "MATLINE_SCORING_PORT": "0",
                "MATLINE_PARTITIONS": str(PARTITIONS_DEFAULT),
            },
        ):
            await asyncio.sleep(JOINING_S + for_s)  # it ends earlier by itself when Kafka is away


async def _succeed(targets: Targets, servers: Servers, fault: Fault) -> None:
    """Let second projections take over from the first, which are killed, or stopped until after that; then kill them.

    So the first, which are started again or wake up and have lost the lease, take over once more.
    """
    (port,) = free_ports(1)
    async with started(
        *(*WITH_US, str(os.getpid()), *MATLINE, "projections"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={
            **os.environ,
            "MATLINE_KAFKA": f"127.0.0.1:{targets.stack.kafka_port}",
            "MATLINE_CLICKHOUSE": servers.clickhouse,
            "MATLINE_PROJECTIONS_PORT": str(port),
            "MATLINE_PARTITIONS": str(PARTITIONS_DEFAULT),
        },
    ):
        await _answers(port, *READY, STANDBY_S)
        first = await _running(targets, "projections")
        with suppress(ProcessLookupError):
            os.kill(first, SIGNALS.get(fault.kind, signal.SIGSTOP))
        try:
            await _answers(port, *WRITING, TAKEN_OVER_S)
            await asyncio.sleep(fault.for_s)
        finally:
            with suppress(ProcessLookupError):
                os.kill(first, signal.SIGCONT)
        await asyncio.sleep(AWAKE_S)


async def _answers(port: int, path: str, wanted: re.Pattern[str], patience_s: float) -> None:
    """Wait until a service answers as wanted, or until other faults have kept it from that for too long."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session:
        end_s = time.monotonic() + patience_s
        while time.monotonic() < end_s:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    if answer.status == 200 and wanted.search(await answer.text()):
                        return
            await asyncio.sleep(0.2)


async def _order(clickhouse: str, fault: Fault) -> None:
    """Have ClickHouse's stand-in answer wrongly for some seconds; while it does not run itself, there is nothing to do.

    Every statement is late, or none is run; but a tenth second passes between two answers that are lost.
    """
    ordered = {"kind": _DATABASE_KINDS[fault.kind], "times": EVERY_TIME, "seconds": LATE_S}
    async with aiohttp.ClientSession() as session:
        end_s = time.monotonic() + fault.for_s
        while time.monotonic() < end_s:
            ordered["times"] = EVERY_TIME if fault.kind in ("away", "late") else 1
            with suppress(aiohttp.ClientError):
                await session.put(f"{clickhouse}/faults", json=[ordered])
            await asyncio.sleep(ORDER_EVERY_S)
        with suppress(aiohttp.ClientError):
            await session.put(f"{clickhouse}/faults", json=[])


async def _signal(targets: Targets, fault: Fault) -> None:
    parts = targets.parts() if fault.target == "all" else (fault.target,)
    processes = [await _running(targets, part) for part in parts]
    for process in processes:
        with suppress(ProcessLookupError):  # a part may also end because Kafka is away
            os.kill(process, SIGNALS.get(fault.kind, signal.SIGSTOP))
    if fault.kind in ENDING:
        return
    await asyncio.sleep(fault.for_s)
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


async def _running(targets: Targets, part: str) -> int:
    """Return the process of a part, once there is one."""
    async with asyncio.timeout(ANNOUNCED_S):
        while True:
            process = targets.process(part)
            with suppress(ProcessLookupError):
                os.kill(process, 0)
                return process
            await asyncio.sleep(0.1)


def _unreadable(kind: Poison, event: str) -> bytes | None:
    """Return the value of a record that no service can read."""
    match kind:
        case "cut" | "no key":
            return CUT
        case "empty":
            return b""
        case "tombstone":
            return None
        case "large":
            return b"\xc1" * LARGE_BYTES
        case "unknown kind":
            fact = {"type": "drone_landed", "event": event}
            return msgspec.msgpack.encode({"v": ENVELOPE_VERSION, "event": event, "facts": [fact]})


async def poison(stack: RunningStack, event: str, topic: str, kind: Poison) -> None:
    """Write a record that no service can read where the records of the event go."""
    partition = 0 if topic == "standings" else partition_of(event, PARTITIONS_DEFAULT)
    key = None if kind == "no key" else event.encode()
    servers = f"127.0.0.1:{stack.kafka_port}"
    async with asyncio.timeout(SENT_S):
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=servers, enable_idempotence=True, max_request_size=2 * LARGE_BYTES
            )
            try:
                await producer.start()
                await producer.send_and_wait(topic, _unreadable(kind, event), key=key, partition=partition)
            except KafkaError:  # it may be there all the same, so that it comes twice
                await asyncio.sleep(0.5)
                continue
            finally:
                await producer.stop()
            return
