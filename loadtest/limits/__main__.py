"""`make limits`: run the parts and print a verdict for each; the exit code is 1 if one fails."""

import argparse
import asyncio
import sys
from typing import Final

from loadtest.bench.half_race import HalfRace
from loadtest.limits import runs
from loadtest.stack import running_stack

ATHLETES = 11_000
PARTS: Final = {
    "tenfold": runs.tenfold,
    "unknown": runs.unknown_event,
    "idle": runs.idle_connections,
    "slow": runs.slow_viewers,
    "steady": runs.steady,
}


async def _run(parts: list[str], minutes: float) -> bool:
    broken = []
    print("Starting a stack.", flush=True)
    async with running_stack() as stack, HalfRace(stack, ATHLETES) as race:
        for part in parts:
            async for measured in PARTS[part](stack, race, minutes):
                print(measured.line(), flush=True)
                if not measured.holds:
                    broken.append(measured.name)
    print(f"Broken limits: {', '.join(broken) or 'none'}.")
    return not broken


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m loadtest.limits", description="Put a stack to its limits.")
    _parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them without one")
    _parser.add_argument("--minutes", type=float, default=5.0, help="of tenfold and of steady (5)")
    _order = _parser.parse_args()
    if _unknown := set(_order.parts) - set(PARTS):
        _parser.error(f"there is no part {min(_unknown)!r}; choose of {', '.join(PARTS)}")
    sys.exit(0 if asyncio.run(_run(_order.parts or list(PARTS), _order.minutes)) else 1)
