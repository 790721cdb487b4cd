"""Do to a running stack what the schedule says: signals to its processes, records that nobody can read."""

import asyncio
import os
import signal
import time
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from loadtest.chaos.evidence import Evidence
from loadtest.chaos.schedule import PARTS, Fault
from loadtest.stack import RunningStack
from schemas.topics import PARTITIONS_DEFAULT, partition_of

ENDING = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "kill_all": signal.SIGKILL}
ANNOUNCED_S = 60.0  # for the next process of a part that has just ended
SENT_S = 60.0  # for the broker to come back and take a record
BYTES = {"cut": b"\x83\xa1v\x02\xa5event", "empty": b"", "tombstone": None}


class Injected(Struct, frozen=True, kw_only=True):
    """A fault that was done, and when it was over, by the harness's monotonic clock."""

    fault: Fault
    over_s: float


async def inject(stack: RunningStack, event: str, faults: list[Fault], evidence: Evidence) -> list[Injected]:
    """Do all faults at their times from now on; return when the last is over."""
    began = time.monotonic()
    injected = []
    for fault in faults:
        await asyncio.sleep(max(0.0, began + fault.at_s - time.monotonic()))
        if fault.poison is not None:
            await _poison(stack, event, fault.target, BYTES[fault.poison], evidence)
        else:
            await _signal(stack, fault)
        injected.append(Injected(fault=fault, over_s=time.monotonic()))
    return injected


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


async def _poison(stack: RunningStack, event: str, topic: str, value: bytes | None, evidence: Evidence) -> None:
    """Write a record that no service can read where the records of the event go."""
    partition = 0 if topic == "standings" else partition_of(event, PARTITIONS_DEFAULT)
    async with asyncio.timeout(SENT_S):
        while True:
            producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{stack.kafka_port}", enable_idempotence=True)
            try:
                await producer.start()
                written = await producer.send_and_wait(topic, value, key=event.encode(), partition=partition)
            except KafkaError:
                await asyncio.sleep(0.5)
                continue
            finally:
                await producer.stop()
            if topic != "standings":  # a notice that cannot be read does no harm and is only counted
                evidence.poison.add((topic, partition, written.offset))
            return
