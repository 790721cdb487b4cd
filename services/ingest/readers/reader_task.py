"""A reader at work: its folder, its delivery and its connections put together, and taken apart in order."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from services.ingest.decoders.messages import Now
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.backlog import MemoryBacklog
from services.ingest.readers.connection import Caller, Dialler, Make, steady_clock
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.journal import Journal
from services.ingest.readers.sources import Source, host_and_port
from services.runtime import folder_lock
from services.runtime.faults import StartFault

CLOSE_WAIT_S = 5.0  # for messages on their way to Kafka when ingest stops

log = logging.getLogger(__name__)


class Running:
    """A reader at work until `close`. `failed` fails with what it cannot go on from; `port` is where it listens."""

    def __init__(self, delivery: Delivery, lock: folder_lock.FolderLock) -> None:
        self.delivery = delivery
        self.port: int | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lock = lock
        self._delivering = self._task(delivery.run())
        self._links: list[asyncio.Task[None]] = []

    def add(self, link: Coroutine[Any, Any, None]) -> None:
        """Have something run as long as this: a connection, or whatever else puts messages."""
        self._links.append(self._task(link))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            log.error("a reader's connection failed for good: %r", error)
            self.failed.set_exception(error)

    async def close(self) -> None:
        """Hang up, let what was taken reach the log for a while, write the cursor, let the folder go."""
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        if not self._delivering.done():
            draining = asyncio.create_task(self.delivery.drained())
            await asyncio.wait([draining, self._delivering], timeout=CLOSE_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            self._delivering.cancel()
        await asyncio.gather(self._delivering, return_exceptions=True)
        self._lock.release()
        if self.failed.done():
            self.failed.exception()
        else:
            self.failed.cancel()


def prepare(
    source: Source,
    race_log: Log,
    metrics: IngestMetrics,
    now_us: Callable[[], int],
    data_folder: Path,
    journalled: bool = False,
) -> Running:
    """A source's delivery at work, without a connection yet. `journalled`: its protocol cannot send again.

    Raises StartFault where its folder cannot be used, as when another process has it.
    """
    folder = folder_of(source, data_folder)
    lock = folder_lock.take(folder)
    try:
        backlog = Journal(folder) if journalled else MemoryBacklog()
        delivery = Delivery(source, race_log, metrics, now_us, CursorFile(folder), backlog)
    except OSError as error:
        lock.release()
        raise StartFault(f"the reader's folder {folder} cannot be read: {error}") from None
    return Running(delivery, lock)


def folder_of(source: Source, data_folder: Path) -> Path:
    """Where a source keeps its cursor and journal. An event's own: its reader's log is fetched anew for another."""
    identity = hashlib.sha256(repr((source.protocol, source.event, source.gateway)).encode()).hexdigest()[:8]
    gateway = re.sub(r"[^A-Za-z0-9._-]", "_", source.gateway)
    return data_folder / "readers" / f"{source.protocol}+{source.event}+{gateway}+{identity}"


def dialling(
    source: Source,
    race_log: Log,
    metrics: IngestMetrics,
    now_us: Callable[[], int],
    data_folder: Path,
    make: Make,
    journalled: bool = False,
    clock: Callable[[], Now] | None = None,
) -> Running:
    """A reader that we dial, at work. `clock` null: this machine's. Raises StartFault."""
    if source.address is None:
        raise StartFault(f"source {source.gateway}: needs `address`, where its reader listens")
    running = prepare(source, race_log, metrics, now_us, data_folder, journalled)
    host, port = host_and_port(source.address)
    dialler = Dialler(source, host, port, make, running.delivery, metrics, clock or steady_clock(now_us))
    running.add(dialler.run())
    return running


async def listening(
    source: Source,
    race_log: Log,
    metrics: IngestMetrics,
    now_us: Callable[[], int],
    data_folder: Path,
    make: Make,
    address: str,
    journalled: bool = False,
    clock: Callable[[], Now] | None = None,
) -> Running:
    """A reader that calls us, at work; `address` where the source names none. Raises StartFault, OSError."""
    running = prepare(source, race_log, metrics, now_us, data_folder, journalled)
    caller = Caller(source, make, running.delivery, metrics, clock or steady_clock(now_us))
    try:
        running.port = await caller.listen(*host_and_port(source.address or address))
    except OSError:
        await running.close()
        raise
    running.add(caller.run())
    await asyncio.sleep(0)  # its first step: cancelled before that, a task runs none of its `finally`, the port stays
    return running
