"""Run the readers of `matline.toml`. When the file changes, only the readers that differ are stopped and started.

A change that makes the file faulty has no effect and is logged as an error. A reader that fails, or cannot be started,
is tried again on its own; HTTP and the other readers continue.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from schemas.definition_faults import Fault
from services.ingest.http.access import Access
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers import ipico
from services.ingest.readers.reader_task import ReaderContext, RunningReader, start_reader
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import (
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


_STARTS: dict[str, Callable[[Source, ReaderContext], Awaitable[RunningReader]]] = {"ipico": ipico.start}
"""Protocols that need more than a connection: an IPICO Elite replays stored reads on another port."""


class ReaderSupervisor:
    """Run the readers of a file. Those that call us and have no address listen on `host`, MYLAPS on `mylaps_port`."""

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
        """Read the file. Raises StartFault for one with faults."""
        self._host = host
        self._mylaps_port = mylaps_port
        self._access = access
        self._metrics = metrics
        self._limits = limits or IngestLimits()
        self._context = ReaderContext(race_log, metrics, now_us, data_folder, self._limits)
        self._begun = False
        self._file = None if config is None else WatchedFile(config, self._read)
        self._begun = True
        self._wanted = self._by_identity()
        self._running: dict[_Identity, tuple[Source, RunningReader]] = {}
        self._not_before_s: dict[_Identity, float] = {}

    def ports(self) -> dict[str, int]:
        """Return the port of each reader that listens, by `protocol:gateway`."""
        return {
            f"{source.protocol}:{source.gateway}": running.port
            for source, running in self._running.values()
            if running.port is not None
        }

    def uploading(self, protocol: str, event: str, gateway: str) -> Source | None:
        """Return the source of readers that post by HTTP for this event and gateway; null if there is none."""
        return self._wanted.get((protocol, event, gateway))

    async def start(self) -> None:
        """Start all readers of the present file. Raises StartFault, OSError; then none is running."""
        self._read_again()  # a process that waited for its turn read it long ago
        try:
            for identity, source in self._to_start():
                self._running[identity] = source, await self._started(source)
        except BaseException:
            await self.close()
            raise

    async def look(self) -> None:
        """Apply a changed file, and start failed readers again."""
        self._read_again()
        self._metrics.config_faulty.set(int(self._file is not None and self._file.fault is not None))
        for identity, (source, running) in list(self._running.items()):
            if self._wanted.get(identity) != source:
                log.info("%r is stopped: its settings changed", source, extra=source.log_fields())
                await self._stop(identity)
                if not any(
                    (wanted.event, wanted.gateway) == (source.event, source.gateway) for wanted in self._wanted.values()
                ):
                    self._metrics.forget_reader(source.event, source.gateway)
            elif running.failed.done():
                log.error(
                    "%r failed and is started again in %g s: %r",
                    source,
                    self._limits.reader_restart_s,
                    running.failed.exception(),
                    extra=source.log_fields(),
                )
                self._metrics.reader_failures.labels(source.event, source.gateway).inc()
                self._not_before_s[identity] = time.monotonic() + self._limits.reader_restart_s
                await self._stop(identity)
        for identity, source in self._to_start():
            if self._not_before_s.get(identity, 0.0) <= time.monotonic():
                await self._try(identity, source)

    def _read_again(self) -> None:
        if self._file is not None and self._file.changed():
            self._wanted = self._by_identity()
            self._not_before_s.clear()

    async def close(self) -> None:
        """Stop all readers."""
        await asyncio.gather(*(self._stop(identity) for identity in list(self._running)))

    async def _try(self, identity: _Identity, source: Source) -> None:
        try:
            self._running[identity] = source, await self._started(source)
        except (StartFault, OSError) as error:
            log.error(
                "%r cannot be started, trying again in %g s: %s",
                source,
                self._limits.reader_restart_s,
                error,
                extra=source.log_fields(),
            )
            self._metrics.reader_failures.labels(source.event, source.gateway).inc()
            self._not_before_s[identity] = time.monotonic() + self._limits.reader_restart_s
        else:
            log.info("%r is running", source, extra=source.log_fields())

    async def _stop(self, identity: _Identity) -> None:
        _, running = self._running.pop(identity)
        await running.close()

    def _to_start(self) -> list[tuple[_Identity, Source]]:
        """Return the sources whose readers have to be started; those that come by HTTP need none."""
        return [
            (identity, source)
            for identity, source in self._wanted.items()
            if identity not in self._running and PROTOCOLS[source.protocol].connect is not None
        ]

    def _by_identity(self) -> dict[_Identity, Source]:
        return {source.identity(): source for source in (self._file.content if self._file is not None else [])}

    def _read(self, data: bytes | None) -> list[Source]:
        """Return the file's sources, each with the address where it listens. Raises StartFault."""
        if data is None:
            if self._begun:
                raise SourcesRefused(
                    [Fault("$", "the file is missing; put it back, or write `sources = []` to stop all readers")]
                )
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
        """Yield a fault for each source that other machines can reach while there are no tokens."""
        for index, source in enumerate(sources):
            if PROTOCOLS[source.protocol].way == "calls us" and source.address is not None:
                try:
                    self._access.check_listening(host_and_port(source.address)[0])
                except StartFault as fault:
                    yield Fault(f"sources[{index}].address", str(fault))

    async def _started(self, source: Source) -> RunningReader:
        start = _STARTS.get(source.protocol, start_reader)
        return await start(source, self._context)
