"""Ingest served over a real socket, on a log in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from services.ingest import app
from services.ingest.limits import IngestLimits
from services.ingest.settings import IngestSettings
from tests.builders import EVENT
from tests.ingest.memory_log import MemoryLog


@asynccontextmanager
async def serving(
    settings: IngestSettings, race_log: MemoryLog | None = None, limits: IngestLimits | None = None
) -> AsyncIterator[URL]:
    """Serve ingest with these settings, on Kafka unless a log in memory is given; yield its address."""
    scheme = "http" if settings.tls is None else "https"
    async with app.serving(app.create_app(settings, race_log, limits), settings) as port:
        try:
            yield URL(f"{scheme}://127.0.0.1:{port}")
        finally:
            if race_log is not None:
                race_log.answering.set()


@pytest.fixture
def race_log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def limits() -> IngestLimits:
    """Ingest's limits; a test sets others by `parametrize`."""
    return IngestLimits()


@pytest.fixture
async def ingest(race_log: MemoryLog, limits: IngestLimits, tmp_path: Path) -> AsyncIterator[URL]:
    """The address of ingest without tokens."""
    async with serving(IngestSettings(port=0, tokens=tmp_path / "tokens.json"), race_log, limits) as address:
        yield address


@pytest.fixture
async def client(ingest: URL) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of it; paths are relative to the event's."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(ingest / f"v1/events/{EVENT}/", connector=connector) as session:
        yield session
