"""Connections by HTTP, at most so many: who has shown a valid token keeps his, of the others the oldest makes room.

Refusing the newest would be simpler, and would let a thousand connections that say nothing keep every gateway out.
"""

import asyncio

from aiohttp import web

CONNECTIONS_MAX = 1_024  # far more than there are gateways, and within a process's open files
ACCEPTED_AT_ONCE = 16  # in one turn of the loop, so that a flood of them does not hold up requests
BACKLOG = 512  # connections that the kernel holds while we are busy


class Places:
    """The connections of a server, and which of them are of somebody known."""

    def __init__(self) -> None:
        self._known: set[asyncio.BaseProtocol] = set()

    def let_in(self, request: web.Request) -> None:
        """The request's connection is of somebody whom we know."""
        self._known.add(request.protocol)

    def take(self, server: web.Server) -> asyncio.BaseProtocol:
        """What serves a new connection; where all places are taken by somebody known, what refuses it."""
        there = server.connections  # in the order in which they came
        if len(self._known) > CONNECTIONS_MAX:
            self._known.intersection_update(there)
        if len(there) >= CONNECTIONS_MAX and not self._make_room(there):
            return _Refusing()
        return server()

    def _make_room(self, there: list[web.RequestHandler]) -> bool:
        """Hang up on the oldest of whom we know nothing; false where there is none."""
        for one in there:
            transport = one.transport
            if one not in self._known and transport is not None and not transport.is_closing():
                transport.abort()
                return True
        return False


class _Refusing(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
