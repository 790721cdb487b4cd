"""What simulated devices that listen share: switched on and off, hung up on, one message at a time to each client."""

import asyncio

from loadtest.devices.trouble import Trouble

HOST = "127.0.0.1"


class ListeningDevice:
    """What such devices share. A device implements `_converse`, the talk with one client until the client is gone."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self.connections = 0
        self.host = HOST
        self.port = 0
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Event()

    async def start(self) -> None:
        """Switch the device on."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Switch the device off; its memory stays."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up(self) -> None:
        """Break every connection."""
        for writer in self._clients:
            writer.transport.abort()

    @property
    def connected(self) -> bool:
        """Whether a client would get what is sent now."""
        return any(not writer.is_closing() for writer in self._clients)

    async def heard(self) -> None:
        """Return once a client has asked for something."""
        await self._heard.wait()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._clients[writer] = asyncio.Lock()
        self.connections += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._clients.pop(writer, None)
            self._tasks.discard(task)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Send bytes to one client, one message at a time. Raises ConnectionError if the client is gone."""
        lock = self._clients.get(writer)
        if lock is None:
            raise ConnectionResetError
        async with lock:
            await self.trouble.send(writer, data)
