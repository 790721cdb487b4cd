"""The driver against a real ingest over real sockets: what it sends scores to the simulated truth."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from loadtest.devices.mylaps import Exporter, record_v1, record_v2
from loadtest.driver import DriveFailed, Target, drive
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation
from schemas.codec import to_json
from schemas.events import EntriesAdded, EventDefined, ReadsLogged
from services.ingest.app import create_app, now_us
from services.ingest.decoders.mylaps_frames import read_v1, read_v2
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.reader_task import ReaderContext, start_reader
from services.ingest.readers.sources import parse_sources
from services.ingest.settings import IngestSettings
from services.offline.scored_log import score_lines
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.rig import port_of
from tests.loadtest.scored import differences, simulated

RACE = "hanoi-half-2024"


class Ingest(NamedTuple):
    url: str
    mylaps: tuple[str, int]
    log: MemoryLog


@asynccontextmanager
async def ingest_for(simulation: Simulation, log: MemoryLog) -> AsyncIterator[Ingest]:
    (source,) = parse_sources(simulation.sources_toml("127.0.0.1:0").encode())
    folder = tempfile.TemporaryDirectory()
    metrics = IngestMetrics(CollectorRegistry())
    listener = await start_reader(source, ReaderContext(log, metrics, now_us, Path(folder.name)))
    application = create_app(IngestSettings(port=0, tokens=Path("/nowhere/tokens.json")), log)
    runner = web.AppRunner(application, auto_decompress=False, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Ingest(f"http://127.0.0.1:{runner.addresses[0][1]}", ("127.0.0.1", port_of(listener)), log)
    finally:
        await listener.close()
        await runner.cleanup()
        folder.cleanup()


def standings(log: MemoryLog) -> dict[str, Any]:
    return score_lines(to_json(fact) for fact in log.facts())


async def test_a_day_sent_by_http_scores_to_its_truth():
    simulation = simulated(RACE, 150, 3)
    seen: list[int] = []
    async with ingest_for(simulation, MemoryLog()) as ingest:
        driven = await drive(simulation, Target(url=ingest.url), progress=lambda d: seen.append(d.accepted))
        assert differences(simulation, standings(ingest.log)) == []
    assert driven.accepted == driven.sent >= driven.reads == len(simulation.reads)
    assert (driven.rejected, driven.resent, driven.facts) == (0, 0, len(simulation.facts))
    assert sum(answer.reads for answer in driven.answers) == driven.accepted == seen[-1]
    assert seen == sorted(seen)
    revisions = [answer.revision for answer in driven.answers if answer.revision is not None]
    assert len(revisions) == len(driven.answers)
    assert driven.revision == max(revisions) <= len(ingest.log.records)


@pytest.mark.parametrize("version", ["1", "2.1"])
async def test_a_day_sent_by_mylaps_and_http_scores_to_its_truth(version: Literal["1", "2.1"]):
    simulation = simulated(RACE, 150, 4)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        target = Target(url=ingest.url, mylaps=ingest.mylaps, mylaps_version=version)
        driven = await drive(simulation, target)
        assert differences(simulation, standings(ingest.log)) == []
        assert ingest.log.dead_letters == []
        gateways = {fact.gateway for fact in ingest.log.facts() if isinstance(fact, ReadsLogged)}
    assert driven.accepted == driven.sent
    assert "start-finish" in gateways
    assert {answer.revision is None for answer in driven.answers} == {True, False}


async def test_refused_requests_are_repeated_until_they_are_accepted_and_count_once():
    simulation = simulated(RACE, 40, 5)
    log = MemoryLog()
    async with ingest_for(simulation, log) as ingest:
        log.full = True
        driving = asyncio.create_task(drive(simulation, Target(url=ingest.url)))
        while log.asked == 0:
            await asyncio.sleep(0.01)
        log.full = False
        driven = await driving
        assert differences(simulation, standings(log)) == []
    assert driven.resent == 1


async def test_the_days_own_time_is_kept_faster_by_the_factor_asked_for():
    simulation = simulated(RACE, 20, 6)
    dues = [item.due_us for item in simulation.timeline()][len(simulation.opening) :]
    speed = 36_000.0
    async with ingest_for(simulation, MemoryLog()) as ingest:
        driven = await drive(simulation, Target(url=ingest.url), speed=speed)
    assert driven.seconds >= (dues[-1] - dues[0]) / 1e6 / speed


async def test_the_definition_goes_first_then_the_entries():
    simulation = simulated(RACE, 40, 5)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        await drive(simulation, Target(url=ingest.url))
        first, second, *_ = ingest.log.facts()
    assert isinstance(first, EventDefined)
    assert first.definition["name"].endswith("(simulated)")
    assert isinstance(second, EntriesAdded)
    assert second.entries == simulation.entries


async def test_a_refused_request_ends_the_drive_and_says_why():
    simulation = simulated(RACE, 20, 6)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        with pytest.raises(DriveFailed, match=r"PUT .*/nowhere/v1/events/hanoi-half-2024/definition: 404"):
            await drive(simulation, Target(url=f"{ingest.url}/nowhere"))


async def test_an_ingest_that_is_not_there_ends_the_drive_after_the_patience_asked_for():
    simulation = simulated(RACE, 20, 6)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        url = ingest.url
    with pytest.raises(DriveFailed, match="ClientConnectorError"):
        await drive(simulation, Target(url=url, patience_s=0.0))


READ = RawRead(70_000, "LINE-A", "AB00001", 1_704_058_399_128_000, -41.0)
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_v2_record_says_what_the_read_says():
    seen = read_v2(record_v2(READ, HANOI), HANOI)
    assert (seen.chip, seen.at_us, seen.rssi, seen.utc_off_us) == (READ.chip, READ.at_us, READ.rssi, 0)


def test_a_v1_record_says_what_the_read_says_with_its_number_in_sixteen_bits():
    seen = read_v1(record_v1(READ, 3, HANOI).encode(), HANOI)
    assert (seen.chip, seen.at_us, seen.unit, seen.sequence) == (READ.chip, READ.at_us, "3.0", 70_000 - 65_536)


async def test_what_a_broken_connection_left_unacknowledged_goes_over_the_next_one():
    frames: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own: list[bytes] = []
        frames.append(own)
        try:
            while frame := await reader.readuntil(b"$"):
                own.append(frame)
                if b"@Pong@" in frame:
                    writer.write(b"T@AckPong@Version2.1@$")
                elif len(frames) == 1:
                    return
                else:
                    writer.write(b"T@Ping@$T@AckPassing@" + frame.split(b"@")[-2] + b"@$")
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    acknowledged: list[int] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with Exporter("127.0.0.1", port, ["LINE-A"], "Asia/Ho_Chi_Minh", acknowledged.append) as exporter:
            await exporter.send([READ] * 150)
            async with asyncio.timeout(30):
                await exporter.finish()
            assert (exporter.connections, exporter.resent) == (2, 2)
    assert sorted(acknowledged) == [50, 100]
    passings = [frame for frame in frames[1] if b"@Passing@" in frame]
    assert len(passings) == 2
    assert passings[0] == frames[0][1]
