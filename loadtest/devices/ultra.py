"""A simulated RFID Timing Ultra: a log by LogID, live reads, heartbeats, and rewinds by number and by time.

It keeps every read, as the real one does; `clear` begins its log again. `rewinds` says how the two bytes of a rewind
have to be encoded: NUL bytes, or zeros. `swallow` is the chance that a live read is never sent, `damage` that a line is
sent without its middle.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from loadtest.devices.listening import ListeningDevice
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

ZERO = datetime(1980, 1, 1)
HEARTBEAT_S = 10.0
READER_ANTENNAS = 4  # of one of its two readers
COMMAND = re.compile(rb"[?r]\n|([68])(\0\0|00)(\d+)\r(\d+)\r|[RSst789uU][^\n]*\n")


class UltraDevice(ListeningDevice):
    """The box. `clock` is its own, local time."""

    def __init__(self, trouble: Trouble, clock: Callable[[], datetime], box: int = 1) -> None:
        super().__init__(trouble)
        self.box = box
        self.rewinds = b"\0\0"
        self.reading = True
        self.volts = 25.0
        self.swallow = self.damage = 0.0
        self.log: dict[int, tuple[int, str]] = {}  # LogID -> second since 1980, the line with a flag to be set
        self.commands: list[bytes] = []
        self.forbidden: list[bytes] = []
        self._clock = clock

    def clear(self) -> None:
        """Clear the log, as its owner may do; LogIDs begin again."""
        self.log = {}

    async def passes(
        self, chip: str, antenna: int = 1, reader: int = 2, moment: datetime | None = None, rssi: int = -71
    ) -> int:
        """Keep and send the read of a tag, or of a gun (chip 0, antenna 0), and return its LogID."""
        since = (self._clock() if moment is None else moment) - ZERO
        second, millisecond = since.days * 86400 + since.seconds, since.microseconds // 1000
        number = next(reversed(self.log), 0) + 1
        line = f"0,{chip},{second},{millisecond},{antenna},{rssi},%d,{reader},{self.box},{0:016x},0,{number}"
        self.log[number] = second, line
        for writer in list(self._clients):
            if self.trouble.random.random() >= self.swallow:
                with contextlib.suppress(ConnectionError):
                    await self._send(writer, line % 0)
        return number

    async def heartbeat(self) -> None:
        """Send the heartbeat that it sends every ten seconds."""
        for writer in list(self._clients):
            with contextlib.suppress(ConnectionError):
                await self._send(writer, f"V={self.volts:.4f}")

    async def _send(self, writer: asyncio.StreamWriter, line: str) -> None:
        if self.trouble.random.random() < self.damage:
            line = line[: len(line) // 3] + line[-len(line) // 4 :]
        await self._write(writer, line.encode() + b"\n")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beating = asyncio.create_task(self._beat())
        rest = b""
        try:
            await self._send(writer, f"{'1,' * (self.connections % 2)}Connected,{len(self.log)}")
            while data := await reader.read(4096):
                rest += data
                while match := COMMAND.match(rest):
                    rest = rest[match.end() :]
                    for line in self._answers(match):
                        await self._send(writer, line)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.heartbeat()

    def _answers(self, match: "re.Match[bytes]") -> list[str]:
        command = match[0]
        self.commands.append(command)
        if command == b"?\n":
            self._heard.set()
            return [f"S={int(self.reading)}0"]
        if command == b"r\n":
            now = self._clock()
            return [f"{now.hour}:{now.minute}:{now.second} {now.day}-{now.month}-{now.year} (0)"]
        if not match[1]:
            self.forbidden.append(command)
            return []
        if match[2] != self.rewinds:
            return []
        first, last = int(match[3]), int(match[4])
        if match[1] == b"6":
            return [line % 1 for number, (_, line) in self.log.items() if first <= number <= last]
        return [line % 1 for second, line in self.log.values() if first <= second <= last]


def chip_number(chip: str) -> str:
    """Return a chip's code in decimal, as a box sends it."""
    return str(int(chip, 36))


class _AtMat:
    """A box at one mat."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self._number = site.number
        self.device = UltraDevice(site.trouble, site.clock, box=site.number)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            reader, antenna = divmod(sighted.place - 1, READER_ANTENNAS)
            chip = chip_number(sighted.read.chip)
            await self.device.passes(chip, antenna + 1, reader + 1, sighted.local, int(sighted.read.rssi))

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        devices = {f"{self._number}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "devices": devices}


# The real one has port 23, which only an administrator may open.
SIMULATED = SimulatedProtocol(name="ultra", port=10023, make=_AtMat, code=chip_number)
