"""`make upgrade`: build an older release, upgrade it in the middle of a race, and print what that interrupted."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.upgrade.gaps import table
from loadtest.upgrade.release import build, newest_tag, this_release
from loadtest.upgrade.run import Outcome, run

SIZE = 400
SECONDS = 360.0  # the steps take four minutes and more on a busy machine


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of the command line: `release` (None: the newest tag), `size`, `seconds`, `back`."""
    parser = argparse.ArgumentParser(prog="make upgrade", description=__doc__)
    parser.add_argument("release", nargs="?", metavar="REVISION", help="the old release, by default the newest tag")
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help=f"entrants of each of two races ({SIZE})")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="N", help=f"how long the races take ({SECONDS:g})"
    )
    parser.add_argument("--back", action="store_true", help="go back to the old release afterwards")
    return parser.parse_args(words)


def shown(outcome: Outcome) -> list[str]:
    """Return the lines to print: what was compared, what does not hold, and the table of gaps."""
    lines = []
    for verdict in outcome.verdicts:
        compared = ", ".join(f"{count:,} {what}" for what, count in verdict.compared.items())
        lines.append(f"compared {compared}; {verdict.doubled} reads are twice or more on the log, and count once")
        lines += [f"VIOLATED: {line}" for line in verdict.violations]
    return [*lines, *(f"VIOLATED: {line}" for line in outcome.late), *table(outcome.gaps)]


async def _upgrade(order: argparse.Namespace) -> int:
    revision = order.release or await newest_tag()
    if revision is None:
        print('the repository has no tag; name the older release: make upgrade UPGRADE="REVISION"', file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="matline-release-") as folder:
        print(f"Building {revision}", flush=True)
        old = await build(revision, Path(folder) / "old")
        print(f"From {old.name} to this working tree, two races of {order.size} over {order.seconds:g} s", flush=True)
        outcome = await run(old, this_release(), order.size, order.seconds, order.back)
    print("\n".join(shown(outcome)))
    print(f"Load at the end: {os.getloadavg()[0]:.1f}")
    return 1 if outcome.late or any(verdict.violations for verdict in outcome.verdicts) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_upgrade(parse(sys.argv[1:]))))
