"""Positions in topics on a real broker: a topic that became another one while it was read is noticed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import PARTITIONS_DEFAULT, RESULTS
from services.projections.position import checksum, keep_comparing
from services.projections.sink import Progress
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import create_topics

HANG_S = 60.0


async def write(kafka: KafkaOptions, values: Sequence[bytes]) -> None:
    async with AIOKafkaProducer(**kafka.client()) as producer:
        for value in values:
            await producer.send_and_wait(RESULTS.name, value, partition=0)


@pytest.fixture
async def consumer(kafka: KafkaOptions) -> AsyncIterator[AIOKafkaConsumer]:
    async with AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="none") as made:
        made.assign([TopicPartition(RESULTS.name, number) for number in range(PARTITIONS_DEFAULT)])
        yield made


class Positions:
    """The positions that are stored: behind the last of some values."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.values = values
        self.asked = 0

    async def __call__(self) -> dict[tuple[str, int], Progress]:
        self.asked += 1
        last = Progress(RESULTS.name, 0, len(self.values), checksum(self.values[-1]))
        return {(RESULTS.name, 0): last}

    async def rounds(self, number: int) -> None:
        """Wait until they were asked for so many times more."""
        wanted = self.asked + number
        while self.asked < wanted:
            await asyncio.sleep(0.01)


async def test_a_topic_that_was_cut_and_has_grown_again_is_noticed_although_the_position_moved_on(kafka, consumer):
    await write(kafka, [b"a", b"b", b"c"])
    positions = Positions([b"a", b"b", b"c"])
    async with asyncio.timeout(HANG_S):
        comparing = asyncio.create_task(keep_comparing(consumer, positions, every_s=0.05))
        await positions.rounds(3)
        await write(kafka, [b"d"])
        positions.values = [b"a", b"b", b"c", b"d"]
        await positions.rounds(3)
        assert not comparing.done(), "a topic that grows is the same"

        admin = AIOKafkaAdminClient(**kafka.client())
        await admin.start()
        await admin.delete_topics([RESULTS.name])
        while RESULTS.name in await admin.list_topics():
            await asyncio.sleep(0.02)
        await admin.close()
        await create_topics(kafka, PARTITIONS_DEFAULT, 1, {})
        others = [b"a", b"b", b"c", b"X", b"e", b"f"]
        await write(kafka, others)
        positions.values = others
        with pytest.raises(StartFault, match="record 3 of results partition 0 is not the one from which the boards"):
            await comparing


async def test_a_topic_that_is_shorter_for_a_moment_is_no_fault_here(kafka, consumer):
    await write(kafka, [b"a"])
    positions = Positions([b"a", b"b", b"c"])
    async with asyncio.timeout(HANG_S):
        comparing = asyncio.create_task(keep_comparing(consumer, positions, every_s=0.02))
        await positions.rounds(4)
        assert not comparing.done()
        await write(kafka, [b"b", b"c"])
        await positions.rounds(4)
        assert not comparing.done()
        comparing.cancel()
