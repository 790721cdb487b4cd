"""A simulated J-Chip reader, as CrossMgr's bridges are: it calls, introduces itself, and sends each read once.

A read that cannot be sent is sent on the next connection, as the bridges do.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

RECONNECT_S = 0.05


class JChipDevice:
    """The reader, called `name`. `dated` false: its messages have no date, only a count of days since `first_day`."""

    def __init__(self, trouble: Trouble, name: str, clock: Callable[[], datetime], dated: bool = True) -> None:
        self.trouble = trouble
        self.connections = 0
        self.sent = 0
        self.connected = False
        self._name = name
        self._clock = clock
        self._dated = dated
        self._first_day = clock().date()
        self._waiting: deque[tuple[str, datetime]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._heard = asyncio.Event()
        self._calling: asyncio.Task[None] | None = None

    async def heard(self) -> None:
        """Return once a server has told it to send."""
        await self._heard.wait()

    async def all_sent(self) -> None:
        """Return once everything was sent."""
        await self._idle.wait()

    def passes(self, tag: str, moment: datetime) -> None:
        """Queue the read of a tag at a local time."""
        self._waiting.append((tag, moment))
        self._idle.clear()
        self._wake.set()

    def call(self, host: str, port: int) -> None:
        """Call a server, again and again, until it is closed."""
        self._calling = asyncio.create_task(self._call(host, port))

    async def close(self) -> None:
        """Switch it off."""
        if self._calling is not None:
            self._calling.cancel()
            await asyncio.gather(self._calling, return_exceptions=True)

    async def _call(self, host: str, port: int) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(host, port)
                self.connections += 1
                try:
                    await self._converse(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(RECONNECT_S)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._send(writer, f"N0000{self._name}")
        await self._awaited(reader, b"GT")
        now = self._clock()
        await self._send(writer, f"GT{self._days(now)}{now:%H%M%S}{now.microsecond // 10_000:02d}{self._date(now)}")
        await self._awaited(reader, b"S")
        self._heard.set()
        gone = asyncio.create_task(reader.read())
        gone.add_done_callback(lambda _: self._wake.set())
        self.connected = True
        try:
            await self._send_waiting(writer, gone)
        finally:
            self.connected = False
            gone.cancel()

    async def _send_waiting(self, writer: asyncio.StreamWriter, gone: asyncio.Task[bytes]) -> None:
        """Send reads as they come, until the server hangs up. Raises ConnectionResetError."""
        while True:
            while self._waiting and not gone.done():
                tag, moment = self._waiting[0]
                line = (
                    f"DJ{tag} {moment:%H:%M:%S.%f} 1{self._days(moment)}  {self.sent:05X}      C7{self._date(moment)}"
                )
                await self._send(writer, line)
                self._waiting.popleft()
                self.sent += 1
            if gone.done():
                raise ConnectionResetError
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def _awaited(self, reader: asyncio.StreamReader, command: bytes) -> None:
        line = await reader.readuntil(b"\r")
        if not line.startswith(command):
            raise ConnectionResetError(f"{line!r} came instead of {command!r}")

    def _days(self, moment: datetime) -> int:
        return (moment.date() - self._first_day).days % 10

    def _date(self, moment: datetime) -> str:
        return f" date={moment:%Y%m%d}" if self._dated else ""

    async def _send(self, writer: asyncio.StreamWriter, line: str) -> None:
        await self.trouble.send(writer, line.encode() + b"\r")


class _Readers:
    """A reader at each mat, which says its mat and no antenna; all of them call the same port."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._devices = {mat.id: JChipDevice(site.trouble, mat.id, site.clock) for mat in site.mats}

    async def start(self) -> None:
        for device in self._devices.values():
            device.call(self._site.host, self._site.port)

    async def heard(self) -> None:
        for device in self._devices.values():
            await device.heard()

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            self._devices[sighted.mat].passes(sighted.read.chip, sighted.local)

    @property
    def connected(self) -> bool:
        """Whether any of them has a server, as far as it knows."""
        return any(device.connected for device in self._devices.values())

    async def all_sent(self) -> None:
        for device in self._devices.values():
            await device.all_sent()

    async def close(self) -> None:
        for device in self._devices.values():
            await device.close()

    def source(self) -> dict[str, object]:
        devices = {mat.id: device for mat in self._site.mats for _, device in places(mat)}
        return {"address": address(self._site.host, self._site.port), "devices": devices}


SIMULATED = SimulatedProtocol(name="jchip", port=53135, make=_Readers, calls=True, shared=True, sends_place=False)
