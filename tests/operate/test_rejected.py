"""What was put aside: chosen, shown without harm, and read again with the settings of now."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from schemas.events import ReadRow
from schemas.rejected import REJECTED_VERSION, Rejection, encode_rejection
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.mylaps import MylapsListener
from services.ingest.readers.sources import Source
from services.operate.rejected import (
    Again,
    DeadLetter,
    ReadsAgain,
    StillUnreadable,
    Wanted,
    aside_of,
    plain,
    read_again,
    readable,
    table,
    whole,
)
from tests.ingest.decoders.test_mylaps import MARKER, PASSING, STORE, v1_record
from tests.ingest.http.test_api import push, wire
from tests.ingest.memory_log import MemoryLog

SOURCE = Source(protocol="mylaps", event="e", gateway="tent", zone="+04:00", devices={"Start": "S1"})


def aside(raw: bytes = b"x", at: int = 7, **more: object) -> DeadLetter:
    fields = {"v": REJECTED_VERSION, "event": "e", "source": "http", "reason": "why", "size": len(raw), **more}
    return DeadLetter(at, Rejection(raw=raw, **fields))


# --- chosen


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        ({}, True),
        ({"offsets": frozenset({7})}, True),
        ({"offsets": frozenset({8})}, False),
        ({"event": "e"}, True),
        ({"event": "f"}, False),
        ({"source": "mylaps"}, False),
        ({"gateway": "tent"}, True),
        ({"gateway": "bridge"}, False),
        ({"reason": "WHY"}, True),
        ({"reason": "because"}, False),
        ({"event": "e", "source": "http", "reason": "w"}, True),
        ({"event": "e", "source": "mylaps"}, False),
    ],
)
def test_rejections_are_chosen_by_all_that_is_asked(wanted, takes):
    assert Wanted(**wanted).takes(aside(gateway="tent")) is takes
    assert Wanted(**wanted).everything() is (wanted == {})


def test_a_record_that_is_no_rejection_is_none():
    one = aside(b"\0\xff")
    assert aside_of(7, encode_rejection(one.rejection)) == one
    for value in (b"", b"{}", b"[" * 100_000, b"\xff"):
        assert aside_of(7, value) is None


# --- shown


def test_a_table_has_a_line_for_each():
    lines = table([aside(), aside(b"abc", 12, gateway="tent", recorded_at_us=1_767_477_600_000_000)]).splitlines()
    assert [line.split()[0] for line in lines] == ["OFFSET", "7", "12"]
    assert lines[2].split() == ["12", "2026-01-03", "22:00:00", "e", "http", "tent", "3", "why"]


def test_all_of_one_is_shown_with_its_bytes():
    shown = whole(aside(b'{"chip":""}', gateway="tent", index=3, topic="race-log", partition=1, offset=4))
    for part in ("offset    7", "gateway   tent", "index     3", "record    4", '{"chip":""}'):
        assert part in shown
    assert "of which the first 1 are kept" in whole(aside(b"x", size=10))


def test_what_is_no_text_is_shown_as_hex():
    assert readable(b"ab\xff\x00" * 5).splitlines() == [
        "00000000  61 62 ff 00 61 62 ff 00 61 62 ff 00 61 62 ff 00  ab..ab..ab..ab..",
        "00000010  61 62 ff 00                                      ab..",
    ]


@given(st.binary(max_size=300), st.text(max_size=100))
def test_nothing_shown_can_act_on_a_terminal(raw, text):
    shown = readable(raw) + plain(text) + whole(aside(raw, reason=text, gateway=text)) + table([aside(reason=text)])
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_text_for_a_terminal_is_one_line_with_its_control_characters_named():
    assert plain("a\x1b[2J\nb\u202eä") == "a\\x1b[2J\\nb\\u202eä"


# --- read again


def test_a_body_is_read_again_whole():
    again = read_again(aside(msgspec.json.encode(push(wire(1), wire(2, chip="")))), [])
    assert again.reads == [ReadsAgain("g", "s", [ReadRow(1, "S1", "A1", 1_767_477_600_000_000)])]
    assert len(again.bad) == 1
    assert read_again(aside(msgspec.msgpack.encode(push(wire(1)))), []).reads == again.reads


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_one_read_is_read_again_in_a_session_of_its_own(encode):
    one = aside(encode(wire(5, chip=" a1 ")), gateway="tent", index=3)
    expected = ReadsAgain("tent", "rejected-7", [ReadRow(5, "S1", "A1", 1_767_477_600_000_000)])
    assert read_again(one, []) == Again([expected], [], [])


def test_a_frame_is_read_again_with_the_sources_zone_and_devices():
    again = read_again(aside(STORE, source="mylaps", gateway="tent"), [SOURCE])
    [reads] = again.reads
    assert (reads.gateway, reads.session) == ("tent", "5.0 2025-03-08")
    assert [(row.device, row.chip, row.seq) for row in reads.rows] == [("S1", "SS35073", 0x1B)]
    [reads] = read_again(aside(PASSING, source="mylaps", gateway="tent"), [SOURCE]).reads
    assert reads.session == "rejected-7"


def test_a_marker_is_read_again_as_the_notice_that_it_was():
    [notice] = read_again(aside(MARKER, source="mylaps", gateway="tent"), [SOURCE]).notices
    assert (notice.kind, notice.gateway, notice.event) == ("ext-gun", "tent", "e")
    assert read_again(aside(MARKER, 8, source="mylaps", gateway="tent"), [SOURCE]).notices[0].id == notice.id


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (aside(b"{"), "as JSON"),
        (aside(b"{}", index=0), "gateway"),
        (aside(b"{}", index=0, gateway="g"), "seq"),
        (aside(msgspec.json.encode(wire(chip="")), index=0, gateway="g"), "chip"),
        (aside(b"x", size=9), "only the first 1"),
        (aside(b"x", source="scoring"), "scoring"),
        (aside(b"x", source="ultra"), "ultra"),
        (aside(STORE, source="mylaps", gateway="other"), "no mylaps source"),
        (aside(STORE, source="mylaps", gateway="tent", event="f"), "no mylaps source"),
        (aside(b"Start@Store@" + b"F" * 47 + b"@3@$", source="mylaps", gateway="tent"), "47 bytes"),
        (aside(b"GET / HTTP/1.1$", source="mylaps", gateway="tent"), "no message"),
        (aside(b"Start@Ping@$", source="mylaps", gateway="tent"), "no passing"),
        (aside(b"x" * 300_000, source="mylaps", gateway="tent"), "frame"),
    ],
)
def test_what_still_cannot_be_read_says_why(one, reason):
    with pytest.raises(StillUnreadable, match=reason):
        read_again(one, [SOURCE])


@given(st.binary(max_size=200), st.sampled_from(["http", "mylaps"]), st.none() | st.just(0))
def test_no_bytes_raise_anything_else(raw, source, index):
    try:
        again = read_again(aside(raw, source=source, gateway="tent", index=index), [SOURCE])
    except StillUnreadable:
        return
    assert isinstance(again, Again)


async def test_a_record_put_aside_for_a_wrong_zone_is_read_again_when_the_zone_is_right():
    """The hour that never was: a reader set to another zone than the source says."""
    race_log = MemoryLog()
    wrong = msgspec.structs.replace(SOURCE, zone="Europe/Berlin")
    listener = MylapsListener(wrong, race_log, IngestMetrics(CollectorRegistry()), lambda: 0)
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    record = v1_record("SS3507302:30:00.000 5 01 13001B260329")
    writer.write(b"Start@Store@" + record + b"@1@$")
    assert await reader.readuntil(b"$") == b"Matline@AckStore@1@$"
    writer.close()
    await listener.close()
    [rejection] = race_log.aside
    with pytest.raises(StillUnreadable, match="never"):
        read_again(DeadLetter(0, rejection), [wrong])
    [reads] = read_again(DeadLetter(0, rejection), [SOURCE]).reads
    assert [(row.device, row.chip, row.at_us) for row in reads.rows] == [("S1", "SS35073", 1_774_737_000_000_000)]
