"""Judge a time by its ratio to a control run, so that the verdict does not depend on how fast the machine is."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from msgspec import Struct

RATIO_MAX = 2.0
FLOOR_S = 0.05  # shorter times are fine in any case: they are a few time slices of a busy processor


class Verdict(Protocol):
    """Something measured, with the verdict on it."""

    @property
    def name(self) -> str:
        """What was measured."""
        ...

    @property
    def holds(self) -> bool:
        """Whether it is within its limit."""
        ...

    def line(self) -> str:
        """Return one line for a person."""
        ...


class Measured(Verdict, Protocol):
    """A verdict with its figures, for tables and plots over several runs."""

    @property
    def case(self) -> str:
        """What those that are compared with each other, by their names, have in common."""
        ...

    @property
    def values(self) -> Mapping[str, float]:
        """The figures by what they are, with their units; the one that counts first."""
        ...


Measure = Callable[[], AsyncIterator[Measured]]
"""A run of a benchmark, which may be repeated."""


class Comparison(Struct, frozen=True, kw_only=True):
    """A 99th percentile under load and that of the control run, both in seconds."""

    name: str
    loaded_s: float
    control_s: float

    @property
    def case(self) -> str:
        """That the server has other work meanwhile."""
        return "under load"

    @property
    def values(self) -> Mapping[str, float]:
        """Both waits."""
        return {"p99, ms": self.loaded_s * 1000, "p99 of the control, ms": self.control_s * 1000}

    @property
    def holds(self) -> bool:
        """Whether the load slowed the answers by no more than RATIO_MAX, or not noticeably."""
        return self.loaded_s <= max(FLOOR_S, RATIO_MAX * self.control_s)

    def line(self) -> str:
        """Return one line for a person."""
        return (
            f"{self.name:<24} p99 {self.loaded_s * 1000:6.1f} ms, control {self.control_s * 1000:6.1f} ms,"
            f" ratio {self.loaded_s / self.control_s:5.2f}  {'ok' if self.holds else 'TOO SLOW'}"
        )


def p99(times_s: list[float]) -> float:
    """Return the 99th percentile of times; of fewer than 100 that is the longest."""
    return sorted(times_s)[int(len(times_s) * 0.99)]
