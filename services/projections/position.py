"""Find where to go on in a topic: at the offset that ClickHouse stored, if the log is still the same."""

import zlib
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from services.projections.sink import Progress
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
            if checksum(value) != known.checksum:
                raise StartFault(
                    f"record {known.next_offset - 1} of {where} is not the one from which the boards were made."
                    f" {REMEDY}"
                )
        consumer.seek(partition, known.next_offset)
    return last


async def _before(consumer: AIOKafkaConsumer, partition: TopicPartition, known: Progress) -> bytes:
    consumer.seek(partition, known.next_offset - 1)
    batch = await consumer.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
    records = batch.get(partition, [])
    if not records:
        raise KafkaTimeoutError(f"no record {known.next_offset - 1} of {partition.topic} within {FETCH_MS} ms")
    value: bytes = records[0].value or b""
    return value
