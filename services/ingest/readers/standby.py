"""Run the readers only while this process holds the lease on them: one of several keeps their connections.

Two processes that call the same readers would do no harm to standings, since reads commute and repeats count once, but
many devices take one client only. What a reader sends again is read again by the process that takes over, whose cursors
may be older; docs/readers.md says of each protocol what that is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from services.ingest.readers.supervisor import ReaderSupervisor
from services.runtime.backoff import Backoff
from services.runtime.kafka import KafkaOptions
from services.runtime.lease import Lease

BACKOFF = Backoff(0.5, 10.0)  # before Kafka is asked again for the lease

log = logging.getLogger(__name__)


class ReadersStandby:
    """The turn of this process. `watch` keeps the readers in step with their file, once they run."""

    def __init__(self, kafka: KafkaOptions, supervisor: ReaderSupervisor, watch: Callable[[], Awaitable[None]]) -> None:
        self._kafka = kafka
        self._supervisor = supervisor
        self._watch = watch
        self._active = False

    def fault(self) -> str | None:
        """Return why no reader is connected here, None while it is this one's turn."""
        return None if self._active else "this process waits for the lease on the readers, which one process holds"

    async def run(self) -> None:
        """Wait for the lease, then run the readers. Raises LeaseLost, StartFault, KafkaError, OSError."""
        lease = await self._joined()
        try:
            await lease.granted()
            await lease.claim()
            await self._supervisor.start()
            self._active = True
            work = [asyncio.ensure_future(lease.held()), asyncio.ensure_future(self._watch())]
            try:
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for ended in done:
                    ended.result()
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
                await self._supervisor.close()
        finally:
            self._active = False
            await lease.close()

    async def _joined(self) -> Lease:
        failures = 0
        while True:
            lease = Lease(self._kafka, "readers")
            try:
                await lease.join()
            except KafkaError as error:
                await lease.close()
                if failures == 0:
                    log.warning("Kafka cannot be asked for the lease on the readers yet: %s", error)
                failures += 1
                await asyncio.sleep(BACKOFF.pause_s(failures))
            else:
                return lease
