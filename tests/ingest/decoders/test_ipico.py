"""IPICO and Trident: frames to reads, with the vectors of the manuals and of recorded traffic."""

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.ipico import (
    ASK_CLOCK,
    ASK_EVERY_S,
    IpicoReader,
    Read,
    command,
    decode_line,
    lrc,
    replay_command,
    replayed,
)
from services.ingest.decoders.messages import (
    LINE_MAX_BYTES,
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Unreadable,
)
from services.ingest.decoders.reader_state import ReaderStateNotices

NOW = Now(1_772_800_000_000_000, 0.0)
CAPTURED = b"aa0005800012860800012603062027472353"
FIRST_SEEN = b"aa400000000123450a2a01123018455927a7FS"
WITH_STATUS = b"aa00058000123b3200012603081222022f060080cd"
FSLS_SESSION = b"aa00058000120e38000e26030713560136b0"
TRIGGER = b"ab000a2c260306052004151b2782ae"
TRIDENT = b"aaA1058000123b3200012603081222022f00FS3c"
LINES = [CAPTURED, FIRST_SEEN, WITH_STATUS, FSLS_SESSION, TRIGGER, TRIDENT]


def us(*parts: Any) -> int:
    return int(datetime(*parts).replace(tzinfo=UTC).timestamp() * 1_000_000)


def reader(**given) -> IpicoReader:
    made = IpicoReader(UTC, ReaderStateNotices(), **given)
    made.begin(NOW)
    return made


def messages_of(data: bytes, **given) -> list[Message]:
    return reader(**given).feed(data, NOW)


def seen_in(messages: list[Message]) -> list[tuple[str, int]]:
    return [(message.chip, message.at_us) for message in messages if isinstance(message, DecodedRead)]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (CAPTURED, Read("058000128608", us(2026, 3, 6, 20, 27, 47, 350_000), "00")),
        (FIRST_SEEN, Read("000000012345", us(2001, 12, 30, 18, 45, 59, 390_000), "40", kind="FS")),
        (WITH_STATUS, Read("058000123B32", us(2026, 3, 8, 12, 22, 2, 470_000), "00", kind="FS")),
        (FSLS_SESSION, Read("058000120E38", us(2026, 3, 7, 13, 56, 1, 540_000), "00")),
        (TRIDENT, Read("058000123B32", us(2026, 3, 8, 12, 22, 2, 470_000), "A", 1, 60.0, "FS")),
    ],
)
def test_vectors_decode_to_their_reads(line, read):
    assert decode_line(line, UTC) == read


def test_hundredths_are_hex_and_refused_over_99():
    def at(hundredths: str) -> Any:
        text = "0005800012860800012603062027" + "47" + hundredths
        return decode_line(f"aa{text}{lrc(text)}".encode(), UTC)

    assert at("63").at_us == us(2026, 3, 6, 20, 27, 47, 990_000)
    assert at("10").at_us == us(2026, 3, 6, 20, 27, 47, 160_000)
    assert "64 (hex) hundredths" in at("64").reason


def test_the_trigger_is_a_notice_with_its_instant():
    assert messages_of(TRIGGER + b"\r\n") == [
        Notice("00", "trigger", us(2026, 3, 6, 20, 4, 15, 270_000), TRIGGER.decode())
    ]


def test_local_time_is_read_in_the_zone_of_the_source():
    there = decode_line(CAPTURED, timezone(timedelta(hours=7)))
    assert there.at_us == us(2026, 3, 6, 13, 27, 47, 350_000)


@pytest.mark.parametrize("line", [CAPTURED, FIRST_SEEN, WITH_STATUS, FSLS_SESSION])
def test_a_changed_character_is_never_a_read(line):
    """Every place and every other hex digit: an additive checksum detects any single change."""
    end = 36 if line in (CAPTURED, FSLS_SESSION, FIRST_SEEN) else 42
    for index in range(2, end):
        for digit in b"0123456789abcdef":
            if digit != line[index]:
                changed = line[:index] + bytes([digit]) + line[index + 1 :]
                assert isinstance(decode_line(changed, UTC), Unreadable), changed


@pytest.mark.parametrize("length", range(1, 46))
def test_a_frame_cut_short_or_run_together_is_no_read(length):
    frame = (WITH_STATUS + CAPTURED)[:length]
    assert isinstance(decode_line(frame, UTC), Read) == (length == len(WITH_STATUS))


