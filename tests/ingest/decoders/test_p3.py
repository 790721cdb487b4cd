"""P3: frames of public captures, numbers and gaps, time by UTC or the local clock, and damaged frames."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Unreadable,
)
from services.ingest.decoders.p3 import (
    CODE,
    DECODER,
    FROM,
    NUMBER,
    NUMBER_MAX,
    P3,
    PROTOCOL,
    QUIET_S,
    RESENT_AT_ONCE,
    RTC_TIME,
    STRENGTH,
    TRANSPONDER,
    TRIES,
    UNTIL,
    UTC_TIME,
    Passing,
    passing_of,
)
from services.ingest.decoders.p3_frames import ERROR, FRAME_MAX_BYTES, PASSING, RESEND, Frame, Frames, decode, encode
from services.ingest.decoders.protocol import ReaderSettings

CAPTURED = bytes.fromhex(
    "8e02330053c800000100010451680200030473d75600040888f2fab51e8305000502b20006023400080200008104131804008f"
)
STATUS = bytes.fromhex("8e021f00f3890000020001022800070216000c01760601008104131804008f")
START_US = int(datetime(2019, 3, 2, 16, 6, 48, 933_000, UTC).timestamp() * 1e6)
START = Now(START_US, 100.0)


def fields(number: int, second: int = 0, **more: bytes) -> dict[int, bytes]:
    return {
        NUMBER: number.to_bytes(4, "little"),
        TRANSPONDER: (5_691_251).to_bytes(4, "little"),
        RTC_TIME: (START_US + second * 1_000_000).to_bytes(8, "little"),
        DECODER: (268_307).to_bytes(4, "little"),
    }


def passing(number: int, second: int | None = None) -> bytes:
    return encode(PASSING, fields(number, number if second is None else second))


def later(seconds: float) -> Now:
    return Now(START.wall_us + round(seconds * 1e6), START.steady_s + seconds)


def reader(known: int = 0, fetches: bool = True) -> P3:
    check = f"{START_US + known * 1_000_000} 5691251"
    made = P3(UTC, {"268307": Position("1", known, check)} if known else {}, fetches)
    made.begin(START)
    return made


def asked(made: P3) -> list[tuple[int | None, int | None]]:
    requests = [decode(piece) for piece in Frames().feed(made.take())]
    assert all(request.kind == RESEND for request in requests)
    return [(request.number(FROM), request.number(UNTIL)) for request in requests]


def numbers(messages: list[Message]) -> list[int]:
    return [read.seq for read in messages if isinstance(read, DecodedRead)]


def position(messages: list[Message]) -> int:
    return [message.position.number for message in messages if isinstance(message, CursorAdvanced)][-1]


def test_the_captured_passing_is_read_by_utc_or_by_the_local_clock():
    frame = decode(CAPTURED)
    expected = Passing("268307", 157_777, "5691251", START_US, 178.0, None)
    assert passing_of(frame, UTC) == expected
    local = passing_of(frame, ZoneInfo("Europe/Amsterdam"))
    assert local.at_us == START_US - 3600 * 1_000_000


def test_a_frame_is_written_as_it_was_captured():
    frame = decode(CAPTURED)
    assert encode(frame.kind, frame.fields) == CAPTURED
    assert decode(STATUS).kind == 2


def test_a_text_names_the_transponder_and_utc_holds_over_the_clock():
    utc_us = START_US - 3_600_000_000 + 250
    more = {CODE: b"FL-94890", UTC_TIME: utc_us.to_bytes(8, "little"), STRENGTH: b"\x8d\x00"}
    frame = decode(encode(PASSING, {**fields(8841), **more}))
    assert passing_of(frame, timezone(timedelta(hours=1))) == Passing("268307", 8841, "FL-94890", utc_us, 141.0, 250)


@pytest.mark.parametrize("tag", [NUMBER, TRANSPONDER, RTC_TIME, STRENGTH, UTC_TIME, DECODER])
def test_a_frame_whose_number_is_too_long_is_a_dead_letter_and_the_next_one_is_read(tag):
    bad = encode(PASSING, {**fields(700), tag: b"\1" * 200})
    messages = reader().feed(bad + passing(701), START)
    assert [message.raw for message in messages if isinstance(message, Unreadable)] == [bad]
    assert numbers(messages) == [701]


def test_a_gate_beacon_is_a_notice():
    gate = {**fields(8855), TRANSPONDER: (9992).to_bytes(4, "little")}
    [notice, _] = reader().feed(encode(PASSING, gate), START)
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.at_us) == ("gate", START_US)


def test_a_new_decoder_is_taken_from_its_first_passing_on():
    made = reader()
    assert asked(made) == []
    messages = made.feed(STATUS + passing(700) + passing(701), START)
    assert (numbers(messages), position(messages), made.missing) == ([700, 701], 701, 0)


def test_a_connection_that_continues_asks_from_the_last_known_number_on():
    made = reader(known=7)
    assert asked(made) == [(7, NUMBER_MAX)]
    messages = made.feed(passing(7) + passing(8) + passing(9), START)
    assert (numbers(messages), position(messages)) == ([8, 9], 9)


def test_a_gap_is_asked_for_and_the_cursor_waits_for_it():
    made = reader()
    made.feed(passing(1), START)
    messages = made.feed(passing(5), START)
    assert asked(made) == [(2, 4)]
    assert not [message for message in messages if isinstance(message, CursorAdvanced)]
    messages = made.feed(passing(2) + passing(3) + passing(4), START)
    assert (position(messages), made.missing) == (5, 0)
    assert made.tick(later(100)) == []
    assert asked(made) == []


def test_a_long_gap_is_asked_for_in_parts():
    made = reader()
    made.feed(passing(1) + passing(5_000), START)
    assert asked(made) == [(2, RESENT_AT_ONCE + 1)]


def test_numbers_that_do_not_come_are_given_up_with_a_notice_though_live_ones_come():
    made = reader()
    made.feed(passing(1) + passing(4), START)
    notices = []
    for step in range(1, TRIES + 1):
        assert asked(made) == [(2, 3)]
        made.feed(passing(4 + step), later(step * QUIET_S - 1))
        notices += [message for message in made.tick(later(step * QUIET_S)) if isinstance(message, Notice)]
    assert [notice.kind for notice in notices] == ["gap"]
    assert made.missing == 0


def test_a_decoder_that_takes_no_open_range_is_asked_for_the_gap_once_it_shows():
    made = reader(known=7)
    asked(made)
    [notice] = made.feed(encode(ERROR, {1: b"\5\0"}), START)
    assert isinstance(notice, Notice)
    assert notice.text == "error 5: fields missing"
    made.feed(passing(10), START)
    assert asked(made) == [(8, 9)]


def test_a_log_that_was_cleared_begins_a_new_session():
    made = reader(known=7)
    asked(made)
    first, *rest = made.feed(passing(2, second=50), START)
    assert isinstance(first, Notice)
    assert first.kind == "restarted"
    [read] = [message for message in rest if isinstance(message, DecodedRead)]
    assert read.session == "p3 268307 epoch 2"
    assert asked(made) == [(1, 1)]


def test_another_passing_with_a_known_number_shows_a_cleared_log():
    first, *_ = reader(known=7).feed(passing(7, second=99), START)
    assert isinstance(first, Notice)


def test_who_only_watches_asks_for_nothing():
    made = reader(known=7, fetches=False)
    made.feed(passing(9), START)
    assert asked(made) == []


@pytest.mark.parametrize(
    "damage",
    [
        CAPTURED.replace(b"\x51", b"\x52"),
        CAPTURED[:-5] + CAPTURED[-1:],
        CAPTURED[:20] + b"\x8d" + CAPTURED[20:],
        b"noise\x8f",
        b"\x8e\x8f",
        encode(PASSING, {NUMBER: b"\1\0\0\0"}),
        encode(PASSING, {**fields(0)}),
        encode(PASSING, {**fields(3), CODE: b"\x07"}),
        encode(PASSING, {**fields(3), RTC_TIME: b"\xff" * 8}),
    ],
)
def test_a_damaged_frame_is_a_dead_letter_and_the_next_one_is_read(damage):
    bad, *good = reader().feed(damage + CAPTURED, START)
    assert isinstance(bad, Unreadable)
    assert numbers(good) == [157_777]


def test_a_frame_without_an_end_breaks_the_connection():
    with pytest.raises(ConnectionFault):
        reader().feed(b"\x8e" + b"\0" * FRAME_MAX_BYTES, START)


@given(st.lists(st.integers(0, 300), max_size=8))
def test_bytes_in_any_portions_give_the_same_reads(cuts):
    data = STATUS + passing(1) + passing(2) + b"\r\n" + passing(3)
    made, messages, start = reader(), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        messages += made.feed(data[start:cut], START)
        start = max(start, cut)
    assert numbers(messages) == [1, 2, 3]


@given(st.integers(0, 0xFFFF), st.dictionaries(st.integers(0, 255), st.binary(max_size=20), max_size=6))
def test_every_frame_comes_back_as_it_was(kind, values):
    [piece] = Frames().feed(encode(kind, values))
    assert decode(piece) == Frame(kind, values)


def test_a_dead_letter_is_read_again():
    [read] = PROTOCOL.read_again(CAPTURED, ReaderSettings(gateway="g"), "again")
    assert isinstance(read, DecodedRead)
    assert (read.session, read.seq, read.where) == ("again", 157_777, "268307")
    assert isinstance(PROTOCOL.read_again(b"\x8e\x8f", ReaderSettings(gateway="g"), "again")[0], Unreadable)
