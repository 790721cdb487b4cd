"""Times, durations and the start window of a course."""

import msgspec
import pytest

from schemas.course_times import (
    clock_instant_us,
    clock_of,
    duration_us,
    earliest_after_start_us,
    min_duration_us,
    start_instant_us,
    zone_of,
)
from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from tests.builders import START_US, course, definition, half, point, race, us


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2:08:00", 7680),
        ("0:00:00", 0),
        ("0:00:00.000001", "0.000001"),
        ("1:00:59.5", "3659.5"),
        ("24:00:00", 86_400),
        ("1:5:9", 3909),
        ("9999:59:59", 35_999_999),
    ],
)
def test_durations(text, seconds):
    assert duration_us(text) == us(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "1:00", "1:60:00", "1:00:60", "-1:00:00", "1:00:00.0000001", "1:00:00.", "1:00:.5", "1.5:00:00", "²:00:00",
     " 1:00:00", "1:00:00\n", "10000:00:00", "1:000:00", "one:00:00"],
)  # fmt: skip
def test_what_is_no_duration(text):
    assert duration_us(text) is None


def test_times_of_day():
    assert clock_of("06:26") == clock_of("06:26:00")
    assert clock_of("06:26:00+07:00") is None
    assert clock_of("24:30:00") is None
    assert clock_of("noon") is None


def test_time_zones():
    assert zone_of("Asia/Ho_Chi_Minh") is not None
    assert [zone_of(name) for name in ("", "Asia", "/etc/passwd", "../UTC", "a\0b", "UTC+7")] == [None] * 6


def test_the_start_is_an_instant_by_the_zone():
    taken = parse_definition(definition())
    assert start_instant_us(taken, taken.races[0]) == START_US
    london = parse_definition(definition(timezone="Europe/London"))
    assert start_instant_us(london, london.races[0]) == START_US + 7 * 3600 * 1_000_000


def test_a_time_of_day_is_the_first_after_the_start():
    taken = parse_definition(definition())
    after = [(clock_instant_us(taken, taken.races[0], text) - START_US) // 1_000_000 for text in
             ("05:00:01", "06:26:00", "04:59:59", "05:00:00")]  # fmt: skip
    assert after == [1, 5160, 86_399, 86_400]


def test_a_time_of_day_is_by_the_local_clock_also_when_it_changes():
    """London, 29 March 2026: at 01:00 the clock goes to 02:00, so from 00:30 to 03:00 it is 1.5 hours."""
    taken = parse_definition(definition(timezone="Europe/London", races=[race(start="2026-03-29T00:30:00")]))
    hm = taken.races[0]
    assert clock_instant_us(taken, hm, "03:00:00") - start_instant_us(taken, hm) == us(5400)


def test_how_long_after_the_start_an_earliest_lies():
    earliest = {"clock": "05:20:00", "gun": "0:25:00", "wave": "0:10:00"}
    taken = parse_definition(half(points=course(K10={"earliest": earliest})))
    hm = taken.races[0]
    earliest_limit = hm.points[1].earliest
    assert earliest_limit is not None
    assert earliest_after_start_us(taken, hm, earliest_limit) == us(1500)


def test_the_least_duration_of_a_stretch_is_exact_in_decimals():
    assert min_duration_us(0, 10, 7.5) == 1_333_333_334
    assert min_duration_us(10, 21.0975, 7.5) == 1_479_666_667
    assert min_duration_us(0, 13.5, 7.5) == 1_800_000_000
    assert min_duration_us(0.1, 0.3, 0.1) == 2_000_000_000


# --- The start window of a race that gives none.


def window_s(*later, **more):
    """Return the start window that a race gets whose later points are these, when it gives none."""
    points = [point("START"), *later]
    return parse_definition(half(points=points, **more)).races[0].start_window_s


def test_without_a_shared_mat_the_window_is_1800_s():
    assert window_s(point("FINISH", km=1)) == 1800


@pytest.mark.parametrize(
    ("km", "seconds"),
    [(21.0975, 1800), (13.500001, 1800), (13.5, 1799), (10, 1333), (3, 399), (0.9, 119), (0.0075, 0), (0.0075001, 1)],
)
def test_the_window_ends_before_the_greatest_speed_leads_back_to_the_mat(km, seconds):
    """At 7.5 m/s: 13.5 km take 1,800 s, and a window of as many seconds is refused. Source: R2."""
    assert window_s(point("FINISH", "start", km=km)) == seconds


@pytest.mark.parametrize(
    ("earliest", "seconds"),
    [
        ({"wave": "0:30:01"}, 1800),
        ({"wave": "0:30:00"}, 1799),
        ({"gun": "0:10:00.5"}, 600),
        ({"clock": "05:05:00"}, 299),
        ({"clock": "05:05:00", "gun": "0:10:00"}, 599),
    ],
)
def test_the_window_ends_before_the_earliest_of_a_point_on_the_mat(earliest, seconds):
    assert window_s(point("FINISH", "start", km=2, earliest=earliest)) == seconds


def test_of_several_points_on_the_mat_the_nearest_decides():
    assert window_s(point("LAP", "start", km=3), point("FINISH", "start", km=6)) == 399


def test_a_faster_limit_makes_the_window_shorter():
    assert window_s(point("FINISH", "start", km=3), max_speed_mps=10) == 299


@pytest.mark.parametrize("km", [0.01, 1, 5, 13.5, 21.0975])
def test_the_window_is_the_widest_that_would_be_accepted_when_given(km):
    points = [point("START"), point("FINISH", "start", km=km)]
    widest = window_s(points[1])
    parse_definition(half(points=points, start_window_s=widest))
    if widest < 1800:
        with pytest.raises(DefinitionRefused, match="shares mat 'start' with START"):
            parse_definition(half(points=points, start_window_s=widest + 1))


def test_a_definition_reads_the_same_once_its_window_was_worked_out():
    taken = parse_definition(half(points=[point("START"), point("FINISH", "start", km=3)]))
    written = msgspec.to_builtins(taken)
    assert written["races"][0]["start_window_s"] == 399
    assert parse_definition(written) == taken
