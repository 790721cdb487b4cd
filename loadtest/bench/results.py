"""The figures of some runs as a file, which tables and plots are made of."""

import statistics
from collections.abc import Iterable

from msgspec import Struct

from loadtest.bench.comparison import Measured
from loadtest.bench.machine import Machine


class Figure(Struct, frozen=True, kw_only=True):
    """A measure of one thing, with a value for each run. Those of one part and case are compared by their names."""

    part: str
    case: str
    name: str
    measure: str
    values: list[float]

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.values)

    def text(self) -> str:
        """Return the median, with the least and the greatest value where there were several runs."""
        if len(self.values) == 1:
            return short(self.median)
        return f"{short(self.median)} ({short(min(self.values))}–{short(max(self.values))})"


class Results(Struct, frozen=True, kw_only=True):
    """All figures of a run of the benchmarks. `failed` has the parts that did not come to their end, and why."""

    machine: Machine
    began: str
    figures: list[Figure]
    failed: dict[str, str]

    def of(self, part: str) -> list[Figure]:
        """Return the figures of a part."""
        return [figure for figure in self.figures if figure.part == part]

    def parts(self) -> list[str]:
        """Return the parts that have figures, in the order of their runs."""
        return list(dict.fromkeys(figure.part for figure in self.figures))


def figures_of(part: str, runs: Iterable[Iterable[Measured]]) -> list[Figure]:
    """Return the figures of a part from what each of its runs measured."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        for measured in run:
            for measure, value in measured.values.items():
                values.setdefault((measured.case, measured.name, measure), []).append(value)
    return [
        Figure(part=part, case=case, name=name, measure=measure, values=of_runs)
        for (case, name, measure), of_runs in values.items()
    ]


def short(value: float) -> str:
    """Return a figure with three digits that count, or all digits before the point."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