def test_a_bad_frame_keeps_its_bytes_and_reason_and_the_next_is_read():
    broken = CAPTURED[:-1] + b"4"
    messages = messages_of(broken + b"\r\n" + FIRST_SEEN + b"\r\n")
    assert messages[0] == Unreadable(broken, "checksum '54' is wrong; the frame's characters give 53")
    assert seen_in(messages) == [("000000012345", us(2001, 12, 30, 18, 45, 59, 390_000))]


def test_a_date_that_does_not_exist_is_unreadable():
    text = CAPTURED.decode().replace("260306", "260231")[2:-2]
    assert "day" in decode_line(f"aa{text}{lrc(text)}".encode(), UTC).reason


def test_splitting_the_stream_does_not_change_the_reads():
    data = b"\r\n".join(LINES) + b"\r\n"
    unsplit = [message for message in messages_of(data) if not isinstance(message, CursorAdvanced)]
    assert len(unsplit) == len(LINES) + 2  # of two lines the clock went back
    for index in range(len(data)):
        parts = reader()
        split = parts.feed(data[:index], NOW) + parts.feed(data[index:], NOW)
        assert [message for message in split if not isinstance(message, CursorAdvanced)] == unsplit
    bytewise = reader()
    single = [message for index in range(len(data)) for message in bytewise.feed(data[index : index + 1], NOW)]
    assert [message for message in single if not isinstance(message, CursorAdvanced)] == unsplit


def test_nul_cr_and_lf_between_frames_are_ignored():
    assert seen_in(messages_of(b"\0\r\n\n\r" + CAPTURED + b"\n\0\0" + WITH_STATUS + b"\r")) == seen_in(
        messages_of(CAPTURED + b"\r\n" + WITH_STATUS + b"\r\n")
    )


def test_a_line_that_will_not_end_ends_the_connection_but_not_the_reads_before_it():
    connection = reader()
    assert len(seen_in(connection.feed(CAPTURED + b"\r\n" + b"a" * (LINE_MAX_BYTES + 1), NOW))) == 1
    with pytest.raises(ConnectionFault):
        connection.feed(b"a", NOW)


def test_reads_are_numbered_within_their_connection():
    messages = messages_of((CAPTURED + b"\r\n") * 3)
    reads = [message for message in messages if isinstance(message, DecodedRead)]
    assert [read.seq for read in reads] == [0, 1, 2]
    assert {read.session for read in reads} == {"stream 2026-03-06T12:26:40.000000Z"}
    assert {(read.where, read.antenna) for read in reads} == {("00", None)}


def test_the_cursor_advances_after_reads_unless_stored_ones_are_being_fetched():
    at_us = us(2026, 3, 8, 12, 22, 2, 470_000)
    data = CAPTURED + b"\r\n" + WITH_STATUS + b"\r\n"
    assert messages_of(data)[-1] == CursorAdvanced("stream", Position("", at_us))
    fetching = reader(replaying=True)
    assert not [message for message in fetching.feed(data, NOW) if isinstance(message, CursorAdvanced)]
    assert fetching.last_us == at_us
    fetching.replaying = False
    assert isinstance(fetching.feed(FSLS_SESSION + b"\r\n", NOW)[-1], CursorAdvanced)


def test_a_clock_that_went_back_by_a_day_is_noticed_a_late_repetition_is_not():
    def at(clock: str, count: str = "0001") -> bytes:
        text = f"00058000128608{count}260306{clock}23"
        return f"aa{text}{lrc(text)}\r\n".encode()

    late = messages_of(at("202747") + at("202752") + at("202747", "0002"))
    assert not [message for message in late if isinstance(message, Notice)]
    [jump] = [message for message in messages_of(at("202747") + at("101010")) if isinstance(message, Notice)]
    assert (jump.kind, jump.text) == ("clock_jump", "the reader's clock went back by 37057.00 s")


def test_a_lite_is_asked_for_its_clock_and_noticed_once_when_it_is_off():
    lite = reader(lite=True)
    lite.tick(Now(NOW.wall_us, 1.0))
    assert lite.take() == ASK_CLOCK == b"ab00000222\r\n"
    lite.tick(Now(NOW.wall_us, 2.0))
    assert lite.take() == b""
    lite.tick(Now(NOW.wall_us, 1.0 + ASK_EVERY_S))
    assert lite.take() == ASK_CLOCK
    answer = b"ab000902260306051855443727cf\r\n"
    now = Now(us(2026, 3, 6, 18, 55, 40), 2.0)
    [notice] = lite.feed(answer, now)
    assert (notice.kind, notice.text) == ("clock", "the reader's clock is off by +5 s")
    assert lite.feed(answer, now) == []
    assert reader().silence_s > 1e9 > lite.silence_s


