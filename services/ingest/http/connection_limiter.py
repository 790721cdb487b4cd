"""Connections by HTTP, at most so many: who has shown a valid token keeps his, of the others the oldest makes room.

Refusing the newest would be simpler, and would let a thousand connections that say nothing keep every gateway out.
"""

import asyncio
from collections import Counter

from aiohttp import web

CONNECTIONS_MAX = 1_024  # far more than there are gateways, and within a process's open files
KNOWN_OF_ONE_MAX = 64  # that keep their places: of a token, whose holder has a handful
ACCEPTED_AT_ONCE = 16  # in one turn of the loop, so that a flood of them does not hold up requests
BACKLOG = 512  # connections that the kernel holds while we are busy


class ConnectionLimiter:
    """The connections of a server, and which of them are of somebody known."""

    def __init__(self) -> None:
        self._known: dict[web.RequestHandler, str] = {}
        self._of: Counter[str] = Counter()

    def let_in(self, request: web.Request, holder: str) -> None:
        """The request's connection is of somebody whom we know; so are KNOWN_OF_ONE_MAX of a holder's and no more, so
        that one token cannot take all places.
        """
        protocol = request.protocol
        if protocol in self._known:
            return
        if self._of[holder] >= KNOWN_OF_ONE_MAX or len(self._known) >= CONNECTIONS_MAX:
            self._known = {one: whose for one, whose in self._known.items() if one.transport is not None}
            self._of = Counter(self._known.values())
        if self._of[holder] < KNOWN_OF_ONE_MAX:
            self._known[protocol] = holder
            self._of[holder] += 1

    def take(self, server: web.Server) -> asyncio.BaseProtocol:
        """What serves a new connection; where all places are taken by somebody known, what refuses it."""
        there = server.connections  # in the order in which they came
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
