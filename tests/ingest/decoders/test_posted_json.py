"""What Impinj and Zebra readers post: events as real readers send them, other events, and what is no event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders import impinj, zebra
from services.ingest.decoders.json_events import EVENTS_MAX, instant_us
from services.ingest.decoders.messages import DecodedRead, Message, Notice, Unreadable
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings

AT = "2026-01-03T22:31:07.250Z"
AT_US = 1_767_479_467_250_000
IMPINJ: dict[str, Any] = {  # barnowl-impinj, testlistener.js
    "timestamp": "2026-01-03T22:31:08.000Z",
    "hostname": "impinj-01-23-45",
    "eventType": "tagInventory",
    "tagInventoryEvent": {
        "epc": "ftqQOAUQAnEAAsCu",
        "epcHex": "7EDA9038051002710002C0AE",
        "tidHex": "E2801170200014CD9B5A08EC",
        "pc": "NAA=",
        "antennaPort": 1,
        "antennaName": "ANTENNA-NAME",
        "peakRssiCdbm": -7050,
        "frequency": 927250,
        "lastSeenTime": AT,
        "phaseAngle": 69.00,
    },
}
SPEEDWAY = (  # Impinj support, article 360000044739
    '{"antennaPort":7,"epc":"999908290000000000000004","tid":"E28011002000564500000002",'
    '"firstSeenTimestamp":"2018-06-14T00:15:54.36879Z","peakRssi":-51,"isHeartBeat":false}'
)
ZEBRA: dict[str, Any] = {  # barnowl-zebra, testlistener.js
    "type": "SIMPLE",
    "timestamp": "2026-01-03T22:31:07.250+0000",
    "data": {
        "MAC": "C4:7D:CC:FF:FF:FF",
        "antenna": 1,
        "eventNum": 1,
        "format": "epc",
        "idHex": "7EDA9038051002710002C0AE",
        "peakRssi": -70,
        "reads": 1,
    },
}
SETTINGS = ReaderSettings(gateway="g")


def posted(protocol: ReaderProtocol, content: object, device: str = "") -> list[Message]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    assert protocol.read_upload is not None
    return protocol.read_upload(body, device, "s", SETTINGS)


def with_tag(**changes: object) -> dict[str, Any]:
    tag = {**IMPINJ["tagInventoryEvent"], **changes}
    return {**IMPINJ, "tagInventoryEvent": {name: value for name, value in tag.items() if value is not None}}


def test_the_events_of_both_makers_are_reads():
    assert posted(impinj.PROTOCOL, [IMPINJ]) == [
        DecodedRead("s", 0, "impinj-01-23-45", "7EDA9038051002710002C0AE", AT_US, 1, -70.5)
    ]
    assert posted(zebra.PROTOCOL, [ZEBRA]) == [
        DecodedRead("s", 0, "C4:7D:CC:FF:FF:FF", "7EDA9038051002710002C0AE", AT_US, 1, -70)
    ]
    assert posted(impinj.PROTOCOL, SPEEDWAY.encode(), "gate") == [
        DecodedRead("s", 0, "gate", "999908290000000000000004", 1_528_935_354_368_790, 7, -51)
    ]


@pytest.mark.parametrize(("protocol", "event"), [(impinj.PROTOCOL, IMPINJ), (zebra.PROTOCOL, ZEBRA)])
def test_a_body_is_a_list_one_event_or_one_a_line(protocol, event):
    line = json.dumps(event).encode()
    [alone] = posted(protocol, line)
    assert isinstance(alone, DecodedRead)
    assert [read.seq for read in posted(protocol, line + b"\r\n\n" + line + b"\n")] == [0, 1]
    assert [read.seq for read in posted(protocol, [event, event, event])] == [0, 1, 2]
    assert posted(protocol, b"[]") == posted(protocol, b"") == []
    assert [read.where for read in posted(protocol, [event], "gate")] == ["gate"]


def test_an_epc_in_base64_is_the_same_chip():
    [read] = posted(impinj.PROTOCOL, [with_tag(epcHex=None)])
    assert isinstance(read, DecodedRead)
    assert read.chip == "7EDA9038051002710002C0AE"
    spellings = [posted(impinj.PROTOCOL, [with_tag(epcHex=None, epc=epc)]) for epc in ("++//", "--__")]
    assert [read.chip for [read] in spellings] == ["FBEFFF", "FBEFFF"]


def test_the_first_sight_of_a_tag_holds_and_the_events_time_where_there_is_no_other():
    [first] = posted(impinj.PROTOCOL, [with_tag(firstSeenTime="2026-01-03T22:31:07Z")])
    [event] = posted(impinj.PROTOCOL, [with_tag(lastSeenTime=None)])
    assert isinstance(first, DecodedRead)
    assert isinstance(event, DecodedRead)
    assert (first.at_us, event.at_us) == (AT_US - 250_000, AT_US + 750_000)


def test_an_overflow_is_a_notice_and_a_heartbeat_is_nothing():
    overflow = {"timestamp": AT, "hostname": "r", "eventType": "overflow", "overflowEvent": {}}
    [notice] = posted(impinj.PROTOCOL, [overflow])
    assert isinstance(notice, Notice)
    assert (notice.where, notice.kind, notice.at_us) == ("r", "overflow", AT_US)
    assert posted(impinj.PROTOCOL, [{"eventType": "diagnostic", "timestamp": AT}, {"isHeartBeat": True}]) == []
    assert posted(zebra.PROTOCOL, [{"type": "heartbeat", "timestamp": AT}]) == []


@pytest.mark.parametrize(
    ("protocol", "bad"),
    [
        (impinj.PROTOCOL, {}),
        (impinj.PROTOCOL, 7),
        (impinj.PROTOCOL, with_tag(epcHex=None, epc=None)),
        (impinj.PROTOCOL, with_tag(epcHex=None, epc="***")),
        (impinj.PROTOCOL, with_tag(epcHex="A" * 36)),
        (impinj.PROTOCOL, with_tag(antennaPort="one")),
        (impinj.PROTOCOL, with_tag(lastSeenTime="2026-01-03T22:31:07")),
        (impinj.PROTOCOL, with_tag(lastSeenTime="noon")),
        (impinj.PROTOCOL, {"eventType": "tagInventory", "tagInventoryEvent": {"epcHex": "A1"}}),
        (impinj.PROTOCOL, {"eventType": "tagInventory", "timestamp": AT}),
        (impinj.PROTOCOL, ZEBRA),
        (zebra.PROTOCOL, IMPINJ),
        (zebra.PROTOCOL, {}),
        (zebra.PROTOCOL, {"type": "SIMPLE", "timestamp": AT, "data": {"antenna": 1}}),
        (zebra.PROTOCOL, {**ZEBRA, "timestamp": None}),
        (zebra.PROTOCOL, {**ZEBRA, "timestamp": "2026-01-03 22:31"}),
        (zebra.PROTOCOL, {**ZEBRA, "data": {"idHex": ""}}),
        (zebra.PROTOCOL, {**ZEBRA, "data": [1]}),
    ],
)
def test_a_bad_event_is_a_dead_letter_with_its_place_and_the_others_are_taken(protocol, bad):
    good = IMPINJ if protocol is impinj.PROTOCOL else ZEBRA
    first, fault, last = posted(protocol, [good, bad, good], "gate")
    assert isinstance(first, DecodedRead)
    assert isinstance(last, DecodedRead)
    assert isinstance(fault, Unreadable)
    assert (fault.index, fault.where, json.loads(fault.raw)) == (1, "gate", bad)


@pytest.mark.parametrize("protocol", [impinj.PROTOCOL, zebra.PROTOCOL])
def test_what_is_no_json_is_a_dead_letter(protocol):
    for body in (b"[{", b"hello", b"\xff", b"[" * 100_000, json.dumps([{}] * (EVENTS_MAX + 1)).encode()):
        [fault] = posted(protocol, body)
        assert isinstance(fault, Unreadable)


@given(st.binary(max_size=200))
def test_no_body_raises(body):
    for protocol in (impinj.PROTOCOL, zebra.PROTOCOL):
        assert isinstance(posted(protocol, body), list)


def test_a_dead_letter_is_read_again():
    [read] = impinj.PROTOCOL.read_again(json.dumps(IMPINJ).encode(), SETTINGS, "again")
    assert isinstance(read, DecodedRead)
    assert read.session == "again"


def test_instants_have_an_offset():
    assert instant_us("2026-01-04T05:31:07.25+07:00") == AT_US
    with pytest.raises(ValueError, match="offset"):
        instant_us("2026-01-04T05:31:07")
