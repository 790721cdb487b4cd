"""`make drill`: plant every trouble, print trouble by trouble which alerts came and when, and fail if one is not right.

Without a name all of it runs, a quarter of an hour; with some, only the troubles of the stack that have these words in
their names.
"""

import argparse
import asyncio
import logging
import sys

from loadtest.drill.run import Outcome, race_troubles, stack_troubles, staged
from loadtest.drill.troubles import TROUBLES

CLEAN_SIZE = 3_000

HEAD = """| trouble | alerts, seconds after it | |
| --- | --- | --- |"""


def line(outcome: Outcome) -> str:
    """Return a row of the table: the trouble, its alerts by the time at which they came, and what is not right."""
    by_time = sorted(outcome.raised.items(), key=lambda raised: raised[1])
    came = ", ".join(f"{name} {seconds:.0f}" for name, seconds in by_time) or "none"
    missing = ", ".join(sorted(outcome.due - outcome.raised.keys()))
    wrong = [f"missing: {missing}"] if missing else []
    wrong += ["did not end"] if outcome.ended is False else []
    wrong += ["not due"] if not outcome.is_right and not wrong else []
    return f"| {outcome.trouble} | {came} | {'; '.join(wrong)} |"


async def _drill(words: list[str]) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        outcomes.append(outcome)
        print(line(outcome), flush=True)

    chosen = [trouble for trouble in TROUBLES if all(word in trouble.name for word in words)]
    async with staged() as scene:
        print(HEAD, flush=True)
        if not words:
            await race_troubles(scene, CLEAN_SIZE, thin=False, report=report)
        await stack_troubles(scene, chosen, report)
    return outcomes


def main() -> int:
    """Run the drill; return 1 if a trouble did not raise exactly its alerts."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of troubles")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is the point
    return int(not all(outcome.is_right for outcome in asyncio.run(_drill(options.words))))


if __name__ == "__main__":
    sys.exit(main())
