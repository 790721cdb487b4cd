"""Live as a process and beside the projections, with notices from a real Kafka."""

import asyncio
import os
import signal
import subprocess
import sys

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from schemas.notices import encode_notice
from schemas.topics import STANDINGS
from services.demo.stack import free_port
from services.live.command import beside
from services.live.settings import LiveSettings, settings_from
from services.runtime import exit_codes
from services.runtime.faults import StartFault
from tests.builders import EVENT, defined, entries, gun, run
from tests.live.racing import Live, Racing, serving
from tests.live.test_stream import streaming


async def test_a_notice_on_kafka_reaches_viewers_at_once_with_all_it_says(database, kafka):
    race = Racing(database)
    await race.announce(defined(), entries("7"), gun(0))
    producer = AIOKafkaProducer(**kafka.client())
    await producer.start()
    try:
        async with serving(race, kafka=kafka) as live, streaming(live) as events:
            await events.next()
            async with asyncio.timeout(60):
                while "matline_live_kafka_up 1.0" not in await live.text("/metrics"):
                    await asyncio.sleep(0.01)
            await producer.send_and_wait(STANDINGS.name, b"no notice")
            notice = await race.announce(run("7"), tell=False)
            await producer.send_and_wait(STANDINGS.name, encode_notice(notice))
            kind, id_, data = await events.next()
            assert (kind, id_) == ("board", race.revision)
            assert data["accepted_us"] == notice.accepted_us  # so it came by Kafka, not by polling
            notice = await race.announce(run("7", finish=4001), tell=False)  # a notice that is lost
            assert (await events.next())[1] == race.revision
    finally:
        await producer.stop()


async def test_a_broker_that_falls_silent_shows_and_so_does_its_return(database, kafka, broker_and_process):
    _, process = broker_and_process
    race = Racing(database)
    await race.announce(defined())

    async def until(shown: str, live: Live) -> None:
        async with asyncio.timeout(60):
            while f"matline_live_kafka_up {shown}" not in await live.text("/metrics"):
                await asyncio.sleep(0.05)

    async with serving(race, kafka=kafka) as live:
        await until("1.0", live)
        process.send_signal(signal.SIGSTOP)
        try:
            await until("0.0", live)
        finally:
            process.send_signal(signal.SIGCONT)
        await until("1.0", live)


async def test_without_kafka_revisions_are_found_by_polling(database):
    nowhere = settings_from({"MATLINE_KAFKA": f"127.0.0.1:{free_port()}"}).kafka
    race = Racing(database)
    await race.announce(defined(), entries("7"), gun(0))
    async with serving(race, kafka=nowhere) as live, streaming(live) as events:
        await events.next()
        await race.announce(run("7"), tell=False)
        assert (await events.next())[1] == race.revision
        assert "matline_live_kafka_up 0.0" in await live.text("/metrics")


async def test_live_is_served_beside_while_the_context_is_open(database):
    race = Racing(database)
    await race.announce(defined(), entries("7"), gun(0), run("7"))
    port = free_port()
    environment = {"MATLINE_LIVE_PORT": str(port), "MATLINE_KAFKA": f"127.0.0.1:{free_port()}"}
    async with aiohttp.ClientSession() as session:
        live = Live(session, f"http://127.0.0.1:{port}")
        async with beside(environment, database):
            assert (await live.json(f"/v1/events/{EVENT}/boards/men"))["total"] == 1
        with pytest.raises(aiohttp.ClientConnectorError):
            await live.json("/v1/time")


def run_live(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "live"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_process_of_its_own_takes_a_server_and_says_so(tmp_path):
    ended = run_live(MATLINE_CLICKHOUSE=f"chdb://{tmp_path}")
    assert ended.returncode == 2
    assert "MATLINE_CLICKHOUSE=http://HOST:8123" in ended.stderr


def test_an_absent_server_ends_it_with_a_message():
    ended = run_live(MATLINE_CLICKHOUSE=f"http://127.0.0.1:{free_port()}")
    assert ended.returncode == exit_codes.AWAY
    assert "live has no ClickHouse" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_settings_come_from_the_environment():
    settings = settings_from({"MATLINE_LIVE_PORT": "9000", "MATLINE_HOST": "::1", "MATLINE_LIVE_CACHE_MIB": "7"})
    assert (settings.port, settings.host, settings.cache_mib) == (9000, "::1", 7)
    assert LiveSettings().kafka is None
    with pytest.raises(StartFault, match="MATLINE_LIVE_PORT"):
        settings_from({"MATLINE_LIVE_PORT": "high"})
