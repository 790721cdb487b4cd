"""Receive the body of a request, bounded in size and time."""

import asyncio

from aiohttp import web

from services.live.errors import Refused

BODY_MAX_BYTES = 4 * 1024 * 1024  # as ingest takes facts
BODY_WAIT_S = 30.0  # for all of it


async def received(request: web.Request) -> bytes:
    """Return the body. Raises Refused: 413 for one that is too large, 408 for one that does not arrive."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for piece in request.content.iter_any():
                size += len(piece)
                if size > BODY_MAX_BYTES:
                    raise Refused(
                        413, "Too large", f"the body is larger than {BODY_MAX_BYTES} bytes", limit=BODY_MAX_BYTES
                    )
                pieces.append(piece)
    except TimeoutError:
        raise Refused(408, "Body too slow", f"the body did not arrive within {BODY_WAIT_S:g} s") from None
    return b"".join(pieces)
