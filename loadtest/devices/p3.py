"""A simulated AMB or MYLAPS P3 decoder: passings with numbers, a status between them, and passings sent again.

It keeps every passing, as real ones do; `clear` begins its log again. `swallow` is the chance that a passing is never
sent live. `takes_open_ranges` false: it answers a request without an end with an error. Written from public captures,
without ingest's decoder.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Sequence
from datetime import datetime

from loadtest.devices.listening import ListeningDevice
from loadtest.devices.simulated import Sighted, SimulatedProtocol, Site, address, places
from loadtest.devices.trouble import Trouble

STATUS_S = 5.0
PASSING, STATUS, RESEND, ERROR = 1, 2, 4, 0xFFFF
DECODER = 268307
ZERO = datetime(1970, 1, 1)


def checksum(data: bytes) -> int:
    """Return the checksum of a frame, bit by bit: each byte enters at the low end of the register."""
    register = 0xFFFF
    for byte in data:
        high, register = register >> 8, (register << 8) & 0xFFFF
        register ^= byte
        remainder = high << 8
        for _ in range(8):
            remainder = ((remainder << 1) ^ (0x1021 if remainder & 0x8000 else 0)) & 0xFFFF
        register ^= remainder
    return register


def frame(kind: int, *fields: tuple[int, bytes]) -> bytes:
    """Return the bytes of a frame with its fields, of this decoder."""
    body = b"".join(bytes([tag, len(value)]) + value for tag, value in (*fields, (0x81, struct.pack("<I", DECODER))))
    plain = struct.pack("<BHHHH", 2, 11 + len(body), 0, 0, kind) + body
    full = b"\x8e" + plain + b"\x8f"
    plain = plain[:3] + struct.pack("<H", checksum(full)) + plain[5:]
    inside = b"".join(bytes([0x8D, byte + 0x20]) if 0x8D <= byte <= 0x8F else bytes([byte]) for byte in plain)
    return b"\x8e" + inside + b"\x8f"


class P3Device(ListeningDevice):
    """The decoder; `clock` is what it counts by."""

    def __init__(self, trouble: Trouble, clock: Callable[[], datetime]) -> None:
        super().__init__(trouble)
        self.swallow = 0.0
        self.takes_open_ranges = True
        self.log: dict[int, bytes] = {}  # number -> frame
        self.chips: dict[int, str] = {}
        self.requests: list[tuple[int, int]] = []
        self.forbidden: list[bytes] = []
        self._clock = clock

    def clear(self) -> None:
        """Clear the log; numbers begin again."""
        self.log, self.chips = {}, {}

    async def passes(self, chip: str, moment: datetime | None = None) -> int:
        """Keep the passing of a transponder with this text, send it, and return its number."""
        number = next(reversed(self.log), 0) + 1
        since = (self._clock() if moment is None else moment) - ZERO
        rtc_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        self.chips[number] = chip
        self.log[number] = frame(
            PASSING,
            (0x01, struct.pack("<I", number)),
            (0x03, struct.pack("<I", 5_000_000 + number % 1000)),
            (0x04, struct.pack("<Q", rtc_us)),
            (0x05, struct.pack("<H", 141)),  # a byte that has to be escaped
            (0x0A, chip.encode().ljust(8, b"\0")),
        )
        if self.trouble.random.random() >= self.swallow:
            for writer in list(self._clients):
                with contextlib.suppress(ConnectionError):
                    await self._write(writer, self.log[number])
        return number

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard.set()
        beating = asyncio.create_task(self._beat(writer))
        try:
            while True:
                await self._answer(await reader.readuntil(b"\x8f"), writer)
        finally:
            beating.cancel()

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._write(writer, frame(STATUS, (0x01, struct.pack("<H", 40)), (0x06, b"\0")))
                await asyncio.sleep(STATUS_S)

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        inside, escaped = bytearray(), False
        for byte in request[1:-1]:
            if byte == 0x8D and not escaped:
                escaped = True
                continue
            inside.append(byte - 0x20 if escaped else byte)
            escaped = False
        if struct.unpack_from("<H", inside, 7)[0] != RESEND:
            self.forbidden.append(request)
            return
        first, last = struct.unpack_from("<I", inside, 11)[0], struct.unpack_from("<I", inside, 17)[0]
        self.requests.append((first, last))
        if last == 2**32 - 1 and not self.takes_open_ranges:
            await self._write(writer, frame(ERROR, (0x01, struct.pack("<H", 5))))
            return
        for number, sent in list(self.log.items()):
            if first <= number <= last:
                await self._write(writer, sent)


class _AtMat:
    """A decoder at one mat, which says no antenna."""

    def __init__(self, site: Site) -> None:
        [self._mat] = site.mats
        self.device = P3Device(site.trouble, site.clock)
        self.device.host, self.device.port = site.host, site.port
        self.start, self.heard, self.close = self.device.start, self.device.heard, self.device.close

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        for sighted in seen:
            await self.device.passes(sighted.read.chip, sighted.local)

    async def all_sent(self) -> None:
        return

    def source(self) -> dict[str, object]:
        [(_, device)] = places(self._mat)
        return {"address": address(self.device.host, self.device.port), "devices": {str(DECODER): device}}


SIMULATED = SimulatedProtocol(name="p3", port=5403, make=_AtMat, sends_place=False)
