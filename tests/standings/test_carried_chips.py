"""Chips carried together in whole fields: how many are found, how many others are taken for such, and at which cost."""

import csv
import sys
from collections import defaultdict
from importlib.resources import files
from random import Random

import pytest

from schemas.definition import Together
from schemas.ids import US
from schemas.results import AthleteRow, PointTime
from services.standings.together import TogetherIndex, crossings_of, pairs_together
from tests.builders import point
from tests.standings.carried import field, look, shipped
from tests.standings.test_together import COURSE, event

LAPS = [point("START"), *(point(f"L{lap}", "lap", 5 * lap) for lap in range(1, 6)), point("FINISH", km=42)]
DAY_US = 1_767_477_600_000_000


@pytest.mark.parametrize(("name", "seed"), [("hanoi-half-2024", 1), ("vnexpress-hcmc-midnight-2024", 3)])
def test_of_carried_pairs_99_percent_are_found_and_of_10000_runners_with_groups_one_false_pair_at_most(name, seed):
    looked = look(field(shipped(name), 10_000, seed, pairs=400, groups=300), Together())
    assert looked.carried > 150
    assert looked.recalled / looked.carried >= 0.99
    assert looked.false <= 1


def test_of_a_recorded_race_two_pairs_of_chips_are_found():
    """913 chips on laps of 5 km: two were 5 to 113 ms apart on four laps, two of consecutive numbers 77 to 189 ms on
    three. With half the distance in time there is none.
    """
    assert _recorded(Together()) == [("0000009", "0001502"), ("0001562", "0001564")]
    assert _recorded(Together(within_s=0.1)) == []


def _recorded(rule):
    laps = defaultdict(list)
    text = files("loadtest").joinpath("data", "mylaps-5km-passings.csv").read_text()
    for passed in csv.DictReader(text.splitlines()):
        hours, minutes, seconds = passed["time_of_day_local"].split(":")
        laps[passed["chip"]].append(round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * US))
    rows = [
        AthleteRow(
            event="e",
            bib=chip,
            version=1,
            race="laps",
            points=[PointTime(f"L{lap}", at_us, "main") for lap, at_us in enumerate(sorted(passings), start=1)],
        )
        for chip, passings in laps.items()
    ]
    assert len(rows) == 913
    return pairs_together(event({"within_s": rule.within_s, "points": rule.points}, laps=LAPS), rows)


# --- The cost, in calls: they are the same on every machine, however busy.


def calls(work):
    """How many calls a piece of work makes, of Python's own functions too."""
    count = 0

    def counted(frame, what, arg):
        nonlocal count
        count += what in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def runners(size, instant):
    """Rows of runners; `instant` gives that of a runner at a point from a random generator."""
    rng = Random(7)
    return [
        AthleteRow(
            event="e",
            bib=str(number),
            version=1,
            race="hm",
            points=[
                PointTime(place["id"], DAY_US + instant(rng, size, index), "main") for index, place in enumerate(COURSE)
            ],
        )
        for number in range(size)
    ]


def spread(rng, size, index):
    """Runners come in over a time that grows with their number, as in a race with more waves."""
    return index * 10_000 * US + rng.randrange(size * US // 2)


def by_hand(rng, size, index):
    """Whole seconds from a watch, a tenth of all runners in each."""
    return index * 10_000 * US + rng.randrange(10) * US


def clocks_that_stand(rng, size, index):
    """Everybody at the same instant at two of the three points, as by clocks that stand still; otherwise spread."""
    return index * 10_000 * US + US // 2 if index > 1 else spread(rng, size, index)


def by_hand_at_one_mat(rng, size, index):
    """Whole seconds, many runners in each, at one mat; the others are exact."""
    return by_hand(rng, size, index) if index == 1 else spread(rng, size, index)


@pytest.mark.parametrize("instant", [spread, by_hand, clocks_that_stand, by_hand_at_one_mat])
@pytest.mark.parametrize("batch", [1, 10_000])
def test_the_work_grows_with_the_number_of_passings_and_not_of_pairs(instant, batch):
    few, many = (_work(runners(size, instant), batch) for size in (500, 2500))
    assert many < 6 * few


def _work(rows, batch):
    defined = event({})
    index = TogetherIndex(defined.together, crossings_of(defined))

    def put():
        for start in range(0, len(rows), batch):
            index.put(rows[start : start + batch])

    return calls(put)
