"""A simulated IPICO Elite: a stream of reads, a port for commands, and a port that replays stored reads by time.

It keeps every read and sends it to its listeners; reads without a listener are fetched only by a replay. Like real
readers, it sends a read again with the same time and another counter. Ports are free ones, unless they are given:
`stream_port`, `command_port`, `replay_port`.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

HOST = "127.0.0.1"
COMMAND_PORT, REPLAY_PORT = 9999, 10300  # of a real Elite, where they are fixed


def checksum(text: str) -> str:
    """Return the last two characters of a frame, by those between `aa` and them."""
    return f"{sum(map(ord, text)) % 256:02x}"


def frame(tag: str, moment: datetime, reader: str = "00", count: int = 1) -> bytes:
    """Return the frame of a read; `moment` is local time, of which hundredths are kept."""
    text = f"{reader}{tag}{count:04x}{moment:%y%m%d%H%M%S}{moment.microsecond // 10_000:02x}"
    return f"aa{text}{checksum(text)}\r\n".encode()


def trigger(moment: datetime) -> bytes:
    """Return the frame that the trigger button sends."""
    text = f"000a2c{moment:%y%m%d}{moment.isoweekday() % 7:02x}{moment:%H%M%S}{moment.microsecond // 10_000:02x}2782"
    return f"ab{text}{checksum(text)}\r\n".encode()


class IpicoDevice:
    """The reader; `reads` has every read: tag and local time."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self.reads: list[tuple[str, datetime]] = []
        self.replayed = 0
        self.connections = 0
        self.host = HOST
        self.stream_port = self.command_port = self.replay_port = 0
        self._listeners: set[asyncio.StreamWriter] = set()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._readers: list[str] = []  # for each of `reads`, the reader that saw it
        self._replay: list[tuple[str, datetime, str]] = []
        self._connected = asyncio.Event()

    async def start(self) -> None:
        """Open the three ports."""
        ports = []
        for serve, port in (
            (self._stream, self.stream_port),
            (self._commands, self.command_port),
            (self._replays, self.replay_port),
        ):
            server = await asyncio.start_server(serve, self.host, port)
            self._servers.append(server)
            ports.append(server.sockets[0].getsockname()[1])
        self.stream_port, self.command_port, self.replay_port = ports

    async def close(self) -> None:
        """Switch it off."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def heard(self) -> None:
        """Return once a client listens to the stream."""
        await self._connected.wait()

    async def read(self, tag: str, moment: datetime, reader: str = "00") -> None:
        """Keep the read of a tag, and send it to all listeners."""
        self.reads.append((tag, moment))
        self._readers.append(reader)
        await self.say(frame(tag, moment, reader))
        if self.trouble.random.random() < self.trouble.chance_repeat:
            await self.say(frame(tag, moment, reader, count=2))

    async def say(self, data: bytes) -> None:
        """Send a frame to all listeners; one whose connection breaks is dropped."""
        for writer in list(self._listeners):
            try:
                await self.trouble.send(writer, data)
            except OSError:
                self._gone(writer)

    def hang_up(self) -> None:
        """Break the connections of all listeners."""
        for writer in list(self._listeners):
            self._gone(writer)

    def _gone(self, writer: asyncio.StreamWriter) -> None:
        self._listeners.discard(writer)
        writer.close()
        if not self._listeners:
            self._connected.clear()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._register()
        self.connections += 1
        self._listeners.add(writer)
        self._connected.set()
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                while await reader.read(1024):
                    pass
        finally:
            self._gone(writer)

    async def _commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._register()
        try:
            while line := (await reader.readline()).decode("latin-1").strip():
                words = dict(word.partition(".")[::2] for word in line.split())
                if line.startswith("getdate"):
                    writer.write(b"date.Wed Nov 12 15:30:30 CST 2008\n")
                elif line.startswith("replay_start") and words.get("file") == "ttyS0":
                    since = words.get("datetime")
                    start = datetime.strptime(since, "%y%m%d%H%M%S") if since else datetime.min
                    stored = zip(self.reads, self._readers, strict=True)
                    self._replay = [(tag, moment, own) for (tag, moment), own in stored if moment >= start]
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _replays(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._register()
        try:
            if await reader.readline() == b"\n":
                for tag, moment, own in self._replay:
                    await self.trouble.send(writer, frame(tag, moment, own))
                    self.replayed += 1
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _register(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def tag(chip: str) -> str:
    """Return a chip's tag: twelve hex digits."""
    return f"{int(chip, 36):012X}"


class _Elite:
    """One Elite for all mats, each place a reader of its own: its ports for stored reads are the same on each."""

    def __init__(self, site: Site) -> None:
        self.device = IpicoDevice(site.trouble)
        self.device.host, self.device.stream_port = site.host, site.port
        self.device.command_port, self.device.replay_port = COMMAND_PORT, REPLAY_PORT
        every_place = [(mat.id, place, device) for mat in site.mats for place, device in places(mat)]
        self._readers = {(mat, place): f"{number:02x}" for number, (mat, place, _) in enumerate(every_place, start=1)}
        self._devices = {self._readers[mat, place]: device for mat, place, device in every_place}
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            reader = self._readers[sighted.mat, sighted.place]
            await self.device.read(tag(sighted.read.chip).lower(), sighted.local, reader)

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        own = address(self.device.host, self.device.stream_port)
        return {"address": own, "model": "elite", "devices": dict(self._devices)}


SIMULATED = SimulatedProtocol(name="ipico", port=10000, make=_Elite, shared=True, clock_step_ms=10, code=tag)
