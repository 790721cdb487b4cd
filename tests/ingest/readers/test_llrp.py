"""An LLRP reader over TCP: set up, its reports on our disk first, what it held fetched after a cut, its alarms kept."""

import asyncio
import random
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from loadtest.devices.llrp import LlrpDevice, report
from loadtest.devices.trouble import Trouble
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.reader_task import RunningReader, folder_of, start_reader
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.at_work import BEGAN_US, clock_us, notices, reads, rows, soon, source_at, until
from tests.ingest.readers.rig import context

READS = 400


async def dial(device: LlrpDevice, race_log: MemoryLog, folder: Path, **limits: Any) -> RunningReader:
    source = source_at("llrp", device.port, devices={"finish-tent/2": "F2"})
    return await start_reader(source, context(race_log, folder, now=clock_us, **limits))


def expected(device: LlrpDevice) -> set[tuple[str, str, int]]:
    return {("F2", code.hex().upper(), at_us) for code, at_us in device.reads}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_a_reader_that_holds_every_report_is_on_the_log_though_connections_are_cut(seed, tmp_path):
    rng = random.Random(seed)
    trouble = Trouble(seed, cut=0.02, repeat=0.05, split=0.3)
    device = LlrpDevice(trouble, BEGAN_US)
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.running())
    connections = 1
    for number in range(READS):
        await device.read(rng.randbytes(12), BEGAN_US + 1_000 * number, antenna=2)
        if rng.random() < 0.02:
            await device.keepalive()
        if rng.random() < 0.02:
            device.hang_up()
        if rng.random() < 0.02:
            race_log.answering.clear()
        if rng.random() < 0.05:
            race_log.answering.set()
        if rng.random() < 0.02 and not device._running.is_set():
            await soon(device.running())
            connections += 1
        if rng.random() < 0.1:
            await asyncio.sleep(0.01)
    trouble.calm()
    race_log.answering.set()
    await until(lambda: expected(device) <= reads(race_log))
    assert reads(race_log) == expected(device)
    assert len(device.reads) == READS
    assert device.lost == 0
    assert device.requests.count(20) == 1  # our ROSpec stayed where it was
    await running.close()
    await device.close()
    print(
        f"seed {seed}: {READS} reads, all on the log in {len(rows(race_log))} rows; {trouble.cuts} connections cut "
        f"within a report, {device.requests.count(1)} in all, {device.keepalives_answered} keepalives answered"
    )
    assert trouble.cuts > 1


async def test_reads_are_on_disk_before_the_log_has_them_and_outlive_us(tmp_path):
    device = LlrpDevice(Trouble(5, split=0.5), BEGAN_US, holds=False)
    await device.start()
    race_log = MemoryLog()
    race_log.answering.clear()
    running = await dial(device, race_log, tmp_path, reader_close_s=0.1)
    await soon(device.running())
    for number in range(100):
        await device.read(number.to_bytes(12, "big"), BEGAN_US + number, antenna=2)
    folder = folder_of(source_at("llrp", device.port), tmp_path)
    last = (99).to_bytes(12, "big").hex().upper().encode()
    await until(lambda: any(last in path.read_bytes() for path in folder.glob("journal-*")))
    await running.close()
    assert not reads(race_log)
    race_log.answering.set()
    running = await dial(device, race_log, tmp_path)
    await until(lambda: reads(race_log) == expected(device))
    await running.close()
    await device.close()
    assert len(expected(device)) == 100
    print("100 reads were on disk only, all on the log after a restart")


async def test_what_a_reader_sent_before_it_fell_over_is_kept_though_its_connection_was_reset(tmp_path, monkeypatch):
    """Its reports have come, are not read yet while one is written to the disk, and then the connection is reset."""
    writing, reset, fed = asyncio.Event(), asyncio.Event(), 0
    put, feed, lost = Delivery.put, asyncio.StreamReader.feed_data, asyncio.StreamReaderProtocol.connection_lost

    async def slow_put(self, messages, acknowledge):
        writing.set()
        await soon(reset.wait())
        await put(self, messages, acknowledge)

    def counted_feed(self, data):
        nonlocal fed
        fed += len(data)
        feed(self, data)

    def reported_lost(self, error):
        lost(self, error)
        if isinstance(error, ConnectionResetError):
            reset.set()

    monkeypatch.setattr(Delivery, "put", slow_put)
    monkeypatch.setattr(asyncio.StreamReader, "feed_data", counted_feed)
    monkeypatch.setattr(asyncio.StreamReaderProtocol, "connection_lost", reported_lost)
    reports = [report(number.to_bytes(12, "big"), BEGAN_US + number, 2, -50, number) for number in range(100)]

    async def fall_over(_, writer):
        writer.write(reports[0])
        await soon(writing.wait())
        writer.write(b"".join(reports[1:]))
        await until(lambda: fed == sum(map(len, reports)))
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    server = await asyncio.start_server(fall_over, "127.0.0.1", 0)
    race_log = MemoryLog()
    source = source_at("llrp", server.sockets[0].getsockname()[1])
    running = await start_reader(source, context(race_log, tmp_path, now=clock_us))
    await soon(reset.wait())
    server.close()
    await until(lambda: len(reads(race_log)) == 100)
    await running.close()


async def test_a_reader_that_cannot_hold_is_set_up_again_and_goes_on_reading(tmp_path):
    device = LlrpDevice(Trouble(0), BEGAN_US, holds=False)
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.running())
    await device.read(b"\1" * 12, BEGAN_US, antenna=2)
    await until(lambda: len(reads(race_log)) == 1)
    device.hang_up()
    await soon(device.running())
    await device.read(b"\2" * 12, BEGAN_US + 1, antenna=2)
    await until(lambda: reads(race_log) == expected(device))
    await until(lambda: len(device.requests) >= 14)  # its ROSpec runs on, so the read may come before the set-up ends
    await running.close()
    await device.close()
    assert device.requests == [1, 3, 26, 21, 20, 24, 22] * 2


async def test_a_buffer_that_overflowed_while_we_were_away_is_an_alarm_on_the_log(tmp_path):
    device = LlrpDevice(Trouble(0), BEGAN_US, buffer=20)
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.running())
    await running.close()
    await until(lambda: not device._running.is_set())
    for number in range(50):
        await device.read(bytes([number] * 12), BEGAN_US + number, antenna=2)
    running = await dial(device, race_log, tmp_path)
    await until(lambda: len(reads(race_log)) == 20)
    await until(lambda: notices(race_log))
    [alarm] = notices(race_log)
    assert (alarm.kind, alarm.device) == ("report_buffer_overflow", "finish-tent")
    assert device.lost == 30
    await running.close()
    await device.close()


async def test_a_clock_that_is_wrong_is_noticed_and_no_time_is_changed(tmp_path):
    wrong_us = BEGAN_US - 7 * 3_600_000_000
    device = LlrpDevice(Trouble(0), wrong_us)
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.running())
    await device.read(b"\1" * 12, wrong_us, antenna=1)
    await until(lambda: reads(race_log))
    assert reads(race_log) == {("finish-tent", "01" * 12, wrong_us)}
    [notice] = notices(race_log)
    assert (notice.kind, notice.text) == ("clock", "the reader's clock is off by -7 h")
    await running.close()
    await device.close()
