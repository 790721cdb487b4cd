"""Start a reader with its folder, delivery and connections, and stop them in order."""

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
from services.ingest.readers.dialling import dial_of
from services.ingest.readers.journal import Journal
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source, host_and_port, joined
from services.runtime import folder_lock
from services.runtime.faults import StartFault

log = logging.getLogger(__name__)


class ReaderContext(NamedTuple):
    """The parts that all readers of an ingest share. `clock` null means this machine's clocks."""

    race_log: Log
    metrics: IngestMetrics
    now_us: Callable[[], int]
    data_folder: Path
    limits: IngestLimits = IngestLimits()
    clock: Callable[[], Now] | None = None


class RunningReader:
    """A reader that runs until `close`. `failed` gets the error that stopped it; `port` is where it listens."""

    def __init__(self, delivery: Delivery, lock: folder_lock.FolderLock, close_s: float) -> None:
        self.delivery = delivery
        self.port: int | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lock = lock
        self._close_s = close_s
        self._delivering = self._task(delivery.run())
        self._sources: list[asyncio.Task[None]] = []

    def add(self, source: Coroutine[Any, Any, None]) -> None:
        """Run a task for as long as this reader runs: a connection, or a replay on another port."""
        self._sources.append(self._task(source))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            log.error("a reader stopped: %r", error)
            self.failed.set_exception(error)

    async def close(self) -> None:
        """Hang up, wait a while for the log to take what came, write the cursor and release the folder."""
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
    """Return the folder of a source's cursor and journal.

    It differs by event: another event has to fetch the same reader's log from the start.
    """
    identity = hashlib.sha256(repr(source.identity()).encode()).hexdigest()[:8]
    gateway = re.sub(r"[^A-Za-z0-9._-]", "_", source.gateway)
    return data_folder / "readers" / f"{source.protocol}+{source.event}+{gateway}+{identity}"


async def start_reader(source: Source, context: ReaderContext, make: Make | None = None) -> RunningReader:
    """Start the reader of a source; `make` makes its connections instead of the protocol's own `connect`.

    Raises StartFault, and OSError for a port that is taken.
    """
    protocol, settings = PROTOCOLS[source.protocol], source.settings()
    if protocol.way == "is dialled" and source.address is None:
        raise StartFault(f"source {source.gateway!r} needs `address`, the host and port where its reader listens")
    if make is None:
        assert protocol.connect is not None  # a source that comes by HTTP is not started
        make = protocol.connect(settings)
    host, port = host_and_port(source.address or joined("127.0.0.1", protocol.port))
    running = _prepare(source, context, protocol.journalled(settings))
    clock = context.clock or steady_clock(context.now_us)
    shared = source, make, running.delivery, context.metrics, clock, context.limits.clock_turn_s
    if protocol.way == "is dialled":
        running.add(Dialler(dial_of(protocol, settings, host, port), *shared).run())
        return running
    caller = Caller(*shared)
    try:
        running.port = await caller.listen(host, port)
    except OSError:
        await running.close()
        raise
    running.add(caller.run())
    await asyncio.sleep(0)  # let it begin: a task cancelled before that runs no `finally`, and the port stays taken
    return running


def _prepare(source: Source, context: ReaderContext, journalled: bool) -> RunningReader:
    """Return the running delivery of a source, without a connection yet.

    Raises StartFault when its folder cannot be used, for example while another process uses it.
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
