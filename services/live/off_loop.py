"""Run pure work in a thread when it takes long, so that other answers do not wait for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

STEPS_ON_LOOP = 5_000  # steps take about a microsecond each, so they block the loop for some 5 ms at most

T = TypeVar("T")


async def off_loop(steps: int, work: Callable[[], T]) -> T:
    """Return `work()`, from a thread when it takes more than STEPS_ON_LOOP steps. Raises what `work` raises."""
    return work() if steps <= STEPS_ON_LOOP else await asyncio.to_thread(work)
