"""The body of a request to live, bounded in size and time."""

from aiohttp import web

from services.live.errors import Refused
from services.runtime.request_body import BodyTooLarge, BodyTooSlow, received

BODY_MAX_BYTES = 4 * 1024 * 1024  # as ingest takes facts
BODY_WAIT_S = 30.0  # for all of it


async def body_of(request: web.Request) -> bytes:
    """Return the body. Raises Refused: 413 for one that is too large, 408 for one that does not arrive."""
    try:
        return await received(request.content, BODY_MAX_BYTES, BODY_WAIT_S)
    except BodyTooLarge:
        text = f"the body is larger than {BODY_MAX_BYTES} bytes"
        raise Refused(413, "Too large", text, limit=BODY_MAX_BYTES) from None
    except BodyTooSlow:
        raise Refused(408, "Body too slow", f"the body did not arrive within {BODY_WAIT_S:g} s") from None
