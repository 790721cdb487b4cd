"""The J-Chip push: the lines of CrossMgr's programs, dates with and without `date=`, and bad lines."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.jchip import PROTOCOL, JChip, ReaderDay, read_crossing
from services.ingest.decoders.messages import LINE_MAX_BYTES, ConnectionFault, DecodedRead, Message, Now, Unreadable
from services.ingest.decoders.protocol import ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

ZONE = timezone(timedelta(hours=7))
SAMPLE = "DJ413A35 10:11:16.4433 10  10000      C7 date=20120806"  # JChipClient.py
BRIDGED = "DA123456 05:00:01.500000 10  00000      C7 date=20260104"  # Impinj2JChip.py
BARE = "DJ413A35 00:00:01.25 11  00001      C7"
START = Now(int(datetime(2026, 1, 3, 22, tzinfo=UTC).timestamp() * 1e6), 100.0)  # 05:00 on 4 January there


def reader(place: str = "") -> JChip:
    made = JChip(ZONE, ReaderStateNotices(), place)
    made.begin(START)
    return made


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1e6)


def said(messages: list[Message]) -> list[tuple[str, str, int]]:
    return [(read.where, read.chip, read.at_us) for read in messages if isinstance(read, DecodedRead)]


def test_a_reader_is_asked_for_its_clock_and_then_told_to_send():
    made = reader()
    assert made.take() == b""
    assert made.feed(b"N0000finish-4711\r", START) == []
    assert made.take() == b"GT\r"
    assert made.feed(b"GT005000000 date=20260104\r", START) == []
    assert made.take() == b"S0000\r"
    assert made.clock_offsets_us == {"finish-4711": 0}
    assert said(made.feed(BRIDGED.encode() + b"\r", START)) == [("finish-4711", "123456", us("2026-01-04 05:00:01.5"))]


def test_a_clock_in_microseconds_as_bridges_send_it_is_read():
    made = reader("finish")
    made.feed(b"N0000host-1\rGT0050002250000 date=20260104\r", START)
    assert made.clock_offsets_us == {"finish": 2_250_000}


def test_a_place_of_the_settings_names_every_reader():
    [read] = reader("finish").feed(b"N0000host-4711\r" + SAMPLE.encode() + b"\r", START)
    assert isinstance(read, DecodedRead)
    assert (read.where, read.chip, read.at_us) == ("finish", "413A35", us("2012-08-06 10:11:16.4433"))


@pytest.mark.parametrize(
    ("clock", "dated"),
    [
        (b"GT005000000 date=20260104", "2026-01-05"),
        (b"GT005000000", "2026-01-05"),  # ours has the date
        (b"GT023590000", "2026-01-04"),  # an hour and a minute before midnight is nearer yesterday
        (b"GT105000000", "2026-01-04"),  # it counts one day already
        (b"GT905000000 date=20260104", "2026-01-06"),  # the count begins anew after nine
    ],
)
def test_without_a_date_the_days_are_counted_from_the_readers_clock(clock, dated):
    made = reader("f")
    made.feed(clock + b"\r", START)
    assert said(made.feed(BARE.encode() + b"\r", START)) == [("f", "413A35", us(f"{dated} 00:00:01.25"))]


def test_a_read_whose_date_nobody_said_is_unreadable():
    [message] = reader("f").feed(BARE.encode() + b"\r", START)
    assert isinstance(message, Unreadable)
    assert "has no date" in message.reason
    assert message.where == "f"


def test_a_clock_that_is_far_off_is_a_notice():
    [notice] = reader("f").feed(b"GT004000000 date=20260104\r", START)
    assert notice.kind == "clock_off"


@pytest.mark.parametrize(
    "line",
    [
        b"D",
        b"DJ 10:11:16.44",
        b"DJ413A35 25:11:16.44 10  00000      C7 date=20260104",
        b"DJ413A35 10:11:16.44 10  00000      C7 date=19990104",
        b"DJ413A35 10:11:16.44 10  00000      C7 date=20260231",
        b"GT0",
        b"GT0256000 date=20260104",
        b"hello",
        b"N0000" + b"x" * 65,
    ],
)
def test_a_line_that_cannot_be_read_is_a_dead_letter_and_the_next_one_is_read(line):
    made = reader()
    bad, *good = made.feed(line + b"\r" + BRIDGED.encode() + b"\r", START)
    assert isinstance(bad, Unreadable)
    assert bad.raw == line
    assert len(said(good)) == 1


def test_a_reader_whose_clock_cannot_be_read_is_let_send_all_the_same():
    made = reader()
    made.feed(b"N0000a\rGT?\r", START)
    assert made.take() == b"GT\rS0000\r"


def test_a_line_without_an_end_breaks_the_connection():
    with pytest.raises(ConnectionFault):
        reader().feed(b"D" * (LINE_MAX_BYTES + 1), START)


def test_reads_before_and_after_a_line_that_is_too_long_are_taken():
    damaged, good = b"D" * (LINE_MAX_BYTES + 1), BRIDGED.encode()
    before, fault, after = reader("f").feed(b"\r".join((good, damaged, good, b"")), START)
    assert len(said([before, after])) == 2
    assert isinstance(fault, Unreadable)
    assert (fault.raw, fault.where) == (damaged, "f")


def test_reads_before_a_line_without_an_end_are_taken_before_the_connection_breaks():
    made = reader("f")
    assert len(said(made.feed(BRIDGED.encode() + b"\r" + b"D" * (LINE_MAX_BYTES + 1), START))) == 1
    with pytest.raises(ConnectionFault):
        made.feed(b"D", START)


@given(st.lists(st.integers(0, 200), max_size=8))
def test_bytes_in_any_portions_give_the_same_reads(cuts):
    data = f"N0000a\rGT005000000 date=20260104\r{BRIDGED}\r\n\0{SAMPLE}\r".encode()
    made, messages, start = reader(), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        messages += made.feed(data[start:cut], START)
        start = max(start, cut)
    assert [chip for _, chip, _ in said(messages)] == ["123456", "413A35"]
    assert [read.seq for read in messages if isinstance(read, DecodedRead)] == [0, 1]


def test_a_dead_letter_is_read_again_if_it_has_its_date():
    settings = ReaderSettings(gateway="g", zone=ZONE, options={"place": "f"})
    [read] = PROTOCOL.read_again(SAMPLE.encode(), settings, "again")
    assert isinstance(read, DecodedRead)
    assert (read.where, read.session) == ("f", "again")
    assert isinstance(PROTOCOL.read_again(BARE.encode(), settings, "again")[0], Unreadable)


def test_a_crossing_needs_a_tag_and_a_time():
    assert read_crossing(BARE, ReaderDay(date(2026, 1, 4), 1)).local == datetime(2026, 1, 4, 0, 0, 1, 250_000)
