"""The topics: names, keys, partitions and retention. Source: docs/decisions.

Every record of `race-log` and `rejected` is keyed by its event, and an event has one partition. `results` has the same
partitions as `race-log`, so that a frame goes to the partition of its facts; a frame may be of several events, so it
has no key.
"""

from msgspec import Struct

ENVELOPE_VERSION = 2  # of race-log records; a worker stops at a higher one instead of rejecting it
FRAME_VERSION = 1  # of results records
RECORD_MAX_BYTES = 512 * 1024
ENVELOPE_READS_MAX = 500
FRAME_ROWS_MAX = 500
PARTITIONS_DEFAULT = 4

TIMESTAMPS = {"message.timestamp.type": "LogAppendTime"}
"""Kafka dates all records: it refuses one that its writer dates over an hour ahead, and deletes old ones too early."""


class Topic(Struct, frozen=True):
    """A topic's name and its settings, by Kafka's names. `partitioned` topics share one partition count."""

    name: str
    config: dict[str, str]
    partitioned: bool = True


RACE_LOG = Topic(
    "race-log",
    {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
        **TIMESTAMPS,
        "max.message.bytes": str(2 * RECORD_MAX_BYTES),
    },
)
RESULTS = Topic(
    "results",
    {
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "cleanup.policy": "delete",
        **TIMESTAMPS,
        "max.message.bytes": str(8 * RECORD_MAX_BYTES),
    },
)
REJECTED = Topic(
    "rejected",
    {
        "retention.ms": str(90 * 24 * 3600 * 1000),
        "cleanup.policy": "delete",
        **TIMESTAMPS,
        "max.message.bytes": str(4 * RECORD_MAX_BYTES),
    },
    partitioned=False,
)
STANDINGS = Topic(
    "standings",
    {"retention.ms": str(24 * 3600 * 1000), "cleanup.policy": "delete", **TIMESTAMPS},
    partitioned=False,
)

TOPICS = (RACE_LOG, RESULTS, REJECTED, STANDINGS)


def partition_of(event: str, partitions: int) -> int:
    """Return the partition of an event's records: the same for every client and language that writes `race-log`.

    It is FNV-1a (32 bit) of the event's UTF-8 bytes, modulo the partition count: simple enough that no client depends
    on the partitioner of its library.
    """
    digest = 0x811C9DC5
    for byte in event.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest % partitions
