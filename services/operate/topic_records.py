"""A topic's partition read from its beginning to the end that it has now, by a plain consumer."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.kafka import KafkaOptions

FETCH_WAIT_MS = 500  # how long one look for records waits
IDLE_MAX = 60  # looks in a row that find nothing: half a minute, then Kafka is taken to be away


class LogUnavailable(Exception):
    """Kafka stopped answering; the text says how far it was read."""


class TopicRecord(NamedTuple):
    """One record; `key` is its event."""

    offset: int
    key: bytes | None
    value: bytes


async def records(kafka: KafkaOptions, topic: str, partition: int) -> AsyncGenerator[TopicRecord, None]:
    """The records that stand there now, in order; `aclosing` for whoever may not read to the end.

    Raises LogUnavailable.
    """
    consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        start = (await consumer.beginning_offsets([place]))[place]
        if start < end:
            consumer.seek(place, start)
        idle = 0
        while start < end and await consumer.position(place) < end:
            batch = (await consumer.getmany(place, timeout_ms=FETCH_WAIT_MS)).get(place, [])
            idle = 0 if batch else idle + 1
            if idle > IDLE_MAX:
                raise LogUnavailable(f"Kafka sends nothing more at offset {await consumer.position(place)} of {end}")
            for record in batch:
                if record.offset < end:
                    yield TopicRecord(record.offset, record.key, record.value)
    finally:
        await consumer.stop()
