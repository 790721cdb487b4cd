"""A Ubidium over gRPC: messages by the numbers of the public .proto files, the cursor, and what ends a connection."""

from collections.abc import Sequence
from contextlib import suppress

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.messages import (
    ConnectionFault,
    Cursor,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Unreadable,
)
from services.ingest.decoders.protocol import ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.decoders.ubidium import LOG, PROTOCOL, Ubidium
from services.ingest.decoders.ubidium_messages import fields, read_answer

AT_US = 1_767_479_467_250_000  # 2026-01-03T22:31:07.250Z
NOW = Now(AT_US, 100.0)


def varint(number: int) -> bytes:
    data = b""
    number &= 2**64 - 1
    while number >= 0x80:
        data, number = data + bytes([number % 0x80 + 0x80]), number // 0x80
    return data + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(8 * number) + varint(value)
    return varint(8 * number + 2) + varint(len(value)) + value


def time(at_us: int) -> bytes:
    return field(1, field(1, at_us // 1_000_000) + field(2, at_us % 1_000_000 * 1000)) + field(2, 25_200)


def passing(number: int = 9, file: int = 4, at: bytes | None = time(AT_US), more: bytes = b"", **tag: bytes) -> bytes:
    """A PassingResponse, of an active transponder at loop 3 unless `transponder` and `more` say otherwise."""
    transponder = tag.get("transponder", field(1, b"ZICAD30") + field(3, field(1, 12)))
    return field(
        2,
        field(1, 4_000 + number)
        + field(2, field(1, file) + field(2, number))
        + field(3, field(1, b"U-40153") + field(2, b"Finish"))
        + field(4, transponder)
        + (b"" if at is None else field(5, at))
        + field(6, 12)
        + field(7, -60)
        + (more or field(10, field(2, 3) + field(3, 1))),
    )


def status(at_us: int) -> bytes:
    return field(2, field(1, time(at_us)) + field(2, b"U-40153") + field(3, b"Finish"))


class Box:
    """The other end of a connection, which says what it is told to; `asked` is by path, without the five bytes."""

    def __init__(self, reader: Ubidium) -> None:
        self.reader = reader
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.http.initiate_connection()
        self.streams: dict[str, int] = {}
        self.asked: dict[str, list[bytes]] = {}
        self.heard()

    def heard(self) -> None:
        """Take what the reader sent."""
        for event in self.http.receive_data(self.reader.take()):
            if isinstance(event, h2.events.RequestReceived):
                path = dict(event.headers)[b":path"].decode().rpartition("/")[2]
                self.streams[path] = event.stream_id
                self.http.send_headers(
                    event.stream_id, [(":status", "200"), ("content-type", "application/grpc+proto")]
                )
            elif isinstance(event, h2.events.DataReceived):
                path = next(path for path, stream in self.streams.items() if stream == event.stream_id)
                self.asked.setdefault(path, []).append(event.data[5:])

    def bytes_of(self, path: str, messages: Sequence[bytes]) -> bytes:
        for message in messages:
            self.http.send_data(self.streams[path], b"\0" + len(message).to_bytes(4, "big") + message)
        return self.http.data_to_send()

    def says(self, *messages: bytes, path: str = "OpenPassingStream") -> list[Message]:
        said = self.reader.feed(self.bytes_of(path, messages), NOW)
        self.heard()
        return said


def begun(cursor: Cursor | None = None, fetches: bool = True) -> Box:
    reader = Ubidium(cursor or {}, ReaderStateNotices(), fetches)
    reader.begin(NOW)
    return Box(reader)


def test_a_new_box_is_asked_for_its_current_file_and_for_its_status():
    box = begun()
    assert box.asked == {
        "OpenStatusStream": [bytes.fromhex("0a06080112020 80a".replace(" ", ""))],
        "OpenPassingStream": [bytes.fromhex("0a0408022001")],
    }
    assert begun(fetches=False).asked["OpenPassingStream"] == [bytes.fromhex("0a0408012001")]


def test_a_known_box_is_asked_from_the_last_passing_on_which_is_passed_over():
    box = begun({LOG: Position("4", 9)})
    assert box.asked["OpenPassingStream"] == [bytes.fromhex("0a0812040804 10092001".replace(" ", ""))]
    read, reached = box.says(passing(9), passing(10))
    assert isinstance(read, DecodedRead)
    assert read.seq == 10
    assert reached == CursorAdvanced(LOG, Position("4", 10))


def test_a_passing_of_an_active_transponder_is_a_read_with_its_loop():
    [read, _] = begun().says(passing())
    assert read == DecodedRead("Finish file 4", 9, "Finish", "ZICAD30", AT_US, antenna=3)


def test_a_single_use_tag_is_named_by_its_set_and_a_multi_use_tag_alone():
    for order, chip in ((6692, "6692-33"), (0, "33")):
        transponder = field(1, b"33") + field(2, field(1, order))
        [read, _] = begun().says(passing(transponder=transponder, more=field(11, b"")))
        assert isinstance(read, DecodedRead)
        assert (read.chip, read.antenna, read.rssi) == (chip, None, -60.0)


def test_a_strength_or_a_number_that_no_box_measures_is_not_taken():
    damaged = field(7, -(2**62)) + field(11, b"")
    [read, _] = begun().says(passing(more=damaged))
    assert isinstance(read, DecodedRead)
    assert read.rssi is None
    [fault] = begun().says(passing(number=2**32))
    assert isinstance(fault, Unreadable)
    assert "32 bits" in fault.reason


def test_a_marker_is_a_notice_and_a_passing_without_time_a_dead_letter_that_can_be_read_again():
    [notice, _] = begun().says(passing(more=field(13, field(3, 1))))
    assert notice == Notice("Finish", "marker", AT_US, "passing 9 of file 4")
    [fault, reached] = begun().says(passing(at=None))
    assert isinstance(fault, Unreadable)
    assert "no time" in fault.reason
    assert fault.index is not None  # so that many of them do not end the connection
    assert reached == CursorAdvanced(LOG, Position("4", 9))
    [read] = PROTOCOL.read_again(passing(), ReaderSettings(gateway="g"), "s")
    assert isinstance(read, DecodedRead)
    for raw in (b"", b"\xff", fault.raw):
        assert isinstance(PROTOCOL.read_again(raw, ReaderSettings(gateway="g"), "s")[0], Unreadable)


def test_a_box_that_does_not_know_the_last_passing_is_asked_for_all_it_has_once():
    box = begun({LOG: Position("4", 9)})
    [notice] = box.says(field(1, field(1, b"not found") + field(2, 5)))
    assert isinstance(notice, Notice)
    assert notice.kind == "log_cleared"
    assert box.asked["OpenPassingStream"][1:] == [bytes.fromhex("0a0408032001")]
    with pytest.raises(ConnectionFault, match="error 5"):
        box.says(field(1, field(1, b"not found") + field(2, 5)))


def test_the_status_tells_the_clock():
    box = begun()
    assert box.says(status(AT_US + 400_000), path="OpenStatusStream") == []
    assert box.reader.clock_offsets_us == {"": 400_000}
    kinds = [notice.kind for notice in box.says(status(AT_US + 90_000_000), path="OpenStatusStream")]
    assert kinds == ["clock_jump", "clock_off"]


@pytest.mark.parametrize("at_s", [2**38, 2**62, 2**63 - 1, -(2**62)])
def test_a_clock_beyond_all_years_is_a_notice_as_it_came(at_s):
    box = begun()
    [notice] = box.says(field(2, field(1, field(1, field(1, at_s)))), path="OpenStatusStream")
    assert isinstance(notice, Notice)
    assert f"it showed {at_s * 1_000_000} microseconds since 1970" in notice.text


def test_a_box_without_a_status_is_read_all_the_same():
    box = begun()
    box.http.send_headers(
        box.streams["OpenStatusStream"], [("grpc-status", "12"), ("grpc-message", "unimplemented")], end_stream=True
    )
    [notice] = box.reader.feed(box.http.data_to_send(), NOW)
    assert isinstance(notice, Notice)
    assert notice.kind == "lacks"
    assert len(box.says(passing())) == 2
    assert box.reader.silence_s == float("inf")  # not hung up on while nobody crosses


@pytest.mark.parametrize(
    ("headers", "reason"),
    [([("grpc-status", "16"), ("grpc-message", "who are you")], "who are you"), ([("grpc-status", "7")], "code 7")],
)
def test_a_box_that_refuses_ends_the_connection_with_its_reason(headers, reason):
    box = begun()
    box.http.send_headers(box.streams["OpenPassingStream"], headers, end_stream=True)
    with pytest.raises(ConnectionFault, match=reason):
        box.reader.feed(box.http.data_to_send(), NOW)


def test_the_end_of_the_stream_waits_until_what_came_before_it_is_taken():
    box = begun()
    data = box.bytes_of("OpenPassingStream", [passing()])
    box.http.reset_stream(box.streams["OpenPassingStream"])
    assert len(box.reader.feed(data + box.http.data_to_send(), NOW)) == 2
    with pytest.raises(ConnectionFault, match="ended the stream"):
        box.reader.tick(NOW)


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_passings_come_in_any_portions(size):
    box = begun()
    data = box.bytes_of("OpenPassingStream", [passing(9), passing(10)])
    portions = [data[start : start + size] for start in range(0, len(data), size)]
    messages = [message for portion in portions for message in box.reader.feed(portion, NOW)]
    assert [message.seq for message in messages if isinstance(message, DecodedRead)] == [9, 10]


@pytest.mark.parametrize("damaged", [b"\x0b\0\1\2", b"\x12\xff", b"\x10", b"\x10" + b"\xff" * 11, b"\x19\0"])
def test_what_is_no_message_is_a_dead_letter(damaged):
    with pytest.raises(ValueError, match=r"field|number"):
        list(fields(damaged))
    [fault] = begun().says(field(2, damaged))
    assert isinstance(fault, Unreadable)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data):
    with suppress(ValueError):
        read_answer(data)
    box = begun()
    assert all(isinstance(message, Message) for message in box.says(data))


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_no_connection_raises_anything_but_a_fault(portions):
    reader = Ubidium({}, ReaderStateNotices())
    reader.begin(NOW)
    for portion in portions:
        try:
            reader.feed(portion, NOW)
        except ConnectionFault:
            return
