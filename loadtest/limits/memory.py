"""The memory of processes, and whether it grows. The judgement is pure."""

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

RATIO_MAX = 2.0
NORMAL_95 = 1.96  # standard errors on each side of an interval that holds the true slope 95 times of 100
LEAK_MIB_AN_HOUR = 20.0  # a day of less fits any machine


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process. Raises OSError if it is gone."""
    kib = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kib[1]) / 1024 if kib else 0.0


class Held(Struct, frozen=True, kw_only=True):
    """The memory of each process under a normal load, and the most under another, in MiB."""

    name: str
    normal_mib: Mapping[str, float]
    most_mib: Mapping[str, float]
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether each process stayed within RATIO_MAX times its memory."""
        return all(self.most_mib[process] <= RATIO_MAX * mib for process, mib in self.normal_mib.items())

    def line(self) -> str:
        """Return one line for a person."""
        parts = ", ".join(f"{part} {mib:.0f} -> {self.most_mib[part]:.0f}" for part, mib in self.normal_mib.items())
        verdict = "ok" if self.holds else f"MORE THAN {RATIO_MAX:g} TIMES"
        return f"{self.name:<24} MiB: {parts}{self.note and f'; {self.note}'}  {verdict}"


class Slope(Struct, frozen=True, kw_only=True):
    """How fast the memory of a process grows, in MiB an hour, between `low` and `high` with a confidence of 95 %."""

    name: str
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether no leak is shown: growth of LEAK_MIB_AN_HOUR or more would be outside of chance."""
        return self.low < LEAK_MIB_AN_HOUR

    def line(self) -> str:
        """Return one line for a person."""
        verdict = "LEAKS" if not self.holds else "ok" if self.high < LEAK_MIB_AN_HOUR else "not shown; run it longer"
        return f"{self.name:<24} grows by {self.low:+.1f} to {self.high:+.1f} MiB an hour  {verdict}"


def slope(name: str, samples: Sequence[tuple[float, float]]) -> Slope:
    """Return the growth in samples of seconds and MiB, at least three of them.

    Memory moves in steps, so neighbours are alike: blocks of the samples are averaged first, ten at most.
    """
    size = max(1, len(samples) // 10)
    blocks = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    hours = [statistics.fmean(at_s for at_s, _ in block) / 3600 for block in blocks]
    mib = [statistics.fmean(held for _, held in block) for block in blocks]
    fitted = statistics.linear_regression(hours, mib)
    residuals = [held - fitted.intercept - fitted.slope * at for at, held in zip(hours, mib, strict=True)]
    spread = statistics.fmean(hours)
    width = sum((at - spread) ** 2 for at in hours)
    error = (sum(left**2 for left in residuals) / (len(blocks) - 2) / width) ** 0.5
    return Slope(name=name, low=fitted.slope - NORMAL_95 * error, high=fitted.slope + NORMAL_95 * error)
