"""The passing record of RACE RESULT decoders, and its time."""

from datetime import UTC, date, datetime

import pytest

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.raceresult_passing import instant_us, message_of, read_passing
from tests.ingest.decoders.raceresult_talk import ORIGIN, PUSHED, ZONE, record


def test_the_record_of_an_old_protocol_is_read_and_has_no_instant():
    passing = read_passing("1;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52", ZONE)
    assert (passing.number, passing.chip, passing.at_us, passing.rssi) == (1, "6692-33", None, -68.0)
    assert passing.local == "0000-00-00 00:00:02.773"
    assert (passing.box, passing.file, passing.antenna) == (None, None, None)


def test_the_record_of_twenty_fields_is_read():
    passing = read_passing(PUSHED, ZONE)
    assert (passing.number, passing.chip, passing.rssi, passing.antenna) == (12, "6692-33", -68.0, 3)
    assert (passing.box, passing.file, passing.at_us) == ("Finish", 41, None)


def test_a_date_gives_the_instant_in_the_zone_of_the_source():
    expected = datetime(2026, 1, 3, 22, 0, 12, 500_000, UTC)
    assert read_passing(record(12), ZONE).at_us == int(expected.timestamp() * 1e6)


def test_an_active_transponder_is_named_by_its_code_and_its_loop():
    text = "5;GXK-0012;2026-01-04;05:00:01.000;0;3;5F;ab;1;2;7;;12;2.91;21;64;Line;3;1;D-5012"
    passing = read_passing(text, ZONE)
    assert (passing.chip, passing.antenna, passing.battery, passing.rssi) == ("GXK-0012", 7, 2.91, None)


def test_leading_zeros_of_a_chip_are_kept():
    text = record(1, code="0000041").replace(";6692;", ";;", 1)
    assert read_passing(text, ZONE).chip == "0000041"


def test_a_marker_that_was_pushed_and_is_fetched_again_is_the_same_notice():
    text = record(1, code="99999")
    pushed, fetched = (
        message_of(read_passing(text, ZONE), line.encode(), "Finish", "s") for line in (f"#P;{text}", text)
    )
    assert pushed == fetched


@pytest.mark.parametrize(
    "text",
    [
        "1;33;2026-01-04",
        "x;33;2026-01-04;05:00:00.000",
        "-1;33;2026-01-04;05:00:00.000",
        "1;;2026-01-04;05:00:00.000",
        pytest.param(record(1, code=""), id="a tag of a set without its code"),
        "1;33;2026-13-04;05:00:00.000",
        "1;33;1926-01-04;05:00:00.000",
        "1;33;2026-01-04;25:00:00.000",
        "1;33;2026-01-04;05:00",
    ],
)
def test_a_record_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ValueError):
        read_passing(text, ZONE)


BEGAN_US = 1_767_471_127_250_000  # 2026-01-04T03:12:07.250 in the zone of these tests


def test_a_decoder_that_counts_from_its_start_is_read_once_somebody_says_when_that_was():
    origin = ClockOrigin(ZONE, began_us=BEGAN_US)
    assert read_passing(PUSHED, ZONE, origin=origin).at_us == BEGAN_US + 2_773_000
    day_later = PUSHED.replace("0000-00-00", "0000-00-01")
    assert read_passing(day_later, ZONE, origin=origin).at_us == BEGAN_US + 24 * 3600 * 1_000_000 + 2_773_000


@pytest.mark.parametrize(("day", "began"), [("0000-00-00", 4), ("", 4), ("0000-00-01", 5)])
def test_a_decoder_that_shows_the_time_of_day_is_read_once_somebody_says_which_day_it_is(day: str, began: int):
    text = PUSHED.replace("0000-00-00", day).replace("00:00:02.773", "05:00:02.773")
    at_us = read_passing(text, ZONE, origin=ClockOrigin(ZONE, day=date(2026, 1, 4))).at_us
    assert at_us == instant_us(f"2026-01-0{began}", "05:00:02.773", ORIGIN)
