"""The choice of passings is that of a search through all of them, and its cost grows with their number alone."""

import random
import sys
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from schemas.definition_parse import parse_definition
from schemas.ids import US
from services.scoring.core.assign_points import OFFICIAL, Candidate, Choice, choose
from services.scoring.core.course import START, Course
from tests import builders
from tests.scoring.core import exhaustive_choice

MATS = ["start", "10k", "finish"]
PICKS = ["first", "last", "strongest"]
POINTS_MOST = 7
PASSINGS_MOST = 6  # of a mat
SPAN_S = 2_500
NOBODY = 10**9


def random_course(rng: random.Random) -> Course:
    """A course over three mats in any order, each crossed as often as it comes, with any picks."""
    km = 0.0
    points = [builders.point("START", "start", km=0, pick=rng.choice(PICKS))]
    for nth in range(1, rng.randint(2, POINTS_MOST)):
        km += rng.choice([0.2, 1, 1, 3])
        points.append(builders.point(f"P{nth}", rng.choice(MATS), km=km, pick=rng.choice(PICKS)))
    points.append(builders.point("FINISH", "finish", km=km + 1, pick=rng.choice(PICKS)))
    for later in points[1:]:
        if later["mat"] == "start":
            later["earliest"] = {"gun": "0:10:00"}
    definition = parse_definition(builders.definition(races=[builders.race(points=points, start_window_s=300)]))
    return Course(definition, definition.races[0])


def random_candidates(rng: random.Random, course: Course) -> list[list[Candidate]]:
    """What passings that do not overlap, short or long, give the points of their mats, and a few officials' times."""
    officials = {
        point: rng.randrange(SPAN_S) * US for point in range(len(course.points)) if rng.random() < rng.choice([0, 0.2])
    }
    candidates: list[list[Candidate]] = [[] for _ in course.points]
    number = 0
    for points in course.at_mat.values():
        ends = sorted(rng.sample(range(SPAN_S), 2 * rng.randint(0, PASSINGS_MOST)))
        for first_s, last_s in zip(ends[::2], ends[1::2], strict=True):
            if rng.random() < 0.5:
                last_s = first_s
            picked = {"first": first_s * US, "last": last_s * US, "strongest": (first_s + last_s) * US // 2}
            for point in points:
                at_us = picked[course.points[point].pick]
                if point not in officials and fits(course, officials, point, at_us):
                    candidates[point].append(Candidate(at_us, number, None))
            number += 1
    for point, at_us in officials.items():
        candidates[point] = [Candidate(at_us, OFFICIAL, None)]
    return candidates


def fits(course: Course, officials: dict[int, int], point: int, at_us: int) -> bool:
    """Return whether an instant is in order with officials' times; without any, whether the gun allows it."""
    if not officials:
        return at_us >= course.least_us[START][point]
    return all(at_us > other_us if other < point else at_us < other_us for other, other_us in officials.items())


def plain(choice: Choice) -> tuple[list[tuple[int, int] | None], bool]:
    return [taken and (taken.at_us, taken.passing) for taken in choice.taken], choice.lap_ambiguous


@given(st.integers(0, NOBODY))
def test_the_choice_is_that_of_a_search_through_all_passings(seed):
    rng = random.Random(seed)
    course = random_course(rng)
    candidates = random_candidates(rng, course)
    assert plain(choose(course, candidates, 0)) == plain(exhaustive_choice.choose(course, candidates, 0))


def calls(work: Callable[[], object]) -> int:
    """Return how many functions of Python are called, which no machine makes slower."""
    called = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return called


def all_day(passings: int) -> tuple[Course, list[list[Candidate]]]:
    """Ten points whose mats all read a chip again and again, and the finish line crossed twice with both picks."""
    names = [f"P{nth}" for nth in range(1, 9)]
    mats = [builders.mat(name.lower(), f"D{name}") for name in names]
    points = [builders.point(name, km=nth) for nth, name in enumerate(["START", *names], 0)]
    points[4] |= {"mat": "finish", "pick": "first"}
    points.append(builders.point("FINISH", km=12, pick="last"))
    definition = parse_definition(builders.definition(mats=builders.mats(*mats), races=[builders.race(points=points)]))
    course = Course(definition, definition.races[0])
    candidates: list[list[Candidate]] = []
    for point, at in enumerate(course.points):
        lasts_us = 20 * US if at.pick == "last" and point else 0
        mat = 0 if at.mat == "finish" else point
        candidates.append(
            [
                Candidate((2_000 + nth * 60 + point) * US + lasts_us, mat * passings + nth, None)
                for nth in range(passings)
            ]
        )
    candidates[9] = [Candidate(first.at_us + 20 * US, first.passing, None) for first in candidates[4]]
    return course, candidates


def calls_to_choose(passings: int) -> int:
    course, candidates = all_day(passings)
    return calls(lambda: choose(course, candidates, 0))


def test_twice_as_many_passings_cost_twice_as_much_and_not_four_times():
    assert calls_to_choose(400) < 2.2 * calls_to_choose(200)
