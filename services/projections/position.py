"""Find where to go on in a topic, at the offset that ClickHouse stored, and notice when it is not the same topic."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from services.projections.sink import Progress
from services.runtime.clickhouse import DatabaseUnavailable
from services.runtime.faults import StartFault

FETCH_MS = 10_000  # for one record that exists

REMEDY = (
    "Find out whether the topic was restored, re-created or cut; then `matline rebuild` makes the boards again from the"
    " log"
)


def checksum(value: bytes | None) -> int:
    """Return the CRC-32 of a record's bytes."""
    return zlib.crc32(value or b"")


async def go_on(consumer: AIOKafkaConsumer, progress: Mapping[tuple[str, int], Progress]) -> dict[int, bytes]:
    """Seek every assigned partition to its stored position, or to its beginning if there is none.

    Return the record before the position of each partition that goes on and has one.

    Raises StartFault when the topic does not agree with the records that were read before.
    """
    assigned = sorted(consumer.assignment())
    begins = await consumer.beginning_offsets(assigned)
    ends = await consumer.end_offsets(assigned)
    last: dict[int, bytes] = {}
    for partition in assigned:
        known = progress.get((partition.topic, partition.partition))
        if known is None:
            consumer.seek(partition, begins[partition])
            continue
        where = f"{partition.topic} partition {partition.partition}"
        if known.next_offset > ends[partition]:
            raise StartFault(
                f"{where} ends at {ends[partition]}; the boards were made from {known.next_offset}. {REMEDY}"
            )
        if known.next_offset < begins[partition]:
            raise StartFault(
                f"{where} begins at {begins[partition]}; the boards were made up to {known.next_offset}, so the results"
                f" between them are gone. {REMEDY}"
            )
        if known.next_offset > begins[partition]:
            last[partition.partition] = value = await _before(consumer, partition, known)
            _check_same(value, partition, known)
        consumer.seek(partition, known.next_offset)
    return last


async def keep_comparing(
    consumer: AIOKafkaConsumer, known: Callable[[], Awaitable[Mapping[tuple[str, int], Progress]]], every_s: float
) -> None:
    """Compare the topics again and again, until cancelled, with records that were read from them some time before.

    A topic that was cut and has grown again beyond a position looks like one that only grew, and the position moves on
    with it: so the positions of the time before are compared. One that is shorter than read is left to its reader.

    Raises StartFault when a topic has another record.
    """
    before: Mapping[tuple[str, int], Progress] = {}
    while True:
        with suppress(KafkaError, DatabaseUnavailable):  # one is away, which others say
            now = await known()
            await _compare(consumer, before)
            before = now
        await asyncio.sleep(every_s)


async def _compare(consumer: AIOKafkaConsumer, positions: Mapping[tuple[str, int], Progress]) -> None:
    assigned = sorted(consumer.assignment())
    begins = await consumer.beginning_offsets(assigned)
    ends = await consumer.end_offsets(assigned)
    for partition in assigned:
        known = positions.get((partition.topic, partition.partition))
        if known is not None and begins[partition] < known.next_offset <= ends[partition]:
            _check_same(await _before(consumer, partition, known), partition, known)


def _check_same(value: bytes, partition: TopicPartition, known: Progress) -> None:
    if checksum(value) != known.checksum:
        raise StartFault(
            f"record {known.next_offset - 1} of {partition.topic} partition {partition.partition} is not the one from"
            f" which the boards were made. {REMEDY}"
        )


async def _before(consumer: AIOKafkaConsumer, partition: TopicPartition, known: Progress) -> bytes:
    consumer.seek(partition, known.next_offset - 1)
    batch = await consumer.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
    records = batch.get(partition, [])
    if not records:
        raise KafkaTimeoutError(f"no record {known.next_offset - 1} of {partition.topic} within {FETCH_MS} ms")
    value: bytes = records[0].value or b""
    return value
