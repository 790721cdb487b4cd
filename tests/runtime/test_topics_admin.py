"""Topics on a real broker."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError

from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, TOPICS
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import check_main, check_topics, create_main, create_topics


@pytest.fixture
async def admin(kafka: KafkaOptions) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.client())
    await admin.start()
    yield admin
    await admin.close()


async def without(admin: AIOKafkaAdminClient, *names: str) -> None:
    """Take topics away, and wait until they are gone."""
    await admin.delete_topics(list(names))
    while set(names).intersection(await admin.list_topics()):
        await asyncio.sleep(0.02)


async def settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for _, _, _, _, entries in answer.resources for entry in entries}


async def test_topics_that_are_there_are_not_made_again_and_have_fitting_partitions(kafka: KafkaOptions) -> None:
    assert await create_topics(kafka, PARTITIONS_DEFAULT, 1, {}) == []
    assert await check_topics(kafka) == {
        "race-log": PARTITIONS_DEFAULT,
        "results": PARTITIONS_DEFAULT,
        "rejected": 1,
        "standings": 1,
    }


async def test_topics_are_empty_again_for_the_next_test(kafka: KafkaOptions) -> None:
    assert (await check_topics(kafka))["race-log"] == PARTITIONS_DEFAULT


async def test_each_topic_is_made_with_its_settings_and_the_race_log_kept_for_ever(kafka, admin):
    await without(admin, *(topic.name for topic in TOPICS))
    made = await create_topics(kafka, 3, 1, {"flush.messages": "1"})
    assert made == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        assert (await settings(admin, topic.name)).items() >= topic.config.items()
    log = await settings(admin, RACE_LOG.name)
    assert (log["retention.ms"], log["retention.bytes"], log["flush.messages"]) == ("-1", "-1", "1")
    assert (await settings(admin, "results"))["flush.messages"] != "1"
    assert (await check_topics(kafka))["results"] == 3


async def test_records_are_taken_whatever_the_clock_of_their_writer_shows(kafka: KafkaOptions):
    now_ms = time.time_ns() // 1_000_000
    async with AIOKafkaProducer(**kafka.client()) as producer:
        for topic in TOPICS:
            for hours in (-24 * 3650, -2, 2, 24 * 3650):
                sent = await producer.send_and_wait(
                    topic.name, b"x", partition=0, timestamp_ms=now_ms + hours * 3_600_000
                )
                assert abs(sent.timestamp - now_ms) < 3_600_000


async def test_topics_of_an_earlier_release_get_the_dating_and_keep_their_other_settings(kafka, admin):
    await without(admin, "results")
    old = {"retention.ms": "86400000", "max.message.bytes": "4194304"}
    await admin.create_topics([NewTopic("results", PARTITIONS_DEFAULT, 1, topic_configs=old)])
    while "results" not in await admin.list_topics():
        await asyncio.sleep(0.02)
    for _ in range(2):
        assert await create_topics(kafka, PARTITIONS_DEFAULT, 1, {}) == []
        assert (await settings(admin, "results")).items() >= {**old, "message.timestamp.type": "LogAppendTime"}.items()


async def test_missing_topics_are_named_and_made_by_no_question(kafka, admin):
    await without(admin, "results", "standings")
    with pytest.raises(StartFault, match="no topic results, standings; create it with `matline topics create`"):
        await check_topics(kafka)
    assert not {"results", "standings"}.intersection(await admin.list_topics())
    assert await create_topics(kafka, PARTITIONS_DEFAULT, 1, {}) == ["results", "standings"]


async def test_differing_partition_counts_stop_every_service(kafka, admin):
    await without(admin, "results")
    await admin.create_topics([NewTopic("results", PARTITIONS_DEFAULT + 1, 1)])
    while "results" not in await admin.list_topics():
        await asyncio.sleep(0.02)
    with pytest.raises(StartFault, match="race-log and results have different partition counts"):
        await check_topics(kafka)


async def test_missing_topics_are_not_created_with_another_count_than_existing_ones(kafka, admin):
    await without(admin, "results")
    with pytest.raises(StartFault, match=f"race-log has {PARTITIONS_DEFAULT} partitions"):
        await create_topics(kafka, PARTITIONS_DEFAULT + 1, 1, {})
    assert "results" not in await admin.list_topics()


async def test_topics_that_are_there_with_another_count_than_asked_for_are_a_fault(kafka, capsys):
    assert await asyncio.to_thread(create_main, {"MATLINE_KAFKA": kafka.servers}, PARTITIONS_DEFAULT + 6, 1) == 1
    said = f"has {PARTITIONS_DEFAULT} partitions, not {PARTITIONS_DEFAULT + 6}"
    assert said in capsys.readouterr().err


async def test_kafkas_refusal_is_reported_in_its_words(kafka, admin):
    await without(admin, "results")
    with pytest.raises(StartFault, match=r"refuses to create the topic results: .*(R|r)eplication factor"):
        await create_topics(kafka, PARTITIONS_DEFAULT, 3, {})


async def test_the_commands_say_what_they_did_and_end_by_it(kafka, admin, capsys):
    there = {"MATLINE_KAFKA": kafka.servers}
    assert await asyncio.to_thread(create_main, there, PARTITIONS_DEFAULT, 1) == 0
    assert await asyncio.to_thread(check_main, there) == 0
    assert capsys.readouterr().out.splitlines()[0] == "created: nothing, all topics exist"
    await without(admin, "results", "race-log")
    assert await asyncio.to_thread(check_main, there) == 1
    assert "matline topics create" in capsys.readouterr().err
    assert await asyncio.to_thread(create_main, there, 2, 1) == 0
    assert capsys.readouterr().out == "created: ['race-log', 'results']\n"
    log = await settings(admin, RACE_LOG.name)
    assert log["min.insync.replicas"] == "1"  # with one copy two in step would refuse every write
    assert log["unclean.leader.election.enable"] == "false"


async def test_a_kafka_that_does_not_answer_is_reported_in_a_line(unused_tcp_port, capsys):
    nobody = {"MATLINE_KAFKA": f"127.0.0.1:{unused_tcp_port}"}
    assert await asyncio.to_thread(check_main, nobody) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Kafka at 127.0.0.1:{unused_tcp_port} does not answer; start it")
    with pytest.raises(KafkaConnectionError):
        await check_topics(KafkaOptions(servers=nobody["MATLINE_KAFKA"]))


@pytest.mark.parametrize("address", ["127.0.0.1:port", "[::1", ",", "127.0.0.1:1,,", "http://127.0.0.1:1"])
async def test_an_invalid_address_is_reported_without_a_traceback(address, capsys):
    assert await asyncio.to_thread(check_main, {"MATLINE_KAFKA": address}) == 1
    assert capsys.readouterr().err.startswith(f"MATLINE_KAFKA={address} is not an address; write HOST:PORT")
