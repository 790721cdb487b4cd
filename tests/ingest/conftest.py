"""Ingest served over a real socket, on a log in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from services.ingest.app import create_app, runner
from services.ingest.settings import IngestSettings
from tests.builders import EVENT
from tests.ingest.memory_log import MemoryLog


@asynccontextmanager
async def serving(settings: IngestSettings, race_log: MemoryLog | None = None) -> AsyncIterator[URL]:
    """Ingest with these settings, on Kafka unless there is a log in memory; the address that it has."""
    served = runner(create_app(settings, race_log))
    await served.setup()
    try:
        await web.TCPSite(served, settings.host, settings.port).start()
        yield URL(f"http://127.0.0.1:{served.addresses[0][1]}")
    finally:
        if race_log is not None:
            race_log.answering.set()
        await served.cleanup()


@pytest.fixture
def race_log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
async def ingest(race_log: MemoryLog) -> AsyncIterator[URL]:
    """The address of an ingest without tokens."""
    async with serving(IngestSettings(port=0), race_log) as address:
        yield address


@pytest.fixture
async def client(ingest: URL) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of it; paths are relative to the event's."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(ingest / f"v1/events/{EVENT}/", connector=connector) as session:
        yield session
