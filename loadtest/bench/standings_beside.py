"""Measure standings that are updated as results change beside databases that rank all finishers again.

All rank the same finishers on the same boards, and their places are compared. Matline's rank keys are what the
projections write for a changed athlete; a board is sorted by them when it is read.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct

from loadtest.bench.alternative import ENVIRONMENT, reported, require_alternatives
from loadtest.bench.comparison import Measure, Measured

ATHLETES = (11_000, 55_000)
RUNS = (
    ("Matline", "tests.standings.measured_boards", sys.executable),
    ("ClickHouse, embedded", "loadtest.alternatives.clickhouse_ranking", sys.executable),
    ("DuckDB", "loadtest.alternatives.duckdb_ranking", ENVIRONMENT),
    ("Polars", "loadtest.alternatives.polars_ranking", ENVIRONMENT),
)
CASES = {
    "one_changed_keys": ("one changed athlete", "Matline, rank keys"),
    "one_changed": ("one changed athlete", "{}, places"),
    "all_boards": ("all boards", "{}"),
}


class Ranking(Struct, frozen=True, kw_only=True):
    """What standings take, in seconds by the clock and of the processor, of all threads."""

    case: str
    name: str
    clock_s: float
    processor_s: float
    holds: bool = True

    @property
    def values(self) -> Mapping[str, float]:
        """Both times."""
        return {"processor's ms": self.processor_s * 1000, "ms": self.clock_s * 1000}

    def line(self) -> str:
        """Return one line for a person."""
        processor_ms, clock_ms = self.processor_s * 1000, self.clock_s * 1000
        return f"{self.case}: {self.name:<28} {processor_ms:8.2f} ms of the processor, {clock_ms:.2f} ms"


@asynccontextmanager
async def standings_beside_databases() -> AsyncIterator[Measure]:
    """Yield a measurement of all of them. It raises RuntimeError if places differ."""
    require_alternatives()

    async def measure() -> AsyncIterator[Measured]:
        for athletes in ATHLETES:
            checks = {}
            for name, program, python in RUNS:
                report = await asyncio.to_thread(reported, python, program, {"athletes": athletes})
                checks[name] = report["check"]
                for key, (what, called) in CASES.items():
                    if report[key] is not None:
                        clock_s, processor_s = report[key]
                        case = f"{what}, of {athletes:,}"
                        yield Ranking(case=case, name=called.format(name), clock_s=clock_s, processor_s=processor_s)
            if len(set(checks.values())) > 1:
                raise RuntimeError(f"the places of {athletes:,} athletes differ: {json.dumps(checks)}")

    yield measure
