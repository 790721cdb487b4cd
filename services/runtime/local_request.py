"""Recognize requests that come from this machine, for services without tokens.

Such a request comes from the loopback interface and is addressed to it by name, since a web page elsewhere could have
its own name resolve to this machine. It has no `Origin` of another site, and no header of a proxy on this machine.
"""

from aiohttp import web
from yarl import URL

from services.runtime.loopback import is_loopback

FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""Headers that a proxy on this machine sets when it passes on a request from elsewhere."""


def is_local_request(request: web.Request) -> bool:
    """Return whether a request was made on this machine, and neither by a page of another site nor through a proxy."""
    origin = request.headers.get("Origin")
    return (
        is_loopback(request.remote or "")
        and is_loopback(_host_of(request.host))
        and (origin is None or origin == f"{request.scheme}://{request.host}")
        and not any(name in request.headers for name in FORWARDING_HEADERS)
    )


def _host_of(authority: str) -> str:
    """Return the host in a `Host` header, or an empty text for one that cannot be read."""
    try:
        return URL(f"http://{authority}").host or ""
    except ValueError:
        return ""
