"""P3 over real TCP with a simulated decoder: every passing of its log is on ours, the cursor never ahead."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.devices.p3 import DECODER, P3Device
from loadtest.devices.trouble import Trouble
from services.ingest.readers.reader_task import start_reader
from tests.ingest.readers.rig import GrowingLog, context, durable, quick_clock, source

PASSINGS = 300


def clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def logged(log: GrowingLog) -> set[tuple[int, str]]:
    return {(number, chip) for _, number, chip, _ in log.reads}


@pytest.mark.parametrize(("seed", "takes_open_ranges"), [(0, True), (1, False), (2, True)])
async def test_every_passing_is_on_the_log_whatever_the_line_does(seed: int, takes_open_ranges: bool, tmp_path: Path):
    device = P3Device(Trouble(seed, cut=0.01, repeat=0.05, garbage=0.02, split=0.1, end=b"\x8f"), clock)
    device.swallow, device.takes_open_ranges = 0.05, takes_open_ranges
    await device.start()
    device_source = source("p3", device.port, zone="UTC")
    log = GrowingLog()

    def ahead() -> str:
        position = durable(device_source, tmp_path).get(str(DECODER))
        lacking = [] if position is None else sorted(set(device.chips.items()) - logged(log))
        first = lacking[0] if lacking else None
        return (
            f"the cursor {position} is ahead of {first}" if first and position and first[0] <= position.number else ""
        )

    running = await start_reader(device_source, context(log, tmp_path, clock=quick_clock))
    await device.heard()
    while ahead() or not log.reads:  # until the first live passing, which is where a new decoder begins
        device.clear()
        await device.passes("FIRST")
        await asyncio.sleep(0.05)
    log.check = ahead
    chance = random.Random(seed)
    for number in range(PASSINGS):
        await device.passes(f"C{number:06d}")
        log.full = number % 60 in range(20, 40)
        if chance.random() < 0.02:
            device.hang_up()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
    device.trouble.calm()
    device.swallow, log.full = 0.0, False
    while not device.connected:  # without open ranges, a later live passing alone shows what is missing
        await asyncio.sleep(0.01)
    await device.passes("LAST")
    await log.until(lambda: logged(log) >= set(device.chips.items()))
    assert log.mistakes == []
    assert device.forbidden == []
    assert "gap" not in log.kinds()
    await running.close()
    await device.close()
