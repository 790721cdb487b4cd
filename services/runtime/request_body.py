"""Receive the body of a request, bounded in size and in time."""

import asyncio
from collections.abc import Callable

from aiohttp import StreamReader

LEAST_BYTES_A_SECOND = 1024  # on average, after a grace time: the rate of the poorest mobile line


class BodyTooLarge(Exception):
    """A body is longer than it may be."""


class BodyTooSlow(Exception):
    """A body did not arrive in time, or stalled."""


async def received(
    content: StreamReader,
    limit: int,
    wait_s: float,
    *,
    grace_s: float | None = None,
    pause_s: Callable[[int, int], float] | None = None,
) -> bytes:
    """Return a body of at most `limit` bytes that arrives within `wait_s`. Raises BodyTooLarge and BodyTooSlow.

    After `grace_s` it has to keep up LEAST_BYTES_A_SECOND. `pause_s`, given the bytes so far and those of the last
    piece, returns how long to wait before the next piece is read.
    """
    pieces: list[bytes] = []
    size = 0
    began_s = asyncio.get_running_loop().time()
    grace_s = wait_s if grace_s is None else min(grace_s, wait_s)
    try:
        async with asyncio.timeout_at(began_s + grace_s) as deadline:
            async for piece in content.iter_any():
                size += len(piece)
                if size > limit:
                    raise BodyTooLarge
                pieces.append(piece)
                if pause_s is not None and (seconds := pause_s(size, len(piece))) > 0:
                    await asyncio.sleep(seconds)
                deadline.reschedule(began_s + min(grace_s + size / LEAST_BYTES_A_SECOND, wait_s))
    except TimeoutError:
        raise BodyTooSlow from None
    return b"".join(pieces)
