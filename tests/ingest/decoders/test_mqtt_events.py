"""What readers publish to a broker: frames in any portions, places by topic, and what is acknowledged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders import impinj_mqtt, zebra_mqtt
from services.ingest.decoders.messages import (
    Acknowledgement,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Reader,
    Unreadable,
)
from services.ingest.decoders.mqtt_events import SUBSCRIPTION, acknowledged, former_topic, frame
from services.ingest.decoders.protocol import ReaderSettings
from tests.ingest.decoders.test_posted_json import IMPINJ, ZEBRA

NOW = Now(1_767_479_467_250_000, 100.0)
SETTINGS = ReaderSettings(gateway="g", options={"topic": "readers/#"})
SUBSCRIBED = {SUBSCRIPTION: Position("readers/#", 0)}
EVENT = json.dumps(IMPINJ).encode()
UNNAMED = json.dumps({**ZEBRA, "data": {"idHex": "A1", "antenna": 2}}).encode()


def connect(protocol=impinj_mqtt.PROTOCOL):
    """What makes the readers of a source."""
    assert protocol.connect is not None
    return protocol.connect(SETTINGS)


def reads(messages: list[Message]) -> list[DecodedRead]:
    return [message for message in messages if isinstance(message, DecodedRead)]


@pytest.mark.parametrize("size", [1, 11, 10_000])
def test_frames_come_in_any_portions_and_each_message_is_acknowledged_by_its_own_id(size):
    reader: Reader = connect()(SUBSCRIBED)
    data = frame("readers/finish", EVENT, 7, 1) + frame("readers/finish", b"[]", 65_535, 2)
    portions = [data[start : start + size] for start in range(0, len(data), size)]
    read, first, second = [message for portion in portions for message in reader.feed(portion, NOW)]
    assert isinstance(read, DecodedRead)
    assert (read.where, read.chip, read.seq) == ("impinj-01-23-45", "7EDA9038051002710002C0AE", 0)
    assert isinstance(first, Acknowledgement)
    assert isinstance(second, Acknowledgement)
    assert reader.take() == b""
    reader.acknowledge(second.number)
    reader.acknowledge(first.number)
    reader.acknowledge(first.number)
    assert acknowledged(reader.take()) == [(65_535, 2), (7, 1)]


def test_the_cursor_has_the_topic_of_the_session_once_it_is_subscribed():
    reader = connect()({})
    assert reader.tick(NOW) == [CursorAdvanced(SUBSCRIPTION, SUBSCRIBED[SUBSCRIPTION])]
    assert reader.tick(NOW) == []
    assert connect()(SUBSCRIBED).tick(NOW) == []
    assert former_topic(SUBSCRIBED, SETTINGS) is None
    assert former_topic({SUBSCRIPTION: Position("old/#", 0)}, SETTINGS) == "old/#"


def test_acknowledgements_differ_over_all_connections_of_a_source():
    make = connect()
    numbers = [
        message.number
        for reader in (make({}), make({}))
        for message in reader.feed(frame("t", b"[]", 1, 1), NOW)
        if isinstance(message, Acknowledgement)
    ]
    assert len(set(numbers)) == 2


def test_a_message_that_is_sent_again_is_the_same_reads_by_session_and_number():
    make = connect()
    first, again = (reads(make({}).feed(frame("t", EVENT, number, 1), NOW)) for number in (1, 2))
    assert first == again
    [other] = reads(make({}).feed(frame("t", EVENT + b" ", 3, 1), NOW))
    assert other.session != first[0].session


def test_a_reader_without_a_name_is_called_by_its_topic():
    reader = connect(zebra_mqtt.PROTOCOL)({})
    [read] = reads(reader.feed(frame("readers/finish", UNNAMED, 1, 1), NOW))
    assert (read.where, read.antenna) == ("readers/finish", 2)
    [fault, _] = reader.feed(frame("readers/finish", b"connection lost", 2, 1), NOW)
    assert isinstance(fault, Unreadable)
    assert (fault.where, fault.raw) == ("readers/finish", b"connection lost")


def test_a_quality_of_service_that_loses_messages_is_noticed_once():
    reader = connect()({})
    messages = [message for _ in range(3) for message in reader.feed(frame("t", EVENT, 0, 0), NOW)]
    assert [message.kind for message in messages if isinstance(message, Notice)] == ["lacks"]
    assert not any(isinstance(message, Acknowledgement) for message in messages)


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=60)), max_size=8))
def test_no_payload_raises_anything(published):
    for protocol in (impinj_mqtt.PROTOCOL, zebra_mqtt.PROTOCOL):
        reader = connect(protocol)({})
        for topic, payload in published:
            reader.feed(frame(topic, payload, 1, 1), NOW)
