"""A simulated MYLAPS Timing & Scoring exporter: the client's side of the protocol, over TCP.

V2.1: messages of up to 100 records, up to ten of them unacknowledged. V1: up to 30 records, the next message only after
the acknowledgement. A message that is not acknowledged is kept, sent again every 20 s, and again on a new connection
when the old one broke. Source: Timing & Scoring TCP-IP protocol V2, v2021.1, pp. 2-11.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble
from loadtest.raw_reads import RawRead

Version = Literal["1", "2.1"]

RECORDS_MAX = {"1": 30, "2.1": 100}
UNACKNOWLEDGED_MAX = {"1": 1, "2.1": 10}
RESEND_AFTER_S = 20.0
RECONNECT_AFTER_S = 0.5
CONNECT_TIMEOUT_S = 10.0
FRAME_MAX_BYTES = 64 * 1024  # of an answer; the longest is a few dozen


class Message(Struct):
    """A message under way: its frame and how many reads are in it."""

    frame: bytes
    reads: int


class Exporter:
    """One exporter. Use it as `async with`; `send` returns when there is room for more, `finish` when all is
    acknowledged. `acknowledged` is called with the number of reads of each message as its acknowledgement comes.
    """

    def __init__(
        self,
        host: str,
        port: int,
        locations: Sequence[str],
        zone: str,
        acknowledged: Callable[[int], None] = lambda _: None,
        version: Version = "2.1",
        trouble: Trouble | None = None,
    ) -> None:
        self.resent = 0
        self.connections = 0
        self._address = (host, port)
        self._locations = {location: number for number, location in enumerate(locations, start=1)}
        self._zone = ZoneInfo(zone)
        self._acknowledged = acknowledged
        self._version: Version = version
        self._trouble = trouble or Trouble(0)
        self._sending = asyncio.Lock()
        self._connected = asyncio.Event()
        self._numbers = count(1)
        self._unacknowledged: dict[str, Message] = {}
        self._room = asyncio.Semaphore(UNACKNOWLEDGED_MAX[version])
        self._empty = asyncio.Event()
        self._empty.set()
        self._writer: asyncio.StreamWriter | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Exporter":
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def send(self, reads: Sequence[RawRead]) -> None:
        """Send reads in messages by their device, which is the location here; returns when the last is under way."""
        at_location: dict[str, list[RawRead]] = {}
        for read in reads:
            at_location.setdefault(read.device, []).append(read)
        size = RECORDS_MAX[self._version]
        for location, own in at_location.items():
            for start in range(0, len(own), size):
                await self._room.acquire()
                await self._launch(location, own[start : start + size])

    async def heard(self) -> None:
        """Return once a server has taken every location."""
        await self._connected.wait()

    async def finish(self) -> None:
        """Wait until everything sent is acknowledged."""
        await self._empty.wait()

    async def _launch(self, location: str, reads: list[RawRead]) -> None:
        number = str(next(self._numbers))
        if self._version == "1":
            records = [record_v1(read, self._locations[location], self._zone) for read in reads]
            frame = "@".join((location, "Store", *records, number, "$"))
        else:
            records = [record_v2(read, self._zone) for read in reads]
            frame = "@".join((location, "Passing", *records, number, "$"))
        message = Message(frame.encode(), len(reads))
        self._unacknowledged[number] = message
        self._empty.clear()
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):  # it stays unacknowledged, and the next connection sends it
                await self._write(self._writer, message)

    async def _write(self, writer: asyncio.StreamWriter, message: Message) -> None:
        async with self._sending:
            await self._trouble.send(writer, message.frame)

    async def _run(self) -> None:
        """Keep a connection for as long as this task lives."""
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    reader, writer = await asyncio.open_connection(*self._address, limit=FRAME_MAX_BYTES)
            except (OSError, TimeoutError):
                await asyncio.sleep(RECONNECT_AFTER_S)
                continue
            self.connections += 1
            try:
                await self._converse(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await asyncio.sleep(RECONNECT_AFTER_S)
            finally:
                self._writer = None
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Offer every location, send what an older connection left, then answer and count until it breaks."""
        for location in self._locations:
            writer.write(f"{location}@Pong@$".encode())
        for _ in self._locations:
            await self._answer(await reader.readuntil(b"$"), writer)
        await self._send_again(writer)
        self._writer = writer
        self._connected.set()
        while True:
            try:
                async with asyncio.timeout(RESEND_AFTER_S):
                    frame = await reader.readuntil(b"$")
            except TimeoutError:
                await self._send_again(writer)
                continue
            await self._answer(frame, writer)

    async def _send_again(self, writer: asyncio.StreamWriter) -> None:
        again = self.connections > 1 or self._writer is not None
        sent: set[str] = set()
        while left := [number for number in self._unacknowledged if number not in sent]:  # more may come meanwhile
            for number in left:
                sent.add(number)
                if (message := self._unacknowledged.get(number)) is not None:
                    await self._write(writer, message)
                    self.resent += again

    async def _answer(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        parts = frame.decode(errors="replace").strip("\0\r\n").removesuffix("$").rstrip("@").split("@")
        if parts[1:2] == ["Ping"]:
            for location in self._locations:
                writer.write(f"{location}@AckPing@$".encode())
            await writer.drain()
        elif parts[1:2] in (["AckPassing"], ["AckStore"]) and len(parts) > 2:
            message = self._unacknowledged.pop(parts[2], None)
            if message is not None:
                self._room.release()
                self._acknowledged(message.reads)
                if not self._unacknowledged:
                    self._empty.set()


def record_v2(read: RawRead, zone: ZoneInfo) -> str:
    """Return a read as a V2.1 record: local date and time with milliseconds, the same in UTC, and its strength."""
    local = _local(read.at_us, zone)
    return f"c={read.chip}|ct=UH|d={local:%y%m%d}|t={_clock(local)}|utc={read.at_us // 1000}|ts=NTP|amd={read.rssi:.0f}"


def record_v1(read: RawRead, unit: int, zone: ZoneInfo) -> str:
    """Return a read as a V1 record of 39 characters, which has no place for its strength. `unit` numbers the device."""
    local = _local(read.at_us, zone)
    record = f"{read.chip:7}{_clock(local)}{unit:2} 01  1{read.seq % 0x10000:04X}{local:%y%m%d}"
    return f"{record}{sum(record.encode()) % 256:02X}"


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000).astimezone(zone)


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


class _ForAllMats:
    """One exporter for all mats, each reader a location."""

    def __init__(self, site: Site) -> None:
        self._address = (site.host, site.port)
        locations = [device for mat in site.mats for _, device in places(mat)]
        self.device = Exporter(site.host, site.port, locations, site.zone, trouble=site.trouble)
        self._stack = contextlib.AsyncExitStack()
        self.heard, self.all_sent, self.close = self.device.heard, self.device.finish, self._stack.aclose

    async def start(self) -> None:
        await self._stack.enter_async_context(self.device)

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        await self.device.send([sighted.read for sighted in seen])

    def source(self) -> dict[str, object]:
        return {"address": address(*self._address)}


SIMULATED = SimulatedProtocol(
    name="mylaps", port=3097, make=_ForAllMats, calls=True, shared=True, places_are_devices=True
)
