"""Measure scoring beside other stream processors that do a small part of its job, on the same reads in the same run.

Scoring applies all rules and writes every result; the others keep three reads of each chip and mat, and a board. The
figure that counts is seconds of the processor for a million reads, which other work on the machine changes little.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain, count, islice

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

import races
from loadtest.bench.alternative import ENVIRONMENT, PATHWAY, reported, require_alternatives
from loadtest.bench.caught_up import caught_up
from loadtest.bench.comparison import Measure, Measured
from loadtest.bench.processor_time import processor_s
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack, running_stack
from schemas.codec import decode_frame, encode_envelope
from schemas.definition_parse import definition_from_toml
from schemas.events import LoggedFact, ReadRow, ReadsLogged
from schemas.topics import ENVELOPE_READS_MAX, PARTITIONS_DEFAULT, RACE_LOG, RESULTS, partition_of

RACE = "vnexpress-hcmc-midnight-2024"
ATHLETES = 1_500  # 160,000 reads, which Faust takes half a minute for if each is a record
SINGLE, ENVELOPES = "bench-single", "bench-envelopes"
SCORED_S = 300.0
FASTER_THAN_SINGLE = 2.0  # what the others spend on a read that is a record, by what scoring spends
RUNS = (
    ("client alone, a read a record", "client", False, sys.executable),
    ("Faust, a read a record", "faust_reads", False, sys.executable),
    ("Quix Streams, a read a record", "quix", False, ENVIRONMENT),
    ("Bytewax, a read a record", "bytewax_flow", False, ENVIRONMENT),
    ("Pathway, a read a record", "pathway_reads", False, PATHWAY),
    ("client alone, our envelopes", "client", True, sys.executable),
    ("Quix Streams, our envelopes", "quix", True, ENVIRONMENT),
    ("Bytewax, our envelopes", "bytewax_flow", True, ENVIRONMENT),
)


class Throughput(Struct, frozen=True, kw_only=True):
    """The reads that a program worked in, the seconds it took, and those of the processor.

    `least` is how many times faster than this program scoring should be, by the processor's time; None for no goal.
    """

    name: str
    reads: int
    seconds: float
    processor_s: float
    scoring_million_s: float
    least: float | None = None

    @property
    def million_s(self) -> float:
        """The processor's seconds for a million reads."""
        return self.processor_s / self.reads * 1e6

    @property
    def case(self) -> str:
        """The reads, which are the same for each."""
        return "from Kafka, a race of 1,500"

    @property
    def values(self) -> Mapping[str, float]:
        """By the processor's time, and by the clock."""
        return {"processor seconds a million reads": self.million_s, "reads a second": self.reads / self.seconds}

    @property
    def holds(self) -> bool:
        """Whether scoring is as much faster as it should be."""
        return self.least is None or self.million_s >= self.least * self.scoring_million_s

    def line(self) -> str:
        """Return one line for a person."""
        goal = "" if self.least is None else f" (at least {self.least:g})  {'ok' if self.holds else 'TOO SLOW'}"
        return (
            f"{self.name:<32} {self.million_s:6.2f} processor seconds a million reads,"
            f" {self.reads / self.seconds:9,.0f} reads/s; {self.million_s / self.scoring_million_s:.2f}"
            f" times what scoring spends{goal}"
        )


