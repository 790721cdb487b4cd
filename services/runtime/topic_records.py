"""Read a partition of a topic from its beginning, or an offset, to its present end."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

FETCH_WAIT_MS = 500  # how long one fetch waits for records
IDLE_MAX = 60  # empty fetches in a row, half a minute: then Kafka counts as down


class LogUnavailable(Exception):
    """Kafka stopped answering; the message says how far the topic was read."""


class TopicRecord(NamedTuple):
    """One record; `key` is its event."""

    offset: int
    key: bytes | None
    value: bytes


async def records(
    options: Mapping[str, Any], topic: str, partition: int, first: int = 0, last: int | None = None
) -> AsyncGenerator[TopicRecord, None]:
    """Yield the partition's records in order from an offset on, up to the offset `last` or its end at the call.

    `options` are aiokafka's for the connection. A caller that may stop early must use `aclosing`. Raises
    LogUnavailable.
    """
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        topic_partition = TopicPartition(topic, partition)
        consumer.assign([topic_partition])
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        end = end if last is None else min(end, last + 1)
        start = max(first, (await consumer.beginning_offsets([topic_partition]))[topic_partition])
        if start < end:
            consumer.seek(topic_partition, start)
        idle = 0
        while start < end and await consumer.position(topic_partition) < end:
            batch = (await consumer.getmany(topic_partition, timeout_ms=FETCH_WAIT_MS)).get(topic_partition, [])
            idle = 0 if batch else idle + 1
            if idle > IDLE_MAX:
                raise LogUnavailable(
                    f"Kafka sent nothing for {IDLE_MAX * FETCH_WAIT_MS // 1000} s at offset"
                    f" {await consumer.position(topic_partition)} of {end} in {topic}; is it running?"
                )
            for record in batch:
                if record.offset < end:
                    yield TopicRecord(record.offset, record.key, record.value or b"")  # a tombstone has none
    finally:
        await consumer.stop()


async def keyed_values(
    options: Mapping[str, Any], topic: str, partition: int, key: bytes
) -> AsyncGenerator[bytes, None]:
    """Yield the values of the records with this key, as `records`."""
    async with aclosing(records(options, topic, partition)) as every_record:
        async for record in every_record:
            if record.key == key:
                yield record.value
