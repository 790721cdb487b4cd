"""`make bench`: run the comparisons and print a line for each figure; the exit code is 1 if one is too slow.

`python -m loadtest.bench PART...` runs some of the parts only, also those that take long and are run once. All figures
are written to a folder: `results.json`, `tables.md`, and a plot for each part where the alternatives are installed.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec

from loadtest.bench import recovery
from loadtest.bench.alternative import ENVIRONMENT
from loadtest.bench.archived import starts
from loadtest.bench.attacks import attack_comparisons
from loadtest.bench.capacity import costs
from loadtest.bench.comparison import FLOOR_S, RATIO_MAX, Measure, Measured
from loadtest.bench.costly_answers import answer_comparisons
from loadtest.bench.files_beside import boards_beside_files
from loadtest.bench.growth import growth
from loadtest.bench.ingest_beside import ingest_beside_producers
from loadtest.bench.machine import this_machine
from loadtest.bench.race_watched import viewers_of_race
from loadtest.bench.read_to_board import reads_to_boards
from loadtest.bench.results import Results, figures_of
from loadtest.bench.scoring_beside import scoring_beside_others
from loadtest.bench.standings_beside import standings_beside_databases
from loadtest.bench.tables import tables
from loadtest.driver import DriveFailed
from loadtest.stack import RunningStack, running_stack

RUNS = 5
PART_S = 200.0  # no run of a part begins later: with its first start it ends within four minutes, all within twenty

Part = Callable[[], AbstractAsyncContextManager[Measure]]


def on_a_stack(measure: Callable[[RunningStack], AsyncIterator[Measured]]) -> Part:
    """Return a part that measures a stack of its own."""

    @asynccontextmanager
    async def part() -> AsyncIterator[Measure]:
        async with running_stack() as stack:
            yield lambda: measure(stack)

    return part


REPEATED: dict[str, Part] = {
    "boards": reads_to_boards,
    "scoring": scoring_beside_others,
    "ingest": ingest_beside_producers,
    "files": boards_beside_files,
    "standings": standings_beside_databases,
}
"""Parts that run once to warm up, and then RUNS times."""

ONCE: dict[str, Part] = {
    "answers": on_a_stack(answer_comparisons),
    "attacks": on_a_stack(attack_comparisons),
    "viewers": on_a_stack(viewers_of_race),
    "capacity": on_a_stack(costs),
    "growth": growth,
    "archived": on_a_stack(starts),
    "recovery": on_a_stack(lambda stack: recovery.recoveries(stack, 11_000, recovery.KILLED)),
    "recovery-55000": on_a_stack(lambda stack: recovery.recoveries(stack, 55_000, (("projections",),))),
}
"""Parts that measure for long, or several times by themselves."""

PARTS = REPEATED | ONCE


async def _runs(part: str, runs: int) -> list[list[Measured]]:
    """Run a part, print what it measures, and return that of each run without the one that warms up."""
    began_s = time.monotonic()
    measured_runs: list[list[Measured]] = []
    async with PARTS[part]() as measure:
        if part in REPEATED and runs > 1:
            print(f"{part}: warming up", flush=True)
            _ = [measured async for measured in measure()]
        for run in range(runs if part in REPEATED else 1):
            if measured_runs and time.monotonic() - began_s > PART_S:
                print(f"{part}: its time is over after {run} runs", flush=True)
                break
            measured_runs.append([])
            async for measured in measure():
                measured_runs[-1].append(measured)
                print(f"{part} {run + 1}: {measured.line()}", flush=True)
    return measured_runs


async def _all(parts: list[str], runs: int, out: Path) -> bool:
    """Run parts one after the other, and return whether all came to their end and are fast enough in most runs."""
    results = Results(machine=this_machine(), began=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", figures=[], failed={})
    slow: list[str] = []
    print(f"Use the machine for nothing else until the end. {results.machine.text()}.", flush=True)
    for part in parts:
        try:
            measured_runs = await _runs(part, runs)
        except (RuntimeError, OSError, DriveFailed, aiohttp.ClientError) as error:  # OSError: TimeoutError too
            results.failed[part] = str(error) or type(error).__name__
            print(f"{part} did not come to its end: {results.failed[part]}", flush=True)
        else:
            results.figures.extend(figures_of(part, measured_runs))
            too_slow = Counter(measured.name for run in measured_runs for measured in run if not measured.holds)
            slow += [name for name, times in too_slow.items() if 2 * times > len(measured_runs)]
        _write(results, out)
    print(
        f"Limit of waits with a control: {RATIO_MAX:g} times that, or {FLOOR_S * 1000:.0f} ms."
        f" Too slow in most runs: {', '.join(slow) or 'none'}. Tables and plots are in {out}."
    )
    return not slow and not results.failed


def _write(results: Results, out: Path) -> None:
    file = out / "results.json"
    out.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    (out / "tables.md").write_text(tables(results))
    if Path(ENVIRONMENT).exists():
        subprocess.run([ENVIRONMENT, "-m", "loadtest.bench.plots", str(file), str(out)], check=True)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description="Measure speed, beside others too.")
    _parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; without one {', '.join(REPEATED)}"
    )
    _parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"of each repeated part ({RUNS})")
    _parser.add_argument("--out", type=Path, default=Path("bench-results"), metavar="FOLDER", help="for the figures")
    _order = _parser.parse_args()
    if _unknown := set(_order.parts) - set(PARTS):
        _parser.error(f"there is no part {min(_unknown)!r}; choose of {', '.join(PARTS)}")
    sys.exit(0 if asyncio.run(_all(_order.parts or list(REPEATED), _order.runs, _order.out)) else 1)
