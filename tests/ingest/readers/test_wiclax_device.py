"""A Wiclax device over TCP, its connection cut at random: every read on the log, by its rewinds."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.devices.trouble import Trouble
from loadtest.devices.wiclax import WiclaxDevice
from services.ingest.decoders.wiclax import LOG
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from tests.ingest.readers.rig import GrowingLog, context, durable, quick_clock, source

READS = 300


def clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


async def begin(of: Source, log: GrowingLog, folder: Path) -> RunningReader:
    return await start_reader(of, context(log, folder, clock=quick_clock))


def kept(device: WiclaxDevice) -> set[str]:
    return {line.split(";")[0] for _, line in device.reads}


def logged(log: GrowingLog) -> set[str]:
    return {chip for _, _, chip, _ in log.reads}


@pytest.mark.parametrize("seed", range(4))
async def test_every_read_is_on_the_log_whatever_the_line_does(seed: int, tmp_path: Path):
    device = WiclaxDevice(Trouble(seed, cut=0.01, repeat=0.05, garbage=0.02, split=0.2, end=b"\r"), clock)
    await device.start()
    of, log, chance = source("wiclax", device.port, devices={"0A": "F1"}), GrowingLog(), random.Random(seed)
    for number in range(10):
        await device.passes(f"EARLY{number}")
    running = await begin(of, log, tmp_path)
    for number in range(READS):
        await device.passes(f"{number:05d}")
        if chance.random() < 0.02:
            device.hang_up()
        if chance.random() < 0.01:
            await running.close()
            running = await begin(of, log, tmp_path)
        if chance.random() < 0.1:
            await asyncio.sleep(0.01)
    device.trouble.calm()
    await log.until(lambda: kept(device) <= logged(log))
    assert logged(log) == kept(device)
    assert {key[0] for key in log.reads} == {"F1"}
    assert device.forbidden == []
    await running.close()
    await device.close()


async def test_live_reads_that_the_device_swallowed_are_rewound(tmp_path: Path):
    device, log = WiclaxDevice(Trouble(1), clock), GrowingLog()
    await device.start()
    running = await begin(source("wiclax", device.port), log, tmp_path)
    await device.heard()
    for number in range(100):
        device.swallow = 0.3 if number < 99 else 0.0  # a gap shows by the read after it
        await device.passes(f"{number:05d}")
    await log.until(lambda: kept(device) == logged(log))
    await running.close()
    await device.close()


async def test_a_restart_rewinds_from_the_last_read_and_not_from_the_beginning(tmp_path: Path):
    device = WiclaxDevice(Trouble(0), clock)
    await device.start()
    of, log = source("wiclax", device.port), GrowingLog()
    running = await begin(of, log, tmp_path)
    await device.heard()
    await device.passes("1")
    async with asyncio.timeout(30):
        while LOG not in durable(of, tmp_path):
            await asyncio.sleep(0.01)
    await running.close()
    await device.passes("2")
    running = await begin(of, log, tmp_path)
    await log.until(lambda: logged(log) == {"1", "2"})
    rewinds = [command for command in device.commands if command.startswith("REWIND")]
    first, second = (datetime.strptime(command[7:26], "%d-%m-%Y %H:%M:%S") for command in rewinds)
    assert (second - first).total_seconds() > 23 * 3600
    await running.close()
    await device.close()


async def test_a_gun_is_a_notice_on_the_log(tmp_path: Path):
    device, log = WiclaxDevice(Trouble(0), clock), GrowingLog()
    await device.start()
    running = await begin(source("wiclax", device.port), log, tmp_path)
    await device.heard()
    await device.gun(datetime(2026, 3, 6, 6, 0, 0, 250_000))
    await log.until(log.notices)
    assert log.notices()[0].kind == "racestart"
    assert log.notices()[0].text.startswith("06:00:00,250, received on ")
    await running.close()
    await device.close()
