"""Who may write: the one place that decides it.

Without tokens ingest serves this machine only: a request comes from the loopback interface, is addressed to it by
name (a web page elsewhere could have its own name resolve to us), and carries no other site's `Origin`.
"""

from functools import lru_cache
from ipaddress import ip_address

from aiohttp import web
from msgspec import Struct
from yarl import URL

from services.ingest.errors import Refused
from services.runtime.faults import StartFault


class Official(Struct, frozen=True):
    """Whoever may write facts; `name` is what `by` says of them."""

    name: str


LOCAL = Official("local")


class UnsafeAddress(StartFault):
    """Listening where others can reach us takes tokens."""


def check_listening(host: str) -> None:
    """Refuse to listen on other than the loopback interface while there are no tokens. Raises UnsafeAddress."""
    if not is_loopback(host):
        raise UnsafeAddress(
            f"ingest would listen on {host}, which others can reach, and has no tokens to tell gateways by; "
            "use MATLINE_HOST=127.0.0.1"
        )


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback interface."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def authorise(request: web.Request) -> Official:
    """Who sent this request. Raises Refused."""
    if not is_loopback(request.remote or "") or not is_loopback(_host(f"http://{request.host}")):
        raise Refused(
            403, "Not from here", "without tokens ingest takes requests of this machine only, by 127.0.0.1 or localhost"
        )
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"http://{request.host}", f"https://{request.host}"):
        raise Refused(403, "Not from there", f"a page of {origin[:80]} may not write to the race log")
    return LOCAL


def _host(address: str) -> str:
    try:
        return URL(address).host or ""
    except ValueError:
        return ""
