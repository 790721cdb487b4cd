"""A simulated day sent by simulated readers to ingest's own, over TCP: the standings are its truth."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

import races
from loadtest.devices.registry import SIMULATED_PROTOCOLS
from loadtest.devices.simulated import SimulatedProtocol
from loadtest.mats import SPOKEN, Mats, Spoken, all_alike, as_equipped, code_of, play, steps_ms, with_codes
from loadtest.race_day import MS
from loadtest.simulation import Simulation, simulate
from schemas.codec import to_json
from schemas.definition import Definition
from schemas.definition_parse import definition_from_toml
from schemas.events import ReadsLogged
from services.demo.stack import free_port
from services.ingest.http.access import Access
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.sources import parse_sources
from services.ingest.readers.supervisor import ReaderSupervisor
from services.ingest.readers.uploads import Uploads
from services.offline.scored_log import score_lines
from services.runtime.tokens import Tokens
from tests.ingest.memory_log import MemoryLog
from tests.loadtest.scored import differences, equal_parts, over_http

HANG_S = 120.0
WITHOUT_BROKER = [spoken for spoken in SPOKEN if not SIMULATED_PROTOCOLS[spoken].broker]
"""The protocols whose day is played here; `tests/integration/test_mqtt.py` plays the others."""
DEFINITION = definition_from_toml(races.definition_toml("hanoi-half-2024"))


def day(protocols: dict[str, Spoken], size: int = 40, seed: int = 5) -> Simulation:
    definition = as_equipped(DEFINITION, protocols)
    return with_codes(simulate(definition, size, seed, steps_ms=steps_ms(protocols)), protocols)


def reader_names(definition: Definition) -> set[str]:
    return {device for mat in definition.mats for device in (*mat.devices, *mat.backup_devices)}


def own_address(spoken: Spoken, http_port: int) -> tuple[str, int]:
    """Where nobody else is: an Elite has three ports, of which two cannot be chosen, so it gets a host of its own."""
    rng = random.Random()
    host = f"127.{rng.randrange(1, 255)}.{rng.randrange(255)}.1" if spoken == "ipico" else "127.0.0.1"
    if SIMULATED_PROTOCOLS[spoken].posts:
        return host, http_port
    return host, free_port() if SIMULATED_PROTOCOLS[spoken].calls else 0


@asynccontextmanager
async def taking_posts(uploads: Uploads) -> AsyncIterator[int]:
    """Serve what readers post to, and yield its port."""
    app = web.Application()
    app.add_routes(uploads.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def assert_scores_to_its_truth(spoken: Spoken, tmp_path: Path, broker: tuple[str, int] | None = None) -> None:
    """Play a day on simulated readers to ingest's own, and compare what is scored with HTTP and with the truth."""
    protocols = all_alike(DEFINITION, spoken)
    simulation = day(protocols)
    config, log = tmp_path / "matline.toml", MemoryLog()
    config.write_text("sources = []\n")
    access, metrics = Access(Tokens(tmp_path / "tokens.json"), ConnectionLimiter()), IngestMetrics(CollectorRegistry())
    first_us = simulation.reads.time_ms(simulation.reads.packed[0]) * MS
    reading = ReaderSupervisor(config, "127.0.0.1", 0, access, log, metrics, lambda: first_us, tmp_path)
    uploads = Uploads(reading.uploading, log, metrics, lambda: first_us)
    async with (
        taking_posts(uploads) as http_port,
        Mats(simulation, protocols, {spoken: broker or own_address(spoken, http_port)}) as mats,
    ):
        config.write_text(mats.sources_toml())
        await reading.look()
        try:
            async with asyncio.timeout(HANG_S):
                await mats.connected()
                seen = await play(simulation, mats)
                await mats.all_sent()
                while sum(len(fact.reads) for fact in log.facts() if isinstance(fact, ReadsLogged)) < seen:
                    await asyncio.sleep(0.05)
        finally:
            await reading.close()
    expected = over_http(simulation, protocols)
    lines = [to_json(timed.fact) for timed in simulation.facts]
    standings = score_lines([*lines, *(to_json(fact) for fact in log.facts())])
    assert differences(simulation, standings) == []
    assert equal_parts(standings) == equal_parts(expected)
    assert log.dead_letters == []


def assert_sources_name_every_reader(spoken: Spoken) -> None:
    protocols = all_alike(DEFINITION, spoken)
    simulation = day(protocols)
    sources = parse_sources(Mats(simulation, protocols).sources_toml().encode())
    named = {device for source in sources for device in source.devices.values()}
    names_itself = SIMULATED_PROTOCOLS[spoken].places_are_devices
    assert named == (set() if names_itself else reader_names(simulation.definition))
    assert {source.protocol for source in sources} == {spoken}


@pytest.mark.parametrize("spoken", WITHOUT_BROKER)
async def test_a_day_sent_by_readers_of_a_protocol_scores_as_over_http_and_to_its_truth(spoken: Spoken, tmp_path: Path):
    await assert_scores_to_its_truth(spoken, tmp_path)


async def test_a_day_of_a_protocol_that_names_no_reader_scores_to_its_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_place = msgspec.structs.replace(SIMULATED_PROTOCOLS["wiclax"], sends_place=False)
    monkeypatch.setitem(cast("dict[str, SimulatedProtocol]", SIMULATED_PROTOCOLS), "wiclax", without_place)
    await assert_scores_to_its_truth("wiclax", tmp_path)
    assert_sources_name_every_reader("wiclax")
    protocols = all_alike(DEFINITION, "wiclax")
    assert reader_names(day(protocols).definition) == {mat.devices[0] for mat in DEFINITION.mats}


def test_codes_differ_for_every_chip_and_the_entries_know_them_all():
    protocols = dict(zip([mat.id for mat in DEFINITION.mats], SPOKEN, strict=False))
    simulation = day(protocols)
    chips = simulation.reads.chips
    for spoken in SPOKEN:
        assert len({code_of(spoken, chip) for chip in chips}) == len(chips)
    for entry in simulation.entries:
        assert not entry.chips or {code_of(spoken, entry.chips[0]) for spoken in protocols.values()} <= set(entry.chips)


@pytest.mark.parametrize("spoken", SPOKEN)
def test_the_sources_are_taken_by_ingest_and_name_every_reader(spoken: Spoken):
    assert_sources_name_every_reader(spoken)


def test_crossings_at_a_mat_whose_clock_tells_hundredths_are_on_whole_hundredths():
    simulation = simulate(DEFINITION, 60, 3, steps_ms={"5k": 10})
    instants = {p.at_us for truth in simulation.truth.values() for p in truth.points if p.point == "5K"}
    assert instants
    assert all(at_us % 10_000 == 0 for at_us in instants)
