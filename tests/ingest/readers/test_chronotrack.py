"""A ChronoTrack client over TCP, its connection cut at random: every event of every location on the log."""

import asyncio
import random
from pathlib import Path

import pytest

from loadtest.devices.chronotrack import ChronoTrackDevice
from loadtest.devices.trouble import Trouble
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.reader_task import RunningReader, folder_of, start_reader
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.at_work import at, clock_us, notices, reads, rows, source_at, until, us
from tests.ingest.readers.rig import context, port_of

READS = 600
LOCATIONS = ["start", "10K mat", "finish"]


async def listen(port: int, race_log: MemoryLog, folder: Path) -> RunningReader:
    return await start_reader(source_at("chronotrack", port), context(race_log, folder, now=clock_us))


def expected(log: dict) -> set[tuple[str, str, int]]:
    events = [(location, tag, local) for location, own in log.items() for tag, local, _ in own]
    return {(location, tag, us(local)) for location, tag, local in events if tag != "guntime"}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_with_connections_cut_and_ourselves_restarted_every_read_is_on_the_log(seed, tmp_path):
    rng = random.Random(seed)
    trouble = Trouble(seed, cut=0.01, repeat=0.05, garbage=0.02, split=0.2)
    client = ChronoTrackDevice(trouble, LOCATIONS)
    race_log = MemoryLog()
    running = await listen(0, race_log, tmp_path)
    port = port_of(running)
    # The folder goes by event and gateway, so a listener of another port goes on from the same cursor.
    calling = asyncio.create_task(client.run("127.0.0.1", port))
    restarts = 0
    for number in range(READS):
        client.read(rng.choice(LOCATIONS), f"{rng.randrange(10_000)}", at(number))
        if rng.random() < 0.01:
            client.hang_up()
        if rng.random() < 0.02:
            race_log.answering.clear()
        if rng.random() < 0.05:
            race_log.answering.set()
        if rng.random() < 0.007:
            race_log.answering.set()
            await running.close()
            running = await listen(port, race_log, tmp_path)
            restarts += 1
        if rng.random() < 0.1:
            await asyncio.sleep(0.01)
    trouble.calm()
    race_log.answering.set()
    await until(lambda: expected(client.log) <= reads(race_log))
    assert reads(race_log) == expected(client.log)
    await running.close()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    print(
        f"seed {seed}: {READS} reads of 3 locations, all on the log in {len(rows(race_log))} rows; "
        f"{client.connections} connections, {trouble.cuts} cut within a line, {restarts} restarts of ours, "
        f"{len(client.starts)} starts, {len(race_log.dead_letters)} unreadable lines"
    )
    assert restarts > 0
    assert client.connections > 3  # cut by the network, by the client and by ourselves


async def test_a_restart_goes_on_from_the_last_event_and_a_gun_is_a_notice(tmp_path):
    client = ChronoTrackDevice(Trouble(0), ["start"])
    race_log = MemoryLog()
    running = await listen(0, race_log, tmp_path)
    calling = asyncio.create_task(client.run("127.0.0.1", port_of(running)))
    client.read("start", "guntime", at(0))
    for number in range(1, 200):
        client.read("start", str(number), at(number))
    folder = folder_of(source_at("chronotrack", port_of(running)), tmp_path)

    def stored() -> int:
        cursor = CursorFile(folder).load()
        return cursor["start"].number if cursor else 0

    await until(lambda: stored() == 200)
    [gun] = notices(race_log)
    assert (gun.kind, gun.device, gun.at_us) == ("guntime", "start", us(at(0)))
    await running.close()
    client.sent = 0
    running = await listen(port_of(running), race_log, tmp_path)
    client.read("start", "200", at(200))
    await until(lambda: expected(client.log) <= reads(race_log))
    await running.close()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert client.starts == ["start~start", "start~start~200"]
    assert client.sent == 2
    assert client.options["time-format"] == "iso"


async def test_the_port_is_free_again_however_soon_the_listener_is_closed(tmp_path):
    first = await listen(0, MemoryLog(), tmp_path)
    await first.close()
    second = await listen(port_of(first), MemoryLog(), tmp_path)
    await second.close()


async def test_a_client_that_counts_again_loses_nothing(tmp_path):
    """Its old numbers reach further than its new ones: resumed by number alone, its first events would be missed."""
    client = ChronoTrackDevice(Trouble(0), ["start"])
    race_log = MemoryLog()
    running = await listen(0, race_log, tmp_path)
    calling = asyncio.create_task(client.run("127.0.0.1", port_of(running)))
    for number in range(100):
        client.read("start", str(number), at(number))
    await until(lambda: len(reads(race_log)) == 100)
    before = expected(client.log)
    client.renumber("start", keep=0)
    for number in range(100, 350):
        client.read("start", str(number), at(number))
    await until(lambda: before | expected(client.log) <= reads(race_log))
    await running.close()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert [notice.kind for notice in notices(race_log)] == ["log_changed"]
    assert len({row.seq for row in rows(race_log)}) == 250


async def test_a_location_that_appears_is_started(tmp_path):
    client = ChronoTrackDevice(Trouble(0), ["start"])
    race_log = MemoryLog()
    running = await listen(0, race_log, tmp_path)
    calling = asyncio.create_task(client.run("127.0.0.1", port_of(running)))
    client.read("start", "1", at(1))
    await until(lambda: reads(race_log))
    await client.add("30k", at(2))
    client.read("30k", "7", at(3))
    await until(lambda: expected(client.log) <= reads(race_log))
    await running.close()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert [notice.kind for notice in notices(race_log)] == ["newlocation"]
