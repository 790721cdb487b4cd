"""An IPICO reader over TCP, its connection cut at random: every read on the log, by its replay or our journal."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from loadtest.devices.ipico import HOST, IpicoDevice, trigger
from loadtest.devices.trouble import Trouble
from services.ingest.decoders.ipico import STREAM
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.ipico import Ports, start
from services.ingest.readers.reader_task import RunningReader, folder_of
from services.ingest.readers.sources import Source
from services.runtime.backoff import Backoff
from services.runtime.faults import StartFault
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.at_work import at, clock_us, notices, reads, rows, soon, source_at, until, us
from tests.ingest.readers.rig import context

READS = 400


def source_of(device: IpicoDevice, elite: bool = True) -> Source:
    options = {"model": "elite" if elite else "trident"}
    return source_at("ipico", device.stream_port, devices={"00": "F1"}, options=options)


async def dial(
    device: IpicoDevice, race_log: MemoryLog, folder: Path, elite: bool = True, **limits: Any
) -> RunningReader:
    return await start(
        source_of(device, elite),
        context(race_log, folder, now=clock_us, **limits),
        Ports(device.command_port, device.replay_port),
    )


def expected(device: IpicoDevice) -> set[tuple[str, str, int]]:
    return {("F1", tag.upper(), us(local)) for tag, local in device.reads}


def tag(rng: random.Random) -> str:
    return f"{rng.randrange(2**48):012x}"


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_with_connections_cut_and_ourselves_restarted_every_read_is_on_the_log(seed, tmp_path):
    rng = random.Random(seed)
    trouble = Trouble(seed, cut=0.02, repeat=0.05, garbage=0.03, split=0.3)
    device = IpicoDevice(trouble)
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    restarts = 0
    for number in range(READS):
        await device.read(tag(rng), at(number))
        if rng.random() < 0.02:
            device.hang_up()
        if rng.random() < 0.02:
            race_log.answering.clear()
        if rng.random() < 0.05:
            race_log.answering.set()
        if rng.random() < 0.01:
            race_log.answering.set()
            await running.close()
            running = await dial(device, race_log, tmp_path)
            restarts += 1
        if rng.random() < 0.1:
            await asyncio.sleep(0.01)
    trouble.calm()
    race_log.answering.set()
    await until(lambda: expected(device) <= reads(race_log))
    assert reads(race_log) == expected(device)
    await running.close()
    await device.close()
    print(
        f"seed {seed}: {len(device.reads)} reads, all on the log in {len(rows(race_log))} rows; "
        f"{device.connections} connections, {trouble.cuts} cut within a frame, {restarts} restarts of ours, "
        f"{device.replayed} replayed, {len(race_log.dead_letters)} unreadable lines"
    )
    assert trouble.cuts + restarts > 3


async def test_the_cursor_does_not_pass_reads_that_are_still_to_be_replayed(tmp_path):
    """Reads come live while the replay of earlier ones is not to be had: a restart then must ask for those again."""
    device = IpicoDevice(Trouble(0))
    await device.start()
    for number in range(10):
        await device.read(f"{number:012x}", at(number))
    race_log = MemoryLog()
    closed = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    no_replay = Ports(device.command_port, closed.sockets[0].getsockname()[1])
    closed.close()
    source = source_of(device)
    running = await start(source, context(race_log, tmp_path, now=clock_us), no_replay)
    await soon(device.heard())
    for number in range(10, 20):
        await device.read(f"{number:012x}", at(number))
    await until(lambda: len(reads(race_log)) == 10)
    await running.close()
    assert CursorFile(folder_of(source, tmp_path)).load() == {}
    running = await dial(device, race_log, tmp_path)
    await until(lambda: reads(race_log) == expected(device))
    await running.close()
    await device.close()


async def test_after_a_replay_the_stream_moves_the_cursor_and_the_next_start_asks_from_there(tmp_path):
    device = IpicoDevice(Trouble(0))
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.heard())
    folder = folder_of(source_at("ipico", device.stream_port), tmp_path)
    numbers = iter(range(10_000))

    def stored() -> int:
        cursor = CursorFile(folder).load()
        return cursor[STREAM].number if STREAM in cursor else 0

    async with asyncio.timeout(60):
        while stored() < us(at(1_000)):
            await device.read("0" * 12, at(next(numbers) * 10))
            await asyncio.sleep(0.01)
    await until(lambda: reads(race_log) == expected(device))
    await running.close()
    before, device.replayed = len(device.reads), 0
    running = await dial(device, race_log, tmp_path)
    await soon(device.heard())
    await device.read("1" * 12, at(next(numbers) * 10))
    await until(lambda: device.replayed)
    await until(lambda: reads(race_log) == expected(device))
    await running.close()
    await device.close()
    assert device.replayed < before


async def test_without_a_replay_what_was_heard_outlives_us_in_the_journal(tmp_path):
    device = IpicoDevice(Trouble(7, split=0.5, garbage=0.1))
    await device.start()
    race_log = MemoryLog()
    race_log.answering.clear()
    running = await dial(device, race_log, tmp_path, elite=False, reader_close_s=0.1)
    await soon(device.heard())
    for number in range(50):
        await device.read(f"{number:012x}", at(number))
    folder = folder_of(source_at("ipico", device.stream_port), tmp_path)
    await until(lambda: sum(path.read_bytes().count(b"0000000000") for path in folder.glob("journal-*")) >= 50)
    with pytest.raises(StartFault):
        await dial(device, race_log, tmp_path, elite=False)
    await running.close()
    assert not reads(race_log)
    race_log.answering.set()
    running = await dial(device, race_log, tmp_path, elite=False)
    await until(lambda: reads(race_log) == expected(device))
    await running.close()
    await device.close()
    print(f"{len(device.reads)} reads were on disk only, all on the log after a restart")


async def test_the_trigger_button_is_a_notice_on_the_log(tmp_path):
    device = IpicoDevice(Trouble(0))
    await device.start()
    race_log = MemoryLog()
    running = await dial(device, race_log, tmp_path)
    await soon(device.heard())
    await device.say(trigger(at(3)))
    await until(lambda: notices(race_log))
    [notice] = notices(race_log)
    assert (notice.kind, notice.device, notice.at_us) == ("trigger", "F1", us(at(3)))
    await running.close()
    await device.close()


async def test_a_replay_that_cannot_be_had_is_a_notice_to_officials(tmp_path):
    device = IpicoDevice(Trouble(0))
    await device.start()
    race_log = MemoryLog()
    source = source_at("ipico", device.stream_port, options={"model": "elite"})
    ports = Ports(device.command_port, 1)
    running = await start(source, context(race_log, tmp_path, now=clock_us), ports, Backoff(0.01, 0.01))
    await until(lambda: notices(race_log))
    assert [(notice.kind, notice.device) for notice in notices(race_log)] == [("replay_failed", "finish-tent")]
    await running.close()
    await device.close()
