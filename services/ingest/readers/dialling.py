"""How the connection to a reader that listens is opened."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings

CONNECT_WAIT_S = 10.0
READ_BYTES = 64 * 1024
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, times: dead within 25 s

Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Opens a connection to a reader. Raises OSError."""


def dial_of(protocol: ReaderProtocol, settings: ReaderSettings, host: str, port: int) -> Dial:
    """Return the function that opens connections to a source's reader at this address."""
    tls = _unchecked_tls() if protocol.tls(settings) else None
    return lambda: dial(host, port, tls)


def _unchecked_tls() -> ssl.SSLContext:
    """Return TLS for readers, whose certificates are their own, on a network of the timer's own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Incoming(asyncio.StreamReader):
    """A stream that gives all bytes received before the connection broke, and only then reports the error.

    asyncio's own drops unread bytes, which a reader that sends nothing twice would not send again.
    """

    broke: Exception | None = None

    def set_exception(self, exc: Exception) -> None:
        self.broke = exc
        self.feed_eof()


async def dial(
    host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a reader. Raises OSError."""
    loop = asyncio.get_running_loop()
    incoming = Incoming(limit=READ_BYTES)
    protocol = asyncio.StreamReaderProtocol(incoming)
    transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls)
    _keep_alive(transport.get_extra_info("socket"))
    return incoming, asyncio.StreamWriter(transport, protocol, incoming, loop)


def _keep_alive(connection: socket.socket) -> None:
    """Turn on TCP keepalive.

    A reader that sends nothing while nobody crosses, and is never asked anything, would otherwise seem connected
    forever after its cable was pulled.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has all of them, other systems some
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
