"""Read a partition of a topic from its beginning to its present end."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.kafka import KafkaOptions

FETCH_WAIT_MS = 500  # how long one fetch waits for records
IDLE_MAX = 60  # empty fetches in a row, half a minute: then Kafka counts as down


class LogUnavailable(Exception):
    """Kafka stopped answering; the message says how far the topic was read."""


class TopicRecord(NamedTuple):
    """One record; `key` is its event."""

    offset: int
    key: bytes | None
    value: bytes


async def records(kafka: KafkaOptions, topic: str, partition: int) -> AsyncGenerator[TopicRecord, None]:
    """Yield the partition's records in order, up to its end at the call.

    A caller that may stop early must use `aclosing`. Raises LogUnavailable.
    """
    consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        topic_partition = TopicPartition(topic, partition)
        consumer.assign([topic_partition])
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        start = (await consumer.beginning_offsets([topic_partition]))[topic_partition]
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
                    yield TopicRecord(record.offset, record.key, record.value)
    finally:
        await consumer.stop()
