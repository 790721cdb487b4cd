"""`make bench`: run all benchmarks and print a line for each; the exit code is 1 if one is too slow."""

import asyncio
import sys

from loadtest.bench.attacks import attack_comparisons
from loadtest.bench.board_rate import RATE_LEAST, rate_comparisons
from loadtest.bench.comparison import FLOOR_S, RATIO_MAX, Comparison
from loadtest.bench.costly_answers import BOARD, RACE, answer_comparisons
from loadtest.bench.stack import running_stack


async def _run() -> bool:
    comparisons: list[Comparison] = []

    def show(comparison: Comparison) -> None:
        comparisons.append(comparison)
        print(comparison.line(), flush=True)

    print("Starting a stack; use the machine for nothing else until the end.", flush=True)
    async with running_stack() as stack:
        async for comparison in answer_comparisons(stack):
            show(comparison)
        async for comparison in rate_comparisons(stack, RACE, BOARD):
            show(comparison)
        async for comparison in attack_comparisons(stack):
            show(comparison)
    slow = [comparison.name for comparison in comparisons if not comparison.holds]
    print(
        f"Limit: {RATIO_MAX:g} times the control, or {FLOOR_S * 1000:.0f} ms (99th percentiles); for a board a mean of"
        f" {1 / RATE_LEAST:.2f} times that of a static file. Too slow: {', '.join(slow) or 'none'}."
    )
    return not slow


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(_run()) else 1)
