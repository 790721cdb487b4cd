"""`make chaos`: run seeds of two minutes and print what was compared, what does not hold, and the table of faults."""

import argparse
import asyncio
import logging
import sys

from loadtest.chaos.disk import can_mount
from loadtest.chaos.run import Outcome, Plan, keep_output, run
from loadtest.chaos.schedule import DISK, Stack, schedule
from loadtest.chaos.table import table

SECONDS = 120.0
SIZE = 400
SEEDS = 3


def _show(seed: int, outcome: Outcome) -> None:
    verdict = outcome.verdict
    compared = ", ".join(f"{count:,} {what}" for what, count in verdict.compared.items())
    print(f"seed {seed}: compared {compared}")
    print(
        f"seed {seed}: lost {verdict.lost}, wrong boards {verdict.wrong_boards}; {verdict.doubled} reads are on the log"
        " twice or more, some because gateways send again by themselves, and count once",
        flush=True,
    )
    for line in verdict.violations:
        print(f"seed {seed}: VIOLATED: {line}", flush=True)
    if verdict.violations:
        print(f"seed {seed}: what the stack printed is in {keep_output(outcome.output)}", flush=True)


def _plan(seed: int, seconds: float) -> Plan:
    """Return the plan of a seed: odd ones have everything embedded, even ones have servers beside the stack."""
    stack: Stack = "embedded" if seed % 2 else "servers"
    faults = schedule(seed, seconds, stack)
    if not can_mount() and any(fault.target == DISK for fault in faults):
        print(f"seed {seed}: the disk is never full, because only root may mount a small one")
        faults = [fault for fault in faults if fault.target != DISK]
    return Plan(seed=seed, seconds=seconds, size=SIZE, faults=faults, stack=stack)


def main() -> int:
    """Run the seeds; return 1 if anything does not hold."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is the point
    outcomes = []
    for seed in range(options.seed, options.seed + options.seeds):
        outcomes.append(asyncio.run(run(_plan(seed, options.seconds))))
        _show(seed, outcomes[-1])
    print("\n".join(table([(outcome.verdict, outcome.evidence, outcome.injected) for outcome in outcomes])))
    return int(any(outcome.verdict.violations for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
