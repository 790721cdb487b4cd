"""Learn from `rejected` that a record of `results` could not be read, so that all rows of its partition are sent again.

The projections make a dead letter of such a record, and repeat it until they have seen the rows. So letters from before
the start, or from while Kafka was away, need not be read.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.rejected import Rejection, decode_rejection
from schemas.topics import REJECTED, RESULTS
from services.runtime.backoff import Backoff
from services.runtime.kafka import KafkaOptions, kafka_fault

BACKOFF = Backoff(0.5, 60.0)
CONNECT_S = 30.0  # without a limit the client would never stop looking for a missing topic

log = logging.getLogger(__name__)


async def follow(kafka: KafkaOptions, request: Callable[[int, int], None]) -> None:
    """Call `request` with the partition and offset of each unreadable record of `results`, until cancelled."""
    failures = 0
    while True:
        consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="latest")
        try:
            async with asyncio.timeout(CONNECT_S):
                await consumer.start()
                consumer.assign([TopicPartition(REJECTED.name, 0)])
                await consumer.seek_to_end()
            failures = 0
            async for record in consumer:
                letter = unreadable_results(record.value)
                if letter is not None and letter.partition is not None and letter.offset is not None:
                    request(letter.partition, letter.offset)
        except (KafkaError, OSError, TimeoutError) as error:
            if not failures:
                log.warning("requests to send results again cannot be read: %s", kafka_fault(kafka.servers, error))
        finally:
            await consumer.stop()
        failures += 1
        await asyncio.sleep(BACKOFF.pause_s(failures))


def unreadable_results(value: bytes | None) -> Rejection | None:
    """Return the dead letter in a record of `rejected` if it is of a record of `results`."""
    if value is None or RESULTS.name.encode() not in value:  # most letters are long, and of something else
        return None
    try:
        letter = decode_rejection(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return letter if letter.topic == RESULTS.name else None
