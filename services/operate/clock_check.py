"""Judge a reader's clock by this machine's, and this machine's by an NTP server, where one answers.

A request is that of SNTP (RFC 4330, section 5): the server echoes when it was asked, and says when it received that and
when it answered, so the way there and back cancels out as far as both take equally long.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from schemas.ids import US
from services.ingest.decoders.reader_state import CLOCK_SLACK_US, span_text

NTP_PORT = 123
NTP_WAIT_S = 3.0
EPOCH_1970_S = 2_208_988_800  # from 1900
AGES = ((60, "min"), (3600, "h"), (86_400, "days"))
CLOCK_SHOWN_S = 120  # up to here a clock's error is shown in tenths of seconds

_PACKET = struct.Struct(">BBbb11I")
_CLIENT, _SERVER, _VERSION = 3, 4, 4


class ClockCheck(NamedTuple):
    """What is known of this machine's clock: how far it is ahead of the server's (behind: negative), null: unknown."""

    server: str | None = None
    ahead_us: int | None = None

    def said(self) -> str | None:
        """Return a line about this machine's clock; null if nobody asked for it."""
        if self.server is None:
            return None
        if self.ahead_us is None:
            return f"clock     no NTP server answers at {self.server}, so this machine's own clock is not checked"
        return f"clock     this machine is {off_text(self.ahead_us / US)} the NTP server {self.server}"

    def verdict(self, where: str, offset_us: int) -> tuple[str, bool]:
        """Return a line about a reader's clock, which is so far ahead of this machine's, and whether it is right.

        It is judged by the server's clock where that is known.
        """
        true_us = offset_us + (self.ahead_us or 0)
        name = where or "of the reader"
        beside = "" if self.ahead_us is None else f" and {off_text(true_us / US)} the NTP server"
        line = f"clock     {name} is {off_text(offset_us / US)} this machine{beside}: "
        if abs(true_us) <= CLOCK_SLACK_US:
            return f"{line}right, as far as its answers tell", True
        return f"{line}set it before the race", False


def off_text(seconds: float) -> str:
    """Return how far a clock is off, and in which direction, such as `0.3 s ahead of`."""
    shown = f"{abs(seconds):.1f} s" if abs(seconds) < CLOCK_SHOWN_S else span_text(seconds * 1e6)
    return f"{shown} {'ahead of' if seconds > 0 else 'behind'}"


def age_text(seconds: float) -> str:
    """Return how long ago a read was by this machine's clock, in words."""
    if seconds < -1:
        return f"{-seconds:.0f} s in the future: check zone and clock"
    if seconds < 100:
        return f"{seconds:.1f} s ago"
    unit, name = next((age for age in AGES if seconds < 100 * age[0]), AGES[-1])
    return f"{seconds / unit:.0f} {name} ago: a stored read, or a wrong zone or clock"


def verdicts(check: ClockCheck, offsets_us: Mapping[str, int]) -> tuple[list[str], bool]:
    """Return a line for each clock of a reader, and whether all of them are right."""
    judged = [check.verdict(where, offset_us) for where, offset_us in offsets_us.items()]
    return [line for line, _ in judged], all(right for _, right in judged)


async def check_machine(server: str | None, now_us: Callable[[], int], port: int = NTP_PORT) -> ClockCheck:
    """Ask an NTP server for the time; null: nobody is asked."""
    if server is None:
        return ClockCheck()
    try:
        async with asyncio.timeout(NTP_WAIT_S):
            return ClockCheck(server, await _ahead_us(server, port, now_us))
    except (OSError, TimeoutError, UnicodeError):  # the last for what cannot be a name
        return ClockCheck(server)


async def _ahead_us(server: str, port: int, now_us: Callable[[], int]) -> int:
    """Return how far this machine's clock is ahead of the server's. Raises OSError."""
    loop = asyncio.get_running_loop()
    [(family, *_, address), *_] = await loop.getaddrinfo(server, port, type=socket.SOCK_DGRAM)
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        await loop.sock_connect(line, address)
        asked_us = now_us()
        request = _PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, *[0] * 9, *_ntp_time(asked_us))
        await loop.sock_sendall(line, request)
        while True:
            answer = await loop.sock_recv(line, 1024)
            server_us = _server_times_us(answer, request)
            if server_us is not None:
                received_us, sent_us = server_us
                return (asked_us - received_us + now_us() - sent_us) // 2


def _server_times_us(answer: bytes, request: bytes) -> tuple[int, int] | None:
    """Return when a server received a request and answered it; null for what is no answer to this request."""
    if len(answer) < _PACKET.size or answer[24:32] != request[40:48]:
        return None
    mode, stratum, *_ = fields = _PACKET.unpack_from(answer)
    if mode & 7 != _SERVER or not 1 <= stratum <= 15 or mode >> 6 == 3:  # 3: its own clock is not set
        return None
    return _unix_us(fields[11], fields[12]), _unix_us(fields[13], fields[14])


def _ntp_time(at_us: int) -> tuple[int, int]:
    seconds, micros = divmod(at_us, US)
    return (seconds + EPOCH_1970_S) % 2**32, (micros << 32) // US


def _unix_us(seconds: int, fraction: int) -> int:
    """Return an instant of NTP's; before 1968 it is of the era that began in 2036."""
    era_s = 0 if seconds >= 2**31 else 2**32
    return (seconds + era_s - EPOCH_1970_S) * US + (fraction * US >> 32)
