"""`race-log` into `facts` and `reads`, for explanations and audits; nobody waits for it, so batches are larger."""

import asyncio
import time
from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from schemas import codec
from schemas.events import ReadsLogged
from schemas.topics import RACE_LOG
from services.projections.metrics import ProjectionMetrics
from services.projections.position import checksum, go_on
from services.projections.rows import Row, TableRows
from services.projections.sink import Progress, Sink

BATCH_EVERY_S = 1.0
POLL_MS = 500
RECORDS_MAX = 100  # of one look: 50,000 reads
READS_MAX = 20_000  # of one insert
SLICE_RECORDS = 4  # 2,000 reads, some 3 ms, before others have their turn


class Auditor:
    """Follows `race-log` until it is cancelled, wherever it is then: the next start goes on from `progress`."""

    def __init__(self, consumer: AIOKafkaConsumer, sink: Sink, metrics: ProjectionMetrics) -> None:
        self._consumer = consumer
        self._sink = sink
        self._metrics = metrics
        self._rows = TableRows()
        self._reached: dict[int, Progress] = {}

    async def run(self, progress: dict[tuple[str, int], Progress]) -> None:
        """Take over everything from `progress` on. Raises StartFault, KafkaError, codec.UnknownVersion."""
        await go_on(self._consumer, progress)
        written_s = time.monotonic()
        while True:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            for records in batches.values():
                for start in range(0, len(records), SLICE_RECORDS):
                    self._take(records[start : start + SLICE_RECORDS])
                    if self._rows.count() >= READS_MAX:
                        await self._write()
                    await asyncio.sleep(0)
            self._note_lag()
            if self._reached and time.monotonic() - written_s >= BATCH_EVERY_S:
                await self._write()
                written_s = time.monotonic()

    def _take(self, records: list[ConsumerRecord]) -> None:
        for record in records:
            facts, reads = rows_of(record.offset, record.value)
            self._rows.add("facts", facts)
            self._rows.add("reads", reads)
            self._reached[record.partition] = Progress(
                RACE_LOG.name, record.partition, record.offset + 1, checksum(record.value)
            )

    async def _write(self) -> None:
        rows, self._rows = self._rows, TableRows()
        reached, self._reached = list(self._reached.values()), {}
        await self._sink.write(rows)
        await self._sink.remember(reached)

    def _note_lag(self) -> None:
        reached = {one.partition: one.next_offset for one in self._reached.values()}
        for partition in self._consumer.assignment():
            highwater, next_offset = self._consumer.highwater(partition), reached.get(partition.partition)
            if highwater is not None and next_offset is not None:
                self._metrics.lag.labels(partition.topic, partition.partition).set(max(0, highwater - next_offset))


def rows_of(offset: int, value: bytes) -> tuple[list[Row], list[Row]]:
    """The rows of `facts` and of `reads` of one record; none of a record that cannot be read, which scoring puts aside.

    Raises codec.UnknownVersion.
    """
    try:
        envelope = codec.decode_envelope(value)
    except codec.UnreadableRecord:
        return [], []
    facts: list[Row] = []
    reads: list[Row] = []
    for ordinal, fact in enumerate(envelope.facts):
        recorded_us = fact.recorded_at_us or 0
        if isinstance(fact, ReadsLogged):
            reads += _read_rows(offset, len(reads), fact, recorded_us)
            continue
        kind = str(fact.__struct_config__.tag)
        text = codec.to_json(fact).decode()
        facts.append((fact.event, offset, ordinal, kind, fact.id or "", fact.by or "", recorded_us, text))
    return facts, reads


def _read_rows(offset: int, before: int, fact: ReadsLogged, recorded_us: int) -> Iterator[Row]:
    for at, read in enumerate(fact.reads):
        yield (
            fact.event,
            read.chip,
            offset,
            before + at,
            read.device,
            read.at_us,
            fact.gateway,
            fact.session,
            read.seq,
            read.rssi,
            read.antenna,
            read.battery,
            recorded_us,
        )
