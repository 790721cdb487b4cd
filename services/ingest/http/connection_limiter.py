"""A limit on HTTP connections: one that has shown a valid token stays, of the others the oldest makes room.

Refusing the newest would be simpler, and would let a thousand connections that say nothing keep every gateway out.
"""

import asyncio
from collections import Counter

from aiohttp import web

from services.ingest.limits import IngestLimits

ACCEPTED_AT_ONCE = 16  # in one turn of the loop, so that a flood of them does not hold up requests
BACKLOG = 512  # connections that the kernel holds while we are busy


class ConnectionLimiter:
    """The connections of a server, and which of them belong to a known holder of a token."""

    def __init__(self, limits: IngestLimits | None = None) -> None:
        self._limits = limits or IngestLimits()
        self._known: dict[web.RequestHandler, str] = {}
        self._count: Counter[str] = Counter()

    def let_in(self, request: web.Request, holder: str) -> None:
        """Keep the request's connection, whose holder is known; so many of one holder and no more, so that one token
        cannot take all connections.
        """
        protocol = request.protocol
        if protocol in self._known:
            return
        if self._count[holder] >= self._limits.connections_of_token or len(self._known) >= self._limits.connections:
            self._known = {handler: whose for handler, whose in self._known.items() if handler.transport is not None}
            self._count = Counter(self._known.values())
        if self._count[holder] < self._limits.connections_of_token:
            self._known[protocol] = holder
            self._count[holder] += 1

    def take(self, server: web.Server) -> asyncio.BaseProtocol:
        """Return what serves a new connection, or what refuses it when all others belong to known holders."""
        open_now = server.connections  # in the order in which they came
        if len(open_now) >= self._limits.connections and not self._make_room(open_now):
            return _Refusing()
        return server()

    def _make_room(self, open_now: list[web.RequestHandler]) -> bool:
        """Hang up on the oldest connection whose holder is not known; false if there is none."""
        for handler in open_now:
            transport = handler.transport
            if handler not in self._known and transport is not None and not transport.is_closing():
                transport.abort()
                return True
        return False


class _Refusing(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
