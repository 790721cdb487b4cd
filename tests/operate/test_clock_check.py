"""Clocks before the race: this machine's by a server of NTP, a reader's by both, and what is said without a server."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.operate.clock_check import EPOCH_1970_S, ClockCheck, age_text, check_machine, off_text, verdicts

Answer = Callable[[bytes], bytes]


def now_us() -> int:
    return time.time_ns() // 1000


def answering(ahead_s: float = 0.0, mode: int = 4, stratum: int = 2, leap: int = 0, echo: bool = True) -> Answer:
    """What a server says whose clock is so far ahead. Source: RFC 4330, section 4."""

    def answer(request: bytes) -> bytes:
        seconds, fraction = divmod(time.time() + ahead_s + EPOCH_1970_S, 1)
        stamp = struct.pack(">II", int(seconds), int(fraction * 2**32))
        head = struct.pack(">BBbb", leap << 6 | 4 << 3 | mode, stratum, 6, -20) + bytes(12)
        return head + stamp + (request[40:48] if echo else bytes(8)) + stamp + stamp

    return answer


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[int]:
    """A server of NTP that answers each request with all of these; yields its port."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr) -> None:
            assert len(data) == 48
            assert data[0] == 4 << 3 | 3
            for answer in answers:
                self.transport.sendto(answer(data), addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize("ahead_s", [0.0, 7.0, -3600.0])
async def test_a_servers_clock_is_compared_with_ours(ahead_s: float):
    async with serving(answering(ahead_s)) as port:
        check = await check_machine("127.0.0.1", now_us, port)
    assert check.ahead_us is not None
    assert abs(check.ahead_us / 1e6 + ahead_s) < 0.5
    if ahead_s == 7.0:
        assert check.said() == "clock     this machine is 7.0 s behind the NTP server 127.0.0.1"


async def test_answers_to_others_and_of_servers_without_time_are_passed_over():
    bad = (answering(99, echo=False), answering(99, mode=3), answering(99, stratum=0), answering(99, leap=3), bytes)
    async with serving(*bad, answering(2)) as port:
        check = await check_machine("127.0.0.1", now_us, port)
    assert check.ahead_us is not None
    assert abs(check.ahead_us / 1e6 + 2) < 0.5


async def test_without_a_server_that_is_said_and_nobody_is_asked_without_a_name():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    check = await check_machine("127.0.0.1", now_us, port)
    assert check == ClockCheck("127.0.0.1", None)
    assert "is not checked" in (check.said() or "")
    for name in ("nobody.invalid", "no..name"):
        assert (await check_machine(name, now_us)).ahead_us is None
    assert (await check_machine(None, now_us)).said() is None


def test_a_readers_clock_is_judged_by_the_server_where_one_answered_and_else_by_ours():
    ours, server = ClockCheck(), ClockCheck("ntp", -5_000_000)
    assert verdicts(ours, {"Finish": 400_000}) == (
        ["clock     Finish is 0.4 s ahead of this machine: right, as far as its answers tell"],
        True,
    )
    assert verdicts(server, {"": 400_000}) == (
        [
            "clock     of the reader is 0.4 s ahead of this machine and 4.6 s behind the NTP server: set it before the"
            " race"
        ],
        False,
    )
    lines, right = verdicts(server, {"A": 5_000_000, "B": 0})
    assert (len(lines), right) == (2, False)
    assert verdicts(ours, {}) == ([], True)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (3.25, "3.2 s ahead of"),
        (-119.9, "119.9 s behind"),
        (-25_200, "7 h behind"),
        (-91_832_170, "1,062.9 days behind"),
    ],
)
def test_a_clock_that_is_far_off_is_shown_in_a_unit_that_a_person_can_picture(seconds: float, shown: str):
    assert off_text(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-25_200, "25200 s in the future: check zone and clock"),
        (0.31, "0.3 s ago"),
        (25_200, "7 h ago: a stored read, or a wrong zone or clock"),
        (86_400 * 400, "400 days ago: a stored read, or a wrong zone or clock"),
    ],
)
def test_how_long_ago_a_read_was_is_said_in_units_for_people(seconds, words):
    assert age_text(seconds) == words
