"""Who may look: the one place that decides it.

Live is public, unless the token file has a reader's token; then every request takes a token, in the header or, for
pages and streams that cannot set one, a reader's as `?key=`. What only officials see takes an official's token, and
without a token file a request from this machine itself.
"""

import time

from aiohttp import web

from services.live.errors import Refused
from services.runtime.loopback import is_local_request
from services.runtime.tokens import Token, Tokens, bearer

LOOK_AGAIN_S = 0.1  # whether there are readers' tokens; a look at the file costs as much as an answer that is held


class Access:
    """Decides by the token file as it is at each request; without one everybody may look."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._private = False
        self._looked_s = -LOOK_AGAIN_S

    def private(self) -> bool:
        """Whether looking takes a token."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_AGAIN_S:
            self._private = self._tokens.has_role("reader")
            self._looked_s = now_s
        return self._private

    def check_viewer(self, request: web.Request) -> None:
        """Let a viewer in. Raises Refused."""
        if not self.private():
            return
        holder = self._shown(request)
        event = request.match_info.get("event")
        if event is not None and not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")

    def is_official(self, request: web.Request, event: str) -> bool:
        """Whether the request shows that an official of this event sends it."""
        try:
            self.check_official(request, event)
        except Refused:
            return False
        return True

    def check_official(self, request: web.Request, event: str) -> None:
        """Let an official of this event in. Raises Refused."""
        if not self._tokens.required():
            if not is_local_request(request):
                raise Refused(
                    403, "Not from here", "without tokens this is for this machine only, by 127.0.0.1 or localhost"
                )
            return
        holder = self._shown(request)
        if holder.role != "official":
            raise Refused(
                403, "Not with this token", f"this takes an official's token; this one is of role {holder.role}"
            )
        if not holder.may_event(event):
            raise Refused(403, "Not this event", f"token {holder.id} is not for event {event!r}")

    def _shown(self, request: web.Request) -> Token:
        shown = bearer(request.headers.get("Authorization"))
        holder = self._tokens.find(shown)
        if holder is None and shown is None:
            holder = self._tokens.find(request.query.get("key"))
            if holder is not None and holder.role != "reader":  # an address is written down in too many places
                raise Refused(403, "Not in the address", "`key` takes a reader's token; send others as a header")
        if holder is None:
            raise Refused(401, "No valid token", "send `Authorization: Bearer ...`, or a reader's token as `key`")
        return holder
