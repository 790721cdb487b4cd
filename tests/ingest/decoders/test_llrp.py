"""LLRP: messages to reads and alarms, and the requests that make a reader read."""

import contextlib
import math
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders import llrp_messages as llrp
from services.ingest.decoders.llrp import ANSWER_S, SETUP_AGAIN_S, LlrpReader
from services.ingest.decoders.llrp_messages import MESSAGE_MAX_BYTES, ROSPEC_ID, Decoder, parameters
from services.ingest.decoders.messages import ConnectionFault, DecodedRead, Message, Notice, Now, Unreadable
from services.ingest.decoders.reader_state import ReaderStateNotices

REPORT = bytes.fromhex("043d0000002c4095892f00f000228d3005fb63ac1f3841ec88046781000186ce820004ec2ea8354c09880001")
CONNECTED = bytes.fromhex("043f000000200ab288c900f600160080000c0004f8535baadaff010000060000")
CONNECTED_US = int(datetime(2014, 5, 1, 9, 33, 30, 740_479, tzinfo=UTC).timestamp() * 1e6)
NOW = Now(CONNECTED_US, 100.0)


def reader() -> LlrpReader:
    made = LlrpReader("finish", ReaderStateNotices())
    made.begin(NOW)
    return made


def message(kind: int, body: bytes = b"", number: int = 5) -> bytes:
    return struct.pack(">HII", 1 << 10 | kind, 10 + len(body), number) + body


def tlv(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(body)) + body


def answer(kind: int, status: int = 0, more: bytes = b"", text: bytes = b"", number: int | None = None) -> bytes:
    """The answer to a request, with the number that the request normally has."""
    number = 1 + [11, 13, 36, 31, 30, 34, 32].index(kind) if number is None else number
    return message(kind, tlv(287, struct.pack(">HH", status, len(text)) + text) + more, number)


def report(*tags: bytes) -> bytes:
    return message(61, b"".join(tlv(240, tag) for tag in tags))


def event(*parts: bytes) -> bytes:
    return message(63, tlv(246, tlv(128, struct.pack(">Q", CONNECTED_US)) + b"".join(parts)))


def tag(code: bytes, first: int | None, last: int | None = None, count: int = 1) -> bytes:
    parts = b"\x8d" + code if len(code) == 12 else tlv(241, struct.pack(">H", 8 * len(code)) + code)
    if first is not None:
        parts += b"\x82" + struct.pack(">Q", first)
    if last is not None:
        parts += b"\x84" + struct.pack(">Q", last)
    return parts + b"\x88" + struct.pack(">H", count)


def requests(data: bytes) -> list[int]:
    """The types of the complete messages in the bytes sent."""
    kinds = []
    while data:
        head, length = struct.unpack_from(">HI", data)
        assert head >> 10 == 1
        assert length <= len(data)
        kinds.append(head & 0x3FF)
        data = data[length:]
    return kinds


def ready(holds: bool = False, rospecs: bytes = b"") -> LlrpReader:
    """A reader past its settings and the list of ROSpecs."""
    made = reader()
    made.feed(CONNECTED, NOW)
    made.feed(answer(11, more=tlv(142, bytes([0x08 if holds else 0]) + bytes(27))) + answer(13), NOW)
    made.take()
    made.feed(answer(36, more=rospecs), NOW)
    return made


def test_the_tag_report_decodes_to_its_values():
    assert reader().feed(REPORT, NOW) == [
        DecodedRead(
            "reports 2014-05-01T09:33:30.740479Z",
            0,
            "finish",
            "3005FB63AC1F3841EC880467",
            1_385_585_041_558_537,
            antenna=1,
            rssi=-50.0,
        )
    ]


def test_the_connect_event_tells_the_readers_time_and_is_answered_by_the_first_request():
    assert Decoder().feed(CONNECTED) == [llrp.Attempt(0, CONNECTED_US)]
    connection = reader()
    assert connection.take() == b""  # nothing is sent before it
    assert connection.feed(CONNECTED, NOW) == []
    assert requests(connection.take()) == [llrp.GET_READER_CAPABILITIES]


@pytest.mark.parametrize("data", [REPORT, CONNECTED, REPORT + CONNECTED + message(62) + REPORT])
def test_splitting_the_stream_does_not_change_the_messages(data):
    unsplit = Decoder().feed(data)
    for index in range(len(data)):
        decoder = Decoder()
        assert decoder.feed(data[:index]) + decoder.feed(data[index:]) == unsplit
    decoder = Decoder()
    assert [message for index in range(len(data)) for message in decoder.feed(data[index : index + 1])] == unsplit


