"""Do to a running stack what the schedule says: signals, a line that is cut or slow, records that nobody can read."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import get_args

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from loadtest.chaos.line import Line
from loadtest.chaos.schedule import LINE, PARTS, Fault, Poison
from loadtest.stack import RunningStack
from schemas.topics import ENVELOPE_VERSION, PARTITIONS_DEFAULT, partition_of

ENDING = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "kill_all": signal.SIGKILL}
ANNOUNCED_S = 60.0  # for the next process of a part that has just ended
SENT_S = 60.0  # for the broker to come back and take a record
LARGE_BYTES = 900 * 1024  # just under what the broker takes on race-log
CUT = b"\x83\xa1v\x02\xa5event"  # an envelope that ends within its head


class Injected(Struct, frozen=True, kw_only=True):
    """A fault that was done, and when it was over, by the harness's monotonic clock."""

    fault: Fault
    over_s: float


def unreadable_values(event: str) -> frozenset[bytes | None]:
    """Return all values of records that are injected. No service writes any of them."""
    return frozenset(_unreadable(kind, event) for kind in get_args(Poison))


async def inject(stack: RunningStack, line: Line, event: str, faults: list[Fault]) -> list[Injected]:
    """Do all faults at their times from now on, also while others last; return when the last is over."""
    began_s = time.monotonic()

    async def do(fault: Fault) -> Injected:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
        if fault.poison is not None:
            await poison(stack, event, fault.target, fault.poison)
        elif fault.target == LINE:
            await _disturb(line, fault)
        else:
            await _signal(stack, fault)
        return Injected(fault=fault, over_s=time.monotonic())

    return await asyncio.gather(*map(do, faults))


async def _disturb(line: Line, fault: Fault) -> None:
    line.down, line.slow = fault.kind == "cut", fault.kind == "slow"
    if line.down:
        line.cut()
    await asyncio.sleep(fault.for_s)
    line.down = line.slow = False


async def _signal(stack: RunningStack, fault: Fault) -> None:
    parts = PARTS if fault.target == "all" else (fault.target,)
    processes = [await _running(stack, part) for part in parts]
    for process in processes:
        with suppress(ProcessLookupError):  # a part may also end because Kafka is away
            os.kill(process, ENDING.get(fault.kind, signal.SIGSTOP))
    if fault.kind in ENDING:
        return
    await asyncio.sleep(fault.for_s)
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


async def _running(stack: RunningStack, part: str) -> int:
    """Return the process of a part, once there is one."""
    async with asyncio.timeout(ANNOUNCED_S):
        while True:
            process = stack.process(part)
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
