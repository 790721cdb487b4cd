"""The line to a reader that we dial: a TCP connection that is watched, and gives all bytes before an error."""

import asyncio
import socket
import ssl

READ_BYTES = 64 * 1024
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, times: dead within 25 s


class Incoming(asyncio.StreamReader):
    """A stream that gives all bytes received before the connection broke, and only then reports the error.

    asyncio's own drops unread bytes, which a reader that sends nothing twice would not send again.
    """

    broke: Exception | None = None
    _buffer: bytearray  # of asyncio's own

    @property
    def waiting(self) -> int:
        """How many bytes came and were not read yet."""
        return len(self._buffer)

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
