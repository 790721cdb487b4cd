"""A limit on HTTP connections. Those that have shown a valid token stay; of the others the oldest is closed.

Refusing the newest would be simpler, but a thousand silent connections would then keep every gateway out.
"""

import asyncio
from collections import Counter

from aiohttp import web

from services.ingest.limits import IngestLimits

ACCEPTED_AT_ONCE = 16  # in one iteration of the event loop, so that a flood of connections does not hold up requests
BACKLOG = 512  # connections that the kernel holds while we are busy


class ConnectionLimiter:
    """The connections of a server, and which of them belong to a known holder of a token."""

    def __init__(self, limits: IngestLimits | None = None) -> None:
        self._limits = limits or IngestLimits()
        self._known: dict[web.RequestHandler, str] = {}
        self._count: Counter[str] = Counter()

    def let_in(self, request: web.Request, holder: str) -> None:
        """Keep the connection of a request, whose holder is known, unless this holder has its share of connections.

        The share is `connections_of_token`, so that one token cannot take all connections.
        """
        protocol = request.protocol
        if protocol in self._known:
            return
        if self._count[holder] >= self._limits.connections_of_token or len(self._known) >= self._limits.connections:
            self._known = {handler: token for handler, token in self._known.items() if handler.transport is not None}
            self._count = Counter(self._known.values())
        if self._count[holder] < self._limits.connections_of_token:
            self._known[protocol] = holder
            self._count[holder] += 1

    def take(self, server: web.Server) -> asyncio.BaseProtocol:
        """Return the protocol for a new connection: one that refuses it when all others belong to known holders."""
        open_now = server.connections  # in the order in which they came
        if len(open_now) >= self._limits.connections and not self._make_room(open_now):
            return _Refusing()
        return server()

    def _make_room(self, open_now: list[web.RequestHandler]) -> bool:
        """Close the oldest connection whose holder is not known. Return false if there is none."""
        for handler in open_now:
            transport = handler.transport
            if handler not in self._known and transport is not None and not transport.is_closing():
                transport.abort()
                return True
        return False


class _Refusing(asyncio.Protocol):
    """Close a connection at once, since there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
