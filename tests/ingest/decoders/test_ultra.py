"""RFID Timing Ultra: lines, guns and heartbeats; gaps of LogIDs rewound; a log that begins again."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Notice,
    Now,
    Position,
    Unreadable,
)
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.decoders.ultra import BOXES_MAX, REWIND_END, Ultra, read_line

ZONE = timezone(timedelta(hours=7))
START = Now(1_767_477_600_000_000, 1000.0)
SAMPLE = "0,11055,1170518701,698,1,-71,0,2,1,0000000000000000,0,29319"
SECOND = 1_451_883_600  # 2026-01-03 05:00:00, local
REWIND_ALL = b"8\0\0"


def at(seconds: float) -> Now:
    return Now(START.wall_us + int(seconds * 1e6), START.steady_s + seconds)


def line(number: int, chip: str = "11055", again: int = 0, after: int = 0, antenna: int = 1, box: int = 1) -> str:
    return f"0,{chip},{SECOND + number + after},500,{antenna},-71,{again},1,{box},0000000000000000,0,{number}"


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def known(number: int, part: str = "1") -> dict[str, Position]:
    return {"1": Position(part, number, read_line(line(number), ZONE).check)}


def met(cursor: dict[str, Position] | None = None) -> Ultra:
    reader = Ultra(ZONE, cursor or {}, ReaderStateNotices())
    reader.begin(START)
    reader.feed(lines("Connected,29319", "V=25.0000"), START)
    return reader


def caught_up(through: int) -> Ultra:
    """A connection that has rewound all there was, up to `through`."""
    reader = met(known(through))
    reader.take()
    assert reader.feed(lines(line(through, again=1)), START) == []
    assert reader.tick(at(6)) == []
    return reader


def numbers(messages: list) -> list[int]:
    return [message.seq for message in messages if isinstance(message, DecodedRead)]


def test_the_recorded_read_is_read():
    read = read_line(SAMPLE, UTC)
    assert datetime.fromtimestamp(read.at_us / 1e6, UTC) == datetime(2017, 2, 2, 16, 5, 1, 698_000, UTC)
    assert (read.chip, read.rssi, read.box, read.number, read.again) == ("11055", -71.0, "1", 29319, False)
    assert read.antenna == 5, "antenna 1 of reader 2"


def test_the_time_is_of_the_zone_of_the_source():
    assert read_line(SAMPLE, UTC).at_us - read_line(SAMPLE, ZONE).at_us == 7 * 3600 * 1_000_000


def test_leading_zeros_and_hex_of_a_chip_are_kept():
    assert read_line(SAMPLE.replace("11055", "058003a1"), UTC).chip == "058003A1"


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE.removesuffix(",29319"),
        SAMPLE + ",1",
        "2" + SAMPLE[1:],
        SAMPLE.replace("1170518701", "x"),
        SAMPLE.replace("1170518701", "9999999999"),
        SAMPLE.replace("1170518701", "1"),
        SAMPLE.replace("29319", "-1"),
        SAMPLE.replace("11055", ""),
        SAMPLE.replace(",1,-71,0,", ",1,-71,7,"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ValueError):
        read_line(text, UTC)


@pytest.mark.parametrize("greeting", ["Connected,29319", "1,Connected,29319"])
def test_both_greetings_are_passed_over(greeting: str):
    assert Ultra(ZONE, {}, ReaderStateNotices()).feed(lines(greeting), START) == []


def test_a_box_that_is_new_is_asked_for_its_last_day():
    reader = met()
    assert reader.take() == b"?\nr\n"
    reader.tick(at(2))
    today = SECOND + 86_400 + 2  # our clock, in its zone: 2026-01-04 05:00:02
    assert reader.take() == REWIND_ALL + b"%d\r%d\r" % (today - 86_400, today + 86_400)


def test_a_new_boxes_last_day_is_by_its_own_clock_however_wrong_that_is():
    reader = met()
    reader.take()
    reader.feed(lines("5:00:01 3-1-2024 (0)"), at(1))
    its = SECOND + 86_400 + 1 - 732 * 86_400  # two years, one of them a leap year, and a day
    assert reader.take() == REWIND_ALL + b"%d\r%d\r" % (its - 86_400, its + 86_400)
    assert reader.feed(lines(line(905)), at(2))
    assert reader.tick(at(3)) == []
    assert reader.take() == b"", "asked once, whatever comes first: its clock, a read, or neither"


def test_a_read_before_the_clock_of_a_new_box_waits_for_it():
    reader = met()
    reader.take()
    reader.feed(lines(line(905)), at(1))
    assert reader.take() == b""
    reader.feed(lines("5:00:01 4-1-2026 (0)"), at(1))
    assert reader.take().startswith(REWIND_ALL)


def test_the_last_day_of_a_new_box_begins_its_log_for_us():
    reader = met()
    live = reader.feed(lines(line(905)), at(1))
    assert (numbers(live), live[1:]) == ([905], []), "how much is missing before it is not known yet"
    got = reader.feed(lines(*[line(n, again=1) for n in range(901, 906)]), at(2))
    assert numbers(got) == [901, 902, 903, 904]
    assert got[-1] == CursorAdvanced("1", Position("1", 905, read_line(line(905), ZONE).check))


def test_a_box_that_plays_nothing_again_begins_with_its_first_live_read():
    reader = met()
    reader.tick(at(2))
    reader.take()
    reader.feed(lines(line(905)), at(2))
    spelled = []
    said: list = []
    for second in (7, 13, 19, 25):
        said += reader.tick(at(second))
        spelled.append(reader.take()[:3])
    assert spelled == [b"800", b"8\0\0", b"800", b""]
    assert [type(message) for message in said] == [CursorAdvanced]
    assert said[0].position.number == 905


def test_a_connection_rewinds_from_the_last_known_number_on():
    reader = met(known(7))
    assert reader.take() == b"?\nr\n6\0\0" + b"7\r%d\r" % REWIND_END
    got = reader.feed(lines(line(7, again=1), line(8, again=1), line(9, again=1)), at(1))
    assert numbers(got) == [8, 9]
    assert got[-1].position == Position("1", 9, read_line(line(9), ZONE).check)


def test_a_gap_of_live_reads_is_rewound_and_the_cursor_waits_for_it():
    reader = caught_up(7)
    got = reader.feed(lines(line(8), line(12)), at(7))
    assert numbers(got) == [8, 12]
    assert got[-1].position.number == 8
    assert (reader.take(), reader.missing) == (b"6\0\0" + b"9\r11\r", 3)
    got = reader.feed(lines(*[line(n, again=1) for n in (9, 10, 11)]), at(8))
    assert numbers(got) == [9, 10, 11]
    assert (got[-1].position.number, reader.missing) == (12, 0)


def test_a_rewind_that_gives_nothing_is_spelled_the_other_way_and_given_up_in_the_end():
    reader = caught_up(7)
    reader.feed(lines(line(10)), at(7))
    spelled = [reader.take()]
    said: list = []
    for second in (13, 19, 25, 31):
        said += reader.tick(at(second))
        spelled.append(reader.take())
    assert spelled == [b"6\0\0" + b"8\r9\r", b"6008\r9\r", b"6\0\0" + b"8\r9\r", b"6008\r9\r", b""]
    assert [message.kind for message in said if isinstance(message, Notice)] == ["gap"]
    assert said[-1] == CursorAdvanced("1", Position("1", 10, read_line(line(10), ZONE).check))


def test_a_read_that_comes_again_counts_once():
    reader = caught_up(7)
    assert numbers(reader.feed(lines(line(8), line(8), line(8, again=1)), at(7))) == [8]


def test_a_log_that_begins_again_is_a_new_epoch_whose_start_is_rewound():
    reader = caught_up(700)
    got = reader.feed(lines(line(3, chip="44", after=900)), at(7))
    assert [type(message) for message in got] == [Notice, DecodedRead, CursorAdvanced]
    assert (got[0].kind, got[1].session, got[2].position) == ("restarted", "ultra 1 epoch 2", Position("2", 0))
    assert reader.take() == b"6\0\0" + b"1\r2\r"


def test_another_read_under_a_known_number_is_a_new_epoch():
    reader = met(known(7))
    got = reader.feed(lines(line(7, chip="99", again=1, after=500)), at(1))
    assert [message.kind for message in got if isinstance(message, Notice)] == ["restarted"]
    assert got[-1].position.part == "2"


def test_a_log_that_plays_nothing_from_the_known_number_on_is_asked_for_from_its_start():
    reader = met(known(700))
    reader.take()
    for second in (6, 12, 18):
        reader.tick(at(second))
        reader.take()
    (notice,) = reader.tick(at(24))
    assert (notice.kind, reader.take()) == ("no_rewind", b"6\0\0" + b"1\r%d\r" % REWIND_END)
    got = reader.feed(lines(line(1, again=1, after=900), line(2, again=1, after=900)), at(25))
    assert [message.kind for message in got if isinstance(message, Notice)] == ["restarted"]
    assert (numbers(got), got[-1].position.number) == ([1, 2], 2)


def test_the_gun_is_a_notice_with_its_time_and_a_number_of_the_log():
    reader = caught_up(7)
    (notice, reached) = reader.feed(lines(line(8, chip="0", antenna=0)), at(7))
    assert (notice.kind, notice.at_us, reached.position.number) == ("gun", read_line(line(8), ZONE).at_us, 8)


def test_a_chip_of_zero_at_an_antenna_is_a_read():
    assert read_line(line(8, chip="0"), ZONE).chip == "0"


def test_a_low_battery_is_noticed_once_until_it_is_good_again():
    reader = caught_up(7)
    volts = ["V=22.9000", "V=22.8000", "V=23.1000", "V=22.9000", "V=24.0000", "V=22.0000"]
    noticed = [reader.feed(lines(text), at(7 + 3600 * i)) for i, text in enumerate(volts)]
    assert [len(notice) for notice in noticed] == [1, 0, 0, 0, 0, 1]


def test_a_box_that_does_not_read_and_a_clock_that_jumps_are_noticed():
    reader = caught_up(7)
    (notice,) = reader.feed(lines("S=00"), at(7))
    assert notice.kind == "not_reading"
    assert reader.feed(lines("S=10", "5:0:8 4-1-2026 (0)"), at(8)) == []
    (notice,) = reader.feed(lines("5:0:38 4-1-2026 (0)"), at(18))
    assert (notice.kind, notice.text[:29]) == ("clock_jump", "its clock jumped by +20.0 s; ")


def test_its_state_is_asked_for_every_minute():
    reader = caught_up(7)
    reader.take()
    reader.tick(at(61))
    assert reader.take() == b"?\nr\n"


def test_nothing_is_ever_sent_that_takes_part_in_the_timing():
    reader = met()
    sent = reader.take()
    for second in range(1, 200, 3):
        reader.feed(lines(line(second), line(second + 1, again=1)), at(second))
        reader.tick(at(second))
        sent += reader.take()
    rest = sent.replace(b"?\nr\n", b"")
    asked = [part for part in rest.split(b"\r") if not part.isdigit()]
    assert all(part[:1] in (b"6", b"8", b"") for part in asked)


def test_a_line_that_is_none_is_unreadable():
    reader = caught_up(7)
    (bad,) = reader.feed(b"\x03\x10garbage\n", at(7))
    assert isinstance(bad, Unreadable)
    assert bad.raw == b"\x03\x10garbage"


SESSION = lines("Connected,1", SAMPLE, line(7, again=1), "V=25.0", line(8), "S=10", line(12), "nonsense", line(9))


def test_every_split_of_the_bytes_gives_the_same():
    def fed(*parts: bytes) -> list:
        reader = Ultra(ZONE, known(7), ReaderStateNotices())
        reader.begin(START)
        return [
            message for part in parts for message in reader.feed(part, START) if not isinstance(message, CursorAdvanced)
        ]

    unsplit = fed(SESSION)
    assert numbers(unsplit) == [29319, 8, 12, 9]
    for cut in range(len(SESSION)):
        assert fed(SESSION[:cut], SESSION[cut:]) == unsplit
    assert fed(*[SESSION[i : i + 1] for i in range(len(SESSION))]) == unsplit
    assert fed(SESSION.replace(b"\n", b"\r\n")) == unsplit
    assert fed(SESSION.replace(b"\n", b"\n\0\n")) == unsplit


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(SESSION.splitlines(keepends=True))), max_size=40))
def test_no_bytes_raise_anything_but_a_connection_fault(parts: list[bytes]):
    reader = Ultra(ZONE, known(9), ReaderStateNotices())
    reader.begin(START)
    try:
        for second, part in enumerate(parts):
            reader.feed(part, at(second * 3))
            reader.tick(at(second * 3))
            reader.take()
    except ConnectionFault:
        return


def test_a_line_that_will_not_end_is_bounded():
    reader = met()
    for _ in range(4):
        assert reader.feed(b"x" * 1000, START) == []
    with pytest.raises(ConnectionFault):
        reader.feed(b"x" * 1000, START)


@pytest.mark.parametrize("clock", ["00:00:00 01-01-0001", "23:59:59 31-12-9999", "00:00:00 01-01-2100"])
def test_a_clock_of_another_century_is_unreadable_and_no_notice(clock):
    """Its instant may be beyond what the log takes, or beyond any calendar."""
    [unreadable] = met(known(5)).feed(lines(clock), START)
    assert isinstance(unreadable, Unreadable)
    assert "not in this century" in unreadable.reason


def test_a_number_too_far_to_be_true_that_came_before_the_log_was_known_spoils_nothing():
    reader = met()
    assert numbers(reader.feed(lines(line(6), line(9_999_999_999, after=-9_999_999_990)), START)) == [6, 9_999_999_999]
    assert numbers(reader.feed(lines(line(5, again=1)), at(1))) == [5]
    assert reader.missing == 0
    assert numbers(reader.feed(lines(line(7)), at(2))) == [7]


def test_boxes_without_end_do_not_fill_the_memory():
    messages = met().feed(lines(*(line(3, box=box) for box in range(BOXES_MAX + 2))), START)
    assert len(numbers(messages)) == BOXES_MAX
    assert ["one too many" in message.reason for message in messages if isinstance(message, Unreadable)] == [True, True]
