"""RACE RESULT over real TCP with a simulated decoder: every passing is on the log, and the cursor never ahead of it."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.devices.raceresult import RaceResultDevice
from loadtest.devices.trouble import Trouble
from services.ingest.decoders.messages import Position
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from tests.ingest.readers.rig import GrowingLog, as_if_killed, context, durable, quick_clock, source

PASSINGS = 400


def clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


async def begin(device_source: Source, log: GrowingLog, folder: Path) -> RunningReader:
    return await start_reader(device_source, context(log, folder, clock=quick_clock))


def kept(device: RaceResultDevice) -> set[tuple[int, int, str]]:
    """Every passing of the decoder: file, number, chip."""
    return {
        (file, int(fields[0]), f"{fields[4]}-{fields[1]}")
        for file, records in device.files.items()
        for fields in (record.split(";") for record in records)
    }


def logged(log: GrowingLog) -> set[tuple[int, int, str]]:
    session_ids = set()
    for fact in log.facts():
        for row in getattr(fact, "reads", []):
            file = int(fact.session.removeprefix("D-5012 file ").partition("#")[0])
            session_ids.add((file, row.seq, row.chip))
    return session_ids


@pytest.mark.parametrize("seed", range(6))
async def test_every_passing_is_on_the_log_whatever_the_line_does(seed: int, tmp_path: Path):
    trouble = Trouble(seed, cut=0.01, repeat=0.05, garbage=0.02, split=0.1)
    device = RaceResultDevice(trouble, clock)
    device.swallow, device.damage = 0.1, 0.02
    await device.start()
    device_source = source("raceresult", device.port)
    log = GrowingLog()

    def ahead() -> str:
        position = durable(device_source, tmp_path).get("D-5012")
        if position is None:
            return ""
        file = int(position.part)
        lacking = {p for p in kept(device) if p[0] <= file and (p[0] < file or p[1] <= position.number)} - logged(log)
        return f"the cursor {position} is ahead of {sorted(lacking)[:3]}" if lacking else ""

    log.check = ahead
    running = await begin(device_source, log, tmp_path)
    chance = random.Random(seed)
    for number in range(PASSINGS):
        await device.passes(str(number))
        if number % 150 == 149:
            device.begin_file()
        if number % 60 == 20:
            log.full = True
        if number % 60 == 40:
            log.full = False
        if chance.random() < 0.02:
            device.hang_up()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
    trouble.calm()
    device.swallow = device.damage = 0.0
    log.full = False
    await log.until(lambda: logged(log) >= kept(device))
    repeats = sum(log.reads.values()) - len(log.reads)
    print(
        f"seed {seed}: {device.passings()} passings, {len(log.reads)} reads, {repeats} repeats, "
        f"{device.connections} connections, {len(log.dead_letters)} dead letters, {log.kinds()}"
    )
    assert logged(log) == kept(device)
    assert log.mistakes == []
    assert device.forbidden == []
    assert "gap" not in log.kinds()
    await running.close()
    assert durable(device_source, tmp_path)["D-5012"].number == len(device.files[device.file])
    await device.close()


async def test_a_restart_goes_on_from_the_cursor_and_fetches_what_came_meanwhile(tmp_path: Path):
    device = RaceResultDevice(Trouble(1), clock)
    await device.start()
    device_source = source("raceresult", device.port)
    log = GrowingLog()
    running = await begin(device_source, log, tmp_path)
    for number in range(50):
        await device.passes(str(number))
    await log.until(lambda: len(log.reads) == 50)
    await running.close()
    for number in range(50, 90):
        await device.passes(str(number))
    device.begin_file()
    for number in range(90, 120):
        await device.passes(str(number))
    device.commands.clear()
    running = await begin(device_source, log, tmp_path)
    await log.until(lambda: len(log.reads) == 120)
    assert set(log.reads.values()) == {1}, "nothing that the cursor has is fetched again"
    assert "GETFILE;1" in device.commands
    await running.close()
    await device.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_kill_at_any_instant_loses_nothing(seed: int, tmp_path: Path):
    """The process dies and what its log held on to does not; its folder is as it was at that instant."""
    device = RaceResultDevice(Trouble(seed, repeat=0.05, split=0.1), clock)
    await device.start()
    device_source = source("raceresult", device.port)
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
    print(f"seed {seed}: {device.passings()} passings, {sum(log.reads.values()) - len(log.reads)} repeats")
    assert logged(log) == kept(device)
    await running.close()
    await device.close()


async def test_while_the_log_takes_nothing_the_cursor_stands_still(tmp_path: Path):
    device = RaceResultDevice(Trouble(1), clock)
    await device.start()
    device_source = source("raceresult", device.port)
    log = GrowingLog()
    log.full = True
    running = await begin(device_source, log, tmp_path)
    for number in range(100):
        await device.passes(str(number))
    while log.asked < 3:
        await asyncio.sleep(0.01)
    assert durable(device_source, tmp_path).get("D-5012", Position("1", 0)).number == 0
    log.full = False
    await log.until(lambda: len(log.reads) == 100)
    await running.close()
    assert durable(device_source, tmp_path)["D-5012"].number == 100
    await device.close()


async def test_cleared_files_are_a_new_log_of_which_nothing_is_missed(tmp_path: Path):
    device = RaceResultDevice(Trouble(1), clock)
    await device.start()
    device_source = source("raceresult", device.port)
    log = GrowingLog()
    running = await begin(device_source, log, tmp_path)
    for number in range(30):
        await device.passes(str(number))
    await log.until(lambda: len(log.reads) == 30)
    await running.close()
    device.clear()
    for number in range(100, 140):  # more than before: the count alone would not tell
        await device.passes(str(number))
    running = await begin(device_source, log, tmp_path)
    await log.until(lambda: len(log.reads) == 70)
    assert {row.chip for fact in log.facts() for row in getattr(fact, "reads", [])} >= {"6692-100", "6692-139"}
    assert "restarted" in log.kinds()
    await running.close()
    await device.close()


async def test_what_a_decoder_kept_before_we_first_came_is_fetched(tmp_path: Path):
    device = RaceResultDevice(Trouble(1), clock)
    await device.start()
    for number in range(30):
        await device.passes(str(number))
        if number % 10 == 9:
            device.begin_file()
    log = GrowingLog()
    running = await begin(source("raceresult", device.port), log, tmp_path)
    await log.until(lambda: logged(log) >= kept(device))
    assert len(log.reads) == 30
    await running.close()
    await device.close()


async def test_a_device_is_named_by_the_mapping_of_its_source(tmp_path: Path):
    device = RaceResultDevice(Trouble(1), clock)
    await device.start()
    log = GrowingLog()
    running = await begin(source("raceresult", device.port, devices={"Finish/1": "F1"}), log, tmp_path)
    await device.passes("7")
    await log.until(lambda: log.reads)
    assert {key[0] for key in log.reads} == {"F1"}
    await running.close()
    await device.close()
