"""Local times to instants, with the skipped and the repeated hour of clock changes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.course_times import instants_us
from services.ingest.decoders.local_time import one_instant_us, parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
TWICE = datetime(2026, 10, 25, 2, 30)  # clocks go back from 3 to 2
NEVER = datetime(2026, 3, 29, 2, 30)  # clocks go forward from 2 to 3
HOUR_US = 3_600_000_000


def instant_us(*parts: Any) -> int:
    return (datetime(*parts).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_a_time_is_taken_in_its_zone():
    assert one_instant_us(datetime(2026, 1, 4, 5, 0), ZoneInfo("Asia/Ho_Chi_Minh")) == instant_us(2026, 1, 3, 22, 0)


def test_a_repeated_hour_has_two_instants_the_earlier_first():
    assert instants_us(TWICE, BERLIN) == [instant_us(2026, 10, 25, 0, 30), instant_us(2026, 10, 25, 1, 30)]


def test_a_repeated_hour_is_not_guessed():
    with pytest.raises(ValueError, match="twice"):
        one_instant_us(TWICE, BERLIN)


@pytest.mark.parametrize(("hint_hours", "expected"), [(-1, 0), (0, 0), (1, 1), (2, 1)])
def test_a_second_time_stamp_decides_a_repeated_hour(hint_hours, expected):
    instants = instants_us(TWICE, BERLIN)
    assert one_instant_us(TWICE, BERLIN, instants[0] + hint_hours * HOUR_US) == instants[expected]


def test_a_skipped_hour_is_refused_even_with_a_hint():
    assert instants_us(NEVER, BERLIN) == []
    with pytest.raises(ValueError, match="did not occur"):
        one_instant_us(NEVER, BERLIN, instant_us(2026, 3, 29, 1, 30))


def test_a_fixed_offset_resolves_a_repeated_hour():
    assert one_instant_us(TWICE, parse_zone("+02:00")) == instant_us(2026, 10, 25, 0, 30)
    assert one_instant_us(TWICE, parse_zone("+01:00")) == instant_us(2026, 10, 25, 1, 30)


@pytest.mark.parametrize(
    ("text", "minutes"), [("+04:00", 240), ("-03:30", -210), ("+00:00", 0), ("-23:59", -1439), ("+05:45", 345)]
)
def test_an_offset_is_a_zone(text, minutes):
    assert parse_zone(text) == timezone(timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "text", ["", "+24:00", "+4:00", "+01:60", "Mars/Olympus", "../etc/passwd", "Europe", "\0", "+0100"]
)
def test_an_unknown_zone_is_refused_by_name(text):
    with pytest.raises(ValueError, match="time zone"):
        parse_zone(text)


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31)),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Dubai", "Australia/Lord_Howe", "+04:00"]),
)
def test_every_instant_found_shows_the_local_time_it_was_found_for(local, name):
    zone = parse_zone(name)
    for at_us in instants_us(local, zone):
        shown = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(zone)
        assert shown.replace(tzinfo=None) == local


@pytest.mark.parametrize(("local", "offset"), [(datetime.min, "+07:00"), (datetime.max, "-12:00")])
def test_a_time_outside_the_calendar_is_refused(local, offset):
    assert instants_us(local, parse_zone(offset)) == []
    with pytest.raises(ValueError, match="did not occur"):
        one_instant_us(local, parse_zone(offset))
