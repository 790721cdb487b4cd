"""Which addresses are this machine's own, and which requests come from it."""

from functools import lru_cache
from ipaddress import ip_address

from aiohttp import web
from yarl import URL

FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""Headers that a proxy on this machine sets when it passes on a request from elsewhere."""


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback interface."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
