"""What tests of readers share: a log that tells when it grows, quick clocks, and a source with its folder."""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from schemas.events import LoggedFact, NoticeReceived, ReadsLogged
from services.ingest.decoders.messages import Now, Position
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.reader_task import ReaderContext, RunningReader, folder_of
from services.ingest.readers.sources import Source
from tests.ingest.memory_log import MemoryLog

HANG_S = 60.0  # nothing here takes so long
SPEED = 10  # how much quicker the steady clock runs, so that polls and silences take tenths of seconds


def now_us() -> int:
    return time.time_ns() // 1000


def quick_clock() -> Now:
    return Now(now_us(), time.monotonic() * SPEED)


def port_of(reader: RunningReader) -> int:
    """The port of a reader that listens."""
    assert reader.port is not None
    return reader.port


def metrics() -> IngestMetrics:
    return IngestMetrics(CollectorRegistry())


def context(
    race_log: MemoryLog,
    folder: Path,
    counted: IngestMetrics | None = None,
    clock: Callable[[], Now] | None = None,
    now: Callable[[], int] = now_us,
    **limits: Any,
) -> ReaderContext:
    """What readers under test share."""
    return ReaderContext(race_log, counted or metrics(), now, folder, IngestLimits(**limits), clock)


def source(protocol: str, port: int, **more) -> Source:
    fields = {"event": "e", "gateway": "tent", "zone": "+00:00", "address": f"127.0.0.1:{port}", **more}
    return Source(protocol=protocol, **fields)


class GrowingLog(MemoryLog):
    """A log in memory whose growth can be awaited. `mistakes`: what `check` found wrong whenever it grew."""

    def __init__(self, check: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self.reads: dict[tuple[str, int, str, int], int] = {}
        self.check = check
        self.mistakes: list[str] = []
        self._grown = asyncio.Condition()

    async def append(self, event: str, facts: Sequence[LoggedFact], wait_s: float | None = None) -> int:
        if mistake := self.check():
            self.mistakes.append(mistake)
        offset = await super().append(event, facts, wait_s)
        for fact in facts:
            for row in fact.reads if isinstance(fact, ReadsLogged) else []:
                key = (row.device, row.seq, row.chip, row.at_us)
                self.reads[key] = self.reads.get(key, 0) + 1
        await self._tell()
        return offset

    async def put_dead_letters(self, rejections, wait_s: float | None = None) -> None:
        await super().put_dead_letters(rejections, wait_s)
        await self._tell()

    async def _tell(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        """Return once it holds; asked whenever the log has grown."""
        async with asyncio.timeout(HANG_S), self._grown:
            await self._grown.wait_for(holds)

    def notices(self) -> list[NoticeReceived]:
        return [fact for fact in self.facts() if isinstance(fact, NoticeReceived)]

    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices()]


def durable(reader_source: Source, folder: Path) -> dict[str, Position]:
    """What the cursor file says now."""
    place = folder_of(reader_source, folder)
    return CursorFile(place).load() if place.exists() else {}


def as_if_killed(folder: Path, elsewhere: Path) -> Path:
    """The data folder as a kill would leave it at this instant, without a file that is being written to be renamed."""
    return Path(shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns("*.new")))
