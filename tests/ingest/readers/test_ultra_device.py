"""RFID Timing Ultra over real TCP with a simulated box: every read of its log is on ours, the cursor never ahead."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.devices.trouble import Trouble
from loadtest.devices.ultra import UltraDevice
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from tests.ingest.readers.rig import GrowingLog, as_if_killed, context, durable, quick_clock, source

PASSINGS = 400


def clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


async def begin(device_source: Source, log: GrowingLog, folder: Path) -> RunningReader:
    return await start_reader(device_source, context(log, folder, clock=quick_clock))


def kept(device: UltraDevice) -> set[tuple[int, str]]:
    """Every read of the box's log: LogID and chip."""
    return {(number, line.split(",")[1]) for number, (_, line) in device.log.items()}


def logged(log: GrowingLog) -> set[tuple[int, str]]:
    return {(number, chip) for _, number, chip, _ in log.reads}


@pytest.mark.parametrize("seed", range(6))
async def test_every_read_is_on_the_log_whatever_the_line_does(seed: int, tmp_path: Path):
    trouble = Trouble(seed, cut=0.01, repeat=0.05, garbage=0.02, split=0.1, end=b"\n")
    device = UltraDevice(trouble, clock)
    device.swallow, device.damage = 0.05, 0.02
    device.rewinds = random.Random(seed).choice((b"\0\0", b"00"))
    await device.start()
    device_source = source("ultra", device.port)
    log = GrowingLog()

    def ahead() -> str:
        position = durable(device_source, tmp_path).get("1")
        if position is None:
            return ""
        lacking = {read for read in kept(device) if read[0] <= position.number} - logged(log)
        return f"the cursor {position} is ahead of {sorted(lacking)[:3]}" if lacking else ""

    log.check = ahead
    for number in range(20):
        await device.passes(f"EARLY{number}")
    running = await begin(device_source, log, tmp_path)
    chance = random.Random(seed)
    for number in range(PASSINGS):
        await device.passes(f"{number:012d}")
        log.full = number % 60 in range(20, 40)
        if chance.random() < 0.02:
            device.hang_up()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
    trouble.calm()
    device.swallow = device.damage = 0.0
    log.full = False
    await device.passes("LAST")  # that live reads before it never came shows by its number
    await log.until(lambda: logged(log) >= kept(device))
    repeats = sum(log.reads.values()) - len(log.reads)
    print(
        f"seed {seed}: {len(device.log)} reads, {len(log.reads)} on the log, {repeats} repeats, "
        f"{device.connections} connections, {len(log.dead_letters)} dead letters, {log.kinds()}"
    )
    assert logged(log) == kept(device)
    assert log.mistakes == []
    assert device.forbidden == []
    assert "gap" not in log.kinds()
    await running.close()
    await device.close()


async def test_a_restart_goes_on_from_the_cursor_and_fetches_what_came_meanwhile(tmp_path: Path):
    device = UltraDevice(Trouble(1, end=b"\n"), clock)
    await device.start()
    device_source = source("ultra", device.port)
    log = GrowingLog()
    running = await begin(device_source, log, tmp_path)
    for number in range(50):
        await device.passes(str(number))
    await log.until(lambda: len(log.reads) == 50)
    while durable(device_source, tmp_path).get("1") is None:
        await asyncio.sleep(0.01)
    await running.close()
    assert durable(device_source, tmp_path)["1"].number == 50
    for number in range(50, 120):
        await device.passes(str(number))
    running = await begin(device_source, log, tmp_path)
    await log.until(lambda: len(log.reads) == 120)
    assert set(log.reads.values()) == {1}, "nothing that the cursor has comes again"
    await running.close()
    await device.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_kill_at_any_instant_loses_nothing(seed: int, tmp_path: Path):
    """The process dies and what its log held on to does not; its folder is as it was at that instant."""
    device = UltraDevice(Trouble(seed, repeat=0.05, split=0.1, end=b"\n"), clock)
    await device.start()
    device_source = source("ultra", device.port)
    log = GrowingLog()
    chance = random.Random(seed)
    folder = tmp_path / "0"
    running = await begin(device_source, log, folder)
    for life in range(1, 6):
        for number in range(40):
            await device.passes(f"{life}-{number}")
            await asyncio.sleep(chance.choice((0, 0.001)))
        if life == 3:
            log.answering.clear()
        folder = as_if_killed(folder, tmp_path / str(life))
        await running.close()
        log.answering.set()
        running = await begin(device_source, log, folder)
    await log.until(lambda: logged(log) >= kept(device))
    print(f"seed {seed}: {len(device.log)} reads, {sum(log.reads.values()) - len(log.reads)} repeats")
    assert logged(log) == kept(device)
    await running.close()
    await device.close()


@pytest.mark.parametrize("fresh", [20, 60])
async def test_a_cleared_log_is_a_new_epoch_of_which_nothing_is_missed(fresh: int, tmp_path: Path):
    device = UltraDevice(Trouble(1, end=b"\n"), clock)
    await device.start()
    device_source = source("ultra", device.port)
    log = GrowingLog()
    running = await begin(device_source, log, tmp_path)
    for number in range(40):
        await device.passes(f"old{number}")
    await log.until(lambda: len(log.reads) == 40)
    while durable(device_source, tmp_path).get("1") is None:
        await asyncio.sleep(0.01)
    await running.close()
    device.clear()
    for number in range(fresh):  # fewer than before, and more: numbers alone would not tell
        await device.passes(f"new{number}")
    running = await begin(device_source, log, tmp_path)
    await log.until(lambda: len(log.reads) == 40 + fresh)
    assert "restarted" in log.kinds()
    await running.close()
    await device.close()


async def test_the_gun_of_the_box_is_a_notice_for_officials(tmp_path: Path):
    device = UltraDevice(Trouble(1, end=b"\n"), clock)
    await device.start()
    log = GrowingLog()
    running = await begin(source("ultra", device.port, devices={"1": "S1"}), log, tmp_path)
    await device.passes("7")
    await device.passes("0", antenna=0)
    await log.until(lambda: log.reads and log.notices())
    (notice,) = log.notices()
    assert (notice.kind, notice.device) == ("gun", "S1")
    await running.close()
    await device.close()
