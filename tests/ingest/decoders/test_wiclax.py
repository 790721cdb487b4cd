"""Wiclax's generic acquisition: the description's sample, rewinds, clocks, and bytes that nobody would send."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from services.ingest.decoders.wiclax import (
    CLOCK_EVERY_S,
    CLOCK_WAIT_S,
    GAPS_UNFILLED_MAX,
    LOG,
    QUIET_S,
    REWINDS,
    Crossing,
    WiclaxReader,
    read_crossing,
)

ZONE = timezone(timedelta(hours=2))
SAMPLE = "01539;22-09-2011 02:41:30.620;0A;559;;0"
SAMPLE_US = int(datetime(2011, 9, 22, 0, 41, 30, 620_000, UTC).timestamp() * 1e6)
AT = datetime(2026, 3, 6, 9, 0)  # by the device's clock
START = Now(int(AT.replace(tzinfo=ZONE).timestamp() * 1e6), 100.0)


def us(seconds: float) -> int:
    return START.wall_us + round(seconds * 1e6)


def line(seconds: float, chip: str = "7", rewound: bool = False, number: int | str = 1, loop: str = "0A") -> bytes:
    instant = AT + timedelta(seconds=seconds)
    fraction = f"{instant.microsecond // 1000:03d}"
    return f"{chip};{instant:%d-%m-%Y %H:%M:%S}.{fraction};{loop};{number};65;{int(rewound)}\r".encode()


def later(seconds: float) -> Now:
    return Now(us(seconds), START.steady_s + seconds)


def reader(known_s: float | None = None, fetches: bool = True) -> WiclaxReader:
    """A connection that has begun, on which the last read known is this old."""
    cursor = {} if known_s is None else {LOG: Position("", us(known_s))}
    made = WiclaxReader(ZONE, cursor, ReaderStateNotices(), fetches)
    made.begin(START)
    assert made.take() == b"HELLO\rCLOCK\r"
    return made


def caught_up() -> WiclaxReader:
    """A connection whose rewind is over."""
    made = reader()
    made.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    made.take()
    made.tick(later(QUIET_S))
    return made


def without_reads(messages: list[Message]) -> list[Message]:
    return [message for message in messages if not isinstance(message, DecodedRead)]


def test_the_sample_of_the_description_is_read():
    assert read_crossing(SAMPLE, ZONE) == Crossing("01539", SAMPLE_US, "0A", False, 559)
    assert read_crossing(SAMPLE[:-1] + "1", ZONE).rewound


def test_optional_fields_may_be_blank_or_missing():
    assert read_crossing("7;06-03-2026 09:00:00.000;;;;", ZONE) == Crossing("7", START.wall_us, "", False)
    assert read_crossing("7;06-03-2026 09:00:00", ZONE) == Crossing("7", START.wall_us, "", False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7", "1 fields"),
        (SAMPLE + ";x", "7 fields"),
        (SAMPLE[:-1] + "2", "rewind flag '2'"),
        (";22-09-2011 02:41:30.620;0A;;;0", "chip"),
        ("7;2011-09-22 02:41:30.620;0A;;;0", "dd-mm-yyyy"),
        ("7;31-02-2026 02:41:30.620;0A;;;0", "day"),
        ("7;22-09-1911 02:41:30.620;0A;;;0", "1911"),
        (f"7;22-09-2011 02:41:30.620;{'x' * 65};;;0", "up to 64"),
    ],
)
def test_what_is_not_a_read_says_why(text, reason):
    [message] = caught_up().feed(text.encode() + b"\r", START)
    assert isinstance(message, Unreadable)
    assert message.raw == text.encode()
    assert reason in message.reason


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_every_end_of_a_line_is_taken_and_a_read_may_come_in_pieces(end):
    connection = caught_up()
    data = SAMPLE.encode() + end
    seen = [message for byte in data for message in connection.feed(bytes([byte]), START)]
    assert [message for message in seen if isinstance(message, DecodedRead)] == [
        DecodedRead(connection._session, 0, "0A", "01539", SAMPLE_US)
    ]


def test_heartbeats_and_answers_say_nothing():
    assert caught_up().feed(b"*\rCLOCKOK\rREADOK\r\r", START) == []


def test_a_line_without_end_ends_the_connection():
    with pytest.raises(ConnectionFault):
        caught_up().feed(b"x" * (LINE_MAX_BYTES + 1), START)


# --- stored reads


def test_a_new_device_is_asked_for_its_last_day_by_its_own_clock():
    connection = reader()
    connection.feed(b"CLOCK 05-03-2026 21:00:00\r", START)  # twelve hours behind
    assert connection.take() == b"REWIND 04-03-2026 21:00:00 06-03-2026 21:00:00\r"


def test_without_its_clock_ours_is_taken_after_a_while():
    connection = reader()
    assert connection.tick(later(CLOCK_WAIT_S - 0.1)) == []
    assert connection.take() == b""
    connection.tick(later(CLOCK_WAIT_S))
    assert connection.take() == b"REWIND 05-03-2026 09:00:03 07-03-2026 09:00:03\r"


def test_a_known_device_is_asked_from_a_minute_before_the_last_read_on():
    connection = reader(known_s=-3600)
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    assert connection.take() == b"REWIND 06-03-2026 07:59:00 07-03-2026 09:00:00\r"


def test_a_clock_that_was_set_back_behind_the_last_read_is_asked_for_a_whole_day():
    connection = reader(known_s=3600)
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    assert connection.take() == b"REWIND 05-03-2026 09:00:00 07-03-2026 09:00:00\r"


def test_the_cursor_moves_when_the_rewind_is_over_and_then_with_every_live_read():
    connection = reader(known_s=-100)
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    stored = [line(seconds, rewound=True) for seconds in (-100, -50)]
    assert without_reads(connection.feed(b"".join([stored[0], line(-1), stored[1]]), later(1))) == []
    assert connection.tick(later(1 + QUIET_S - 0.1)) == []
    assert connection.tick(later(1 + QUIET_S)) == [CursorAdvanced(LOG, Position("", us(-1)))]
    assert without_reads(connection.feed(line(8), later(8))) == [CursorAdvanced(LOG, Position("", us(8)))]


def test_a_new_device_without_stored_reads_is_left_alone_after_one_rewind():
    connection = reader()
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    connection.take()
    assert connection.tick(later(QUIET_S)) == []
    assert connection.take() == b""


def test_a_device_that_rewinds_nothing_is_asked_again_and_noticed_once():
    connection = reader(known_s=-100)
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    said, asked = [], 0
    for turn in range(1, 2 * REWINDS):
        asked += b"REWIND" in connection.take()
        said += connection.tick(later(turn * QUIET_S))
    assert asked == REWINDS
    [notice] = said
    assert (notice.kind, notice.at_us) == ("no_rewind", us(-100))


# --- gaps in its numbers


def rewinds(connection: WiclaxReader) -> list[bytes]:
    return [command for command in connection.take().split(b"\r") if command.startswith(b"REWIND")]


def test_a_number_that_is_left_out_is_rewound_from_before_the_gap_and_only_what_is_new_is_passed_on():
    connection = caught_up()
    connection.feed(line(1, number=7) + line(2, "8", number=8), later(10))
    connection.feed(line(4, "10", number=10), later(10))
    assert connection.tick(later(11)) == []
    assert rewinds(connection) == [b"REWIND 06-03-2026 08:59:02 07-03-2026 09:00:11"]
    stored = [(2, "8", 8), (3, "9", 9), (4, "10", 10)]
    said = connection.feed(b"".join(line(at, chip, True, number) for at, chip, number in stored), later(12))
    assert [read.chip for read in said if isinstance(read, DecodedRead)] == ["9"]
    assert without_reads(said) == []  # the cursor waits for the rewind
    assert connection.tick(later(12 + QUIET_S)) == [CursorAdvanced(LOG, Position("", us(4)))]
    assert rewinds(connection) == []


@pytest.mark.parametrize(
    "numbers",
    [
        [("0A", 1), ("0B", 2), ("0A", 3), ("0A", 4), ("0B", 5)],  # of all loops together
        [("0A", 101), ("0B", 51), ("0A", 102), ("0B", 52), ("0B", 53), ("0A", 103)],  # of each loop
        [("0A", 7), ("0A", 1), ("0A", 2)],  # it was switched on again
        [("0A", 7), ("0A", 7), ("0A", 8)],
        [("0A", ""), ("0A", "x"), ("0A", 9)],
    ],
)
def test_numbers_without_a_gap_are_left_alone(numbers):
    connection = caught_up()
    for index, (loop, number) in enumerate(numbers):
        connection.feed(line(index, loop=loop, number=number), later(10))
    connection.tick(later(11))
    assert rewinds(connection) == []


def test_gaps_that_no_rewind_fills_are_noticed_and_in_the_end_not_watched():
    connection, notices, asked = caught_up(), [], 0
    for turn in range(2 * GAPS_UNFILLED_MAX):
        connection.feed(line(turn, number=10 * turn), later(10 + 2 * QUIET_S * turn))
        connection.tick(later(11 + 2 * QUIET_S * turn))
        asked += len(rewinds(connection))
        notices += connection.tick(later(11 + QUIET_S + 2 * QUIET_S * turn))
    texts = [notice.text for notice in notices if isinstance(notice, Notice) and notice.kind == "gap"]
    assert (asked, len(texts)) == (GAPS_UNFILLED_MAX, GAPS_UNFILLED_MAX)
    assert texts[0].startswith("number 1 to 9 of 0A is missing")
    assert "not watched" in texts[-1]


def test_a_test_beside_the_mat_rewinds_nothing_and_moves_no_cursor():
    connection = reader(fetches=False)
    connection.feed(b"CLOCK 06-03-2026 09:00:00\r", START)
    connection.tick(later(CLOCK_WAIT_S))
    assert connection.take() == b""
    assert without_reads(connection.feed(line(5), later(5))) == []


# --- clocks and guns


def test_the_clock_is_asked_for_again_and_one_that_is_far_off_is_noticed_once():
    connection = caught_up()
    connection.tick(later(CLOCK_EVERY_S))
    assert connection.take() == b"CLOCK\r"
    noticed = [connection.feed(f"CLOCK 06-03-2026 11:00:{second}\r".encode(), later(second)) for second in (10, 20, 30)]
    assert [[message.kind for message in messages] for messages in noticed] == [["clock_jump", "clock_off"], [], []]
    assert connection.clock_offsets_us == {"": 7_200_000_000}


def test_a_gun_is_a_notice_of_its_day_without_an_instant():
    assert caught_up().feed(b"RACESTART 23:59:59,999\r", START) == [
        Notice("", "racestart", None, "23:59:59,999, received on 2026-03-06")
    ]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise_anything_but_a_connection_fault(portions):
    connection = caught_up()
    for portion in portions:
        try:
            connection.feed(portion, START)
        except ConnectionFault:
            return
