"""The readers of `matline.toml` at work: started, and when the file changes, only what differs is stopped and started.

A file that became faulty changes nothing, and is named loudly. A reader that fails, or cannot be started, is tried
again by itself; HTTP and the other readers go on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from schemas.definition import Fault
from services.ingest.access import Access, is_loopback
from services.ingest.metrics import IngestMetrics
from services.ingest.mylaps_listener import MylapsListener
from services.ingest.race_log import Log
from services.ingest.readers import chronotrack, ipico, llrp, raceresult, ultra
from services.ingest.sources import PROTOCOLS, Source, SourcesRefused, host_and_port, joined, parse_sources
from services.runtime.faults import StartFault
from services.runtime.watched import WatchedFile

AGAIN_S = 5.0  # before a reader that failed is started again

log = logging.getLogger(__name__)


class AtWork(Protocol):
    """A reader that was started."""

    @property
    def port(self) -> int | None:
        """Where it listens; null for one that is dialled."""
        ...

    @property
    def failed(self) -> "asyncio.Future[None]":
        """Fails with what it cannot go on from."""
        ...

    async def close(self) -> None:
        """End it, what is on its way to Kafka first."""
        ...


class Reading:
    """The readers of a file. `host` and `mylaps_port` are where those listen that name no address."""

    def __init__(
        self,
        config: Path | None,
        host: str,
        mylaps_port: int,
        access: Access,
        race_log: Log,
        metrics: IngestMetrics,
        now_us: Callable[[], int],
        data_folder: Path,
    ) -> None:
        """Raises StartFault for a file that will not do."""
        self._host = host
        self._mylaps_port = mylaps_port
        self._access = access
        self._race_log = race_log
        self._metrics = metrics
        self._now_us = now_us
        self._data_folder = data_folder
        self._begun = False
        self._file = None if config is None else WatchedFile(config, self._read)
        self._begun = True
        self._wanted = self._by_identity()
        self._at_work: dict[tuple[str, str, str], tuple[Source, AtWork]] = {}
        self._not_before_s: dict[tuple[str, str, str], float] = {}

    def ports(self) -> dict[str, int]:
        """Where those listen that do, by `protocol:gateway`."""
        running = self._at_work.values()
        return {f"{one.protocol}:{one.gateway}": work.port for one, work in running if work.port is not None}

    async def start(self) -> None:
        """Start all. Raises StartFault, OSError; none is at work then."""
        try:
            for identity, source in self._wanted.items():
                self._at_work[identity] = source, await self._started(source)
        except BaseException:
            await self.close()
            raise

    async def look(self) -> None:
        """Take up a changed file, and start again what failed."""
        if self._file is not None and self._file.changed():
            self._wanted = self._by_identity()
            self._not_before_s.clear()
        self._metrics.config_faulty.set(int(self._file is not None and self._file.fault is not None))
        for identity, (source, work) in list(self._at_work.items()):
            if self._wanted.get(identity) != source:
                log.info("%r is stopped: its settings changed", source)
                await self._stop(identity)
            elif work.failed.done():
                log.error("%r failed and is started again in %g s: %r", source, AGAIN_S, work.failed.exception())
                self._metrics.reader_failures.labels(source.gateway).inc()
                self._not_before_s[identity] = time.monotonic() + AGAIN_S
                await self._stop(identity)
        for identity, source in self._wanted.items():
            if identity not in self._at_work and self._not_before_s.get(identity, 0.0) <= time.monotonic():
                await self._try(identity, source)

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(self._stop(identity) for identity in list(self._at_work)))

    async def _try(self, identity: tuple[str, str, str], source: Source) -> None:
        try:
            self._at_work[identity] = source, await self._started(source)
        except (StartFault, OSError) as error:
            log.error("%r cannot be started, trying again in %g s: %s", source, AGAIN_S, error)
            self._metrics.reader_failures.labels(source.gateway).inc()
            self._not_before_s[identity] = time.monotonic() + AGAIN_S
        else:
            log.info("%r is at work", source)

    async def _stop(self, identity: tuple[str, str, str]) -> None:
        _, work = self._at_work.pop(identity)
        await work.close()

    def _by_identity(self) -> dict[tuple[str, str, str], Source]:
        return {source.identity(): source for source in (self._file.content if self._file is not None else [])}

    def _read(self, data: bytes | None) -> list[Source]:
        """The file's sources, each with the address where it listens. Raises StartFault."""
        if data is None:
            if self._begun:
                raise SourcesRefused([Fault("$", "the file is gone; to stop all readers write `sources = []`")])
            return []
        sources = [self._with_address(source) for source in parse_sources(data)]
        faults = [
            Fault(f"sources[{index}].address", fault)
            for index, source in enumerate(sources)
            if (fault := self._exposed(source)) is not None
        ]
        if faults:
            raise SourcesRefused(faults)
        return sources

    def _with_address(self, source: Source) -> Source:
        if source.address is not None:
            return source
        port = self._mylaps_port if source.protocol == "mylaps" else PROTOCOLS[source.protocol].port
        return replace(source, address=joined(self._host, port))

    def _exposed(self, source: Source) -> str | None:
        """Why a source may not listen where others can reach it."""
        assert source.address is not None
        host, _ = host_and_port(source.address)
        if not PROTOCOLS[source.protocol].calls_us or is_loopback(host):
            return None
        if not source.allow and source.secret is None:
            return f"{host} can be reached by others; say by `allow` who may call, such as 192.168.7.0/24"
        try:
            self._access.check_listening(host)
        except StartFault as fault:
            return str(fault)
        return None

    async def _started(self, source: Source) -> AtWork:
        shared = source, self._race_log, self._metrics, self._now_us
        if source.protocol == "mylaps":
            listener = MylapsListener(*shared)
            assert source.address is not None
            await listener.start(*host_and_port(source.address))
            return listener
        starting: dict[str, Callable[[], Awaitable[AtWork]]] = {
            "raceresult": lambda: raceresult.start(*shared, self._data_folder),
            "chronotrack": lambda: chronotrack.start(*shared, self._data_folder, day=source.day),
            "ipico": lambda: ipico.start(
                *shared,
                self._data_folder,
                replay=ipico.Ports() if source.model == "elite" else None,
                lite=source.model == "lite",
            ),
            "ultra": lambda: ultra.start(*shared, self._data_folder),
            "llrp": lambda: llrp.start(*shared, self._data_folder),
        }
        return await starting[source.protocol]()
