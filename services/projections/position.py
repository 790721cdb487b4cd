"""Where to go on in a topic: at the offset that ClickHouse remembers, if the log is still the one it remembers."""

import zlib
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from services.projections.sink import Progress
from services.runtime.faults import StartFault

FETCH_MS = 10_000  # for one record that is there

REMEDY = "Was it restored, made anew or cut? Look first; `matline rebuild` makes the boards anew from the log"


def checksum(value: bytes | None) -> int:
    """CRC-32 of a record's bytes."""
    return zlib.crc32(value or b"")


async def go_on(consumer: AIOKafkaConsumer, progress: Mapping[tuple[str, int], Progress]) -> None:
    """Seek every assigned partition to where it goes on; those without progress to their beginning.

    Raises StartFault when the topic does not agree with what was read of it before.
    """
    assigned = sorted(consumer.assignment())
    begins = await consumer.beginning_offsets(assigned)
    ends = await consumer.end_offsets(assigned)
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
                f"{where} begins at {begins[partition]}; the boards were made up to {known.next_offset}, so results"
                f" between are gone. {REMEDY}"
            )
        if known.next_offset > begins[partition] and await _before(consumer, partition, known) != known.checksum:
            raise StartFault(f"record {known.next_offset - 1} of {where} is another than the boards know. {REMEDY}")
        consumer.seek(partition, known.next_offset)


async def _before(consumer: AIOKafkaConsumer, partition: TopicPartition, known: Progress) -> int:
    consumer.seek(partition, known.next_offset - 1)
    batch = await consumer.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
    records = batch.get(partition, [])
    if not records:
        raise KafkaTimeoutError(f"no record {known.next_offset - 1} of {partition.topic} within {FETCH_MS} ms")
    return checksum(records[0].value)
