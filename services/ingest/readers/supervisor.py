"""The readers of `matline.toml` at work: started, and when the file changes, only what differs is stopped and started.

A file that became faulty changes nothing, and is named loudly. A reader that fails, or cannot be started, is tried
again by itself; HTTP and the other readers go on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from schemas.definition_faults import Fault
from services.ingest.http.access import Access
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers import chronotrack, ipico, llrp, raceresult, ultra
from services.ingest.readers.mylaps import MylapsListener
from services.ingest.readers.sources import (
    PROTOCOLS,
    Source,
    SourcesRefused,
    exposed_faults,
    host_and_port,
    joined,
    parse_sources,
)
from services.runtime.faults import StartFault
from services.runtime.watched_file import WatchedFile

log = logging.getLogger(__name__)

_Identity = tuple[str, str, str]


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


class ReaderSupervisor:
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
        limits: IngestLimits | None = None,
    ) -> None:
        """Raises StartFault for a file that will not do."""
        self._host = host
        self._mylaps_port = mylaps_port
        self._access = access
        self._race_log = race_log
        self._metrics = metrics
        self._now_us = now_us
        self._data_folder = data_folder
        self._limits = limits or IngestLimits()
        self._begun = False
        self._file = None if config is None else WatchedFile(config, self._read)
        self._begun = True
        self._wanted = self._by_identity()
        self._at_work: dict[_Identity, tuple[Source, AtWork]] = {}
        self._not_before_s: dict[_Identity, float] = {}

    def ports(self) -> dict[str, int]:
        """Where those listen that do, by `protocol:gateway`."""
        running = self._at_work.values()
        return {f"{one.protocol}:{one.gateway}": work.port for one, work in running if work.port is not None}

    def uploading(self, event: str, gateway: str) -> Source | None:
        """The source of decoders that upload by HTTP under this event and gateway."""
        return self._wanted.get(("raceresult_http", event, gateway))

    async def start(self) -> None:
        """Start all. Raises StartFault, OSError; none is at work then."""
        try:
            for identity, source in self._to_start():
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
                log.error(
                    "%r failed and is started again in %g s: %r",
                    source,
                    self._limits.reader_restart_s,
                    work.failed.exception(),
                )
                self._metrics.reader_failures.labels(source.gateway).inc()
                self._not_before_s[identity] = time.monotonic() + self._limits.reader_restart_s
                await self._stop(identity)
        for identity, source in self._to_start():
            if self._not_before_s.get(identity, 0.0) <= time.monotonic():
                await self._try(identity, source)

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(self._stop(identity) for identity in list(self._at_work)))

    async def _try(self, identity: _Identity, source: Source) -> None:
        try:
            self._at_work[identity] = source, await self._started(source)
        except (StartFault, OSError) as error:
            log.error("%r cannot be started, trying again in %g s: %s", source, self._limits.reader_restart_s, error)
            self._metrics.reader_failures.labels(source.gateway).inc()
            self._not_before_s[identity] = time.monotonic() + self._limits.reader_restart_s
        else:
            log.info("%r is at work", source)

    async def _stop(self, identity: _Identity) -> None:
        _, work = self._at_work.pop(identity)
        await work.close()

    def _to_start(self) -> list[tuple[_Identity, Source]]:
        """Who is wanted and not at work; those who come by HTTP are no work of ours."""
        return [
            (identity, source)
            for identity, source in self._wanted.items()
            if identity not in self._at_work and PROTOCOLS[source.protocol].way != "comes by HTTP"
        ]

    def _by_identity(self) -> dict[_Identity, Source]:
        return {source.identity(): source for source in (self._file.content if self._file is not None else [])}

    def _read(self, data: bytes | None) -> list[Source]:
        """The file's sources, each with the address where it listens. Raises StartFault."""
        if data is None:
            if self._begun:
                raise SourcesRefused([Fault("$", "the file is gone; to stop all readers write `sources = []`")])
            return []
        sources = [self._with_address(source) for source in parse_sources(data)]
        if faults := [*exposed_faults(sources), *self._without_tokens(sources)]:
            raise SourcesRefused(faults)
        return sources

    def _with_address(self, source: Source) -> Source:
        if source.address is not None or PROTOCOLS[source.protocol].way != "calls us":
            return source
        port = self._mylaps_port if source.protocol == "mylaps" else PROTOCOLS[source.protocol].port
        return replace(source, address=joined(self._host, port))

    def _without_tokens(self, sources: list[Source]) -> Iterator[Fault]:
        """A fault for each source that listens where others can reach it while there are no tokens."""
        for index, source in enumerate(sources):
            if PROTOCOLS[source.protocol].way == "calls us" and source.address is not None:
                try:
                    self._access.check_listening(host_and_port(source.address)[0])
                except StartFault as fault:
                    yield Fault(f"sources[{index}].address", str(fault))

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
