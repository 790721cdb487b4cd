"""`make bench`: run the benchmarks and print a line for each; the exit code is 1 if one is too slow.

`python -m loadtest.bench PART...` runs some of the parts only.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable

from loadtest.bench import recovery
from loadtest.bench.attacks import attack_comparisons
from loadtest.bench.capacity import costs
from loadtest.bench.comparison import FLOOR_S, RATIO_MAX, Measured
from loadtest.bench.costly_answers import answer_comparisons
from loadtest.bench.race_watched import viewers_of_race
from loadtest.bench.read_to_board import reads_to_boards
from loadtest.bench.scoring_beside import scoring_beside_others
from loadtest.stack import RunningStack, running_stack

RECOVERIES = "recovery"
LARGE_RECOVERIES = "recovery-55000"
ON_ONE_STACK = {"answers": answer_comparisons, "attacks": attack_comparisons, "viewers": viewers_of_race}
ON_THEIR_OWN: dict[str, Callable[[RunningStack], AsyncIterator[Measured]]] = {
    "boards": reads_to_boards,
    "capacity": costs,
    "scoring": scoring_beside_others,
}
PARTS = (*ON_ONE_STACK, *ON_THEIR_OWN, RECOVERIES, LARGE_RECOVERIES)


async def _measured(parts: list[str]) -> AsyncIterator[Measured]:
    if any(part in ON_ONE_STACK for part in parts):
        async with running_stack() as stack:
            for part, measure in ON_ONE_STACK.items():
                if part in parts:
                    async for measured in measure(stack):
                        yield measured
    for part, measure_alone in ON_THEIR_OWN.items():
        if part in parts:
            async with running_stack() as stack:
                async for figure in measure_alone(stack):
                    yield figure
    if RECOVERIES in parts:
        async with running_stack() as stack:
            async for recovered in recovery.recoveries(stack, 11_000, recovery.KILLED):
                yield recovered
    if LARGE_RECOVERIES in parts:
        async with running_stack() as stack:
            async for recovered in recovery.recoveries(stack, 55_000, (("projections",),)):
                yield recovered


async def _run(parts: list[str]) -> bool:
    slow = []
    print("Starting a stack; use the machine for nothing else until the end.", flush=True)
    async for measured in _measured(parts):
        print(measured.line(), flush=True)
        if not measured.holds:
            slow.append(measured.name)
    print(
        f"Limit of waits with a control: {RATIO_MAX:g} times that, or {FLOOR_S * 1000:.0f} ms."
        f" Too slow: {', '.join(slow) or 'none'}."
    )
    return not slow


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description="Measure waits under load.")
    _parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them without one")
    _parts = _parser.parse_args().parts or list(PARTS)
    if _unknown := set(_parts) - set(PARTS):
        _parser.error(f"there is no part {min(_unknown)!r}; choose of {', '.join(PARTS)}")
    sys.exit(0 if asyncio.run(_run(_parts)) else 1)
