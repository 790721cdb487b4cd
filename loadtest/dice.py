"""Random numbers that are the same on every machine: Python's own generator, and arithmetic that IEEE 754 defines.

Logarithms, powers and trigonometric functions are avoided, since mathematical libraries differ in the last digit, and
so is any order that depends on hashes.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

_Item = TypeVar("_Item")


def dice(seed: str, purpose: str) -> Random:
    """Return a generator for one purpose, so that more draws for it change nothing elsewhere.

    `seed` is an event and a number, so two events with the same number have nothing in common.
    """
    return Random(f"{seed}:{purpose}")


def bell(rng: Random) -> float:
    """Return nearly a normal deviate of mean 0 and standard deviation 1, within 3: the sum of three uniform draws."""
    return (rng.random() + rng.random() + rng.random() - 1.5) * 2.0


def between(rng: Random, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, both included, with a single draw."""
    return low + int(rng.random() * (high - low + 1))


def one_of(rng: Random, items: Sequence[_Item]) -> _Item:
    """Return one of the items, all equally likely."""
    return items[int(rng.random() * len(items))]


def weighted(rng: Random, items: Sequence[tuple[_Item, int]]) -> _Item:
    """Return one of the items by their whole-number weights."""
    rest = int(rng.random() * sum(weight for _, weight in items))
    for item, weight in items:
        rest -= weight
        if rest < 0:
            return item
    raise AssertionError("the weights are positive")


def quantile(table: Sequence[tuple[float, float]], u: float) -> float:
    """Return the value at probability `u` of a table of (probability, value), linear between its lines."""
    for (p_low, low), (p_high, high) in pairwise(table):
        if u <= p_high:
            return low + (high - low) * (u - p_low) / (p_high - p_low)
    return table[-1][1]


def shares(total: int, parts: Sequence[float]) -> list[int]:
    """Divide `total` in proportion to `parts` into whole numbers that add up; the largest remainders are rounded up."""
    exact = [total * part / sum(parts) for part in parts]
    counts = [int(value) for value in exact]
    order = sorted(range(len(parts)), key=lambda index: (counts[index] - exact[index], index))
    for index in order[: total - sum(counts)]:
        counts[index] += 1
    return counts
