"""Times as text, worked out by hand."""

from zoneinfo import ZoneInfo

import pytest

from schemas.definition_parse import parse_definition
from services.formatting.times import (
    MINUS,
    LocalClock,
    ceil_ms,
    format_exact,
    format_gap,
    format_hms,
    format_instant,
    format_ms,
    format_pace,
    format_seconds,
    format_short,
    speed_kmh,
)
from tests.builders import START_US, definition


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00"),
        (59, "0:00:59"),
        (3599, "0:59:59"),
        (3600, "1:00:00"),
        (3903, "1:05:03"),
        (36_000, "10:00:00"),
        (86_400, "24:00:00"),
        (100_000, "27:46:40"),
        (-5, "-0:00:05"),
        (-61, "-0:01:01"),
    ],
)
def test_whole_seconds_show_hours_minutes_and_seconds(seconds, text):
    assert format_hms(seconds) == text


def test_sentences_have_a_minus_where_programs_read_a_hyphen():
    assert format_hms(-61, MINUS) == "−0:01:01"
    assert format_hms(61, MINUS) == "0:01:01"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "+0:00"), (61, "+1:01"), (3600, "+1:00:00"), (-70, "-1:10"), (-3600, "-1:00:00")]
)
def test_a_gap_shows_hours_only_from_one_hour_on(seconds, text):
    assert format_gap(seconds) == text


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (3_902_129_999, "1:05:02.129"),
        (-1_500_000, "-0:00:01.500"),
        (0, "0:00:00.000"),
    ],
)
def test_milliseconds_are_cut_in_tables(time_us, text):
    assert format_ms(time_us) == text


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (3_902_120_000, "1:05:02.120"),
        (3_902_129_999, "1:05:02.129999"),
        (-1_500_000, "−0:00:01.500"),
        (0, "0:00:00.000"),
    ],
)
def test_a_sentence_shows_every_digit(time_us, text):
    assert format_exact(time_us) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(7200, "2:00:00"), (7784.3, "2:09:44.3"), (0.125, "0:00:00.125"), (59.9996, "0:01:00")]
)
def test_decimals_are_shown_where_there_are_some(seconds, text):
    assert format_seconds(seconds) == text


def test_milliseconds_are_rounded_up_so_that_they_agree_with_printed_seconds():
    assert [ceil_ms(us) for us in (0, 1, 999, 1000, 1001, -1, -1000)] == [0, 1, 1, 1, 2, 0, -1]
    # 2:09:44.3 is printed 2:09:45, and its milliseconds come to the same
    assert -(-ceil_ms(7_784_300_000) // 1000) == 7785


def test_pace_and_speed_come_from_the_distance_and_the_time():
    assert (format_pace(2_250_000_000, 10), speed_kmh(2_250_000_000, 10)) == ("3:45", 16.0)
    assert (format_pace(0, 10), speed_kmh(10, 0)) == (None, None)


def test_an_instant_is_in_the_zone_of_the_event():
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    assert format_instant(START_US + 1_234_567, zone, "milliseconds") == "2026-01-04T05:00:01.234+07:00"
    assert format_instant(START_US, ZoneInfo("UTC")) == "2026-01-03T22:00:00+00:00"


def test_a_sentence_has_the_local_time_of_day_and_the_date_of_another_day():
    clock = LocalClock(parse_definition(definition()))
    assert clock.at(START_US + 1_000) == "05:00:00.001"
    assert clock.at(START_US + 1) == "05:00:00.000001"
    assert clock.at(START_US - 6 * 3600 * 1_000_000) == "2026-01-03 23:00:00.000"
    assert clock.at(10**18) == f"{10**18} us"
    assert LocalClock(None).at(START_US) == "2026-01-03 22:00:00.000"


def test_an_interval_leaves_out_the_bounds_it_does_not_have():
    clock = LocalClock(parse_definition(definition()))
    assert clock.between(None, None) == ""
    assert clock.between(START_US, None) == " from 05:00:00.000"
    assert clock.between(START_US, START_US + 1_000_000) == " from 05:00:00.000 until 05:00:01.000"


BERLIN = LocalClock(parse_definition(definition(date="2026-10-25", timezone="Europe/Berlin")))
AT_ONE_UTC_US = 1_792_890_000_000_000  # 2026-10-25T01:00:00Z, when 03:00 becomes 02:00


@pytest.mark.parametrize(
    ("after_s", "text"),
    [
        (-1, "02:59:59.000 UTC+02:00"),
        (-3600, "02:00:00.000 UTC+02:00"),
        (0, "02:00:00.000 UTC+01:00"),
        (22 * 3600 - 1, "23:59:59.000 UTC+01:00"),
        (22 * 3600, "2026-10-26 00:00:00.000"),
        (-3 * 3600 - 1, "2026-10-24 23:59:59.000"),
    ],
)
def test_on_a_day_whose_offset_changes_a_time_of_day_has_its_offset(after_s, text):
    at_us = AT_ONE_UTC_US + after_s * 1_000_000
    assert BERLIN.at(at_us) == text
    assert BERLIN.second(at_us) == text.replace(".000", "")


def test_a_zone_west_of_greenwich_has_its_offset_too():
    clock = LocalClock(parse_definition(definition(date="2026-03-08", timezone="America/New_York")))
    assert clock.at(1_772_971_200_000_000) == "08:00:00.000 UTC-04:00"


def test_a_second_is_cut():
    assert LocalClock(parse_definition(definition())).second(START_US + 1_999_999) == "05:00:01"


def test_the_last_day_of_all_has_no_offset_to_change():
    assert LocalClock(None).at(253_402_300_799_000_000) == "9999-12-31 23:59:59.000"


@pytest.mark.parametrize(
    ("us", "text"), [(200_000, "0.2 s"), (0, "0 s"), (1, "0.000001 s"), (10_000_000, "10 s"), (1_500_000, "1.5 s")]
)
def test_a_short_duration_is_exact_and_has_no_zeros_at_its_end(us, text):
    assert format_short(us) == text
