"""`matline gateway test` beside simulated readers over TCP: what it shows, what it leaves alone, and what it says when
nobody is there, or somebody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import pytest
from typer.testing import CliRunner

from loadtest.devices.chronotrack import ChronoTrackDevice
from loadtest.devices.impinj_stream import ImpinjStreamDevice
from loadtest.devices.ipico import IpicoDevice
from loadtest.devices.llrp import LlrpDevice
from loadtest.devices.raceresult import RaceResultDevice
from loadtest.devices.trouble import Trouble
from loadtest.devices.ultra import UltraDevice
from loadtest.devices.wiclax import WiclaxDevice
from services.cli import app
from services.operate.gateway_test import CannotTest, TestOrder, exit_code, run

HANG_S = 120.0
AT = datetime(2026, 3, 6, 6, 0, 1, 230_000)
AT_US = 1_772_751_601_230_000  # AT by a clock of +07:00


class Screen:
    """The lines of a test, which can be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._grown = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._grown.set()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, words: str) -> None:
        async with asyncio.timeout(HANG_S):
            while words not in self.text:
                self._grown.clear()
                await self._grown.wait()


@asynccontextmanager
async def watching(protocol: str, address: str, **more) -> AsyncIterator[Screen]:
    """A test at work, ended as by Ctrl-C."""
    screen = Screen()
    task = asyncio.create_task(run(TestOrder(protocol=protocol, address=address, **more), screen))
    try:
        yield screen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def watched(protocol: str, address: str, **more) -> tuple[int, str]:
    """A test until its end: exit code and words."""
    screen = Screen()
    async with asyncio.timeout(HANG_S):
        code = await run(TestOrder(protocol=protocol, address=address, **more), screen)
    return code, screen.text


async def test_a_decoder_is_shown_with_handshake_clock_and_reads_and_its_stored_passings_stay():
    device = RaceResultDevice(Trouble(0), lambda: AT)
    device.operating = False
    await device.start()
    await device.passes("4711")
    async with watching("raceresult", f"127.0.0.1:{device.port}", zone="+07:00") as screen:
        await screen.until("> SETPUSHPASSINGS;1;0")
        await screen.until("< SETPUSHPASSINGS;1;0")
        await device.passes("4712")
        await screen.until("chip 6692-4712")
        await screen.until("clock     Finish is")
    assert "< GETPROTOCOL;2.0;1.0;3.3" in screen.text
    assert "not_in_operation" in screen.text
    assert "2026-03-06 06:00:01.230  -68 dBm" in screen.text
    assert "4711" not in screen.text
    assert device.forbidden == []
    assert not any(command[:1].isdecimal() or command.startswith("GETFILE") for command in device.commands)
    assert "  Finish/1: 1 reads" in screen.lines
    await device.close()


async def test_a_clock_is_judged_at_the_end():
    for clock, verdict in ((lambda: AT, "set it before the race"), (datetime.now, "right, as far as")):
        device = UltraDevice(Trouble(0), clock)
        await device.start()
        async with watching("ultra", f"127.0.0.1:{device.port}") as screen:
            await screen.until("clock     of the reader is")
        assert verdict in screen.text
        await device.close()


def test_the_command_ends_with_three_if_only_a_clock_is_off():
    assert [exit_code(*known) for known in ((True, True), (True, False), (False, True), (False, False))] == [0, 3, 1, 1]


async def test_of_a_box_its_log_is_not_rewound():
    device = UltraDevice(Trouble(0), lambda: AT)
    await device.start()
    await device.passes("11055")
    async with watching("ultra", f"127.0.0.1:{device.port}", zone="+07:00") as screen:
        await screen.until("clock     of the reader is")
        await device.passes("11056")
        await screen.until("chip 11056")
    assert device.commands == [b"?\n", b"r\n"]
    assert "11055" not in screen.text
    await device.close()


async def test_of_a_wiclax_device_nothing_is_rewound():
    device = WiclaxDevice(Trouble(0), lambda: AT)
    await device.start()
    await device.passes("11055")
    async with watching("wiclax", f"127.0.0.1:{device.port}", zone="+07:00") as screen:
        await screen.until("clock     of the reader is")
        await device.passes("11056")
        await screen.until("chip 11056")
    assert device.commands == ["HELLO", "CLOCK"]
    assert "11055" not in screen.text
    await device.close()


async def test_an_llrp_reader_is_asked_and_not_set_up():
    device = LlrpDevice(Trouble(0), AT_US)
    device.rospecs = {7: 2}
    await device.start()
    async with watching("llrp", f"127.0.0.1:{device.port}") as screen:
        await screen.until("rospecs: 7 active; it is reading")
        await device.read(b"\1" * 12, AT_US)
        await screen.until("chip " + "01" * 12)
    assert device.requests == [1, 26]
    assert device.rospecs == {7: 2}
    assert "it holds reports while no client is connected" in screen.text
    await device.close()


async def test_an_impinj_reader_is_asked_with_its_password_and_keeps_its_events():
    device = ImpinjStreamDevice(Trouble(0), password="pa@ss")
    await device.start()
    address, plain = f"127.0.0.1:{device.port}", ["tls=false"]
    async with watching("impinj_stream", address, secret="pa@ss", options=plain) as screen:
        await screen.until("clock     of the reader is")
        await screen.until('"eventBufferSize"')
    assert "/api/v1/data/stream" not in device.paths
    code, text = await watched("impinj_stream", address, secret="wrong", options=plain)
    assert (code, "give its password as `secret`" in text) == (1, True)
    with pytest.raises(CannotTest, match="choose one of user, tls"):
        await watched("impinj_stream", address, options=["port=7"])
    with pytest.raises(CannotTest, match="false"):
        await watched("impinj_stream", address, options=["tls=perhaps"])
    with pytest.raises(CannotTest, match="does not apply"):
        await watched("wiclax", address, secret="x")
    await device.close()


