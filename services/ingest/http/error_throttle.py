"""A throttle for refusals: a client that floods ingest with bad requests waits for its answers, others do not.

A refusal costs a fraction of a good request, but a client that asks again as soon as it is refused can send many. So
only a limited number are answered each second. Of the rest some wait, and beyond those the connection is closed. Good
requests never wait here.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from services.ingest.limits import IngestLimits
from services.runtime.rate_limit import RateLimiter

TOO_SLOW = 408  # not throttled: it has waited already, and the number of bodies is bounded
LINGER_S = 2.0  # for the rest of a refused body, so that the client gets the answer before the connection closes
UNREAD_BYTES_A_SECOND = 16 * 1024 * 1024  # of such remainders in all, so that reading them cannot keep ingest busy


class ErrorThrottle:
    """Answer one server's refusals at a limited rate."""

    def __init__(self, limits: IngestLimits | None = None) -> None:
        self._limits = limits or IngestLimits()
        self._limiter = RateLimiter(self._limits.refusals_a_second, self._limits.refusals_at_once)
        self._unread = RateLimiter(UNREAD_BYTES_A_SECOND, UNREAD_BYTES_A_SECOND / 4)
        self._waiting = 0

    async def answer(self, request: web.Request, response: web.StreamResponse) -> None:
        """Send a refusal when the rate allows it, and read what the client still sends for a while."""
        if response.status != TOO_SLOW and not await self._turn():
            if request.transport is not None:
                request.transport.abort()
            return
        with suppress(ConnectionError):  # it hung up by itself
            await response.prepare(request)
            await response.write_eof()
            await self._read_rest(request)

    async def _turn(self) -> bool:
        """Wait until the rate allows an answer. Return false when too many wait already.

        False takes a while too: a client whose connection closes at once connects again at once.
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
        """Read the rest of a body, at a limited rate.

        Closing the connection of a client that still sends would discard the answer before it is read.
        """
        with suppress(TimeoutError, web.RequestPayloadError):
            async with asyncio.timeout(LINGER_S):
                while not request.content.is_eof():
                    piece = await request.content.readany()
                    await asyncio.sleep(self._unread.take(len(piece)))
