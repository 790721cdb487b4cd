"""Bytes to facts and back; bytes that are no facts are refused as such, whatever is wrong with them."""

import msgspec
import pytest

from schemas.codec import (
    UnknownVersion,
    UnreadableRecord,
    decode_envelope,
    decode_frame,
    encode_envelope,
    encode_frame,
    encode_packed,
    fact_from_json,
    line_from_json,
    logged,
    pack,
)
from schemas.results import Frame
from schemas.topics import FRAME_VERSION
from services.scoring.core.partition import PartitionState
from tests.builders import day, read, reads, run, status, time_set, typed, withdrawn

NO_UTF8 = b"\xa2\xff\xfe"  # a msgpack text of two bytes
DEEP = b"\x91" * 100_000 + b"\xc0"  # a list in a list in a list ...


def record(event: bytes, facts: bytes, v: bytes = b"\x01") -> bytes:
    """A msgpack envelope of raw parts."""
    return b"\x83\xa1v" + v + b"\xa5event" + event + b"\xa5facts" + facts


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\xc1",
        record(NO_UTF8, b"\x90"),
        record(b"\xa1e", b"\x91\x83\xa4type\xadevent_defined\xa5event\xa1e\xaadefinition\x81\xa1a" + DEEP),
        record(b"\xa1e", b"\x90") + b"\x00",
    ],
    ids=["tombstone", "empty", "no msgpack", "text that is not UTF-8", "nested too deeply", "bytes left over"],
)
def test_a_record_that_is_no_envelope_is_unreadable(data: bytes | None) -> None:
    with pytest.raises(UnreadableRecord):
        decode_envelope(data)


@pytest.mark.parametrize(
    "data",
    [
        record(b"\xa1e", b"\x90", v=b"\x03"),
        record(b"\xa1e", b"\x01", v=b"\x03"),
        record(NO_UTF8, b"\x90", v=b"\x03"),
    ],
    ids=["readable all the same", "of another shape", "text that is not UTF-8"],
)
def test_a_record_of_a_higher_version_is_never_called_unreadable(data: bytes) -> None:
    with pytest.raises(UnknownVersion):
        decode_envelope(data)


