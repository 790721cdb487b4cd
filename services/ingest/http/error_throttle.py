"""A throttle for refusals: a client that floods us with bad requests waits for its answers, and others are served.

A refusal costs a fraction of what a good request does, but a client that asks again as soon as it is refused has
nothing else to do. So only so many are answered a second; of more, some wait, and the rest are hung up on. Good
requests never wait here.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from services.ingest.limits import IngestLimits
from services.runtime.rate_limit import RateLimiter

TOO_SLOW = 408  # has waited long enough, and is bounded by how many bodies come in
LINGER_S = 2.0  # for the rest of a body that was refused, so that the client hears why before we hang up
UNREAD_BYTES_A_SECOND = 16 * 1024 * 1024  # of such rests in all, so that nobody keeps us busy with what nobody reads


class ErrorThrottle:
    """Answers one server's refusals at a limited rate."""

    def __init__(self, limits: IngestLimits | None = None) -> None:
        self._limits = limits or IngestLimits()
        self._limiter = RateLimiter(self._limits.refusals_a_second, self._limits.refusals_at_once)
        self._unread = RateLimiter(UNREAD_BYTES_A_SECOND, UNREAD_BYTES_A_SECOND / 4)
        self._waiting = 0

    async def answer(self, request: web.Request, response: web.StreamResponse) -> None:
        """Send a refusal when it is its turn, and read what the client still sends for a while."""
        if response.status != TOO_SLOW and not await self._turn():
            if request.transport is not None:
                request.transport.abort()
            return
        with suppress(ConnectionError):  # it hung up by itself
            await response.prepare(request)
            await response.write_eof()
            await self._read_rest(request)

    async def _turn(self) -> bool:
        """Wait for a turn; false where too many wait already. That takes a while too: a client that is hung up on at
        once calls again at once.
        """
        if self._waiting >= self._limits.refusals_waiting:
            await asyncio.sleep(self._limits.refusal_hang_up_s)
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(self._limiter.take())
        finally:
            self._waiting -= 1
        return True

    async def _read_rest(self, request: web.Request) -> None:
        """Read what is left of a body, not at full speed. Hanging up on a client that still sends would take away the
        answer before it is read.
        """
        with suppress(TimeoutError, web.RequestPayloadError):
            async with asyncio.timeout(LINGER_S):
                while not request.content.is_eof():
                    piece = await request.content.readany()
                    await asyncio.sleep(self._unread.take(len(piece)))
