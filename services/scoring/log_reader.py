"""Read `race-log` from any offset, outside the consumer group, to fill a partition's state.

One plain consumer serves all partitions. They are assigned once, since an assignment costs half a second and Kafka's
client hangs when it is asked about a partition that is not assigned; after that each is sought, resumed and paused.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from msgspec import Struct

from schemas.topics import RACE_LOG
from services.runtime.kafka import KafkaOptions
from services.scoring.errors import LogDisagrees

FETCH_BYTES_MAX = 4 * 1024 * 1024  # of one partition at once: a fill is bound by Python, not by Kafka
FETCH_WAIT_MS = 100  # how long Kafka holds a request when there are no records
POLL_MS = 500
RECORDS_MAX = 200  # returned at once; a record holds 500 reads
REQUEST_MS = 10_000


class Record(NamedTuple):
    """A record of the log as Kafka has it; `timestamp_ms` is when the broker appended it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    def mark(self) -> "Mark":
        """Return the mark by which the record is recognised later."""
        crc = zlib.crc32(self.value or b"", zlib.crc32(self.key or b""))
        return Mark(self.offset, self.timestamp_ms, crc)


class Mark(Struct, frozen=True):
    """The last folded record, to be recognised later.

    A re-created log has a different record at that offset: at least the broker's time of appending differs.
    """

    offset: int
    timestamp_ms: int
    crc: int


class LogReader:
    """The consumer; make it inside the running loop."""

    def __init__(self, kafka: KafkaOptions, partitions: int) -> None:
        self._consumer: Any = AIOKafkaConsumer(
            **kafka.client(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=REQUEST_MS,
        )
        self._all = [TopicPartition(RACE_LOG.name, partition) for partition in range(partitions)]

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._consumer.start()
        self._consumer.assign(self._all)
        for partition in self._all:
            self._consumer.seek(partition, 0)
        self._consumer.pause(*self._all)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def ends(self) -> list[int]:
        """Return the offset after the last record of each partition. Raises KafkaError when Kafka does not answer."""
        ends = await self._consumer.end_offsets(self._all)
        return [ends[partition] for partition in self._all]

    async def bounds(self, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition, and the one after its last record. Raises KafkaError."""
        topic_partition = self._all[partition]
        first = (await self._consumer.beginning_offsets([topic_partition]))[topic_partition]
        return first, (await self._consumer.end_offsets([topic_partition]))[topic_partition]

    @contextmanager
    def reading(self, partition: int, offset: int) -> "Iterator[PartitionReading]":
        """Read a partition from an offset on; a partition can have only one reader at a time."""
        topic_partition = self._all[partition]
        self._consumer.seek(topic_partition, offset)
        self._consumer.resume(topic_partition)
        try:
            yield PartitionReading(self._consumer, topic_partition)
        finally:
            self._consumer.pause(topic_partition)

    async def mark_at(self, partition: int, offset: int) -> Mark | None:
        """Return the mark of the record at an offset, None if there is none. Waits while Kafka does not answer."""
        first, end = await self.bounds(partition)
        if not first <= offset < end:
            return None
        with self.reading(partition, offset) as reading:
            while not (records := await reading.some(1)):
                continue
        return records[0].mark() if records[0].offset == offset else None


class PartitionReading:
    """A partition that is being read."""

    def __init__(self, consumer: Any, partition: TopicPartition) -> None:
        self._consumer = consumer
        self._partition = partition

    async def some(self, most: int = RECORDS_MAX) -> list[Record]:
        """Return the next records; none if none arrive in half a second. Raises LogDisagrees if the offset is gone."""
        try:
            batches = await self._consumer.getmany(self._partition, timeout_ms=POLL_MS, max_records=most)
        except OffsetOutOfRangeError as error:
            raise LogDisagrees(self._partition.partition, f"it has no such offset ({error})") from None
        return [
            Record(record.offset, record.timestamp, record.key, record.value)
            for record in batches.get(self._partition, [])
        ]