@asynccontextmanager
async def scoring_beside_others() -> AsyncIterator[Measure]:
    """Yield a measurement of scoring, and then of each alternative."""
    require_alternatives()
    definition = definition_from_toml(races.definition_toml(RACE))
    simulation = simulate(definition, ATHLETES, 1)
    reads = list(_reads(simulation))
    run = count()
    installed = [alternative for alternative in RUNS if os.access(alternative[-1], os.X_OK)]  # Pathway only if wanted
    async with running_stack() as stack:
        servers = f"127.0.0.1:{stack.kafka_port}"
        await create_topics(servers, SINGLE, ENVELOPES)
        await write(servers, SINGLE, ((read.chip.encode(), _json(read)) for read in reads))
        await write(servers, ENVELOPES, envelopes(simulation))

        async def measure() -> AsyncIterator[Measured]:
            again = msgspec.structs.replace(definition, event=f"{definition.event}-{next(run)}")
            scoring = await _scored(stack, servers, simulate(again, ATHLETES, 1))
            yield scoring
            await caught_up(stack)
            for name, program, in_envelopes, python in installed:
                order = {
                    "servers": servers,
                    "topic": ENVELOPES if in_envelopes else SINGLE,
                    "reads": len(reads),
                    "envelopes": in_envelopes,
                    "mats": {device: mat.id for mat in definition.mats for device in mat.devices},
                    "finish": definition.races[0].points[-1].mat,
                }
                report = await asyncio.to_thread(reported, python, f"loadtest.alternatives.{program}", order)
                yield Throughput(
                    name=name,
                    reads=report["reads"],
                    seconds=report["seconds"],
                    processor_s=report["processor_s"],
                    scoring_million_s=scoring.million_s,
                    least=None if in_envelopes or program == "client" else FASTER_THAN_SINGLE,
                )

        yield measure


async def _scored(stack: RunningStack, servers: str, simulation: Simulation) -> Throughput:
    """Write the race to `race-log` as fast as Kafka takes it, and return what scoring spent until its last result."""
    event = simulation.definition.event
    partition = partition_of(event, PARTITIONS_DEFAULT)
    facts = [*simulation.opening, *simulation.guns]
    opened = await write(
        servers, RACE_LOG.name, ((event.encode(), encode_envelope(event, [timed.fact])) for timed in facts), partition
    )
    await frame_of(servers, partition, opened)
    process = stack.process("scoring")
    began_s, before_s = time.monotonic(), processor_s(process)
    written = await write(servers, RACE_LOG.name, envelopes(simulation), partition)
    await frame_of(servers, partition, written)
    used_s = processor_s(process) - before_s
    return Throughput(
        name="Matline's scoring, all rules, results written",
        reads=len(simulation.reads),
        seconds=time.monotonic() - began_s,
        processor_s=used_s,
        scoring_million_s=used_s / len(simulation.reads) * 1e6,
    )


async def frame_of(servers: str, partition: int, offset: int) -> None:
    """Wait for the frame that completes the revision of an offset of `race-log`. Raises TimeoutError."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        results = TopicPartition(RESULTS.name, partition)
        consumer.assign([results])
        await consumer.seek_to_beginning(results)
        async with asyncio.timeout(SCORED_S):
            async for record in consumer:
                frame = decode_frame(record.value)
                if frame.last and frame.through_offset >= offset:
                    return
    finally:
        await consumer.stop()


async def create_topics(servers: str, *names: str) -> None:
    """Create topics of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in names])
    finally:
        await admin.close()


async def write(servers: str, topic: str, records: Iterable[tuple[bytes, bytes]], partition: int = 0) -> int:
    """Write records to a partition in full batches, and return the offset of the last."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=256 * 1024, acks="all")
    await producer.start()
    try:
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                await producer.send_batch(batch, topic, partition=partition)
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        records_in_last = batch.record_count()
        sent = await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
    last: int = sent.offset + records_in_last - 1
    return last


def _reads(simulation: Simulation) -> Iterable[RawRead]:
    return chain.from_iterable(delivery.reads for delivery in simulation.deliveries())


def _json(read: RawRead) -> bytes:
    return json.dumps(
        {"device": read.device, "chip": read.chip, "at_us": read.at_us, "rssi": read.rssi}, separators=(",", ":")
    ).encode()


def envelopes(simulation: Simulation, reads_a_record: int = ENVELOPE_READS_MAX) -> Iterable[tuple[bytes, bytes]]:
    """Yield keys and values of records with the reads of a race in envelopes, in the order of their arrival."""
    event = simulation.definition.event
    reads = iter(_reads(simulation))
    while part := list(islice(reads, reads_a_record)):
        rows = [ReadRow(read.seq, read.device, read.chip, read.at_us, read.rssi) for read in part]
        fact: LoggedFact = ReadsLogged(event=event, gateway="bench", session="all", reads=rows)
        yield event.encode(), encode_envelope(event, [fact])
