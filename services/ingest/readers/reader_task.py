"""A reader at work: its folder, its delivery and its connections put together, and taken apart in order."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from services.ingest.decoders.messages import Now
from services.ingest.decoders.protocol import Make
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.backlog import MemoryBacklog
from services.ingest.readers.connection import Caller, Dialler, steady_clock
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.journal import Journal
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source, host_and_port, joined
from services.runtime import folder_lock
from services.runtime.faults import StartFault

log = logging.getLogger(__name__)


class ReaderContext(NamedTuple):
    """What every reader of an ingest shares. `clock` null: this machine's clocks."""

    race_log: Log
    metrics: IngestMetrics
    now_us: Callable[[], int]
    data_folder: Path
    limits: IngestLimits = IngestLimits()
    clock: Callable[[], Now] | None = None


class RunningReader:
    """A reader at work until `close`. `failed` fails with what it cannot continue from; `port` is where it listens."""

    def __init__(self, delivery: Delivery, lock: folder_lock.FolderLock, close_s: float) -> None:
        self.delivery = delivery
        self.port: int | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lock = lock
        self._close_s = close_s
        self._delivering = self._task(delivery.run())
        self._sources: list[asyncio.Task[None]] = []

    def add(self, source: Coroutine[Any, Any, None]) -> None:
        """Run a source of messages as long as this reader: a connection, or a replay on another port."""
        self._sources.append(self._task(source))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            log.error("a reader's connection failed for good: %r", error)
            self.failed.set_exception(error)

    async def close(self) -> None:
        """Hang up, let what was taken reach the log for a while, write the cursor, release the folder."""
        for source in self._sources:
            source.cancel()
        await asyncio.gather(*self._sources, return_exceptions=True)
        if not self._delivering.done():
            draining = asyncio.create_task(self.delivery.drained())
            await asyncio.wait([draining, self._delivering], timeout=self._close_s, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            self._delivering.cancel()
        await asyncio.gather(self._delivering, return_exceptions=True)
        self._lock.release()
        if self.failed.done():
            self.failed.exception()
        else:
            self.failed.cancel()


def folder_of(source: Source, data_folder: Path) -> Path:
    """Return where a source keeps its cursor and journal, which is its event's own: another event has to fetch its
    reader's log anew.
    """
    identity = hashlib.sha256(repr(source.identity()).encode()).hexdigest()[:8]
    gateway = re.sub(r"[^A-Za-z0-9._-]", "_", source.gateway)
    return data_folder / "readers" / f"{source.protocol}+{source.event}+{gateway}+{identity}"


async def start_reader(source: Source, context: ReaderContext, make: Make | None = None) -> RunningReader:
    """Start a reader by the registry; `make` makes its connections in place of the protocol's own `connect`.

    Raises StartFault, and OSError for a port that is taken.
    """
    protocol, settings = PROTOCOLS[source.protocol], source.settings()
    if protocol.way == "is dialled" and source.address is None:
        raise StartFault(f"source {source.gateway}: needs `address`, where its reader listens")
    if make is None:
        assert protocol.connect is not None  # what comes by HTTP is not started
        make = protocol.connect(settings)
    host, port = host_and_port(source.address or joined("127.0.0.1", protocol.port))
    running = _prepare(source, context, protocol.journalled(settings))
    clock = context.clock or steady_clock(context.now_us)
    shared = source, make, running.delivery, context.metrics, clock, context.limits.clock_turn_s
    if protocol.way == "is dialled":
        running.add(Dialler(host, port, *shared).run())
        return running
    caller = Caller(*shared)
    try:
        running.port = await caller.listen(host, port)
    except OSError:
        await running.close()
        raise
    running.add(caller.run())
    await asyncio.sleep(0)  # its first step: cancelled before that, a task runs none of its `finally`, the port stays
    return running


def _prepare(source: Source, context: ReaderContext, journalled: bool) -> RunningReader:
    """Return a source's delivery at work, without a connection yet.

    Raises StartFault where its folder cannot be used, as when another process has it.
    """
    folder = folder_of(source, context.data_folder)
    lock = folder_lock.take(folder)
    try:
        backlog = Journal(folder) if journalled else MemoryBacklog()
        delivery = Delivery(source, context.race_log, context.metrics, context.now_us, CursorFile(folder), backlog)
    except OSError as error:
        lock.release()
        raise StartFault(f"the reader's folder {folder} cannot be read: {error}") from None
    return RunningReader(delivery, lock, context.limits.reader_close_s)
