"""A simulated RACE RESULT Ubidium: gRPC with stored passings and a status, as the public .proto files describe it.

It keeps every passing. `forget` begins its memory again in another file. Written from these files alone, without
ingest's decoder; what a real box does at the end of a file is not known, and here passings of later files follow.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from loadtest.devices.listening import ListeningDevice
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

PASSINGS = "/raceresult.ubidium.TimingSystem/OpenPassingStream"
STATUS = "/raceresult.ubidium.TimingSystem/OpenStatusStream"
STATUS_S = 2.0
NOW, FIRST_FILE = 1, 3


def varint(number: int) -> bytes:
    """Return a number in protocol buffers, of which a negative one has 64 bits."""
    number &= 2**64 - 1
    data = b""
    while number >= 0x80:
        data += bytes([number % 0x80 + 0x80])
        number //= 0x80
    return data + bytes([number])


def field(number: int, value: int | str | bytes) -> bytes:
    """Return a field of a message."""
    if isinstance(value, int):
        return varint(8 * number) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(8 * number + 2) + varint(len(data)) + data


def time(at_us: int) -> bytes:
    """Return the message `Time` of an instant."""
    return field(1, field(1, at_us // 1_000_000) + field(2, at_us % 1_000_000 * 1_000)) + field(2, 25_200)


def passing(file: int, number: int, name: str, code: str, at_us: int, loop: int) -> bytes:
    """Return the message `Passing` of an active transponder at a loop of the box that is called so."""
    source = field(1, "U-40153") + field(2, name)
    transponder = field(1, code) + field(3, field(1, 12) + field(2, 29))
    active = field(2, loop) + field(3, 1)
    return (
        field(1, 1_000 * file + number)
        + field(2, field(1, file) + field(2, number))
        + field(3, source)
        + field(4, transponder)
        + field(5, time(at_us))
        + field(6, 12)
        + field(7, -60)
        + field(10, active)
    )


def framed(message: bytes) -> bytes:
    """Return a message as gRPC has it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def fields_of(message: bytes) -> dict[int, int | bytes]:
    """Return the fields of a request, which have numbers and messages alone."""
    values: dict[int, int | bytes] = {}
    rest = list(message)

    def number() -> int:
        digits = [rest.pop(0)]
        while digits[-1] >= 0x80:
            digits.append(rest.pop(0))
        return sum((digit & 0x7F) << 7 * index for index, digit in enumerate(digits))

    while rest:
        key = number()
        if key % 8 == 0:
            values[key // 8] = number()
        else:
            size = number()
            values[key // 8], rest[:size] = bytes(rest[:size]), []
    return values


class UbidiumDevice(ListeningDevice):
    """The box, called `name`; `clock_us` is its clock. `tls` null: it is reached without."""

    def __init__(
        self, trouble: Trouble, name: str, clock_us: Callable[[], int], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(trouble)
        self.file = 1
        self.log: list[tuple[int, int, bytes]] = []  # file, number, passing
        self.codes: set[str] = set()
        self.requests: list[dict[int, int | bytes]] = []
        self._name = name
        self._clock_us = clock_us
        self._tls = tls
        self._grown = asyncio.Condition()

    async def start(self) -> None:
        """Switch the box on."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def forget(self) -> None:
        """Delete all passings and begin a file."""
        self.file += 1
        self.log.clear()

    async def passes(self, code: str, at_us: int, loop: int = 1) -> None:
        """Keep the passing of a transponder, which all clients get."""
        number = sum(file == self.file for file, *_ in self.log) + 1
        self.log.append((self.file, number, passing(self.file, number, self._name, code, at_us, loop)))
        self.codes.add(code)
        async with self._grown:
            self._grown.notify_all()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = _Talk(self, writer)
        try:
            await talk.run(reader)
        except h2.exceptions.ProtocolError:
            return
        finally:
            talk.end()


class _Talk:
    """One connection: streams, and the tasks that send on them."""

    def __init__(self, device: UbidiumDevice, writer: asyncio.StreamWriter) -> None:
        self._device = device
        self._writer = writer
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._paths: dict[int, str] = {}
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._window = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        self._http.initiate_connection()
        await self._flush()
        while data := await reader.read(65_536):
            for event in self._http.receive_data(data):
                self._take(event)
            await self._flush()

    def end(self) -> None:
        for task in self._sending.values():
            task.cancel()

    async def _flush(self) -> None:
        if data := self._http.data_to_send():
            await self._device._write(self._writer, data)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            stream = event.stream_id or 0
            self._paths[stream] = dict(event.headers or ())[b":path"].decode()
            self._http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc+proto")])
        elif isinstance(event, h2.events.DataReceived) and event.data:
            stream = event.stream_id or 0
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            request = fields_of(event.data[5:])
            if stream in self._sending:
                self._sending.pop(stream).cancel()
            self._sending[stream] = asyncio.create_task(self._answer(stream, request))
        elif isinstance(event, h2.events.WindowUpdated):
            self._window.set()

    async def _answer(self, stream: int, request: dict[int, int | bytes]) -> None:
        with contextlib.suppress(ConnectionError, h2.exceptions.ProtocolError):
            get = request[1]
            assert isinstance(get, bytes)
            if self._paths[stream] == STATUS:
                await self._send_status(stream)
            else:
                await self._send_passings(stream, fields_of(get))

    async def _send_status(self, stream: int) -> None:
        while True:
            status = field(1, time(self._device._clock_us())) + field(3, self._device._name)
            await self._send(stream, field(2, status))
            await asyncio.sleep(STATUS_S)

    async def _send_passings(self, stream: int, get: dict[int, int | bytes]) -> None:
        device = self._device
        device.requests.append(get)
        device._heard.set()
        next_index = self._first(get)
        if next_index is None:
            await self._send(stream, field(1, field(1, "passing not found") + field(2, 5)))
            return
        while True:
            while next_index < len(device.log):
                await self._send(stream, field(2, device.log[next_index][2]))
                next_index += 1
            async with device._grown:
                await device._grown.wait()

    def _first(self, get: dict[int, int | bytes]) -> int | None:
        """Return the place in the memory of the first passing that is asked for, None if there is no such passing."""
        log = self._device.log
        if isinstance(wanted := get.get(2), bytes):
            number = fields_of(wanted)
            places = [index for index, (file, no, _) in enumerate(log) if (file, no) == (number[1], number[2])]
            return places[0] if places else None
        if get[1] == NOW:
            return len(log)
        files = [index for index, (file, *_) in enumerate(log) if get[1] == FIRST_FILE or file == self._device.file]
        return files[0] if files else len(log)

    async def _send(self, stream: int, message: bytes) -> None:
        data = framed(message)
        while self._http.local_flow_control_window(stream) < len(data):
            self._window.clear()
            await self._window.wait()
        self._http.send_data(stream, data)
        await self._flush()


class _AtMat:
    """A box at one mat; the reader's number there is its loop."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self._name = site.gateway
        self.device = UbidiumDevice(site.trouble, site.gateway, lambda: site.first_us)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            await self.device.passes(sighted.read.chip, sighted.read.at_us, sighted.place)

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        devices = {f"{self._name}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self.device.host, self.device.port), "tls": False, "devices": devices}


SIMULATED = SimulatedProtocol(name="ubidium", port=8444, make=_AtMat, has_zone=False)
