"""Topics made and checked: a wrong partition count would spread an event over two orders, so it stops every service."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import TOPICS, Topic
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_options

TIMEOUT_MS = 30_000
KNOWN_EVERY_S = 0.02
KNOWN_TRIES = 1500  # half a minute, for what takes milliseconds


async def create_topics(kafka: KafkaOptions, partitions: int, replication: int, durable: dict[str, str]) -> list[str]:
    """Make the topics that are missing, and return their names; `durable` are further settings for `race-log`."""
    admin = AIOKafkaAdminClient(**kafka.client(), request_timeout_ms=TIMEOUT_MS)
    await admin.start()
    try:
        there = await _counts(admin)
        missing = [topic for topic in TOPICS if topic.name not in there]
        if any(topic.partitioned for topic in missing):
            _check_fit(there, partitions)
        if missing:
            made = await admin.create_topics([_new(topic, partitions, replication, durable) for topic in missing])
            for name, code, *told in made.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise StartFault(
                        f"Kafka refuses to make topic {name}: {(told and told[0]) or for_code(code).__name__}"
                    )
            await _await_known(admin)
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def _await_known(admin: AIOKafkaAdminClient) -> None:
    """Wait until the broker tells of all topics: it learns a moment later than the controller that has made them."""
    for _ in range(KNOWN_TRIES):
        if len(await _counts(admin)) == len(TOPICS):
            return
        await asyncio.sleep(KNOWN_EVERY_S)
    raise StartFault(f"Kafka has made the topics and does not tell of them after {KNOWN_TRIES * KNOWN_EVERY_S:g} s")


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """The partition count of each of our topics that is there.

    Only those are asked for by name: where a cluster makes topics by itself, asking for a missing one would make it,
    with the cluster's settings, and its race log would lose what is older than a week.
    """
    names = set(await admin.list_topics()).intersection(topic.name for topic in TOPICS)
    described = await admin.describe_topics(sorted(names)) if names else []
    return {one["topic"]: len(one["partitions"]) for one in described if not one["error_code"]}


def _check_fit(there: dict[str, int], partitions: int) -> None:
    for topic in TOPICS:
        if topic.partitioned and there.get(topic.name, partitions) != partitions:
            raise StartFault(
                f"{topic.name} is there with {there[topic.name]} partitions, and what is missing needs as many: make it"
                f" by --partitions {there[topic.name]}"
            )


def _new(topic: Topic, partitions: int, replication: int, durable: dict[str, str]) -> NewTopic:
    config = {**topic.config, **(durable if topic.name == TOPICS[0].name else {})}
    return NewTopic(topic.name, partitions if topic.partitioned else 1, replication, topic_configs=config)


async def check_topics(kafka: KafkaOptions) -> dict[str, int]:
    """The partition count of each topic. Raises StartFault for one that is missing, or counts that differ."""
    admin = AIOKafkaAdminClient(**kafka.client(), request_timeout_ms=TIMEOUT_MS)
    await admin.start()
    try:
        counts = await _counts(admin)
    finally:
        await admin.close()
    missing = [topic.name for topic in TOPICS if topic.name not in counts]
    if missing:
        raise StartFault(f"Kafka has no topic {', '.join(missing)}; make them by `matline topics create`")
    differing = {counts[topic.name] for topic in TOPICS if topic.partitioned}
    if len(differing) > 1:
        raise StartFault(
            "race-log and results have different partition counts; both need the same, since a result goes out where"
            " its facts came in. A count cannot be changed while events live there: make new topics and replay"
        )
    return counts


IN_SYNC_LEAST = 2


def create_main(environment: Mapping[str, str], partitions: int, replication: int) -> int:
    """`matline topics create`; the exit code."""
    durable = {"min.insync.replicas": str(min(IN_SYNC_LEAST, replication)), "unclean.leader.election.enable": "false"}
    return _told(environment, lambda kafka: create_topics(kafka, partitions, replication, durable), "made: {}")


def check_main(environment: Mapping[str, str]) -> int:
    """`matline topics check`; the exit code."""
    return _told(environment, check_topics, "partitions: {}")


def _told(
    environment: Mapping[str, str], work: Callable[[KafkaOptions], Coroutine[Any, Any, object]], done: str
) -> int:
    try:
        kafka = kafka_options(environment)
        print(done.format(asyncio.run(work(kafka)) or "nothing, all are there"))
    except StartFault as fault:
        print(fault, file=sys.stderr)
        return 1
    except KafkaError as error:
        print(f"Kafka at {environment.get('MATLINE_KAFKA', 'its default address')}: {error}", file=sys.stderr)
        return 1
    return 0