def test_a_code_of_another_length_is_read_and_of_one_longer_than_a_chip_its_end():
    connection = reader()
    short, long = bytes.fromhex("e2003412"), bytes.fromhex("e280" + "01" * 16)
    messages = connection.feed(report(tag(short, 5), tag(long, 6), tag(long, 8), tag(bytes(16), 7)), NOW)
    chips = [message.chip for message in messages if isinstance(message, DecodedRead)]
    assert chips == ["E2003412", "01" * 16, "01" * 16, "0" * 32]
    [notice] = [message for message in messages if isinstance(message, Notice)]
    assert notice.text.startswith("codes of 144 bits are longer than a chip may be: of E28001")
    assert connection.feed(report(tag(long, 9)), NOW)[1:] == [], "it is said once"


def test_a_report_with_its_last_time_alone_is_a_read_at_that_time():
    [seen] = reader().feed(report(tag(bytes(12), None, 9_000, 3)), NOW)
    assert seen.at_us == 9_000


def test_a_tag_seen_more_than_once_was_there_at_both_instants():
    messages = reader().feed(report(tag(bytes(12), 1_000, 9_000, 3), tag(bytes(12), 1_000, 9_000, 1)), NOW)
    assert [message.at_us for message in messages] == [1_000, 9_000, 1_000]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x82" + bytes(8), "a tag's report has no code"),
        (tag(bytes(12), None), "has no time"),
        (b"\x8d" + bytes(12) + b"\x83" + bytes(8), "its clock was never set"),
        (tag(bytes(12), 2**60), "not a plausible time"),
        (tlv(241, struct.pack(">H", 96) + bytes(3)), "96 bits does not fit its 3 bytes"),
        (b"\xff", "whose length is not known"),
        (b"\x8d" + bytes(5), "after the end"),
        (b"\0\xf1\0\2", "the least is 4"),
        (tag(bytes(12), 5) + tlv(6, bytes(300)), "carries a length"),  # an RSSI larger than any float
        (tag(bytes(12), 5) + tlv(1, b"\xff" * 20), "carries a length"),  # an antenna larger than the log takes
    ],
)
def test_a_report_that_cannot_be_read_becomes_a_dead_letter_and_the_next_is_read(value, reason):
    second, first = reader().feed(report(value, tag(b"\1" * 12, 7)), NOW)
    assert isinstance(first, Unreadable)
    assert reason in first.reason
    assert first.raw == value
    assert second.at_us == 7


UNSET = message(63, tlv(246, tlv(129, struct.pack(">Q", 727_250_000)) + tlv(256, b"\0\0")))  # up for 12:07.250
UPTIME_ONLY = b"\x8d" + bytes(12) + b"\x83" + struct.pack(">Q", 1_000) + b"\x85" + struct.pack(">Q", 3_000)


def test_a_reader_without_a_clock_is_read_once_somebody_says_when_it_was_started():
    [notice] = reader().feed(UNSET, NOW)
    assert (notice.kind, "`began = 2014-05-01T09:21:23.490+00:00`" in notice.text) == ("clock", True)
    assert reader().feed(report(UPTIME_ONLY), NOW)[0].reason.startswith("a tag's report has no UTC time")
    began = LlrpReader("finish", ReaderStateNotices(), began_us=CONNECTED_US - 727_250_000)
    began.begin(NOW)
    assert began.feed(UNSET, NOW) == [], "its clock is right"
    [seen, last] = began.feed(report(UPTIME_ONLY + b"\x88\0\2"), NOW)
    assert (seen.at_us, last.at_us) == (CONNECTED_US - 727_249_000, CONNECTED_US - 727_247_000)


def test_a_report_whose_parts_do_not_fill_it_is_unreadable():
    broken = message(61, tlv(240, tag(bytes(12), 7)) + b"\0\xf0\0\xff")
    [unreadable] = reader().feed(broken, NOW)
    assert unreadable.raw == broken


@pytest.mark.parametrize("data", [bytes(10), b"\x04\x3d\0\0\0\x05" + bytes(4), b"\x04\x3d\xff\xff\xff\xff" + bytes(4)])
def test_where_no_header_stands_the_connection_ends_but_not_the_reads_before_it(data):
    with pytest.raises(ConnectionFault):
        reader().feed(data, NOW)
    connection = reader()
    assert len(connection.feed(REPORT + data, NOW)) == 1
    with pytest.raises(ConnectionFault):
        connection.feed(b"", NOW)


def test_a_keepalive_is_answered_by_its_number_at_once():
    connection = reader()
    connection.feed(message(62, number=77), NOW)
    assert connection.take() == message(72, number=77)


def test_a_reader_that_cannot_hold_reports_is_set_up_from_the_beginning():
    connection = reader()
    sent = []
    for said in (CONNECTED, answer(11), answer(13), answer(36), answer(31), answer(30), answer(34), answer(32)):
        connection.feed(said, NOW)
        sent += requests(connection.take())
    assert sent == [1, 3, 26, 21, 20, 24, 22]


