"""`matline export log`: one event's log as JSON lines, read from Kafka, for `matline score` and for archives."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.topics import RACE_LOG, partition_of
from services.runtime import logs
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.topic_records import LogUnavailable, records
from services.runtime.topics_admin import check_topics

EXIT_FAILED = 1

log = logging.getLogger(__name__)


def main(event: str, environment: Mapping[str, str]) -> int:
    """Print an event's log and return the exit code."""
    logs.set_up(logging.WARNING)
    try:
        asyncio.run(_print_lines(event, kafka_options(environment)))
    except (StartFault, LogUnavailable, codec.UnknownVersion) as error:
        return _failed(str(error))
    except KafkaError as error:
        return _failed(kafka_fault(kafka_options(environment).servers, error))
    except BrokenPipeError:  # the program that reads from us has ended
        return EXIT_FAILED
    return 0


def _failed(text: str) -> int:
    sys.stderr.write(f"matline export log: {text}\n")
    return EXIT_FAILED


async def _print_lines(event: str, kafka: KafkaOptions) -> None:
    async with aclosing(lines(event, kafka)) as exported:
        async for line in exported:
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


async def lines(
    event: str, kafka: KafkaOptions, first: int = 0, last: int | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield an event's facts as lines `{"offset": n, "fact": {...}}`, up to the end that the log has at the call.

    They are of the offsets `first` to `last`, where these are given. Raises StartFault if a topic is missing,
    LogUnavailable, and UnknownVersion for a record of a newer release. A record that is not an envelope is skipped with
    a warning.
    """
    count = (await check_topics(kafka))[RACE_LOG.name]
    key = event.encode()
    async with aclosing(records(kafka.client(), RACE_LOG.name, partition_of(event, count), first, last)) as read:
        async for record in read:
            if record.key == key:
                for line in _lines_of(record.offset, record.value, event):
                    yield line


def _lines_of(offset: int, value: bytes, event: str) -> list[bytes]:
    try:
        envelope = codec.decode_envelope(value)
    except codec.UnreadableRecord as error:
        log.warning("skipped record %d of event %s: it is not an envelope of facts: %s", offset, event, error)
        return []
    return [
        msgspec.json.encode({"offset": offset, "fact": msgspec.Raw(codec.to_json(fact))})
        for fact in envelope.facts
        if fact.event == event
    ]
