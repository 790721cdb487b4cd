"""Dead letters: chosen, shown without harm, and read again with the settings of now."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import ReadRow
from schemas.rejected import REJECTED_VERSION, Rejection, encode_rejection
from services.ingest.decoders import p3_frames
from services.ingest.decoders.ipico import lrc
from services.ingest.readers.reader_task import start_reader
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source
from services.operate.rejected import (
    Again,
    DeadLetter,
    DeadLetterFilter,
    ReadsAgain,
    StillUnreadable,
    dead_letter_of,
    in_full,
    plain,
    read_again,
    readable,
    table,
)
from tests.ingest.decoders.test_mylaps import MARKER, PASSING, STORE, v1_record
from tests.ingest.http.test_api import push, wire
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.rig import context

SOURCE = Source(protocol="mylaps", event="e", gateway="tent", zone="+04:00", devices={"Start": "S1"})


def letter(raw: bytes = b"x", own_offset: int = 7, **more: object) -> DeadLetter:
    fields: dict[str, Any] = {
        "v": REJECTED_VERSION,
        "event": "e",
        "source": "http",
        "reason": "why",
        "size": len(raw),
        **more,
    }
    return DeadLetter(own_offset, Rejection(raw=raw, **{"size": len(raw), **fields}))


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
    assert DeadLetterFilter(**wanted).takes(letter(gateway="tent")) is takes
    assert DeadLetterFilter(**wanted).everything() is (wanted == {})


def test_a_record_that_is_no_rejection_is_none():
    sent = letter(b"\0\xff")
    assert dead_letter_of(7, encode_rejection(sent.rejection)) == sent
    for value in (b"", b"{}", b"[" * 100_000, b"\xff"):
        assert dead_letter_of(7, value) is None


# --- shown


def test_a_table_has_a_line_for_each():
    lines = table([letter(), letter(b"abc", 12, gateway="tent", recorded_at_us=1_767_477_600_000_000)]).splitlines()
    assert [line.split()[0] for line in lines] == ["OFFSET", "7", "12"]
    assert lines[2].split() == ["12", "2026-01-03", "22:00:00", "e", "http", "tent", "3", "why"]


def test_all_of_one_is_shown_with_its_bytes():
    shown = in_full(letter(b'{"chip":""}', gateway="tent", index=3, topic="race-log", partition=1, offset=4))
    for part in ("offset    7", "gateway   tent", "index     3", "record    4", '{"chip":""}'):
        assert part in shown
    assert "of which the first 1 are kept" in in_full(letter(b"x", size=10))


def test_what_is_no_text_is_shown_as_hex():
    assert readable(b"ab\xff\x00" * 5).splitlines() == [
        "00000000  61 62 ff 00 61 62 ff 00 61 62 ff 00 61 62 ff 00  ab..ab..ab..ab..",
        "00000010  61 62 ff 00                                      ab..",
    ]


@given(st.binary(max_size=300), st.text(max_size=100))
def test_nothing_shown_can_act_on_a_terminal(raw, text):
    shown = readable(raw) + plain(text) + in_full(letter(raw, reason=text, gateway=text)) + table([letter(reason=text)])
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_text_for_a_terminal_is_one_line_with_its_control_characters_named():
    assert plain("a\x1b[2J\nb\u202eä") == "a\\x1b[2J\\nb\\u202eä"


# --- read again


def test_a_body_is_read_again_whole():
    again = read_again(letter(msgspec.json.encode(push(wire(1), wire(2, chip="")))), [])
    assert again.reads == [ReadsAgain("g", "s", [ReadRow(1, "S1", "A1", 1_767_477_600_000_000)])]
    assert len(again.bad) == 1
    assert read_again(letter(msgspec.msgpack.encode(push(wire(1)))), []).reads == again.reads


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_one_read_is_read_again_in_a_session_of_its_own(encode):
    sent = letter(encode(wire(5, chip=" a1 ")), gateway="tent", index=3)
    expected = ReadsAgain("tent", "rejected-7", [ReadRow(5, "S1", "A1", 1_767_477_600_000_000)])
    assert read_again(sent, []) == Again([expected], [], [])


def test_a_frame_is_read_again_with_the_sources_zone_and_devices():
    again = read_again(letter(STORE, source="mylaps", gateway="tent"), [SOURCE])
    [reads] = again.reads
    assert (reads.gateway, reads.session) == ("tent", "5.0 2025-03-08")
    assert [(row.device, row.chip, row.seq) for row in reads.rows] == [("S1", "SS35073", 0x1B)]
    [reads] = read_again(letter(PASSING, source="mylaps", gateway="tent"), [SOURCE]).reads
    assert reads.session == "rejected-7"


def test_a_line_of_another_protocol_is_read_again_by_its_row_of_the_registry():
    source = Source(protocol="wiclax", event="e", gateway="tent", zone="+02:00", devices={"0A": "F1"})
    raw = b"01539;22-09-2011 02:41:30.620;0A;559;;0"
    [reads] = read_again(letter(raw, source="wiclax", gateway="tent"), [source]).reads
    assert (reads.gateway, reads.session) == ("tent", "rejected-7")
    assert [(row.device, row.chip, row.at_us) for row in reads.rows] == [("F1", "01539", 1_316_652_090_620_000)]


GAP_LOCAL = datetime(2026, 3, 8, 2, 30, 0, 500_000)  # clocks of New York went forward over it
GAP_US = int(GAP_LOCAL.replace(tzinfo=UTC).timestamp() * 1e6)
UNSET_CLOCK = b"\x8d" + bytes(11) + b"\7" + b"\x83" + (500_000).to_bytes(8, "big")
IPICO = "0005800012860800012603080230" + "0032"
P3_FIELDS = {1: b"\1\0\0\0", 3: b"\1\0\0\0", 4: GAP_US.to_bytes(8, "little"), 10: b"FL-94890", 0x81: b"\x13\x18\4\0"}
P3_PASSING = p3_frames.encode(p3_frames.PASSING, P3_FIELDS)
UNDATED: dict[str, tuple[bytes, str, str, str]] = {
    "mylaps": (b"Start@Passing@c=A1|d=260308|t=02:30:00.500@7@$", "Start", "A1", ""),
    "raceresult": (b"#P;1;33;2026-03-08;02:30:00.500;0;12;-68", "Finish", "33", "Finish"),
    "raceresult_http": (b"1;33;2026-03-08;02:30:00.500;0;12;-68;0;;;0;;;;;;;;", "D-5012", "33", "D-5012"),
    "chronotrack": (b"CT01_33~1~start~9478~2026-03-08T02:30:00.50~0~0F2A38~1", "start", "9478", ""),
    "ipico": (f"aa{IPICO}{lrc(IPICO)}".encode(), "00", "058000128608", ""),
    "ultra": (
        f"0,11055,{int((GAP_LOCAL - datetime(1980, 1, 1)).total_seconds())},500,1,-71,0,1,1,0,0,9".encode(),
        "1",
        "11055",
        "",
    ),
    "wiclax": (b"01539;08-03-2026 02:30:00.500;0A;559;;0", "0A", "01539", ""),
    "jchip": (b"DJ413A35 02:30:00.500 10  00000      C7 date=20260308", "finish", "413A35", "finish"),
    "p3": (P3_PASSING, "268307", "FL-94890", ""),
    "llrp": (UNSET_CLOCK, "tent", bytes(11).hex() + "07", ""),
}
"""What a reader of each protocol sent that its source's settings do not date: its bytes, its place, its chip, and the
place as the dead letter has it where the bytes do not."""


def test_only_readers_that_send_instants_have_nothing_to_date():
    instants = {protocol.name for protocol in PROTOCOLS.values() if not protocol.has_zone}
    assert PROTOCOLS.keys() - UNDATED.keys() == instants - {"llrp"}


@pytest.mark.parametrize("protocol", UNDATED)
def test_a_dead_letter_of_every_protocol_is_replayed_once_the_settings_are_right(protocol: str):
    raw, where, chip, place = UNDATED[protocol]
    devices = {where: "F1"}
    wrong: dict[str, Any] = {} if protocol == "llrp" else {"zone": "America/New_York"}
    right: dict[str, Any] = {"options": {"began": datetime(2026, 3, 8, 2, 30)}} if protocol == "llrp" else {}
    sent = letter(raw, source=protocol, gateway="tent", where=place or None)
    refused = Source(protocol=protocol, event="e", gateway="tent", devices=devices, **wrong)
    with pytest.raises(StillUnreadable):
        read_again(sent, [refused])
    [reads] = read_again(sent, [Source(protocol=protocol, event="e", gateway="tent", devices=devices, **right)]).reads
    assert [(row.device, row.chip, row.at_us) for row in reads.rows] == [("F1", chip, GAP_US)]


def test_a_marker_is_read_again_as_the_notice_that_it_was():
    [notice] = read_again(letter(MARKER, source="mylaps", gateway="tent"), [SOURCE]).notices
    assert (notice.kind, notice.gateway, notice.event) == ("ext-gun", "tent", "e")
    assert read_again(letter(MARKER, 8, source="mylaps", gateway="tent"), [SOURCE]).notices[0].id == notice.id


@pytest.mark.parametrize(
    ("unreadable", "reason"),
    [
        (letter(b"{"), "as JSON"),
        (letter(b"{}", index=0), "gateway"),
        (letter(b"{}", index=0, gateway="g"), "seq"),
        (letter(msgspec.json.encode(wire(chip="")), index=0, gateway="g"), "chip"),
        (letter(b"x", size=9), "only the first 1"),
        (letter(b"x", source="scoring"), "scoring"),
        (letter(b"x", source="ultra"), "ultra"),
        (letter(STORE, source="mylaps", gateway="other"), "no mylaps source"),
        (letter(STORE, source="mylaps", gateway="tent", event="f"), "no mylaps source"),
        (letter(b"Start@Store@" + b"F" * 47 + b"@3@$", source="mylaps", gateway="tent"), "47 bytes"),
        (letter(b"GET / HTTP/1.1$", source="mylaps", gateway="tent"), "not a message"),
        (letter(b"Start@Ping@$", source="mylaps", gateway="tent"), "neither a read nor a notice"),
        (letter(b"x" * 300_000, source="mylaps", gateway="tent"), "frame"),
    ],
)
def test_what_still_cannot_be_read_says_why(unreadable, reason):
    with pytest.raises(StillUnreadable, match=reason):
        read_again(unreadable, [SOURCE])


@given(st.binary(max_size=200), st.sampled_from(["http", "mylaps"]), st.none() | st.just(0))
def test_no_bytes_raise_anything_else(raw, source, index):
    try:
        again = read_again(letter(raw, source=source, gateway="tent", index=index), [SOURCE])
    except StillUnreadable:
        return
    assert isinstance(again, Again)


async def test_a_record_rejected_for_a_wrong_zone_is_read_again_when_the_zone_is_right(tmp_path):
    """The hour was skipped by a clock change: the reader is set to another zone than the source says."""
    race_log = MemoryLog()
    wrong = msgspec.structs.replace(SOURCE, zone="Europe/Berlin", address="127.0.0.1:0")
    listener = await start_reader(wrong, context(race_log, tmp_path))
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    record = v1_record("SS3507302:30:00.000 5 01 13001B260329")
    writer.write(b"Start@Store@" + record + b"@1@$")
    assert await reader.readuntil(b"$") == b"Matline@AckStore@1@$"
    writer.close()
    await listener.close()
    [rejection] = race_log.dead_letters
    with pytest.raises(StillUnreadable, match="did not occur"):
        read_again(DeadLetter(0, rejection), [wrong])
    [reads] = read_again(DeadLetter(0, rejection), [SOURCE]).reads
    assert [(row.device, row.chip, row.at_us) for row in reads.rows] == [("S1", "SS35073", 1_774_737_000_000_000)]