def test_other_readers_are_sent_nothing():
    silent = reader()
    silent.tick(NOW)
    assert silent.take() == b""


def test_commands_are_as_in_the_manual():
    assert command(0x4B, query=True) == b"ab00ff4bc2\r\n"
    assert command(0x09, b"\3\5\7") == b"ab0003090305075b\r\n"


def test_acknowledgements_and_banners_are_no_messages_errors_are():
    assert messages_of(b"ab00000121\r\nARM9 Controller (STK Lite) v1.4 (RWXLF)\r\nab00034bd00059bb\r\n") == []
    assert messages_of(b"ab0000f258\r\n") == [Notice("00", "error", None, "unknown instruction (ab0000f258)")]


def clock_frame(behind_us: int) -> bytes:
    """A Lite's answer to the question for its clock, which is behind ours by so much."""
    shown = datetime.fromtimestamp((NOW.wall_us - behind_us) / 1e6, UTC)
    data = f"{shown:%y%m%d}05{shown:%H%M%S}{shown.microsecond // 10_000:02x}00"
    text = f"00{len(data) // 2:02x}02{data}"
    return f"ab{text}{lrc(text)}\r\n".encode()


def test_a_stable_clock_that_is_off_is_noticed_once_whatever_its_answers_take():
    connection = reader(lite=True)
    jitter_us = [10_000 * (nth % 5) for nth in range(40)]
    said = [notice for late_us in jitter_us for notice in connection.feed(clock_frame(10_480_000 + late_us), NOW)]
    assert [notice.text for notice in said] == ["the reader's clock is off by -10 s"]
    [moved] = connection.feed(clock_frame(13_000_000), NOW)
    assert moved.text == "the reader's clock is off by -13 s"
    assert connection.feed(clock_frame(500_000), NOW) == [], "it was set right"
    [again] = connection.feed(clock_frame(13_000_000), NOW)
    assert again.kind == "clock"


def test_a_source_without_a_model_says_once_that_nothing_is_replayed():
    notices = ReaderStateNotices()
    said = []
    for _ in range(2):
        connection = IpicoReader(UTC, notices, model=False)
        connection.begin(NOW)
        said += [message.kind for message in connection.feed(CAPTURED + b"\r\n", NOW) if isinstance(message, Notice)]
    assert said == ["model"]


def test_a_replay_is_asked_for_from_a_minute_before_by_the_readers_clock():
    vietnam = timezone(timedelta(hours=7))
    since = us(2026, 3, 6, 13, 27, 47, 350_000)
    assert replay_command(10300, since, vietnam) == b"replay_start file.ttyS0 port.10300 datetime.260306202647\n"
    assert replay_command(10300, None, vietnam) == b"replay_start file.ttyS0 port.10300\n"


def test_replayed_lines_are_numbered_on_and_bad_ones_are_unreadable():
    messages = replayed([CAPTURED, b"ab00000121", CAPTURED[:-1] + b"0", WITH_STATUS], UTC, "replay", 7)
    assert [message.seq if isinstance(message, DecodedRead) else message.raw for message in messages] == [
        7,
        CAPTURED[:-1] + b"0",
        8,
    ]


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from([line + b"\r\n" for line in LINES]), max_size=20), st.randoms()
)
def test_any_bytes_give_messages_or_a_reader_fault(pieces, rng):
    connection = reader(lite=True)
    try:
        for piece in pieces:
            cut = rng.randrange(len(piece) + 1)
            for part in (piece[:cut], piece[cut:]):
                for message in connection.feed(part, NOW):
                    assert isinstance(message, DecodedRead | Notice | Unreadable | CursorAdvanced)
            connection.tick(NOW)
    except ConnectionFault:
        pass
    assert len(connection._rest) <= LINE_MAX_BYTES + 200


def test_frames_with_flipped_bits_give_no_read_that_was_not_sent():
    """Two changes can cancel out in an additive checksum; one cannot. Seeded: 4,000 frames with one flipped bit."""
    rng = random.Random(20260306)
    for _ in range(4_000):
        line = bytearray(rng.choice([CAPTURED, WITH_STATUS, FSLS_SESSION]))
        line[rng.randrange(2, len(line))] ^= 1 << rng.randrange(8)
        assert not isinstance(decode_line(bytes(line), UTC), Read), bytes(line)
