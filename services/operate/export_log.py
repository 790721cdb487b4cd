"""One event's log as JSON lines, read from Kafka: what `matline score` takes, and what an archive keeps."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from schemas import codec
from schemas.topics import RACE_LOG, partition_of
from services.operate.topic_records import LogUnavailable, records
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import check_topics

__all__ = ["LogUnavailable", "lines"]

log = logging.getLogger(__name__)


async def lines(event: str, kafka: KafkaOptions) -> AsyncGenerator[bytes, None]:
    """An event's facts, one line `{"offset": n, "fact": {...}}` each, to the end that the log had at the beginning.

    Raises StartFault without the topics, LogUnavailable, and UnknownVersion for a record of a newer release. A record
    that is no envelope is passed over and said so.
    """
    count = (await check_topics(kafka))[RACE_LOG.name]
    key = event.encode()
    async with aclosing(records(kafka, RACE_LOG.name, partition_of(event, count))) as found:
        async for record in found:
            if record.key == key:
                for line in _lines_of(record.offset, record.value, event):
                    yield line


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
