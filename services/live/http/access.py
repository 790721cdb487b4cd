"""Access to live: the only place that decides who may see which data.

Live is public unless the token file has a reader's token. Then every request needs a token: in the header or, for pages
and streams that cannot set a header, a reader's token as `?key=`. Data for officials needs an official's token; without
a token file it needs a request from this machine. If the token file vanishes, live stays as public or private as it
was, and officials are refused; see `services/runtime/tokens.py`.
"""

import time
from collections.abc import Iterable

from aiohttp import web

from services.live.errors import Refused
from services.live.limits import LiveLimits
from services.runtime.local_request import is_local_request
from services.runtime.tokens import Token, Tokens, bearer


class Access:
    """Decide by the current token file at each request. Without a token file live is public."""

    def __init__(self, tokens: Tokens, limits: LiveLimits | None = None) -> None:
        self._tokens = tokens
        self._check_s = (limits or LiveLimits()).check_tokens_s
        self._private = False
        self._checked_s = -self._check_s

    def private(self) -> bool:
        """Return whether every request needs a token."""
        now_s = time.monotonic()
        if now_s - self._checked_s >= self._check_s:
            self._private = self._tokens.has_role("reader")
            self._checked_s = now_s
        return self._private

    def check_viewer(self, request: web.Request) -> None:
        """Check that a request may see public data. Raises Refused."""
        if not self.private():
            return
        holder = self._holder(request)
        event = request.match_info.get("event")
        if event is not None and not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")

    def shown(self, request: web.Request) -> tuple[str | None, str | None, str | None]:
        """Return all of a request by which `check_viewer` decides: its event, and its token in the header or `key`."""
        return request.match_info.get("event"), request.headers.get("Authorization"), request.query.get("key")

    def may_still_view(self, request: web.Request) -> bool:
        """Return whether a request that was answered, and whose stream is open, may go on seeing public data."""
        try:
            self.check_viewer(request)
        except Refused:
            return False
        return True

    def visible(self, request: web.Request, events: Iterable[str]) -> list[str]:
        """Return those of some events that a request may see. Raises Refused."""
        if not self.private():
            return list(events)
        holder = self._holder(request)
        return [event for event in events if holder.may_event(event)]

    def is_official(self, request: web.Request, event: str) -> bool:
        """Return whether a request shows that an official of an event sends it."""
        try:
            self.check_official(request, event)
        except Refused:
            return False
        return True

    def check_official(self, request: web.Request, event: str) -> None:
        """Check that an official of an event sends a request. Raises Refused."""
        holder = self._official(request)
        if holder is not None and not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")

    def officiated(self, request: web.Request, events: Iterable[str]) -> list[str]:
        """Return those of some events whose official sends a request. Raises Refused if no official at all does."""
        holder = self._official(request)
        return [event for event in events if holder is None or holder.may_event(event)]

    def _official(self, request: web.Request) -> Token | None:
        """Return the official who sends a request, None for this machine while there are no tokens. Raises Refused."""
        if not self._tokens.required():
            if not is_local_request(request):
                raise Refused(
                    403,
                    "Not from here",
                    "while there are no tokens, only this machine may ask for this, at 127.0.0.1 or localhost; make a"
                    " token for an official by `matline token add`",
                )
            return None
        holder = self._holder(request)
        if holder.role != "official":
            raise Refused(
                403, "Not with this token", f"this takes an official's token; this one is of role {holder.role}"
            )
        return holder

    def _holder(self, request: web.Request) -> Token:
        shown = bearer(request.headers.get("Authorization"))
        holder = self._tokens.find(shown)
        if holder is None and shown is None:
            holder = self._tokens.find(request.query.get("key"))
            if holder is not None and holder.role != "reader":  # addresses end up in histories and logs
                raise Refused(
                    403,
                    "Not in the address",
                    f"`key` takes a reader's token; send this {holder.role}'s token as `Authorization: Bearer ...`",
                )
        if holder is None:
            raise Refused(401, "No valid token", "send `Authorization: Bearer ...`, or a reader's token as `key`")
        return holder