@pytest.mark.parametrize("read", [fact_from_json, line_from_json])
@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"gun_fired","event":"\xff","race":"r","at_us":1}',
        b'{"offset":1,"fact":{"type":"gun_fired","event":"\xff","race":"r","at_us":1}}',
        b'{"type":"event_defined","event":"e","definition":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=["text that is not UTF-8", "the same in a logged line", "nested too deeply"],
)
def test_a_line_that_cannot_be_read_raises_the_one_error_that_callers_know(read, data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(data)


# --- Lines of a log.


def test_a_line_is_a_fact_or_a_fact_with_its_offset():
    """Source: R5."""
    bare = b'{"type":"race_closed","event":"e","race":"hm"}'
    fact = fact_from_json(bare)
    assert line_from_json(bare) == (None, fact)
    assert line_from_json(b'{"offset":12,"fact":' + bare + b"}") == (12, fact)
    assert line_from_json('{"fact": {"type":"race_closed","event":"e","race":"hm"}, "offset": 0}') == (0, fact)


def test_a_fact_that_speaks_of_an_offset_is_a_fact():
    text = b'{"type":"protest_filed","event":"e","protest":"p","race":"hm","text":"the \\"offset\\" of the mat"}'
    assert line_from_json(text)[0] is None
    shifted = b'{"type":"case_decided","event":"e","case":"offset","outcome":"dq","reason":"\\"offset\\""}'
    assert line_from_json(shifted)[1].case == "offset"


@pytest.mark.parametrize(
    "data",
    [
        b'{"offset":-1,"fact":{"type":"race_closed","event":"e","race":"hm"}}',
        b'{"offset":1.5,"fact":{"type":"race_closed","event":"e","race":"hm"}}',
        b'{"offset":1,"fact":{"type":"race_closed","event":"e","race":"hm"},"more":1}',
        b'{"offset":1,"fact":{"type":"race_closed","event":"e"}}',
        b'{"offset":1,"fact":7}',
        b'{"offset":1}',
        b'{"offset":1,"type":"race_closed","event":"e","race":"hm"}',
    ],
)
def test_a_line_that_is_neither_is_refused(data):
    with pytest.raises(msgspec.ValidationError):
        line_from_json(data)


# --- Envelopes and frames.


def facts_of_a_day():
    plain = [*day(run(), status("7", "DQ"), time_set("7", "10K", None), withdrawn("x"))]
    return [logged(typed(item)) for item in plain]


def test_an_envelope_comes_back_as_it_went():
    facts = facts_of_a_day()
    envelope = decode_envelope(encode_envelope("example-2026", facts))
    assert (envelope.v, envelope.event, envelope.facts) == (1, "example-2026", facts)


def test_packed_facts_make_the_same_bytes_as_the_facts_themselves():
    facts = facts_of_a_day()
    assert encode_packed("example-2026", [pack(fact) for fact in facts], 1) == encode_envelope("example-2026", facts)


def test_a_read_in_an_envelope_costs_under_forty_bytes():
    """Device and chip of usual length, strength and antenna known: 37 bytes, 80 as a map."""
    sent = read("5KM-1", "LX84102", 12.345678, rssi=-61, antenna=2)
    few, many = (len(encode_envelope("e", [logged(typed(reads(*[sent] * count)))])) for count in (100, 500))
    assert (many - few) / 400 < 45


def test_a_frame_comes_back_as_it_went():
    state = PartitionState(3)
    state.fold(41, decode_envelope(encode_envelope("example-2026", facts_of_a_day())))
    events, rows = state.take(100)
    frame = Frame(
        v=FRAME_VERSION,
        partition=3,
        from_offset=41,
        through_offset=41,
        last=True,
        accepted_us=5,
        heads=state.heads(),
        events=events,
        rows=rows,
    )
    assert decode_frame(encode_frame(frame)) == frame


def test_what_is_default_takes_no_room_in_a_frame():
    bare = Frame(v=FRAME_VERSION, partition=0, from_offset=0, through_offset=0, last=True)
    assert set(msgspec.msgpack.decode(encode_frame(bare))) == {
        "v",
        "partition",
        "from_offset",
        "through_offset",
        "last",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"partition": "0"},
        {"rows": [{}]},
        {"rows": [{"event": "e", "bib": "7", "version": 0, "race": "hm", "status": "OUT"}]},
    ],
)
def test_what_is_no_frame_is_unreadable(changed):
    plain = {"v": 1, "partition": 0, "from_offset": 0, "through_offset": 0, "last": True, **changed}
    with pytest.raises(UnreadableRecord, match=r"at `\$"):
        decode_frame(msgspec.msgpack.encode(plain))


def test_a_frame_of_a_newer_release_is_not_called_unreadable():
    newer = {"v": FRAME_VERSION + 1, "partition": 0, "from_offset": 0, "through_offset": 0, "last": True}
    with pytest.raises(UnknownVersion, match="record of version 2; this release reads up to 1"):
        decode_frame(msgspec.msgpack.encode(newer))
    with pytest.raises(UnknownVersion, match="record of version 2; this release reads up to 1"):
        decode_frame(msgspec.msgpack.encode({"v": FRAME_VERSION + 1, "shape": "another"}))


def test_a_new_field_of_the_same_version_is_passed_over():
    """A newer release may add a field of records with a default; older services read on."""
    plain = msgspec.msgpack.decode(encode_envelope("e", []))
    assert decode_envelope(msgspec.msgpack.encode({**plain, "zone": 1})).event == "e"
    frame = Frame(v=FRAME_VERSION, partition=0, from_offset=0, through_offset=0, last=True)
    plain = msgspec.msgpack.decode(encode_frame(frame))
    assert decode_frame(msgspec.msgpack.encode({**plain, "zone": 1})) == frame