def test_of_a_reader_that_holds_reports_our_running_rospec_stays_and_what_was_held_is_asked_for():
    running = tlv(177, struct.pack(">IBB", ROSPEC_ID, 0, 2) + tlv(178, b""))
    assert requests(ready(True, running).take()) == [64]
    stopped = tlv(177, struct.pack(">IBB", ROSPEC_ID, 0, 0) + tlv(178, b""))
    assert requests(ready(True, stopped).take()) == [64, 21]
    others = tlv(177, struct.pack(">IBB", 1, 0, 2) + tlv(178, b""))
    assert requests(ready(True, others).take()) == [64, 21]
    assert requests(ready(False, running).take()) == [21]


def test_holding_is_asked_for_only_where_the_reader_can():
    assert dict(parameters(llrp.set_config(1, hold=True, events=True)[11:]))[226] == b"\x80"
    assert 226 not in dict(parameters(llrp.set_config(1, hold=False, events=True)[11:]))


def test_the_rospec_asks_for_every_tag_with_what_reads_need():
    [(kind, body)] = parameters(llrp.add_rospec(1)[10:])
    assert kind == 177
    assert struct.unpack_from(">IBB", body) == (ROSPEC_ID, 0, 0)
    inside = dict(parameters(body[6:]))
    assert list(inside) == [178, 183, 237]
    assert dict(parameters(inside[178])) == {179: b"\0", 182: bytes(5)}
    assert inside[183][:4] == b"\0\1\0\0"
    assert dict(parameters(inside[183][4:])) == {184: bytes(5), 186: b"\0\1\1"}
    assert inside[237][:3] == b"\1\0\1"
    assert dict(parameters(inside[237][3:])) == {238: b"\x97\x80"}


def test_settings_that_are_refused_are_tried_without_events_and_that_is_a_notice():
    connection = reader()
    connection.feed(CONNECTED + answer(11), NOW)
    connection.take()
    [notice] = connection.feed(answer(13, 101, text=b"no such event"), NOW)
    assert notice.kind == "error"
    assert "it will not report a full buffer" in notice.text
    again = connection.take()
    assert requests(again) == [3]
    assert 244 not in dict(parameters(again[11:]))
    [notice] = connection.feed(answer(13, 101, number=3), NOW)
    assert notice.text == "the reader refused its settings: 101 "
    assert (requests(connection.take()), connection.silence_s) == ([26], math.inf)


REQUESTS = [1, 3, 26, 21, 20, 24, 22]
ANSWERS = [11, 13, 36, 31, 30, 34, 32]


def refusal(kind: int, how: str, number: int) -> bytes:
    """How a reader refuses a request: by its answer, by an error message, or by silence."""
    text = struct.pack(">HH", 100, 2) + b"no"
    return {"answer": message(kind, tlv(287, text), number), "error": message(100, tlv(287, text), number)}.get(
        how, b""
    )


@pytest.mark.parametrize("how", ["answer", "error", "silence"])
@pytest.mark.parametrize("refused", ANSWERS)
def test_a_reader_that_refuses_a_request_is_asked_the_next_one_and_its_reports_are_taken(refused: int, how: str):
    connection, sent, said, now = reader(), [], [], NOW
    connection.feed(CONNECTED, NOW)
    for number in range(1, 9):
        asked = requests(connection.take())
        sent += asked
        if not asked:
            break
        kind = ANSWERS[REQUESTS.index(asked[0])]
        if kind != refused:
            said += connection.feed(answer(kind, number=number), now)
        else:
            said += connection.feed(refusal(kind, how, number), now)
            if how == "silence":
                now = Now(NOW.wall_us, now.steady_s + ANSWER_S + 0.1)
                said += connection.tick(now)
    assert list(dict.fromkeys(sent)) == REQUESTS
    assert next(notice.kind for notice in said) in ("error", f"refused {REQUESTS[ANSWERS.index(refused)]}")
    assert len(connection.feed(REPORT, now)) == 1


def test_a_reader_that_does_not_start_is_set_up_again_later_and_said_so_once():
    connection = ready()
    said: list = []
    for number, kind in ((4, 31), (5, 30), (6, 34)):
        connection.feed(answer(kind, number=number), NOW)
    said += connection.feed(answer(32, 100, text=b"busy", number=7), NOW)
    connection.take()
    assert connection.tick(Now(NOW.wall_us, NOW.steady_s + SETUP_AGAIN_S - 1)) == []
    assert connection.take() == b""
    connection.tick(Now(NOW.wall_us, NOW.steady_s + SETUP_AGAIN_S))
    assert requests(connection.take()) == [21]
    for number, kind in ((8, 31), (9, 30), (10, 34)):
        connection.feed(answer(kind, number=number), NOW)
    said += connection.feed(answer(32, 100, text=b"busy", number=11), NOW)
    assert [notice.kind for notice in said] == ["refused 22"]


