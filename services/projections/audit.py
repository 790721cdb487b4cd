"""Copy `race-log` to the tables `facts` and `reads`, for explanations and audits, in large batches: nobody waits."""

import asyncio
import time
from itertools import repeat
from operator import attrgetter
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from schemas import codec
from schemas.events import ReadsLogged
from schemas.topics import RACE_LOG
from services.projections.board_lag import BoardLag
from services.projections.device_reads import DeviceTallies
from services.projections.metrics import ProjectionMetrics
from services.projections.position import checksum, go_on
from services.projections.rows import Row, TableRows
from services.projections.sink import Progress, Sink
from services.projections.tables import TABLES

BATCH_EVERY_S = 1.0
REST = 3.0  # times as long as the write before it: behind a flood of reads, boards keep most of the database's thread
REST_MOST_S = 1.0
POLL_MS = 500
RECORDS_MAX = 100  # of one poll: at most 50,000 reads
READS_MAX = 10_000  # of one insert, some 15 ms, for which boards may have to wait
SLICE_RECORDS = 4  # 2,000 reads, some 3 ms, before other tasks run


class Gathered:
    """Facts and reads that wait for their insert; reads in columns, since a tuple for each would cost as much again."""

    def __init__(self) -> None:
        self.facts: list[Row] = []
        self.reads: dict[str, list[Any]] = {name: [] for name, _ in TABLES["reads"]}

    def count(self) -> int:
        """Return the number of rows."""
        return len(self.facts) + len(self.reads["chip"])

    def add(self, offset: int, value: bytes | None) -> None:
        """Add one record; a record that cannot be read, which scoring rejects, adds nothing. Raises UnknownVersion."""
        try:
            envelope = codec.decode_envelope(value)
        except codec.UnreadableRecord:
            return
        before = 0
        for ordinal, fact in enumerate(envelope.facts):
            if isinstance(fact, ReadsLogged):
                self._add_reads(offset, before, fact)
                before += len(fact.reads)
                continue
            kind = str(fact.__struct_config__.tag)
            text = codec.to_json(fact).decode()
            origin = fact.id or "", fact.by or "", fact.recorded_at_us or 0
            self.facts.append((fact.event, offset, ordinal, kind, *origin, text))

    def _add_reads(self, offset: int, before: int, fact: ReadsLogged) -> None:
        columns, reads, count = self.reads, fact.reads, len(fact.reads)
        for name, value in (
            ("event", fact.event),
            ("offset", offset),
            ("gateway", fact.gateway),
            ("session", fact.session),
            ("recorded_at_us", fact.recorded_at_us or 0),
        ):
            columns[name].extend(repeat(value, count))
        columns["ordinal"].extend(range(before, before + count))
        for name in ("chip", "device", "at_us", "seq", "rssi", "antenna", "battery"):
            columns[name].extend(map(attrgetter(name), reads))


def rest_s(write_s: float) -> float:
    """Return how long to rest after a write, in seconds: boards did not wait for one that waited for ClickHouse."""
    return min(REST * write_s, REST_MOST_S)


class Auditor:
    """Follow `race-log` until cancelled, at any point: the next start goes on from `progress`."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        sink: Sink,
        metrics: ProjectionMetrics,
        tallies: DeviceTallies,
        board_lag: BoardLag,
    ) -> None:
        self._consumer = consumer
        self._sink = sink
        self._metrics = metrics
        self._tallies = tallies
        self._board_lag = board_lag
        self._gathered = Gathered()
        self._reached: dict[int, Progress] = {}

    async def run(self, progress: dict[tuple[str, int], Progress]) -> None:
        """Copy everything from `progress` on. Raises StartFault, KafkaError, codec.UnknownVersion."""
        await go_on(self._consumer, progress)
        written_s = time.monotonic()
        while True:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            for records in batches.values():
                for start in range(0, len(records), SLICE_RECORDS):
                    self._take(records[start : start + SLICE_RECORDS])
                    if self._gathered.count() >= READS_MAX:
                        await asyncio.sleep(rest_s(await self._write()))
                    await asyncio.sleep(0)
            self._note_lag()
            if self._reached and time.monotonic() - written_s >= BATCH_EVERY_S:
                await self._write()
                await self._remember()
                written_s = time.monotonic()

    def _take(self, records: list[ConsumerRecord]) -> None:
        for record in records:
            self._gathered.add(record.offset, record.value)
            event = (record.key or b"").decode(errors="replace")
            self._board_lag.accepted(record.partition, record.offset, event, record.timestamp * 1000)
            self._reached[record.partition] = Progress(
                RACE_LOG.name, record.partition, record.offset + 1, checksum(record.value)
            )

    async def _write(self) -> float:
        """Insert what is gathered, and return the seconds that it took."""
        began_s = time.monotonic()
        gathered, self._gathered = self._gathered, Gathered()
        if gathered.facts:
            async with self._sink.turn:
                await self._sink.write(TableRows({"facts": gathered.facts}))
        if gathered.reads["chip"]:
            async with self._sink.turn:
                await self._sink.insert("reads", {name: (kind, gathered.reads[name]) for name, kind in TABLES["reads"]})
            reads = gathered.reads
            self._tallies.add(reads["event"], reads["device"], reads["recorded_at_us"], reads["offset"])
        return time.monotonic() - began_s

    async def _remember(self) -> None:
        """Store how far everything is inserted; a restart reads the rest again, without effect."""
        reached, self._reached = list(self._reached.values()), {}
        async with self._sink.turn:
            await self._sink.remember(reached)

    def _note_lag(self) -> None:
        reached = {progress.partition: progress.next_offset for progress in self._reached.values()}
        for partition in self._consumer.assignment():
            highwater, next_offset = self._consumer.highwater(partition), reached.get(partition.partition)
            if highwater is not None and next_offset is not None:
                self._metrics.lag.labels(partition.topic, partition.partition).set(max(0, highwater - next_offset))
