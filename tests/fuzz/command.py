"""`make fuzz`: every decoder and every kind of body, a million damaged inputs each, a process for each of them.

Prints how far it is, and the seed. What was found is said with the life in which it was; a run that was stopped goes
on with the same seed from the life that it printed last.
"""

import argparse
import multiprocessing
import os
import time
from multiprocessing.queues import SimpleQueue
from typing import Any, NamedTuple

from tests.fuzz.lives import Found, live
from tests.fuzz.targets import TARGETS

SAY_EVERY_S = 10.0
NICE = 19  # whatever else the machine does goes first


class Order(NamedTuple):
    """What one process does."""

    name: str
    seed: int
    inputs: int
    first: int


_say: "SimpleQueue[str | None]"


def _given(say: "SimpleQueue[str | None]") -> None:
    global _say
    _say = say
    os.nice(NICE)


def _work(order: Order) -> bool:
    """Carry an order out; whether nothing was found."""
    target = next(target for target in TARGETS if target.name == order.name)
    said_s = began_s = time.monotonic()
    parent = os.getppid()
    fault: str | None = None
    lived = None
    try:
        for lived in live(target, order.seed, order.inputs, order.first):
            if time.monotonic() - said_s > SAY_EVERY_S:
                said_s = time.monotonic()
                if os.getppid() != parent:  # it was killed, and nobody hears us
                    return False
                _say.put(f"{order.name}: {lived.inputs:,} of {order.inputs:,} inputs, through life {lived.number - 1}")
    except Found as error:
        fault = str(error)
    except KeyboardInterrupt:
        return False
    if lived is not None:
        _say.put(
            f"{order.name}: {lived.inputs:,} inputs, {lived.bytes:,} bytes, lives {order.first} to {lived.number - 1}, "
            f"seed {order.seed}, {time.monotonic() - began_s:.0f} s; the longest life, {lived.longest}, took "
            f"{lived.longest_s:.2f} s" + (", then FOUND:" if fault else ", nothing found")
        )
    if fault:
        _say.put(fault)
    return fault is None


def main() -> int:
    """Run what the command line asks for; 1 when something was found."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Damaged bytes into every decoder.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the dice (the time)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the life to begin with (%(default)s)")
    options: Any = parser.parse_args()
    if unknown := sorted(set(options.targets) - set(names)):
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(names)}")
    orders = [Order(name, options.seed, options.inputs, options.first) for name in options.targets or names]
    print(f"seed {options.seed}, {options.inputs:,} inputs for each of {len(orders)}", flush=True)
    context = multiprocessing.get_context("spawn")
    say: SimpleQueue[str | None] = context.SimpleQueue()
    with context.Pool(os.cpu_count(), _given, (say,), maxtasksperchild=1) as pool:
        working = pool.map_async(_work, orders, chunksize=1, callback=lambda _: say.put(None))
        while (line := say.get()) is not None:
            print(line, flush=True)
        return 0 if all(working.get()) else 1