async def test_a_silent_ipico_is_explained_and_its_reads_are_shown():
    device = IpicoDevice(Trouble(0))
    await device.start()
    async with watching("ipico", f"127.0.0.1:{device.stream_port}", zone="+07:00", quiet_s=0.2) as screen:
        await screen.until("silent until a chip crosses")
        await device.read("058000128608", AT)
        await screen.until("chip 058000128608")
        await device.say(b"aa0005800012860800012603062027472300\r\n")
        await screen.until("unreadable")
    assert "checksum '00' is wrong" in screen.text
    assert "1 unreadable messages" in screen.text
    await device.close()


async def test_a_client_that_calls_is_listed_with_its_events():
    device = ChronoTrackDevice(Trouble(0), ["start"])
    device.read("start", "9478", AT)
    async with watching("chronotrack", "127.0.0.1:0", zone="+07:00") as screen:
        await screen.until("listening on 127.0.0.1:")
        port = int(screen.text.rpartition("127.0.0.1:")[2])
        calling = asyncio.create_task(device.run("127.0.0.1", port))
        await screen.until("chip 9478")
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
    assert "< SimpleClient~4.0.1~CTP01" in screen.text


async def test_an_exporters_messages_are_shown_once_and_never_acknowledged():
    frame = b"Start@Passing@t=06:00:01.230|c=0000041|d=260306@7@$"
    async with watching("mylaps", "127.0.0.1:0", zone="+07:00") as screen:
        await screen.until("listening on 127.0.0.1:")
        port = int(screen.text.rpartition("127.0.0.1:")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"Start@Pong@$")
        async with asyncio.timeout(HANG_S):
            assert (await reader.readuntil(b"$")).startswith(b"Matline@AckPong@Version2.1")
        writer.write(frame + frame)
        await screen.until("chip 0000041")
        writer.write(b"Start@Ping@$")
        async with asyncio.timeout(HANG_S):
            assert await reader.readuntil(b"$") == b"Matline@AckPing@$"  # and nothing before it
        writer.close()
        await screen.until("the reader hung up")
    assert screen.text.count("read      Start") == 1
    assert "kept: messages are not acknowledged" in screen.text


async def test_nobody_at_the_port_is_said_at_once_and_ends_with_one():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    code, said = await watched("raceresult", f"127.0.0.1:{port}")
    assert code == 1
    assert f"nothing listens on its port {port}" in said


async def test_another_protocol_at_the_port_is_named():
    device = UltraDevice(Trouble(0), lambda: AT)
    await device.start()
    code, said = await watched("llrp", f"127.0.0.1:{device.port}")
    assert code == 1
    assert "This is not a reader of protocol llrp: it looks like RFID Timing Ultra and Joey (ultra)" in said
    await device.close()


async def test_who_says_nothing_is_screen_from_who_says_something_else():
    released = asyncio.Event()

    async def mute(_, writer):
        await released.wait()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    code, said = await watched("ultra", f"127.0.0.1:{server.sockets[0].getsockname()[1]}", seconds=1.0, quiet_s=0.2)
    assert code == 1
    assert "send something at once: is that the right port?" in said
    released.set()
    server.close()


async def test_waiting_in_vain_for_a_call_says_what_to_look_at():
    code, said = await watched("mylaps", "127.0.0.1:0", seconds=0.5, quiet_s=0.1)
    assert code == 1
    assert "no reader has called" in said


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"protocol": "morse", "address": "127.0.0.1:1"}, "'morse' is not a protocol"),
        ({"protocol": "raceresult_http", "address": "127.0.0.1:1"}, "'raceresult_http' is not a protocol that can be"),
        ({"protocol": "llrp", "address": "127.0.0.1", "zone": "+07:00"}, "--zone does not apply to llrp"),
        ({"protocol": "ultra", "address": "here:there"}, "write HOST:PORT, or HOST for the usual port 23"),
        ({"protocol": "ultra", "address": "127.0.0.1:99999"}, "is not an address"),
        ({"protocol": "ultra", "address": "box..local:23"}, "is not the name of a machine"),
        ({"protocol": "impinj_mqtt", "address": "broker", "options": ["topic=a/#/b"]}, "is no topic"),
        ({"protocol": "ultra", "address": "127.0.0.1", "zone": "Mars/Base"}, "is not a time zone"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(fields, reason):
    with pytest.raises(CannotTest, match=reason):
        await run(TestOrder(**fields), print)


def test_the_command_ends_with_two_and_a_line_for_a_wrong_word():
    result = CliRunner().invoke(app, ["gateway", "test", "morse", "127.0.0.1:1"])
    assert result.exit_code == 2
    assert result.stderr.startswith("matline gateway test: 'morse' is not a protocol")


@pytest.mark.parametrize("answers", [b"#KEEPALIVE\r\n", b"PASSINGS;0;1\r\n"])
async def test_a_reader_that_answers_and_then_hangs_up_has_not_passed(answers: bytes):
    async def box(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answers)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(box, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    screen = Screen()
    async with server, asyncio.timeout(HANG_S):
        assert await run(TestOrder(protocol="raceresult", address=f"127.0.0.1:{port}"), screen) == 1
    assert "the reader hung up" in screen.text
