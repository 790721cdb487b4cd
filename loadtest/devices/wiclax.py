"""A simulated device of Wiclax's generic acquisition: live reads, a heartbeat, its clock, and rewinds by time.

It keeps every read, as real ones do, and was written from the protocol alone. `swallow` is the chance that a live read
is never sent. Commands that would change it (its clock, its reading) are kept in `forbidden` and refused.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime

from loadtest.devices.listening import ListeningDevice
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

HEARTBEAT_S = 5.0
CLOCK = "%d-%m-%Y %H:%M:%S"


class WiclaxDevice(ListeningDevice):
    """The device. `clock` is its own, local time."""

    def __init__(self, trouble: Trouble, clock: Callable[[], datetime]) -> None:
        super().__init__(trouble)
        self.swallow = 0.0
        self.reads: list[tuple[datetime, str]] = []  # each with its line, but for the flag
        self.commands: list[str] = []
        self.forbidden: list[str] = []
        self.rewound = 0
        self._clock = clock

    async def passes(self, chip: str, moment: datetime | None = None, device: str = "0A") -> None:
        """Keep the read of a chip, now or at a local time, and send it to all clients."""
        moment = self._clock() if moment is None else moment
        line = f"{chip};{moment:%d-%m-%Y %H:%M:%S}.{moment.microsecond // 1000:03d};{device};{len(self.reads) + 1};65"
        self.reads.append((moment, line))
        if self.trouble.random.random() >= self.swallow:
            await self.say(f"{line};0")

    async def gun(self, moment: datetime) -> None:
        """Send the gun, as when its button is pressed."""
        await self.say(f"RACESTART {moment:%H:%M:%S},{moment.microsecond // 1000:03d}")

    async def say(self, line: str) -> None:
        """Send a line to all clients."""
        for writer in list(self._clients):
            with contextlib.suppress(ConnectionError):
                await self._send(writer, line)

    async def _send(self, writer: asyncio.StreamWriter, line: str) -> None:
        await self._write(writer, line.encode() + b"\r")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beating = asyncio.create_task(self._beat(writer))
        try:
            while True:
                command = (await reader.readuntil(b"\r")).decode().strip()
                self.commands.append(command)
                for answer in self._answers(command):
                    await self._send(writer, answer)
        finally:
            beating.cancel()

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                await self._send(writer, "*")

    def _answers(self, command: str) -> list[str]:
        word, _, rest = command.partition(" ")
        if command == "HELLO":
            self._heard.set()
        elif command == "CLOCK":
            return [f"CLOCK {self._clock():{CLOCK}}"]
        elif word == "REWIND" and len(rest) == 39:
            first, last = datetime.strptime(rest[:19], CLOCK), datetime.strptime(rest[20:], CLOCK)
            stored = [f"{line};1" for moment, line in self.reads if first <= moment <= last]
            self.rewound += len(stored)
            return stored
        else:
            self.forbidden.append(command)
        return []


class _AtMat:
    """A device at one mat, each of its antennas with a name of its own."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self.device = WiclaxDevice(site.trouble, site.clock)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            await self.device.passes(sighted.read.chip, sighted.local, f"0{sighted.place}")

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        devices = {f"0{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "devices": devices}


SIMULATED = SimulatedProtocol(name="wiclax", port=9854, make=_AtMat)