@pytest.mark.parametrize("tags", [REPORT, report(tag(bytes(12), None))], ids=["dated", "undated"])
@pytest.mark.parametrize("reads_first", [True, False])
def test_a_reader_that_reports_tags_is_not_set_up_again_though_it_refused_to_start(tags: bytes, reads_first: bool):
    connection = ready()
    for number, kind in ((4, 31), (5, 30), (6, 34)):
        connection.feed(answer(kind, number=number), NOW)
    refused = answer(32, 100, text=b"busy", number=7)
    connection.feed(tags + refused if reads_first else refused + tags, NOW)
    connection.take()
    connection.tick(Now(NOW.wall_us, NOW.steady_s + SETUP_AGAIN_S))
    assert connection.take() == b""


def test_a_reader_that_does_not_announce_itself_is_asked_all_the_same():
    connection = reader()
    assert connection.tick(NOW) == []
    assert connection.take() == b""
    connection.tick(Now(NOW.wall_us, NOW.steady_s + ANSWER_S + 0.1))
    assert requests(connection.take()) == [1]


def test_an_answer_that_comes_twice_is_taken_once():
    connection = ready()
    connection.take()
    connection.feed(answer(31), NOW)
    assert requests(connection.take()) == [20]
    connection.feed(answer(31) + answer(36), NOW)
    assert connection.take() == b""


def test_a_reader_that_takes_no_connection_says_why():
    connection = reader()
    connection.feed(event(tlv(256, b"\0\2")), NOW)
    assert connection.take() == b""
    with pytest.raises(ConnectionFault, match="another client is connected"):
        connection.tick(NOW)


def test_a_connection_about_to_be_closed_gives_its_reads_first():
    connection = reader()
    assert len(connection.feed(REPORT + event(tlv(257, b"")) + REPORT, NOW)) == 2
    with pytest.raises(ConnectionFault, match="closed"):
        connection.tick(NOW)


def test_a_reader_that_reports_lost_reports_causes_an_alarm_with_its_instant():
    messages = reader().feed(event(tlv(250, b"\x5a"), tlv(251, b""), tlv(252, b"\0\4oops"), tlv(255, b"\0\0\2")), NOW)
    assert messages == [
        Notice("finish", "report_buffer_warning", CONNECTED_US, "the reader's buffer is 90 % full"),
        Notice("finish", "report_buffer_overflow", CONNECTED_US, "the reader's buffer overflowed, and reads were lost"),
        Notice("finish", "exception", CONNECTED_US, "oops"),
        Notice("finish", "antenna", CONNECTED_US, "antenna 2 disconnected"),
    ]


def test_a_clock_that_is_off_is_noticed_once():
    state = ReaderStateNotices()
    for _ in range(2):
        connection = LlrpReader("finish", state)
        connection.begin(NOW)
        messages = connection.feed(CONNECTED, Now(CONNECTED_US - 3_100_000, 0.0))
        assert [notice.text for notice in messages] in (["the reader's clock is off by +3 s"], [])
    assert messages == []


def test_an_error_message_is_noticed_and_messages_of_other_kinds_are_passed_over():
    connection = reader()
    assert [message.kind for message in connection.feed(answer(100, 109, text=b"bad", number=0), NOW)] == ["error"]
    assert connection.feed(message(1023, bytes(20)) + event(tlv(247, bytes(4))), NOW) == []


@given(st.lists(st.binary(max_size=80) | st.sampled_from([REPORT, CONNECTED, message(62)]), max_size=12))
def test_any_bytes_give_messages_or_a_reader_fault(pieces):
    connection = reader()
    try:
        for piece in pieces:
            for said in connection.feed(piece, NOW):
                assert isinstance(said, DecodedRead | Notice | Unreadable)
    except ConnectionFault:
        pass


@given(st.sampled_from([61, 63, 11, 13, 30, 36, 100, 62]), st.binary(max_size=120))
def test_any_content_of_a_complete_message_gives_messages(kind, body):
    messages: list[Message] = []
    connection = reader()
    messages += connection.feed(message(kind, body), NOW)
    assert all(isinstance(said, DecodedRead | Notice | Unreadable) for said in messages)


@given(st.integers(0, len(REPORT) - 1), st.integers(0, 7))
def test_a_flipped_bit_never_stops_the_decoder(position, bit):
    flipped = bytearray(REPORT)
    flipped[position] ^= 1 << bit
    connection = reader()
    with contextlib.suppress(ConnectionFault):
        connection.feed(bytes(flipped) + REPORT, NOW)
    assert len(connection._frames._rest) <= MESSAGE_MAX_BYTES
