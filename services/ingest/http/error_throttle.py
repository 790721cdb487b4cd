"""Refusals in turn: whoever floods us with what is refused waits for his answers, and everybody else is served.

A refusal costs a fraction of what a good request does, but a client that asks again as soon as it is refused has
nothing else to do. So only so many are answered a second; of more, some wait, and the rest are hung up on. Good
requests never wait here.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from services.runtime.rate_limit import RateLimiter

REFUSALS_A_SECOND = 50
REFUSALS_AT_ONCE = 32  # after a quiet time; a bomb costs a hundredth of a second before it is known for one
WAITING_MAX = 128  # further ones are hung up on; the last of them waits WAITING_MAX / REFUSALS_A_SECOND s
HANG_UP_AFTER_S = 2.0
TOO_SLOW = 408  # has waited long enough, and is bounded by how many bodies come in
LINGER_S = 2.0  # for the rest of a body that was refused, so that the client hears why before we hang up
UNREAD_BYTES_A_SECOND = 16 * 1024 * 1024  # of such rests in all, so that nobody keeps us busy with what nobody reads


class ErrorThrottle:
    """The turns of one server's refusals."""

    def __init__(self) -> None:
        self._turns = RateLimiter(REFUSALS_A_SECOND, REFUSALS_AT_ONCE)
        self._unread = RateLimiter(UNREAD_BYTES_A_SECOND, UNREAD_BYTES_A_SECOND / 4)
        self._waiting = 0

    async def answer(self, request: web.Request, response: web.StreamResponse) -> None:
        """Send a refusal in its turn, and hear out what the client still sends for a while."""
        if response.status != TOO_SLOW and not await self._turn():
            if request.transport is not None:
                request.transport.abort()
            return
        with suppress(ConnectionError):  # it hung up by itself
            await response.prepare(request)
            await response.write_eof()
            await self._hear_out(request)

    async def _turn(self) -> bool:
        """Wait for a turn; false where too many wait already, after a while all the same: who is hung up on at once
        calls again at once.
        """
        if self._waiting >= WAITING_MAX:
            await asyncio.sleep(HANG_UP_AFTER_S)
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(self._turns.take())
        finally:
            self._waiting -= 1
        return True

    async def _hear_out(self, request: web.Request) -> None:
        """Read what is left of a body, not at full speed. Hanging up on a client that still sends would take away the
        answer before it is read.
        """
        with suppress(TimeoutError, web.RequestPayloadError):
            async with asyncio.timeout(LINGER_S):
                while not request.content.is_eof():
                    piece = await request.content.readany()
                    await asyncio.sleep(self._unread.take(len(piece)))
