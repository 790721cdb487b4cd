"""A simulated RACE RESULT decoder: numbered passing files, answers to queries, pushes.

It keeps every passing of every file, as the real one does, and only its owner starts a file or clears them
(`begin_file`, `clear`): commands of a client that would do so are kept in `forbidden`, and refused. `swallow`
is the chance that a push is never sent, `damage` that a record goes out without its middle.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime

from loadtest.devices.listening import ListeningDevice
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

FORBIDDEN = ("STARTOPERATION", "STOPOPERATION", "SETTIME", "CLEARFILES")
PULL_MAX = 1000


class RaceResultDevice(ListeningDevice):
    """The decoder. `clock` is its own, local time."""

    def __init__(
        self, trouble: Trouble, clock: Callable[[], datetime], name: str = "Finish", box: str = "D-5012"
    ) -> None:
        super().__init__(trouble)
        self.name = name
        self.box = box
        self.protocols = ("2.0", "1.0", "3.3")  # current, least, greatest
        self.anchored = True  # false: its clock was never set
        self.operating = True
        self.swallow = self.damage = 0.0
        self.files: dict[int, list[str]] = {1: []}
        self.file = 1
        self.commands: list[str] = []
        self.forbidden: list[str] = []
        self._clock = clock
        self._pushed: set[asyncio.StreamWriter] = set()

    def begin_file(self) -> None:
        """Begin a new file, as when its owner stops and starts operation."""
        self.file = max(self.files) + 1
        self.files[self.file] = []

    def clear(self) -> None:
        """Clear the files, as its owner may do; numbers begin again."""
        self.files = {1: []}
        self.file = 1

    def passings(self) -> int:
        """Return how many passings it keeps."""
        return sum(map(len, self.files.values()))

    async def passes(
        self, code: str, event_id: str = "6692", moment: datetime | None = None, antenna: int = 1, rssi: int = -68
    ) -> str:
        """Keep and push the passing of a tag, now or at a local time, and return its record."""
        moment = self._clock() if moment is None else moment
        day = f"{moment:%Y-%m-%d}" if self.anchored else "0000-00-00"
        number = len(self.files[self.file]) + 1
        clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
        place = f"{self.name};{self.file};{antenna};{self.box}"
        record = f"{number};{code};{day};{clock};{event_id};12;{rssi};09ca52;0;;;;;;;;{place}"
        self.files[self.file].append(record)
        for writer in list(self._pushed):
            if self.trouble.random.random() >= self.swallow:
                with contextlib.suppress(ConnectionError):
                    await self._send(writer, f"#P;{record}")
        return record

    async def _send(self, writer: asyncio.StreamWriter, line: str) -> None:
        if line and self.trouble.random.random() < self.damage:
            ends = self.trouble.random.randrange(5), self.trouble.random.randrange(5)  # no damage is like another
            line = line[: max(0, len(line) // 3 - ends[0])] + line[-len(line) // 4 + ends[1] :]
        await self._write(writer, line.encode() + b"\r\n")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                for answer in self._answers(writer, line.decode().strip()):
                    await self._send(writer, answer)
        finally:
            self._pushed.discard(writer)

    def _answers(self, writer: asyncio.StreamWriter, command: str) -> list[str]:
        self.commands.append(command)
        head, _, rest = command.partition(";")
        now = self._clock()
        if head in FORBIDDEN:
            self.forbidden.append(command)
            return [f"{head};ERROR"]
        if head == "GETPROTOCOL":
            return [";".join((head, *self.protocols))]
        if head == "GETCONFIG":
            return [f"GETCONFIG;GENERAL;BOXNAME;{self.name};{self.box}"]
        if head == "GETSTATUS":
            day = f"{now:%Y-%m-%d}" if self.anchored else "0000-00-00"
            return [
                f"GETSTATUS;{day};{now:%H:%M:%S}.000;1;11110000;{int(self.operating)};{self.file};1;49.0,8.4;1;80;21;22"
            ]
        if head == "GETTIME":
            day = f"{now:%Y-%m-%d}" if self.anchored else "0000-00-00"
            return [f"GETTIME;{day};{now:%H:%M:%S}.{now.microsecond // 1000:03d}"]
        if head == "PASSINGS":
            return [f"PASSINGS;{len(self.files[self.file])};{self.file}"]
        if head == "GETFILE":
            return [*self.files.get(int(rest), []), ""]
        if head == "SETPUSHPASSINGS" and rest.startswith("1"):
            self._pushed.add(writer)
            self._heard.set()
        if head in ("SETPROTOCOL", "SETPUSHPASSINGS", "SETPUSHPREWARNS"):
            return [command]
        first, _, count = command.partition(":")
        if first.isdecimal() and count.isdecimal():
            rows = self.files[self.file][int(first) - 1 :][: min(int(count), PULL_MAX)]
            return [*([] if len(rows) == int(count) else [f"ONLY {len(rows)}"]), *rows, ""]
        return ["UNKNOWN"]


class _AtMat:
    """A decoder at one mat."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self.device = RaceResultDevice(site.trouble, site.clock, name=self._mat.id, box=f"D-{self._mat.id}")
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            await self.device.passes(sighted.read.chip, "0", sighted.local, sighted.place, int(sighted.read.rssi))

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        devices = {f"{self._mat.id}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "devices": devices}


SIMULATED = SimulatedProtocol(name="raceresult", port=3601, make=_AtMat)
