"""Who may write: the one place that decides it.

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
from msgspec import Struct
from yarl import URL

from services.ingest.errors import Overloaded, Refused
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.runtime.faults import StartFault
from services.runtime.loopback import is_loopback
from services.runtime.tokens import ANY, Token, Tokens, bearer

REQUESTS_A_SECOND_MAX = 1_000  # of one token: full requests at that rate are 25 times what one process takes
REQUESTS_BURST_MAX = 2_000  # at once after a pause
BODIES_OF_ONE_MAX = 32  # coming in at once for one token: of all that are worked on, an eighth; 128 MiB at the most

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")  # set by a proxy

LOCAL = Token(id="00000000", role="official", name="local", events=[ANY], gateways=[ANY], sha256="0" * 64, made="")
"""Whoever is at this machine, while there are no tokens: may do everything."""


class UnsafeAddress(StartFault):
    """Listening where others can reach us takes tokens."""


class _Allowance(Struct):
    """Requests that a token may still send: one more each 1/REQUESTS_A_SECOND_MAX s, up to a burst."""

    left: float
    at_s: float


class Access:
    """Decides by the token file as it is at each request. `clock_s` is monotonic."""

    def __init__(
        self, tokens: Tokens, places: ConnectionLimiter, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._tokens = tokens
        self._places = places
        self._clock_s = clock_s
        self._allowances: dict[str, _Allowance] = {}
        self._sending: Counter[str] = Counter()

    def check_listening(self, host: str) -> None:
        """Refuse to listen on other than the loopback interface while there are no tokens. Raises UnsafeAddress."""
        if not is_loopback(host) and not self._tokens.count():
            raise UnsafeAddress(
                f"ingest would listen on {host}, which others can reach, and there is no token in {self._tokens.path} "
                "to tell gateways by; make one by `matline token add`, or use MATLINE_HOST=127.0.0.1"
            )

    def gateway(self, request: web.Request, event: str) -> Token:
        """Whose reads this request brings; for which gateways they may be, `check_gateway` says. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "gateway" and holder is not LOCAL:
            raise Refused(
                403, "Not with this token", f"reads take a gateway's token; this one is of role {holder.role}"
            )
        return holder

    def official(self, request: web.Request, event: str) -> Token:
        """Who writes facts by this request. Raises Refused."""
        holder = self._holder(request, event)
        if holder.role != "official":
            raise Refused(
                403, "Not with this token", f"this takes an official's token; this one is of role {holder.role}"
            )
        return holder

    def _holder(self, request: web.Request, event: str) -> Token:
        if not self._tokens.required():
            _check_local(request)
            self._places.let_in(request, LOCAL.id)
            return LOCAL
        header = request.headers.get("Authorization")
        holder = self._tokens.find(bearer(header))
        if holder is None:
            said = "is not known here, or was revoked" if header else "is missing; send `Authorization: Bearer ...`"
            raise Refused(401, "No valid token", f"the token {said}")
        self._places.let_in(request, holder.id)
        self.count(holder)
        if not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")
        return holder

    @contextmanager
    def sending(self, holder: Token) -> Iterator[None]:
        """While the body of one of the holder's requests comes in. Raises Overloaded when too many of his do."""
        if self._sending[holder.id] >= BODIES_OF_ONE_MAX and holder is not LOCAL:
            raise Overloaded(f"{BODIES_OF_ONE_MAX} requests of token {holder.id} are coming in; send them one by one")
        self._sending[holder.id] += 1
        try:
            yield
        finally:
            self._sending[holder.id] -= 1

    def check_still(self, holder: Token) -> None:
        """Refuse what came in whole only after its token was revoked. Raises Refused."""
        if holder is not LOCAL and not self._tokens.holds(holder):
            raise Refused(401, "No valid token", f"token {holder.id} was revoked meanwhile")

    def count(self, holder: Token) -> None:
        """Take one of the holder's requests. Raises Overloaded when there is none left for now."""
        now_s = self._clock_s()
        allowance = self._allowances.get(holder.id)
        if allowance is None:
            allowance = self._allowances[holder.id] = _Allowance(REQUESTS_BURST_MAX, now_s)
        allowance.left += (now_s - allowance.at_s) * REQUESTS_A_SECOND_MAX
        allowance.left = min(allowance.left, REQUESTS_BURST_MAX)
        allowance.at_s = now_s
        if allowance.left < 1:
            raise Overloaded(
                f"token {holder.id} sends more than {REQUESTS_A_SECOND_MAX} requests a second; put more reads into each"
            )
        allowance.left -= 1


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
