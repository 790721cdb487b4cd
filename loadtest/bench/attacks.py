"""Measure how long a good gateway waits for ingest while others attack it.

The control is a process that uses as much of the processor as an attack and sends nothing to ingest.
"""

from collections.abc import AsyncIterator

from loadtest.attack import Gateway, attacking
from loadtest.bench.comparison import Comparison
from loadtest.stack import RunningStack

ATTACKS = ("token", "too_large", "nested", "gzip_bombs", "zstd_bombs", "idle", "slow")
PUSH_S = 2.0  # 200 requests, 20 of them on connections of their own
ROUNDS = 3  # of attack and control in turn; the best of each counts, since other work may slow a single one
SLOW_S = 11.5  # ingest refuses slow bodies after 10 s
PATH = "/v1/events/bench/reads"


async def attack_comparisons(stack: RunningStack) -> AsyncIterator[Comparison]:
    """Yield the good gateway's waits under each attack. Raises RuntimeError if ingest fails it."""
    gateway = Gateway(f"http://127.0.0.1:{stack.ingest_port}{PATH}", "good", stack.good_token)
    await gateway.push_for(1.0)  # warms everything up
    for kind in ATTACKS:
        seconds = SLOW_S if kind == "slow" else PUSH_S
        loaded_s, control_s = [], []
        for _ in range(ROUNDS):
            control_s.append(await _p99_s(stack, gateway, "burn", PUSH_S))
            loaded_s.append(await _p99_s(stack, gateway, kind, seconds))
        yield Comparison(name=f"push under {kind}", loaded_s=min(loaded_s), control_s=min(control_s))


async def _p99_s(stack: RunningStack, gateway: Gateway, kind: str, seconds: float) -> float:
    async with attacking(kind, "127.0.0.1", stack.ingest_port, PATH, stack.hostile_token):
        p99_s = await gateway.push_for(seconds)
    if gateway.failed:
        raise RuntimeError(f"under {kind}, ingest failed the good gateway: {gateway.failed[0]}")
    return p99_s
