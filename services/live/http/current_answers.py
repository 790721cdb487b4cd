"""Answers at hand for addresses that many clients ask for, until the next revision of any event."""

from collections.abc import Hashable

from aiohttp import web

from services.live.http.answers import ReadyAnswer
from services.live.http.compression import accepted_coding

CURRENT_MAX = 1_000  # addresses
CURRENT_BYTES_MAX = 32 * 1024 * 1024  # of all bodies together; a default page of a board has 400 KB, compressed 30 KB


class CurrentAnswers:
    """Keep answers by address and coding while the state that they are of lasts. Too many are dropped all at once."""

    def __init__(self) -> None:
        self._state: Hashable = None
        self._bytes = 0
        self._ready: dict[tuple[str, str | None], ReadyAnswer] = {}

    def of(self, request: web.Request, state: Hashable) -> ReadyAnswer | None:
        """Return the answer to a request for the same address and coding, if it was kept in this state."""
        if state != self._state:
            self._drop()
            self._state = state
        return self._ready.get(_asked_for(request))

    def keep(self, request: web.Request, state: Hashable, ready: ReadyAnswer) -> None:
        """Keep an answer that was made in a state, unless another has begun since."""
        if state != self._state:
            return
        if len(self._ready) >= CURRENT_MAX or self._bytes + ready.size > CURRENT_BYTES_MAX:
            self._drop()
        self._ready[_asked_for(request)] = ready
        self._bytes += ready.size

    def _drop(self) -> None:
        self._ready.clear()
        self._bytes = 0


def _asked_for(request: web.Request) -> tuple[str, str | None]:
    return request.raw_path, accepted_coding(request.headers.get("Accept-Encoding", ""))
