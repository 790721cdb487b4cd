"""The line between senders and ingest: a TCP proxy on this machine that can be cut and slowed down."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE_BYTES = 16 * 1024
SLOW_S = 0.2  # added to each piece, either way, while the line is slow


class Line:
    """Carries connections to a port while the context lasts. Set `down` and `slow`; `cut` ends all connections.

    Once `to_port` is set to another port, new connections go there.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.down = False
        self.slow = False
        self.to_port = to_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port, `port`."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections at once, whatever is under way on them: answers are lost, too."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if not self.down:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
                await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))
        writer.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while piece := await reader.read(PIECE_BYTES):
                if self.slow:
                    await asyncio.sleep(SLOW_S)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
