"""Decides who may write; nothing else does.

With a token file every request carries a token, which says for which events, and for a gateway in whose name. Without
one ingest serves this machine only: a request comes from the loopback interface, is addressed to it by name (a web
page elsewhere could have its own name resolve to us), carries no other site's `Origin`, and was not passed on by a
proxy here for somebody elsewhere.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web
from yarl import URL

from services.ingest.errors import Overloaded, Refused
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.ingest.limits import IngestLimits
from services.runtime.faults import StartFault
from services.runtime.loopback import is_loopback
from services.runtime.rate_limit import RateLimiter
from services.runtime.tokens import ANY, Token, Tokens, bearer

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")  # set by a proxy

LOCAL = Token(id="00000000", role="official", name="local", events=[ANY], gateways=[ANY], sha256="0" * 64, made="")
"""The holder of every request while there are no tokens: somebody at this machine, who may do everything."""


class UnsafeAddress(StartFault):
    """Listening where others can reach us takes tokens."""


class Access:
    """Decides by the token file as it is at each request. `clock_s` is monotonic."""

    def __init__(
        self,
        tokens: Tokens,
        connections: ConnectionLimiter,
        limits: IngestLimits | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._connections = connections
        self._limits = limits or IngestLimits()
        self._clock_s = clock_s
        self._limiters: dict[str, RateLimiter] = {}
        self._sending: Counter[str] = Counter()

    def check_listening(self, host: str) -> None:
        """Refuse to listen on other than the loopback interface while there are no tokens. Raises UnsafeAddress."""
        if not is_loopback(host) and not self._tokens.count():
            raise UnsafeAddress(
                f"ingest would listen on {host}, which others can reach, and there is no token in {self._tokens.path} "
                "to recognize gateways by; make one by `matline token add`, or use MATLINE_HOST=127.0.0.1"
            )

    def gateway(self, request: web.Request, event: str) -> Token:
        """Return whose reads this request brings; `check_gateway` says for which gateways. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "gateway" and holder is not LOCAL:
            raise Refused(
                403, "Not with this token", f"reads take a gateway's token; this one is of role {holder.role}"
            )
        return holder

    def official(self, request: web.Request, event: str) -> Token:
        """Return who writes facts by this request. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "official":
            raise Refused(
                403, "Not with this token", f"this takes an official's token; this one is of role {holder.role}"
            )
        return holder

    def _holder(self, request: web.Request, event: str) -> Token:
        if not self._tokens.required():
            _check_local(request)
            self._connections.let_in(request, LOCAL.id)
            return LOCAL
        header = request.headers.get("Authorization")
        holder = self._tokens.find(bearer(header))
        if holder is None:
            said = "is not known here, or was revoked" if header else "is missing; send `Authorization: Bearer ...`"
            raise Refused(401, "No valid token", f"the token {said}")
        self._connections.let_in(request, holder.id)
        self.count(holder)
        if not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")
        return holder

    @contextmanager
    def sending(self, holder: Token) -> Iterator[None]:
        """Count the body of one of the holder's requests while it comes in. Raises Overloaded when too many do."""
        if self._sending[holder.id] >= self._limits.token_bodies and holder is not LOCAL:
            raise Overloaded(
                f"{self._limits.token_bodies} requests of token {holder.id} are coming in; send them one by one"
            )
        self._sending[holder.id] += 1
        try:
            yield
        finally:
            self._sending[holder.id] -= 1

    def check_still(self, holder: Token) -> None:
        """Raise Refused for a body that came in completely only after its token was revoked."""
        if holder is not LOCAL and not self._tokens.holds(holder):
            raise Refused(401, "No valid token", f"token {holder.id} was revoked meanwhile")

    def count(self, holder: Token) -> None:
        """Take one of the holder's requests. Raises Overloaded when there is none left for now."""
        limiter = self._limiters.get(holder.id)
        if limiter is None:
            limiter = self._limiters[holder.id] = RateLimiter(
                self._limits.token_requests_a_second, self._limits.token_burst, self._clock_s
            )
        if not limiter.try_take():
            raise Overloaded(
                f"token {holder.id} sends more than {self._limits.token_requests_a_second:g} requests a second; "
                "put more reads into each"
            )


def check_gateway(holder: Token, gateway: str) -> None:
    """Refuse reads in another gateway's name. Raises Refused."""
    if not holder.may_gateway(gateway):
        raise Refused(403, "Not this gateway", f"token {holder.id} does not speak for gateway {gateway!r}")


def _check_local(request: web.Request) -> None:
    if not is_loopback(request.remote or "") or not is_loopback(_host(f"http://{request.host}")):
        raise Refused(
            403, "Not from here", "without tokens ingest takes requests of this machine only, by 127.0.0.1 or localhost"
        )
    if passed_on := next((name for name in _FORWARDED if name in request.headers), None):
        raise Refused(403, "Not from here", f"a proxy passed it on ({passed_on}); for others make tokens")
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"http://{request.host}", f"https://{request.host}"):
        raise Refused(403, "Not from there", f"a page of {origin[:80]} may not write to the race log")


def _host(address: str) -> str:
    try:
        return URL(address).host or ""
    except ValueError:
        return ""
