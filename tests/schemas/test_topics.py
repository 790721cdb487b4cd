"""Where records go. Source: docs/decisions: an event lives in one partition."""

from collections import Counter

import pytest

from schemas.topics import (
    ENVELOPE_READS_MAX,
    FRAME_ROWS_MAX,
    RACE_LOG,
    RECORD_MAX_BYTES,
    REJECTED,
    RESULTS,
    STANDINGS,
    TOPICS,
    partition_of,
)


@pytest.mark.parametrize(
    ("event", "digest"),
    [
        ("", 0x811C9DC5),  # the published offset basis
        ("a", 0xE40C292C),  # (basis xor 0x61) * 0x01000193, lower 32 bits
        ("foobar", 0xBF9CF968),  # from the authors' published test vectors
    ],
)
def test_the_partition_is_fnv_1a_of_the_events_name(event, digest):
    """FNV-1a, 32 bit. By hand for "a": 0x811C9DC5 xor 0x61 is 0x811C9DA4; that times 0x01000193 (2^24 + 403) is, in the
    lower 32 bits, 0xA4000000 + 0x400C292C = 0xE40C292C.
    """
    for partitions in (1, 2, 3, 4, 12, 1000, 2**32):
        assert partition_of(event, partitions) == digest % partitions


def test_partitions_worked_out():
    """0xE40C292C = 3826002220 = 7 * 546571745 + 5, = 12 * 318833518 + 4; its last digit C is 4 times 3."""
    assert [partition_of("a", partitions) for partitions in (1, 4, 7, 12)] == [0, 0, 5, 4]


def test_events_spread_over_partitions():
    """2,000 names over 12 partitions: 167 each, none under half or over twice of that."""
    counts = Counter(partition_of(f"race-{n}-2026", 12) for n in range(2000))
    assert len(counts) == 12
    assert min(counts.values()) > 83
    assert max(counts.values()) < 334


def test_the_race_log_is_kept_for_ever_and_never_compacted():
    assert RACE_LOG.config["retention.ms"] == RACE_LOG.config["retention.bytes"] == "-1"
    assert RACE_LOG.config["cleanup.policy"] == "delete"
    assert RACE_LOG.config["message.timestamp.type"] == "LogAppendTime"


def test_results_are_partitioned_as_the_race_log_and_the_others_are_not():
    assert [topic.name for topic in TOPICS] == ["race-log", "results", "rejected", "standings"]
    assert [topic.name for topic in TOPICS if topic.partitioned] == [RACE_LOG.name, RESULTS.name]
    assert not REJECTED.partitioned
    assert not STANDINGS.partitioned


def test_kafka_takes_every_record_that_is_written():
    for topic in (RACE_LOG, RESULTS, REJECTED):
        assert int(topic.config["max.message.bytes"]) > RECORD_MAX_BYTES
    assert ENVELOPE_READS_MAX == FRAME_ROWS_MAX == 500
