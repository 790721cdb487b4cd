"""A simulated ChronoTrack SimpleClient: it calls, introduces itself, and sends the events of its locations.

Each location has a log of its own, numbered from 1, of which a server may ask for all or for what follows a number.
`renumber` simulates a restart that forgets the numbers.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

RECONNECT_S = 0.05
SENT_AT_ONCE = 50  # events between two checks for requests of the server


def clock(moment: datetime) -> str:
    """Return local time with hundredths, as with the option time-format=iso."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 10_000:02d}"


class ChronoTrackDevice:
    """The client; `log` is by location all that it has: tag, local time and antenna, its number the place from 1."""

    def __init__(self, trouble: Trouble, locations: list[str]) -> None:
        self.trouble = trouble
        self.log: dict[str, list[tuple[str, datetime, int]]] = {location: [] for location in locations}
        self.options: dict[str, str] = {}
        self.starts: list[str] = []
        self.connections = 0
        self.sent = 0
        self._next: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._heard = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def heard(self) -> None:
        """Return once a server has asked for every location."""
        await self._heard.wait()

    def read(self, location: str, tag: str, moment: datetime, gator: int = 1) -> None:
        """Log the read of a tag at an antenna, or of a gun (tag `guntime`)."""
        self.log[location].append((tag, moment, 0 if tag == "guntime" else gator))
        self._idle.clear()
        self._wake.set()

    async def add(self, location: str, moment: datetime) -> None:
        """Add a location while it is connected."""
        self.log[location] = []
        if self._writer is not None:
            await self._send(f"CT01_33~{self.sent}~{location}~newlocation~{clock(moment)}~0~ED932A~0")

    def renumber(self, location: str, keep: int) -> None:
        """Restart it: of that location only the last events are left, and they count from 1."""
        self.log[location] = self.log[location][-keep:] if keep else []
        self.hang_up()

    def hang_up(self) -> None:
        """Break the connection; it calls again."""
        if self._writer is not None:
            self._writer.close()

    async def all_sent(self) -> None:
        """Return once everything in its log was sent on one connection, as far as it was asked for."""
        await self._idle.wait()

    async def run(self, host: str, port: int) -> None:
        """Call, and call again, for as long as this task lives."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(host, port)
                self.connections += 1
                self._next = {}
                self._writer = writer
                try:
                    await self._connection(reader)
                finally:
                    self._writer = None
                    writer.close()
            await asyncio.sleep(RECONNECT_S)

    async def _connection(self, reader: asyncio.StreamReader) -> None:
        await self._send("SimpleClient~4.0.1~CTP01")
        *_, count = (await self._line(reader)).split("~")
        for _ in range(int(count)):
            key, _, value = (await self._line(reader)).partition("=")
            self.options[key] = value
        lines: asyncio.Queue[str] = asyncio.Queue()
        reading = asyncio.create_task(self._read(reader, lines))
        try:
            while not reading.done() or not lines.empty():
                while not lines.empty():
                    await self._answer(lines.get_nowait())
                if not await self._push():
                    self._wake.clear()
                    if lines.empty() and not reading.done():
                        if len(self._next) == len(self.log):
                            self._idle.set()
                        await self._wake.wait()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, lines: asyncio.Queue[str]) -> None:
        try:
            while True:
                lines.put_nowait(await self._line(reader))
                self._wake.set()
        finally:
            self._wake.set()

    async def _line(self, reader: asyncio.StreamReader) -> str:
        return (await reader.readuntil(b"\r\n")).decode().strip()

    async def _answer(self, line: str) -> None:
        command, *words = line.split("~")
        if command == "getlocations":
            await self._send("~".join(["ack", command, *self.log]))
        elif command == "start" and words and words[0] in self.log:
            self.starts.append(line)
            await self._send(f"ack~start~{words[0]}")
            self._next[words[0]] = max(1, int(words[1])) if len(words) > 1 else 1
            if len(self._next) == len(self.log):
                self._heard.set()
        elif command == "ping":
            await self._send("ack~ping")
        elif command != "ack":
            await self._send(f"err~{command}~not known here")

    async def _push(self) -> bool:
        """Send some of the events asked for, and return whether there were any."""
        count = 0
        for location, seq in self._next.items():
            log = self.log[location]
            while seq <= len(log) and count < SENT_AT_ONCE:
                tag, moment, gator = log[seq - 1]
                await self._send(f"CT01_33~{seq}~{location}~{tag}~{clock(moment)}~0~0F2A38~{gator}")
                seq = self._next[location] = seq + 1
                self.sent += 1
                count += 1
        return count > 0

    async def _send(self, line: str) -> None:
        if self._writer is None:
            raise ConnectionResetError("not connected")
        await self.trouble.send(self._writer, f"{line}\r\n".encode())


class _Client:
    """One client for all mats, each a location."""

    def __init__(self, site: Site) -> None:
        self.device = ChronoTrackDevice(site.trouble, [mat.id for mat in site.mats])
        self._site = site
        self._calling: asyncio.Task[None] | None = None
        self.heard, self.all_sent = self.device.heard, self.device.all_sent

    async def start(self) -> None:
        self._calling = asyncio.create_task(self.device.run(self._site.host, self._site.port))

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            self.device.read(sighted.mat, sighted.read.chip, sighted.local, sighted.place)

    async def close(self) -> None:
        if self._calling is not None:
            self._calling.cancel()
            await asyncio.gather(self._calling, return_exceptions=True)

    def source(self) -> dict[str, object]:
        devices = {f"{mat.id}/{place}": device for mat in self._site.mats for place, device in places(mat)}
        return {"address": address(self._site.host, self._site.port), "devices": devices}


SIMULATED = SimulatedProtocol(name="chronotrack", port=61611, make=_Client, calls=True, shared=True, clock_step_ms=10)
