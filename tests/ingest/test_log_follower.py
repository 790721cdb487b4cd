"""What the follower answers while it cannot judge, and when a record keeps it from judging."""

import asyncio

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from prometheus_client import CollectorRegistry

from schemas import codec
from schemas.events import StatusSet
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, partition_of
from services.ingest.errors import Archived, MaybeArchived, NotKnown
from services.ingest.log_follower import LogFollower
from services.ingest.metrics import IngestMetrics
from services.runtime.kafka import KafkaOptions
from tests.builders import EVENT, day, fact, read, reads, typed

NOWHERE = KafkaOptions(servers="127.0.0.1:1")
PARTITION = TopicPartition(RACE_LOG.name, partition_of(EVENT, PARTITIONS_DEFAULT))
DNF = StatusSet(event=EVENT, bib="7", status="DNF", reason="ill")


def follower() -> LogFollower:
    return LogFollower(NOWHERE, PARTITIONS_DEFAULT, IngestMetrics(CollectorRegistry()))


async def effect_of(following: LogFollower, fact: StatusSet, wait_s: float = 2.0):
    with following.watching(EVENT, [fact]) as watch:
        (effect,) = await following.effects(watch, wait_s)
    return effect


async def test_before_the_log_is_read_effects_are_unknown_and_questions_have_no_answer():
    following = follower()
    effect = await effect_of(following, DNF)
    assert (effect.effect, effect.why) == ("unknown", "ingest has not begun to read the log")
    with pytest.raises(NotKnown, match="has not begun"):
        await following.definition_of(EVENT)
    with pytest.raises(NotKnown, match="has not begun"):
        await following.ask(EVENT, lambda known: known.entry("7"))


async def test_while_kafka_is_away_effects_are_unknown_and_it_is_tried_again():
    following = follower()
    running = asyncio.create_task(following.run())
    try:
        async with asyncio.timeout(60):
            while "does not answer" not in ((await effect_of(following, DNF)).why or ""):
                await asyncio.sleep(0.05)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_records_are_folded_in_order_whether_they_take_long_or_not():
    following = follower()
    facts = [typed(fact) for fact in day(reads())]
    envelopes = [codec.encode_envelope(EVENT, [codec.logged(fact)]) for fact in (*facts, DNF)]
    with following.watching(EVENT, [DNF]) as watch:
        await following.take(PARTITION, list(enumerate(envelopes[:2])))
        await following.take(PARTITION, [(2, b"no record"), (3, None), *enumerate(envelopes[2:], start=4)])
        (effect,) = watch.effects.result()
    assert effect.effect == "applied"


async def test_after_a_record_of_a_newer_release_nothing_more_of_the_partition_is_folded():
    following = follower()
    newer = msgspec.msgpack.encode({"v": 99, "event": EVENT, "facts": []})
    later = codec.encode_envelope(EVENT, [DNF])
    with following.watching(EVENT, [DNF]) as watch:
        await following.take(PARTITION, [(0, newer), (1, later)])
        assert not watch.effects.done()


async def test_facts_that_are_not_read_back_in_time_are_answered_with_the_reason():
    following = follower()
    following._fault = None  # as after it has read the log
    effect = await effect_of(following, DNF, wait_s=0.01)
    assert (effect.effect, effect.why) == ("unknown", "ingest did not read them back from the log within 0.01 s")
    with following.watching(EVENT, [DNF]) as watch:
        waiting = asyncio.create_task(following.effects(watch, 0.2))
        await asyncio.sleep(0)
        newer = msgspec.msgpack.encode({"v": 99, "event": EVENT, "facts": []})
        await following.take(PARTITION, [(0, newer)])
        (effect,) = await waiting
    assert "ingest must be upgraded: record 0 of race-log" in (effect.why or "")


async def test_reads_right_behind_an_archive_end_it_wherever_the_records_that_come_together_are_divided():
    records = [
        codec.encode_envelope(EVENT, [codec.logged(typed(plain))])
        for plain in (*day(), fact("event_archived"), reads(read("S1", "C7", 1)))
    ]
    for at in range(1, len(records) + 1):
        following = follower()
        numbered = list(enumerate(records))
        for part in (numbered[:at], numbered[at:]):
            if part:
                await following.take(PARTITION, part)
        assert not following.is_archived(EVENT), at


async def test_whether_an_event_is_archived_is_not_told_before_all_that_may_reopen_it_is_read():
    following = follower()
    archived = [
        codec.encode_envelope(EVENT, [codec.logged(typed(plain))]) for plain in (*day(), fact("event_archived"))
    ]
    await following.take(PARTITION, list(enumerate(archived)))
    with pytest.raises(MaybeArchived, match="may be open again: ingest has not begun to read the log"):
        following.is_archived(EVENT)
    following._fault = None  # as after it has read the log
    assert following.is_archived(EVENT)
    with pytest.raises(Archived, match="opens it again"):  # rather than what holds for an event without a definition
        await following.definition_of(EVENT)
    following._behind = {PARTITION: len(archived) + 1}
    with pytest.raises(MaybeArchived, match="1 records are left"):
        following.is_archived(EVENT)
    await following.take(PARTITION, [(len(archived), codec.encode_envelope(EVENT, [DNF]))])
    assert not following.is_archived(EVENT)


class CutOff:
    """A consumer of topics of which nothing is left."""

    def seek(self, *_: object) -> None:
        pass

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    end_offsets = beginning_offsets

    async def getmany(self, *_: object, **__: object) -> dict[TopicPartition, list[object]]:
        await asyncio.sleep(0)
        return {}


async def test_an_event_that_returns_on_a_log_that_was_cut_since_has_the_log_read_from_its_beginning():
    following = follower()
    plains = [*day(), fact("event_archived"), fact("event_reopened")]
    returning = [codec.encode_envelope(EVENT, [codec.logged(typed(plain))]) for plain in plains]
    await following.take(PARTITION, list(enumerate(returning)))
    async with asyncio.timeout(120):
        with pytest.raises(OffsetOutOfRangeError):
            await following._read_again(CutOff(), EVENT)
