"""Chance that falls alike on every machine: Python's own generator, and arithmetic that IEEE 754 fixes.

No logarithm, power or trigonometric function takes part, since mathematical libraries differ in their last digit, and
no set or dictionary order that a hash decides.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

_Item = TypeVar("_Item")


def dice(seed: str, purpose: str) -> Random:
    """A generator of its own for each purpose, so that more draws for one change nothing of another.

    `seed` is an event and a number: two events of one number have nothing in common.
    """
    return Random(f"{seed}:{purpose}")


def bell(rng: Random) -> float:
    """Near a normal deviate of mean 0 and standard deviation 1, never beyond 3: the sum of three even draws."""
    return (rng.random() + rng.random() + rng.random() - 1.5) * 2.0


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included; a single draw."""
    return low + int(rng.random() * (high - low + 1))


def one_of(rng: Random, items: Sequence[_Item]) -> _Item:
    """One of the items, each as likely."""
    return items[int(rng.random() * len(items))]


def weighted(rng: Random, items: Sequence[tuple[_Item, int]]) -> _Item:
    """One of the items by its whole-number weight."""
    at = int(rng.random() * sum(weight for _, weight in items))
    for item, weight in items:
        at -= weight
        if at < 0:
            return item
    raise AssertionError("the weights are positive")


def quantile(table: Sequence[tuple[float, float]], u: float) -> float:
    """The value at probability `u` of a table of (probability, value), linear between its lines."""
    for (p_low, low), (p_high, high) in pairwise(table):
        if u <= p_high:
            return low + (high - low) * (u - p_low) / (p_high - p_low)
    return table[-1][1]


def shares(total: int, parts: Sequence[float]) -> list[int]:
    """`total` divided in proportion to `parts`, whole numbers that add up: the largest remainders are rounded up."""
    exact = [total * part / sum(parts) for part in parts]
    found = [int(value) for value in exact]
    order = sorted(range(len(parts)), key=lambda at: (found[at] - exact[at], at))
    for at in order[: total - sum(found)]:
        found[at] += 1
    return found
