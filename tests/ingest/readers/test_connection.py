"""Connections to readers: silence, noise, a reader that is away, two processes on one reader, an end while Kafka is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.ingest.readers.connection import UNREADABLE_RUN_MAX
from services.ingest.readers.reader_task import start_reader
from services.runtime.faults import StartFault
from tests.ingest.readers.rig import GrowingLog, context, durable, metrics, quick_clock, source

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Box:
    """Something at a port: how often it was dialled, and when it was the `count`th time."""

    def __init__(self, serve: Serve) -> None:
        self.dialled = 0
        self.port = 0
        self._serve = serve
        self._again = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._again:
            self.dialled += 1
            self._again.notify_all()
        try:
            await self._serve(reader, writer)
            await reader.read()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def until_dialled(self, count: int) -> None:
        async with asyncio.timeout(60), self._again:
            await self._again.wait_for(lambda: self.dialled >= count)


@asynccontextmanager
async def listening(serve: Serve, port: int = 0) -> AsyncIterator[Box]:
    box = Box(serve)
    server = await asyncio.start_server(box.serve, "127.0.0.1", port)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


def read(number: int) -> bytes:
    return f"0,{number},1451883600,{number % 1000},1,-71,0,2,1,0,0,{number}\n".encode()


async def test_a_reader_that_falls_silent_is_dialled_again(tmp_path: Path):
    async with listening(mute) as box:
        work = await start_reader(source("ultra", box.port), context(GrowingLog(), tmp_path, clock=quick_clock))
        await box.until_dialled(3)
        await work.close()


async def test_nothing_but_noise_ends_the_connection_and_becomes_dead_letters(tmp_path: Path):
    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"noise\n" * (2 * UNREADABLE_RUN_MAX))

    async with listening(noise) as box:
        log = GrowingLog()
        work = await start_reader(source("ultra", box.port), context(log, tmp_path, clock=quick_clock))
        await box.until_dialled(2)
        await log.until(lambda: log.dead_letters)
        assert [letter.raw for letter in log.dead_letters] == [b"noise"], "the same bytes are one dead letter"
        assert {(letter.source, letter.gateway) for letter in log.dead_letters} == {("ultra", "tent")}
        await work.close()


async def test_a_reader_that_is_away_is_dialled_until_it_is_there(tmp_path: Path):
    async with listening(mute) as box:
        port = box.port
    counted = metrics()
    work = await start_reader(source("ultra", port), context(GrowingLog(), tmp_path, counted, quick_clock))
    async with listening(mute, port) as box:
        await box.until_dialled(1)
        await work.close()
    assert counted.registry.get_sample_value("matline_ingest_connections", {"event": "e", "gateway": "tent"}) == 0


async def test_two_of_us_on_one_reader_are_refused_and_the_first_goes_on(tmp_path: Path):
    async with listening(mute) as box:
        box_source = source("ultra", box.port)
        work = await start_reader(box_source, context(GrowingLog(), tmp_path, clock=quick_clock))
        with pytest.raises(StartFault, match="in use"):
            await start_reader(box_source, context(GrowingLog(), tmp_path, clock=quick_clock))
        await work.close()
        again = await start_reader(box_source, context(GrowingLog(), tmp_path, clock=quick_clock))
        await again.close()


async def test_a_reader_without_an_address_is_refused(tmp_path: Path):
    with pytest.raises(StartFault, match="address"):
        await start_reader(source("ultra", 1, address=None), context(GrowingLog(), tmp_path, clock=quick_clock))


async def test_an_end_while_kafka_is_away_is_bounded_and_moves_no_cursor(tmp_path: Path):
    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(map(read, range(1, 50))).replace(b",-71,0,", b",-71,1,"))

    async with listening(reads) as box:
        log = GrowingLog()
        log.answering.clear()
        box_source = source("ultra", box.port)
        work = await start_reader(box_source, context(log, tmp_path, clock=quick_clock, reader_close_s=0.05))
        while not log.asked:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            await work.close()
        assert log.reads == {}
        assert durable(box_source, tmp_path) == {}
        log.answering.set()
        work = await start_reader(box_source, context(log, tmp_path, clock=quick_clock, reader_close_s=0.05))
        await log.until(lambda: len(log.reads) == 49)
        await work.close()
        assert durable(box_source, tmp_path)["1"].number == 49


async def test_back_pressure_reaches_the_socket(tmp_path: Path):
    """While the log takes nothing, what waits with us is bounded, and the reader cannot send on for ever."""
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for start in range(1, 10_000_000, 500):
            writer.write(b"".join(map(read, range(start, start + 500))))
            await writer.drain()
            sent += 500

    async with listening(flood) as box:
        log = GrowingLog()
        log.full = True
        work = await start_reader(
            source("ultra", box.port), context(log, tmp_path, clock=quick_clock, reader_close_s=0.05)
        )
        while not log.asked:
            await asyncio.sleep(0.01)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.5)
        assert 0 < sent < 1_000_000, "what the kernel and we hold, of ten millions"
        assert box.dialled == 1
        await work.close()
