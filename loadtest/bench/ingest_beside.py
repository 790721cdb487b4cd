"""Measure ingest, from a request of reads to Kafka's acknowledgement, beside bare producers of the same envelopes.

A producer gets the envelopes ready made. So what ingest spends more is what it does besides: HTTP, tokens, the check of
each read, and the envelopes.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

import races
from loadtest.bench.alternative import ENVIRONMENT, reported, require_alternatives
from loadtest.bench.comparison import Measure, Measured
from loadtest.bench.half_race import RACE, HalfRace
from loadtest.bench.processor_time import processor_s
from loadtest.bench.scoring_beside import create_topics, envelopes
from loadtest.simulation import simulate
from loadtest.stack import RunningStack, running_stack
from schemas.definition_parse import definition_from_toml

ATHLETES = 4_000  # half of whose reads, 210,000, are enough for six runs
REQUESTS, REQUEST_READS = 60, 500
AT_ONCE = 4
PRODUCED_TIMES = 10  # the envelopes, since a producer takes so little time for them
TOPIC = "bench-produced"
PRODUCERS = (("aiokafka", sys.executable), ("librdkafka", ENVIRONMENT))


class Accepted(Struct, frozen=True, kw_only=True):
    """What it took to write reads to Kafka, in seconds by the clock and of the processor that wrote them."""

    name: str
    reads: int
    seconds: float
    processor_s: float
    case: str = f"{REQUEST_READS} reads in a record"
    holds: bool = True

    @property
    def million_s(self) -> float:
        """The processor's seconds for a million reads."""
        return self.processor_s / self.reads * 1e6

    @property
    def values(self) -> Mapping[str, float]:
        """By the processor's time, and by the clock."""
        return {"processor seconds a million reads": self.million_s, "reads a second": self.reads / self.seconds}

    def line(self) -> str:
        """Return one line for a person."""
        return (
            f"{self.name:<28} {self.million_s:6.2f} processor seconds a million reads,"
            f" {self.reads / self.seconds:9,.0f} reads/s"
        )


@asynccontextmanager
async def ingest_beside_producers() -> AsyncIterator[Measure]:
    """Yield a measurement of ingest and of each producer. It raises RuntimeError if one fails."""
    require_alternatives()
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), ATHLETES, 1)
    produced = [value for _, value in islice(envelopes(simulation, REQUEST_READS), REQUESTS)] * PRODUCED_TIMES
    with tempfile.NamedTemporaryFile(prefix="matline-envelopes-") as file:
        await asyncio.to_thread(Path(file.name).write_bytes, msgspec.msgpack.encode(produced))
        async with running_stack() as stack, HalfRace(stack, ATHLETES) as race:
            servers = f"127.0.0.1:{stack.kafka_port}"
            await create_topics(servers, TOPIC)

            async def measure() -> AsyncIterator[Measured]:
                yield await _accepted(stack, race)
                for client, python in PRODUCERS:
                    order = {
                        "servers": servers,
                        "topic": TOPIC,
                        "records": file.name,
                        "reads": len(produced) * REQUEST_READS,
                        "client": client,
                    }
                    report = await asyncio.to_thread(reported, python, "loadtest.alternatives.kafka_producer", order)
                    yield Accepted(
                        name=f"bare producer, {client}",
                        reads=report["reads"],
                        seconds=report["seconds"],
                        processor_s=report["processor_s"],
                    )

            yield measure


async def _accepted(stack: RunningStack, race: HalfRace) -> Accepted:
    """Send requests, some at once, and return what ingest spent until the last was accepted."""
    process = stack.process("ingest")
    slots = asyncio.Semaphore(AT_ONCE)

    async def push() -> None:
        async with slots:
            await race.push(REQUEST_READS)

    began_s, before_s = time.monotonic(), processor_s(process)
    await asyncio.gather(*(push() for _ in range(REQUESTS)))
    return Accepted(
        name="ingest, over HTTP",
        reads=REQUESTS * REQUEST_READS,
        seconds=time.monotonic() - began_s,
        processor_s=processor_s(process) - before_s,
    )
