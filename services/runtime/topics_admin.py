"""Create and check topics. With a wrong partition count an event's facts would lose their order, so services stop."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import TIMESTAMPS, TOPICS, Topic
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options, quiet_client

TIMEOUT_MS = 30_000
OF_THE_TOPIC = 1  # the source of a setting that was made for the topic. Source: Kafka protocol, DescribeConfigs
KNOWN_EVERY_S = 0.02
KNOWN_TRIES = 1500  # half a minute; usually it takes milliseconds


async def create_topics(kafka: KafkaOptions, partitions: int, replication: int, durable: dict[str, str]) -> list[str]:
    """Create the topics that are missing and return their names. `durable` has further settings of `race-log`.

    Those that an earlier release created get the setting by which Kafka dates records.

    Raises StartFault, KafkaError.
    """
    admin = await _started(kafka)
    try:
        there = await _counts(admin)
        missing = [topic for topic in TOPICS if topic.name not in there]
        _check_fit(there, partitions)
        await _date_by_broker(admin, [topic for topic in TOPICS if topic.name in there])
        if missing:
            made = await admin.create_topics([_new(topic, partitions, replication, durable) for topic in missing])
            for name, code, *reason in made.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise StartFault(
                        f"Kafka refuses to create the topic {name}: {(reason and reason[0]) or for_code(code).__name__}"
                    )
            await _await_known(admin)
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def _started(kafka: KafkaOptions) -> AIOKafkaAdminClient:
    """Return a connected client. Raises StartFault, KafkaError."""
    admin = AIOKafkaAdminClient(**kafka.client(), request_timeout_ms=TIMEOUT_MS)
    with quiet_client(kafka):
        await admin.start()
    return admin


async def _date_by_broker(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Let Kafka date the records of topics that an earlier release created. Raises StartFault.

    Kafka takes all own settings of a topic together, so those that it has are sent, too.
    """
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    for answer in await admin.describe_configs(asked) if asked else []:
        for _, _, _, name, entries in answer.resources:
            if TIMESTAMPS.items() <= {entry[0]: entry[1] for entry in entries}.items():
                continue
            own = {entry[0]: entry[1] for entry in entries if entry[3] == OF_THE_TOPIC}
            changed = ConfigResource(ConfigResourceType.TOPIC, name, own | TIMESTAMPS)
            for altered in await admin.alter_configs([changed]):
                for code, reason, *_ in altered.resources:
                    if code:
                        why = reason or for_code(code).__name__
                        raise StartFault(f"Kafka refuses to change how records of the topic {name} are dated: {why}")


async def _await_known(admin: AIOKafkaAdminClient) -> None:
    """Wait until the broker lists all topics: it learns of them a moment after the controller that created them."""
    for _ in range(KNOWN_TRIES):
        if len(await _counts(admin)) == len(TOPICS):
            return
        await asyncio.sleep(KNOWN_EVERY_S)
    raise StartFault(
        f"Kafka created the topics but does not list them after {KNOWN_TRIES * KNOWN_EVERY_S:g} s; check the brokers"
    )


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Return the partition count of each of our topics that exists.

    Only existing topics are asked for by name: on a cluster that creates topics by itself, asking for a missing one
    would create it with the cluster's settings, and that race log would lose all records older than a week.
    """
    names = set(await admin.list_topics()).intersection(topic.name for topic in TOPICS)
    described = await admin.describe_topics(sorted(names)) if names else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


def _check_fit(there: dict[str, int], partitions: int) -> None:
    for topic in TOPICS:
        if topic.partitioned and there.get(topic.name, partitions) != partitions:
            raise StartFault(
                f"the topic {topic.name} has {there[topic.name]} partitions, not {partitions}, and they stay as many,"
                f" since an event lives in one of them; use --partitions {there[topic.name]}"
            )


def _new(topic: Topic, partitions: int, replication: int, durable: dict[str, str]) -> NewTopic:
    config = {**topic.config, **(durable if topic.name == TOPICS[0].name else {})}
    return NewTopic(topic.name, partitions if topic.partitioned else 1, replication, topic_configs=config)


async def check_topics(kafka: KafkaOptions) -> dict[str, int]:
    """Return the partition count of each topic.

    Raises StartFault if one is missing or the counts differ, KafkaError.
    """
    admin = await _started(kafka)
    try:
        counts = await _counts(admin)
    finally:
        await admin.close()
    missing = [topic.name for topic in TOPICS if topic.name not in counts]
    if missing:
        raise StartFault(f"Kafka has no topic {', '.join(missing)}; create it with `matline topics create`")
    differing = {counts[topic.name] for topic in TOPICS if topic.partitioned}
    if len(differing) > 1:
        raise StartFault(
            "race-log and results have different partition counts, but a result goes to its facts' partition number."
            " The counts of topics in use cannot be changed: create new topics and replay the log"
        )
    return counts


IN_SYNC_LEAST = 2


def create_main(environment: Mapping[str, str], partitions: int, replication: int) -> int:
    """Create topics for `matline topics create`; return the exit code."""
    durable = durable_settings(replication)
    return _run(environment, lambda kafka: create_topics(kafka, partitions, replication, durable), "created: {}")


def durable_settings(replication: int) -> dict[str, str]:
    """Return the settings by which `race-log`, with so many copies, keeps all that it has acknowledged."""
    return {"min.insync.replicas": str(min(IN_SYNC_LEAST, replication)), "unclean.leader.election.enable": "false"}


def check_main(environment: Mapping[str, str]) -> int:
    """Check topics for `matline topics check`; return the exit code."""
    return _run(environment, check_topics, "partitions: {}")


def _run(environment: Mapping[str, str], work: Callable[[KafkaOptions], Coroutine[Any, Any, object]], done: str) -> int:
    try:
        kafka = kafka_options(environment)
        print(done.format(asyncio.run(work(kafka)) or "nothing, all topics exist"))
    except StartFault as fault:
        print(fault, file=sys.stderr)
        return 1
    except KafkaError as error:
        print(kafka_fault(kafka_options(environment).servers, error), file=sys.stderr)
        return 1
    return 0
