"""A simulated Impinj reader that is asked for the stream of its events over HTTP, as its API's description has it.

Events wait while nobody listens, up to `buffer` of them; of those that had no room an `overflow` tells first. One is
gone once it was written. `answers` false: it knows nothing but the stream, as other firmware may.
"""

import asyncio
import base64
import contextlib
import json
import ssl
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from loadtest.devices.impinj import event
from loadtest.devices.listening import ListeningDevice
from loadtest.devices.llrp import epc
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

KEEP_ALIVE_S = 2
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class ImpinjStreamDevice(ListeningDevice):
    """The reader. `password` null: it asks for none. `tls` null: plain HTTP."""

    def __init__(self, trouble: Trouble, password: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(trouble)
        self.buffer = 100_000
        self.answers = True
        self.paths: list[str] = []
        self.purged = 0
        self._authorization = "" if password is None else base64.b64encode(f"root:{password}".encode()).decode()
        self._tls = tls
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._listeners = 0

    async def start(self) -> None:
        """Switch the reader on."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def connected(self) -> bool:
        """Whether it has a listener, as far as it knows."""
        return self._listeners > 0

    def tell(self, *events: dict[str, object]) -> None:
        """Queue events."""
        self._waiting.extend(json.dumps(event).encode() for event in events)
        while not self._listeners and len(self._waiting) > self.buffer:
            self._waiting.popleft()
            self.purged += 1
        self._idle.clear()
        self._wake.set()

    async def all_sent(self) -> None:
        """Return once every event was written."""
        while self._waiting:
            await self._idle.wait()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            self.paths.append(path)
            if self._authorization and f"Authorization: Basic {self._authorization}" not in head:
                await self._write(writer, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            elif path == "/api/v1/data/stream":
                await self._stream(reader, writer)
                return
            else:
                await self._write(writer, self._answer(path))

    def _answer(self, path: str) -> bytes:
        if not self.answers or path not in ("/api/v1/system/time", "/api/v1/http-stream"):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        time = {"systemTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "upTime": 7}
        settings = {"eventBufferSize": self.buffer, "keepAliveIntervalSeconds": KEEP_ALIVE_S}
        body = json.dumps(time if path.endswith("time") else settings).encode()
        return HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._write(writer, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        self._listeners += 1
        self._heard.set()
        gone = asyncio.create_task(reader.read())
        gone.add_done_callback(lambda _: self._wake.set())
        try:
            if self.purged:
                await self._write(writer, _chunk(self._overflow()))
                self.purged = 0
            while True:
                self._wake.clear()
                while self._waiting and not gone.done():
                    await self._write(writer, _chunk(self._waiting[0]))
                    self._waiting.popleft()
                if gone.done():
                    return
                self._idle.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await self._wake.wait()
                if not self._waiting:
                    await self._write(writer, _chunk(b""))
        finally:
            self._listeners -= 1
            gone.cancel()

    def _overflow(self) -> bytes:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        purged = {"eventsPurged": self.purged, "eventsRemaining": len(self._waiting)}
        return json.dumps(
            {"timestamp": now, "hostname": "r700", "eventType": "overflow", "overflowEvent": purged}
        ).encode()


def _chunk(line: bytes) -> bytes:
    return f"{len(line) + 2:x}\r\n".encode() + line + b"\r\n\r\n"


class _AtMat:
    """A reader at one mat; the reader's number there is its antenna."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self._name = site.gateway
        self.device = ImpinjStreamDevice(site.trouble)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close
        self.all_sent = self.device.all_sent

    @property
    def connected(self) -> bool:
        """Whether it has a listener, as far as it knows."""
        return self.device.connected

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        self.device.tell(*(event(sighted, self._name) for sighted in seen))

    def source(self) -> dict[str, object]:
        devices = {f"{self._name}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "tls": False, "devices": devices}


SIMULATED = SimulatedProtocol(name="impinj_stream", port=8443, make=_AtMat, has_zone=False, code=epc)
