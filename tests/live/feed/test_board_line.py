"""Texts and numbers of a line, worked out by hand."""

from zoneinfo import ZoneInfo

import pytest

from schemas.definition import Board
from services.live.feed.board_line import clock, gap_text, instant, milliseconds, pace, place_text, speed_kmh
from services.live.http.query import Moment, board_query
from services.live.ranking import board_order
from services.live.store import Cell
from tests.builders import START_US


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59, "0:00:59"), (3903, "1:05:03"), (36_000, "10:00:00"), (-5, "-0:00:05")]
)
def test_a_clock_shows_hours_minutes_seconds(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "+0:00"), (61, "+1:01"), (3600, "+1:00:00"), (-70, "-1:10")])
def test_a_gap_shows_hours_only_when_it_has_some(seconds, text):
    assert gap_text(seconds) == text


def test_milliseconds_are_rounded_up_so_that_they_agree_with_printed_seconds():
    assert [milliseconds(us) for us in (0, 1, 999, 1000, 1001, -1, -1000)] == [0, 1, 1, 1, 2, 0, -1]
    # 2:09:44.3 is printed 2:09:45, and so is what its milliseconds come to
    assert -(-milliseconds(7_784_300_000) // 1000) == 7785


def test_pace_and_speed_are_of_the_way_and_the_time():
    assert (pace(2_250_000_000, 10), speed_kmh(2_250_000_000, 10)) == ("3:45", 16.0)
    assert (pace(0, 10), speed_kmh(10, 0)) == (None, None)


def test_a_shared_place_is_marked():
    assert (place_text(3, tied=True), place_text(3, tied=False)) == ("=3", "3")


def test_an_instant_is_in_the_zone_of_the_event():
    assert (
        instant(START_US + 1_234_567, ZoneInfo("Asia/Ho_Chi_Minh"), "milliseconds") == "2026-01-04T05:00:01.234+07:00"
    )
    assert instant(START_US, ZoneInfo("UTC")) == "2026-01-03T22:00:00+00:00"


@pytest.mark.parametrize(
    "text",
    ["2026-01-03T22:00:00Z", "2026-01-04T05:00:00%2B07:00", "2026-01-04T05:00:00+07:00", "2026-01-04T05:00:00+0700"],
)
def test_an_instant_may_be_written_with_any_zone_and_a_plus_that_became_a_blank(text):
    assert board_query(f"as_of={text}").as_of == Moment(at_us=START_US)


def test_a_board_by_gun_then_chip_shows_the_time_that_ranks(of_kind):
    leader, follower = (
        Cell(5, 4000, 4_000_000_000, 3_990_000_000),
        Cell(1 << 63 | 5, 3950, 4_100_000_000, 3_950_000_000),
    )
    first, second = board_order(of_kind("gun_then_chip"), "chip", {"8": follower, "7": leader, "9": Cell(0, 0, 0, 0)})
    assert (first.bib, first.shown_us, first.ranked_us) == ("7", 4_000_000_000, 4_000_000_000)
    assert (second.bib, second.shown_us, second.place) == ("8", 3_950_000_000, 2)


def test_a_board_by_gun_may_print_chip_times(of_kind):
    (line,) = board_order(of_kind("gun"), "chip", {"7": Cell(5, 3990, 4_000_000_000, 3_990_000_000)})
    assert (line.ranked_us, line.shown_us, line.time_s) == (4_000_000_000, 3_990_000_000, 3990)


@pytest.fixture
def of_kind():
    return lambda kind: Board(id="men", race="hm", rank_by=kind)
