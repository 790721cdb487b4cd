"""What tests of readers at work share: a source for a simulated device, and what of its reads is on the log."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from schemas.events import NoticeReceived, ReadRow, ReadsLogged
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.sources import Source
from tests.ingest.memory_log import MemoryLog

HANG_S = 60.0
BEGAN = datetime(2026, 3, 6, 6, 0, 0)
BEGAN_US = int(BEGAN.replace(tzinfo=UTC).timestamp() * 1e6)


def source_at(protocol: str, port: int, **given) -> Source:
    return Source(
        protocol=protocol, event="ex", gateway="finish-tent", zone="+00:00", address=f"127.0.0.1:{port}", **given
    )


def metrics() -> IngestMetrics:
    return IngestMetrics(CollectorRegistry())


def clock_us() -> int:
    """A wall clock that stands: sessions differ only where a test needs it, clocks are not off."""
    return BEGAN_US


def at(number: int, step_ms: int = 370) -> datetime:
    """The local time of a simulated read, on whole hundredths."""
    return BEGAN + timedelta(milliseconds=10 * (number * step_ms // 10))


def us(local: datetime) -> int:
    """The instant of a local time, to the microsecond."""
    return (local - BEGAN) // timedelta(microseconds=1) + BEGAN_US


def rows(race_log: MemoryLog) -> list[ReadRow]:
    return [row for fact in race_log.facts() if isinstance(fact, ReadsLogged) for row in fact.reads]


def reads(race_log: MemoryLog) -> set[tuple[str, str, int]]:
    """The reads on the log, each once: device, chip, instant."""
    return {(row.device, row.chip, row.at_us) for row in rows(race_log)}


def notices(race_log: MemoryLog) -> list[NoticeReceived]:
    return [fact for fact in race_log.facts() if isinstance(fact, NoticeReceived)]


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; what is awaited is in another task, which tells nobody."""
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.005)


async def soon(happening: Awaitable) -> None:
    """Await something that a fault could keep from happening."""
    async with asyncio.timeout(HANG_S):
        await happening
