"""Topics on a real broker."""

from schemas.topics import PARTITIONS_DEFAULT
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import check_topics, create_topics


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
