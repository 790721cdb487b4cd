"""Age grades: the best time for the age and gender as a percentage of an athlete's time.

The standards are those of USA Track & Field for road races, 2025 (`age_standards_road_2025.csv`, CC0; see its first
lines for the notice). Between distances of the table a standard is interpolated linearly in the logarithm of the
distance.
"""

import csv
from bisect import bisect_left
from functools import cache
from importlib.resources import files
from math import log
from typing import NamedTuple

from schemas.definition import Definition, Race
from schemas.results import AthleteRow, printed_s

TABLE = "age_standards_road_2025.csv"
_OPEN = "open"  # the standard regardless of age, which grades do not use


class _Standard(NamedTuple):
    km: float
    standard_s: int


@cache
def _standards() -> dict[tuple[str, int], list[_Standard]]:
    """Return the table by gender and age, each with its distances ascending."""
    standards: dict[tuple[str, int], list[_Standard]] = {}
    text = files("services.standings").joinpath(TABLE).read_text()
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        if row["age"] != _OPEN:
            standard = _Standard(float(row["km"]), int(row["standard_s"]))
            standards.setdefault((row["gender"], int(row["age"])), []).append(standard)
    for of_age in standards.values():
        of_age.sort()
    return standards


def standard_s(gender: str, age: int, km: float) -> float | None:
    """Return the standard in seconds: for ages 5 to 100, over a mile to 200 km. None beyond, and for gender X."""
    standards = _standards().get((gender, age))
    if standards is None or not standards[0].km <= km <= standards[-1].km:
        return None
    index = bisect_left(standards, km, key=lambda standard: standard.km)
    if standards[index].km == km:
        return float(standards[index].standard_s)
    before, after = standards[index - 1], standards[index]
    share = log(km / before.km) / log(after.km / before.km)
    return before.standard_s + share * (after.standard_s - before.standard_s)


def age_grade(gender: str, age: int, km: float, time_s: int) -> float | None:
    """Return 100 times the standard by the printed time, to two decimals; None without a standard or a time."""
    standard = standard_s(gender, age, km)
    return None if standard is None or time_s <= 0 else round(100 * standard / time_s, 2)


def age_on_day(definition: Definition, birth_year: int) -> int:
    """Return the age by birth year in the year of the event; the log has no days of birth."""
    return int(definition.date[:4]) - birth_year


def distance_km(race: Race) -> float:
    """Return the distance from START to FINISH, to the millimetre."""
    return round(race.points[-1].km - race.points[0].km, 6)


def finisher_grade(definition: Definition, race: Race, row: AthleteRow, time_s: int | None = None) -> float | None:
    """Return the age grade of a finisher by `time_s`, or by the race's official time when it is not given.

    None for athletes who did not finish, are of gender X, or have no birth year.
    """
    entry = row.entry
    if row.status != "FINISHED" or entry is None or entry.birth_year is None:
        return None
    if time_s is None:
        official_us = row.gun_us if race.official_time == "gun" else row.chip_us
        if official_us is None:
            return None
        time_s = printed_s(official_us)
    return age_grade(entry.gender, age_on_day(definition, entry.birth_year), distance_km(race), time_s)
