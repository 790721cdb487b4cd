"""Age grades by the road standards of 2025, calculated by hand."""

from math import log

import msgspec
import pytest

from schemas.definition_parse import parse_definition
from services.standings.age_grade import age_grade, finisher_grade, standard_s
from tests.builders import definition, hms, point, race, result

MARATHON = 42.195
HALF = 21.0975


def test_a_man_of_50_at_three_hours_is_measured_by_8072_seconds():
    assert standard_s("M", 50, MARATHON) == 8072
    assert age_grade("M", 50, MARATHON, int(hms("3:00:00"))) == 74.74  # 807,200 / 10,800 = 74.7407


def test_a_woman_of_60_is_measured_by_4887_seconds_over_a_half_marathon():
    assert standard_s("F", 60, HALF) == 4887
    assert age_grade("F", 60, HALF, 4887) == 100.0
    assert age_grade("F", 60, HALF, 9774) == 50.0


def known_s(gender: str, age: int, km: float) -> float:
    """The standard of an age that has one."""
    standard = standard_s(gender, age, km)
    assert standard is not None
    return standard


def test_between_distances_the_standard_is_linear_in_the_logarithm():
    low, high = known_s("F", 60, 20), known_s("F", 60, HALF)
    share = (log(20.5) - log(20)) / (log(21.0975) - log(20))
    assert standard_s("F", 60, 20.5) == pytest.approx(low + share * (high - low), abs=1e-6)
    half_way = (12 * 15) ** 0.5  # the geometric mean lies half-way in the logarithm
    mean = (known_s("M", 50, 12) + known_s("M", 50, 15)) / 2
    assert standard_s("M", 50, half_way) == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    ("gender", "age", "km"),
    [("X", 50, 10), ("M", 4, 10), ("M", 101, 10), ("M", 50, 1.6), ("M", 50, 200.1)],
    ids=["gender-x", "too-young", "too-old", "under-a-mile", "over-200-km"],
)
def test_beyond_the_table_there_is_no_grade(gender, age, km):
    assert standard_s(gender, age, km) is None
    assert age_grade(gender, age, km, 3600) is None


@pytest.mark.parametrize(("age", "km"), [(5, 1.609344), (100, 200)])
def test_the_table_includes_its_edges(age, km):
    assert known_s("F", age, km) > 0


def test_every_age_and_gender_takes_longer_over_a_longer_distance():
    distances = [1.609344, 5, 10, 15, 20, HALF, 30, MARATHON, 50, 100, 200]
    for gender in "MF":
        for age in range(5, 101):
            standards = [known_s(gender, age, km) for km in distances]
            assert standards == sorted(standards)


# --- The grade of a finisher.


def graded(row, **more):
    made = parse_definition(definition(races=[race(**more)]))
    return finisher_grade(made, made.races[0], row)


def test_a_finisher_is_graded_by_birth_year_and_official_time():
    """2026 − 1966 = 60; gun 4,887 s and a bit prints 4,888 s."""
    row = result("7", "4887.2", "4886.9", gender="F", birth_year=1966)
    assert graded(row) == 99.98  # 488,700 / 4,888 = 99.9795
    assert graded(row, official_time="chip") == 100.0


def test_the_distance_is_from_start_to_finish():
    points = [point("START", km=5), point("FINISH", km=47.195)]
    row = result("7", 10800, gender="M", birth_year=1976)
    assert graded(row, points=points) == 74.74


def test_without_birth_year_or_finish_or_as_gender_x_there_is_none():
    assert graded(result("7", 5000, gender="F")) is None
    assert graded(result("7", 5000, gender="X", birth_year=1966)) is None
    assert graded(result("7", 5000, status="DNF", gender="F", birth_year=1966)) is None
    assert graded(msgspec.structs.replace(result("7", 5000), entry=None)) is None


def test_a_boards_own_printed_time_can_be_graded():
    made = parse_definition(definition())
    row = result("7", 9774, gender="F", birth_year=1966)
    assert finisher_grade(made, made.races[0], row, 4887) == 100.0
