"""A simulated LLRP reader: it takes one client, sends the first message, and reports every tag while its ROSpec runs.

It was written from the protocol alone and shares no code with the decoder. Where it `holds`, reports of a running
ROSpec wait while nobody is connected and until they are asked for; else they are lost, which `lost` counts. A report
that broke in the middle counts as not sent. When its buffer is full, further reports are lost, and it reports that.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Sequence

from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

HOST = "127.0.0.1"
CROWD_REPORTS = 100_000  # some minutes of a crowd, which a reader with much memory holds
BUFFER_REPORTS = 1_000
KEEPALIVE_SPEC = b"\x00\xdc\x00\x09\x01"  # periodic, and the period in milliseconds behind it


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """Return a message of LLRP 1.0.1."""
    return struct.pack(">HII", 0x0400 | kind, 10 + len(body), number) + body


def parameter(kind: int, body: bytes) -> bytes:
    """Return a parameter with its length."""
    return struct.pack(">HH", kind, 4 + len(body)) + body


def report(code: bytes, at_us: int, antenna: int, rssi: int, number: int) -> bytes:
    """Return the report of one tag of 96 bits."""
    return message(
        61,
        number,
        parameter(
            240,
            b"\x8d"
            + code
            + struct.pack(">BIBHBbBQBQBH", 0x89, 1, 0x81, antenna, 0x86, rssi, 0x82, at_us, 0x84, at_us, 0x88, 1),
        ),
    )


class LlrpDevice:
    """The reader; `reads` is all that it saw: code and instant. `port` is a free one."""

    def __init__(self, trouble: Trouble, clock_us: int, holds: bool = True, buffer: int = BUFFER_REPORTS) -> None:
        self.trouble = trouble
        self.clock_us = clock_us
        self.holds = holds
        self.reads: list[tuple[bytes, int]] = []
        self.lost = 0
        self.keepalives_answered = 0
        self.requests: list[int] = []
        self.host = HOST
        self.port = 0
        self.rospecs: dict[int, int] = {}
        self._buffer: deque[bytes] = deque()
        self._buffer_max = buffer
        self._hold_asked = False
        self._holding = False
        self._overflowed = False
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._sending = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = asyncio.Event()
        self._keepalive_s: float | None = None

    async def start(self) -> None:
        """Switch it on."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Switch it off."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def running(self) -> None:
        """Return once a client has started it and gets its reports."""
        await self._running.wait()

    async def read(self, code: bytes, at_us: int, antenna: int = 1, rssi: int = -50) -> None:
        """See a tag, and report it."""
        if 2 not in self.rospecs.values():
            return
        self.reads.append((code, at_us))
        self.clock_us = max(self.clock_us, at_us)
        self._number += 1
        self._keep(report(code, at_us, antenna, rssi, self._number))
        await self._drain()

    async def keepalive(self) -> None:
        """Send a keepalive, which the client has to answer."""
        await self._say(message(62, self._next()))

    def hang_up(self) -> None:
        """Break the connection."""
        if self._writer is not None:
            self._writer.close()
            self._gone()

    @property
    def connected(self) -> bool:
        """Whether it has a client, as far as it knows."""
        return self._writer is not None

    def waiting(self) -> int:
        """Return how many reports wait for a client."""
        return len(self._buffer)

    def _keep(self, data: bytes) -> None:
        if self._writer is None and not (self.holds and self._hold_asked):
            self.lost += 1
        elif len(self._buffer) >= self._buffer_max:
            self.lost += 1
            self._overflowed = True
        else:
            self._buffer.append(data)

    async def _drain(self) -> None:
        """Send waiting reports, as far as possible."""
        async with self._sending:
            while self._buffer and self._writer is not None and not self._holding:
                if self._overflowed:
                    self._overflowed = False
                    await self._send(self._event(parameter(251, b"")))
                    continue
                if not await self._send(self._buffer[0]):
                    return
                self._buffer.popleft()

    async def _say(self, data: bytes) -> None:
        async with self._sending:
            await self._send(data)

    async def _send(self, data: bytes) -> bool:
        if self._writer is None:
            return False
        try:
            await self.trouble.send(self._writer, data)
        except OSError:
            self._gone()
            return False
        return True

    def _gone(self) -> None:
        self._writer = None
        self._running.clear()
        self._holding = self.holds and self._hold_asked
        if not self._holding:
            self.lost += len(self._buffer)
            self._buffer.clear()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _event(self, *parts: bytes) -> bytes:
        stamp = parameter(128, struct.pack(">Q", self.clock_us))
        return message(63, self._next(), parameter(246, stamp + b"".join(parts)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._writer is not None:
            writer.write(self._event(parameter(256, b"\0\2")))
            writer.close()
            return
        self._writer = writer
        await self._say(self._event(parameter(256, b"\0\0")))
        keeping = asyncio.create_task(self._keep_alive())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while self._writer is writer:
                    head, length, number = struct.unpack(">HII", await reader.readexactly(10))
                    body = await reader.readexactly(length - 10)
                    await self._handle(head & 0x3FF, number, body)
        finally:
            keeping.cancel()
            writer.close()
            if self._writer is writer:
                self._gone()

    async def _keep_alive(self) -> None:
        """Ask the client whether it is there, as often as it wants."""
        while True:
            await asyncio.sleep(self._keepalive_s or 1.0)
            if self._keepalive_s is not None:
                await self.keepalive()

    async def _handle(self, kind: int, number: int, body: bytes) -> None:
        self.requests.append(kind)
        status, more = 0, b""
        rospec = struct.unpack(">I", body[:4])[0] if kind in (21, 22, 24) else 0
        if kind == 1:
            more = parameter(142, bytes([0x48 if self.holds else 0x40, 1, 0, 0]) + bytes(20))
        elif kind == 3:
            self._hold_asked = b"\x00\xe2\x00\x05\x80" in body
            spec = body.find(KEEPALIVE_SPEC)
            if spec >= 0:
                [period_ms] = struct.unpack_from(">I", body, spec + len(KEEPALIVE_SPEC))
                self._keepalive_s = period_ms / 1000
        elif kind == 20:
            [ours] = struct.unpack_from(">I", body, 4)
            status = 101 if ours in self.rospecs else 0
            self.rospecs.setdefault(ours, 0)
        elif kind == 21:
            self.rospecs.clear()
        elif kind in (22, 24):
            status = 0 if rospec in self.rospecs else 109
            self.rospecs[rospec] = 2 if kind == 22 else 1
        elif kind == 26:
            more = b"".join(parameter(177, struct.pack(">IBB", *rospec_state)) for rospec_state in self._listed())
        elif kind == 64:
            self._holding = False
        elif kind == 72:
            self.keepalives_answered += 1
        if kind in (1, 3, 20, 21, 22, 24, 26):
            await self._say(message(kind + 10, number, parameter(287, struct.pack(">HH", status, 0)) + more))
        if 2 in self.rospecs.values() and not self._holding and self._writer is not None:
            self._running.set()
        await self._drain()

    def _listed(self) -> list[tuple[int, int, int]]:
        return [(rospec, 0, state) for rospec, state in self.rospecs.items()]


def epc(chip: str) -> str:
    """Return a chip's code of 96 bits, in hex."""
    return chip.encode().ljust(12, b"\0").hex().upper()


class _AtMat:
    """A reader at one mat, of a kind that holds its reports while no client is connected."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self._gateway = site.gateway
        self.device = LlrpDevice(site.trouble, site.first_us, buffer=CROWD_REPORTS)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.running, self.device.close

    @property
    def connected(self) -> bool:
        """Whether it has a client, as far as it knows."""
        return self.device.connected

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            code = bytes.fromhex(epc(sighted.read.chip))
            await self.device.read(code, sighted.read.at_us, sighted.place, int(sighted.read.rssi))

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        devices = {f"{self._gateway}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "devices": devices}


SIMULATED = SimulatedProtocol(name="llrp", port=5084, make=_AtMat, has_zone=False, code=epc)
