"""The finishers whom all standings rank, the same for each, and the report on how long it took: plain Python.

Their boards are of all, of each gender, and of the age groups of each gender, in the order of chip times. Equal times
share a place.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

AGE_GROUPS = ((1930, 1964), (1965, 1974), (1975, 1984), (1985, 2008))  # years of birth, both included
BEST_US, SLOWEST_US = 3_900_000_000, 12_600_000_000  # of a half marathon
SEED = 1
CHANGES = 20


class Finisher(NamedTuple):
    """A finisher; `age_group` is an index of AGE_GROUPS."""

    bib: int
    gender: str
    birth_year: int
    age_group: int
    chip_us: int


class Order(NamedTuple):
    """How many finishers there are."""

    athletes: int


def order() -> Order:
    """Return the order in this program's first argument."""
    return Order(**json.loads(sys.argv[1]))


def finishers(athletes: int) -> list[Finisher]:
    """Return so many finishers, by bib from 1."""
    dice = random.Random(SEED)
    field = []
    for bib in range(1, athletes + 1):
        age_group = dice.randrange(len(AGE_GROUPS))
        birth_year = dice.randint(*AGE_GROUPS[age_group])
        field.append(Finisher(bib, dice.choice("MF"), birth_year, age_group, dice.randint(BEST_US, SLOWEST_US)))
    return field


def changed(field: list[Finisher]) -> Iterator[Finisher]:
    """Yield some finishers with other times, one after the other."""
    dice = random.Random(SEED + 1)
    for _ in range(CHANGES):
        yield dice.choice(field)._replace(chip_us=dice.randint(BEST_US, SLOWEST_US))


class Spent(NamedTuple):
    """Seconds by the clock and of the processor, with all threads of this process."""

    clock_s: float
    processor_s: float


def spent(work: Callable[[], None], times: int = 1) -> Spent:
    """Return what a piece of work takes, on average if it is several `times` as much."""
    clock_s, processor_s = time.perf_counter(), time.process_time()
    work()
    return Spent((time.perf_counter() - clock_s) / times, (time.process_time() - processor_s) / times)


def report(one_changed: Spent, all_boards: Spent, check: int, one_changed_keys: Spent | None = None) -> None:
    """Print what the places after one changed athlete take, and those of all boards; `one_changed_keys`: rank keys.

    `check` is the sum over all boards of each bib by its place, after the changes: those who rank alike have it alike.
    """
    figures = {"one_changed": one_changed, "all_boards": all_boards, "one_changed_keys": one_changed_keys}
    print(json.dumps({"check": check, **figures}))


def checked(bib: int, *places: int) -> int:
    """Return an athlete's part of the check, from the places on their boards."""
    return bib * sum(places)
