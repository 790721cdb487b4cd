"""Decide who may write. This is the only place that does.

With a token file every request has to carry a token. The token says for which events it is valid, and a gateway's token
also for which gateways. Without tokens ingest serves this machine only (`services.runtime.local_request`).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from services.ingest.errors import Overloaded, Refused
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.ingest.limits import IngestLimits
from services.runtime.faults import StartFault
from services.runtime.local_request import is_local_request
from services.runtime.loopback import is_loopback
from services.runtime.rate_limit import RateLimiter
from services.runtime.tokens import ANY, Token, Tokens, bearer

LOCAL = Token(id="00000000", role="official", name="local", events=[ANY], gateways=[ANY], sha256="0" * 64, made="")
"""The holder of every request while there are no tokens: anybody at this machine, who may do everything."""


class UnsafeAddress(StartFault):
    """Ingest may not listen where other machines can reach it while there are no tokens."""


class Access:
    """Decide by the token file as it is at each request. `clock_s` is monotonic."""

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
        """Raise UnsafeAddress for an address beyond the loopback interface while there are no tokens."""
        if not is_loopback(host) and not self._tokens.count():
            raise UnsafeAddress(
                f"ingest would listen on {host}, which other machines can reach, but {self._tokens.path} has no token "
                "to recognize gateways by; make one with `matline token add`, or set MATLINE_HOST=127.0.0.1"
            )

    def gateway(self, request: web.Request, event: str) -> Token:
        """Return the token of a request with reads; `check_gateway` checks the gateway's name. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "gateway" and holder is not LOCAL:
            raise Refused(
                403, "Not with this token", f"reads need a gateway's token; token {holder.id} is of role {holder.role}"
            )
        return holder

    def official(self, request: web.Request, event: str) -> Token:
        """Return the token of a request that writes facts. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "official":
            raise Refused(
                403,
                "Not with this token",
                f"this needs an official's token; token {holder.id} is of role {holder.role}",
            )
        return holder

    def importer(self, request: web.Request, event: str) -> Token:
        """Return the token of a request with a file of reads: an official's or a gateway's. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role not in ("official", "gateway"):
            raise Refused(
                403,
                "Not with this token",
                f"a file of reads needs an official's or a gateway's token; token {holder.id} is of role {holder.role}",
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
            reason = "is not known here, or was revoked" if header else "is missing; send `Authorization: Bearer ...`"
            raise Refused(401, "No valid token", f"the token {reason}")
        self._connections.let_in(request, holder.id)
        self.count(holder)
        if not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")
        return holder

    @contextmanager
    def sending(self, holder: Token) -> Iterator[None]:
        """Count the body of a request of the holder while it comes in. Raises Overloaded for one body too many."""
        if self._sending[holder.id] >= self._limits.token_bodies and holder is not LOCAL:
            raise Overloaded(
                f"{self._limits.token_bodies} requests of token {holder.id} are already coming in; send them one by one"
            )
        self._sending[holder.id] += 1
        try:
            yield
        finally:
            self._sending[holder.id] -= 1

    def check_still(self, holder: Token) -> None:
        """Raise Refused when the token was revoked while the body of its request came in."""
        if holder is not LOCAL and not self._tokens.holds(holder):
            raise Refused(401, "No valid token", f"token {holder.id} was revoked while the request came in")

    def count(self, holder: Token) -> None:
        """Count a request of the holder. Raises Overloaded beyond its rate limit."""
        limiter = self._limiters.get(holder.id)
        if limiter is None:
            limiter = self._limiters[holder.id] = RateLimiter(
                self._limits.token_requests_a_second, self._limits.token_burst, self._clock_s
            )
        if not limiter.try_take():
            raise Overloaded(
                f"token {holder.id} sends more than {self._limits.token_requests_a_second:g} requests a second; "
                "put more reads into each request"
            )


def check_gateway(holder: Token, gateway: str) -> None:
    """Raise Refused for reads in the name of a gateway that the token does not speak for."""
    if not holder.may_gateway(gateway):
        raise Refused(403, "Not this gateway", f"token {holder.id} does not speak for gateway {gateway!r}")


def _check_local(request: web.Request) -> None:
    if not is_local_request(request):
        raise Refused(
            403,
            "Not from here",
            "while there are no tokens, only this machine may write, at 127.0.0.1 or localhost, and neither through a"
            " proxy nor from a page of another site; make a token with `matline token add`",
        )
