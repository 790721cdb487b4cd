"""Wait until a stack has processed everything that was sent, or until a server answers."""

import asyncio

import aiohttp

from loadtest.stack import RunningStack

CAUGHT_UP_S = 1_800.0  # for a hang only


async def caught_up(stack: RunningStack) -> None:
    """Wait until scoring and the projections have processed all. Raises TimeoutError."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(CAUGHT_UP_S):
        while True:
            ports = (stack.scoring_port, stack.projections_port)
            if not sum([await _behind(session, port) for port in ports]):
                return
            await asyncio.sleep(0.5)


async def _behind(session: aiohttp.ClientSession, port: int) -> float:
    """Return how many records a service has still to process."""
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "_lag_records{" in line)


async def is_answered(session: aiohttp.ClientSession, url: str) -> bool:
    """Return whether a server answers a GET request, with status 200."""
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
