"""One event's log as JSON lines, read from Kafka: what `matline score` takes, and what an archive keeps."""

import logging
from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import codec
from schemas.topics import RACE_LOG, partition_of
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import check_topics

FETCH_WAIT_MS = 500  # how long one look for records waits
IDLE_MAX = 60  # looks in a row that find nothing: half a minute, then Kafka is taken to be away

log = logging.getLogger(__name__)


class LogUnavailable(Exception):
    """Kafka stopped answering; the text says how far it was read."""


async def lines(event: str, kafka: KafkaOptions) -> AsyncIterator[bytes]:
    """An event's facts, one line `{"offset": n, "fact": {...}}` each, to the end that the log had at the beginning.

    Raises StartFault without the topics, LogUnavailable, and UnknownVersion for a record of a newer release. A record
    that is no envelope is passed over and said so.
    """
    count = (await check_topics(kafka))[RACE_LOG.name]
    consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        partition = TopicPartition(RACE_LOG.name, partition_of(event, count))
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        start = (await consumer.beginning_offsets([partition]))[partition]
        if start < end:
            consumer.seek(partition, start)
            async for offset, value in _records(consumer, partition, event, end):
                for line in _lines_of(offset, value, event):
                    yield line
    finally:
        await consumer.stop()


async def _records(
    consumer: AIOKafkaConsumer, partition: TopicPartition, event: str, end: int
) -> AsyncIterator[tuple[int, bytes]]:
    idle = 0
    key = event.encode()
    while await consumer.position(partition) < end:
        batch = (await consumer.getmany(partition, timeout_ms=FETCH_WAIT_MS)).get(partition, [])
        idle = 0 if batch else idle + 1
        if idle > IDLE_MAX:
            raise LogUnavailable(f"Kafka sends nothing more at offset {await consumer.position(partition)} of {end}")
        for record in batch:
            if record.offset < end and record.key == key:
                yield record.offset, record.value


def _lines_of(offset: int, value: bytes, event: str) -> list[bytes]:
    try:
        envelope = codec.decode_envelope(value)
    except codec.UnreadableRecord as error:
        log.warning("record %d of %s is no envelope and passed over: %s", offset, event, error)
        return []
    return [
        msgspec.json.encode({"offset": offset, "fact": msgspec.Raw(codec.to_json(fact))})
        for fact in envelope.facts
        if fact.event == event
    ]
