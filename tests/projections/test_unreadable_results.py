"""How scoring is asked for the rows of a partition of which a record cannot be read."""

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from schemas.results import Frame
from schemas.topics import FRAME_VERSION, RESULTS
from services.projections.metrics import ProjectionMetrics
from services.projections.unreadable_results import UnreadableResults

RAW = b"\xff" * 300_000


def waiting() -> UnreadableResults:
    return UnreadableResults(ProjectionMetrics(CollectorRegistry()))


def record(offset: int, partition: int = 0) -> ConsumerRecord:
    return ConsumerRecord(RESULTS.name, partition, offset, 0, 0, b"", RAW, 0, 0, len(RAW), ())


def frame(resends_all: bool) -> Frame:
    return Frame(v=FRAME_VERSION, partition=0, from_offset=0, through_offset=0, last=True, resends_all=resends_all)


def test_an_answer_that_cannot_be_read_is_asked_for_by_its_own_offset():
    unreadable = waiting()
    unreadable.set_aside(record(7), "it is not a frame of results")
    (first,) = unreadable.due(100.0)
    unreadable.sent(first)
    unreadable.set_aside(record(9), "it is not a frame of results")
    assert unreadable.due(105.0) == []
    (second,) = unreadable.due(110.0)
    assert (first.offset, second.offset, len(second.raw)) == (7, 9, len(first.raw))
    assert "record 9 of" in (unreadable.fault() or "")
    assert not unreadable.takes(0, frame(resends_all=False))
    assert unreadable.takes(0, frame(resends_all=True))
    assert unreadable.fault() is None
    assert unreadable.due(1e6) == []


def test_while_scoring_is_down_letters_become_rare_and_leave_out_the_bytes_that_kafka_has():
    unreadable = waiting()
    unreadable.set_aside(record(7), "it is not a frame of results")
    letters = []
    for now_s in range(3_600):
        for letter in unreadable.due(now_s):
            unreadable.sent(letter)
            letters.append((now_s, len(letter.raw)))
            assert (letter.offset, letter.size) == (7, len(RAW))
    assert letters[:6] == [(0, 262_144), (10, 0), (30, 0), (70, 0), (150, 0), (270, 0)]
    assert len(letters) == 33


def test_a_letter_that_kafka_did_not_take_is_sent_with_its_bytes():
    unreadable = waiting()
    unreadable.set_aside(record(7), "it is not a frame of results")
    (refused,) = unreadable.due(0.0)
    assert unreadable.due(10.0) == [refused]


def test_a_letter_that_arrives_after_a_newer_record_leaves_that_ones_bytes():
    unreadable = waiting()
    unreadable.set_aside(record(7), "it is not a frame of results")
    (late,) = unreadable.due(0.0)
    unreadable.set_aside(record(9), "it is not a frame of results")
    unreadable.sent(late)
    (newest,) = unreadable.due(10.0)
    assert (newest.offset, len(newest.raw)) == (9, 262_144)
