"""The worker's own service beside those of Faust: partitions, a watch over them, metrics and health.

Faust's agent only delivers records (`deliver`), and its callbacks only say which partitions are assigned. An error ends
the process at once: after an exception the state is ahead of the published results, and a worker that shuts its loop
down in an orderly way has been seen to hang.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NoReturn

import mode
from aiohttp import web
from aiokafka.errors import KafkaError
from faust.types import EventT

from services.runtime import exit_codes, ops
from services.runtime.certificates import watch_certificates
from services.runtime.kafka import kafka_fault
from services.runtime.service_metrics import service_registry
from services.scoring import resend_requests
from services.scoring.errors import LogDisagrees, ScoringStopped, Stalled
from services.scoring.log_reader import LogReader
from services.scoring.metrics import ScoringMetrics
from services.scoring.partition_worker import PartitionWorker, Shared
from services.scoring.publisher import Publisher
from services.scoring.settings import ScoringSettings
from services.scoring.snapshots import Snapshots
from services.scoring.time_slice import TimeSlice

WATCH_S = 1.0
ENDS_PATIENCE_S = 5.0
STALL_S = 20.0  # Kafka answers, the log has more, and nothing arrives: longer than any rebalance of the group takes
# Checks in a row that see the log too short: after a change of leader the end may be behind for a moment.
SHORT_CHECKS = 10
LATENESS_EVERY_S = 0.1
CAUGHT_UP_S = 10.0

log = logging.getLogger(__name__)


class Scorer(mode.Service):
    """All partitions of this worker; `generation` returns the consumer group's current generation."""

    mundane_level = "debug"

    def __init__(self, settings: ScoringSettings, generation: Callable[[], int]) -> None:
        super().__init__()
        certificates = settings.kafka.certificates()
        watch_certificates(certificates)
        self.metrics = ScoringMetrics(service_registry("scoring", settings.data, certificates))
        self.address: tuple[str, int] | None = None
        self._settings = settings
        self._generation = generation
        self._workers: dict[int, PartitionWorker] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._assigned: set[int] | None = None
        self._reassigned: asyncio.Event
        self._shared: Shared
        self._watched: dict[int, _Watched] = {}
        self._reachable = False
        self._serving: web.AppRunner | None = None

    # --- Faust's side.

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note the partitions that are assigned to this worker from now on; the watch opens and drops them."""
        self._assigned = set(partitions)
        self._reassigned.set()

    async def deliver(self, delivery: EventT[bytes]) -> None:
        """Accept a record; wait while the partition has no room."""
        partition = delivery.message.partition
        if partition not in self._workers:  # it may come before the callback that assigns the partition
            self._assigned = {*(self._assigned or ()), partition}
            self._open(partition)
        await self._workers[partition].deliver(delivery)

    # --- Lifetime.

    async def on_start(self) -> None:
        """Connect, serve metrics and health, and start the watch. Raises OSError for a port in use, KafkaError."""
        settings = self._settings
        self._reassigned = asyncio.Event()
        slices = TimeSlice()
        self._shared = Shared(
            partitions=settings.partitions,
            reader=LogReader(settings.kafka, settings.partitions),
            publisher=Publisher(settings.kafka),
            snapshots=Snapshots(settings.snapshots, settings.partitions, settings.worker, slices),
            snapshot_every_s=settings.snapshot_every_s,
            slices=slices,
            metrics=self.metrics,
            generation=self._generation,
        )
        self._serving = await ops.serve(settings.host, settings.port, self.metrics.registry, self.not_ready)
        host, port = self._serving.addresses[0][:2]
        log.info("scoring serves metrics on http://%s:%d", host, port)
        await self._shared.reader.start()
        await self._shared.publisher.start()
        following = resend_requests.follow(settings.kafka, self._send_all)
        self._watching = [
            self._guarded(self._watch(), "watch"),
            self._guarded(self._measure_lateness(), "lateness"),
            self._guarded(following, "resend requests"),
        ]

    async def on_stop(self) -> None:
        """Release everything; the next worker scores the unpublished results again."""
        tasks = [*self._watching, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in self._workers.values():
            worker.close()
        await self._shared.publisher.stop()
        await self._shared.reader.stop()
        if self._serving is not None:
            await self._serving.cleanup()

    def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end_process(error)

    def end_process(self, error: BaseException) -> NoReturn:
        """Log the error and end the process."""
        if isinstance(error, KafkaError):
            log.critical("scoring stops: %s", kafka_fault(self._settings.kafka.servers, error))
        elif isinstance(error, ScoringStopped):
            log.critical("scoring stops: %s", error)
        else:
            log.critical("scoring stops: %r", error, exc_info=error)
        logging.shutdown()
        os._exit(exit_codes.AWAY if isinstance(error, KafkaError) else exit_codes.FAILED)

    # --- Partitions come and go.

    def _open(self, partition: int) -> None:
        worker = PartitionWorker(partition, self._shared)
        self._workers[partition] = worker
        self._watched[partition] = _Watched()
        self._running[partition] = self._guarded(worker.run(), f"partition {partition}")
        self.metrics.partitions.set(len(self._workers))
        log.info("partition %d is assigned to this worker", partition, extra={"partition": partition})

    def _send_all(self, partition: int, unreadable: int) -> None:
        if partition in self._workers:
            self._workers[partition].send_all(unreadable)

    async def _drop(self, partition: int) -> None:
        self._workers.pop(partition).close()
        task = self._running.pop(partition)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._watched.pop(partition, None)
        self.metrics.forget(partition)
        self.metrics.partitions.set(len(self._workers))
        log.info("partition %d is no longer assigned to this worker", partition, extra={"partition": partition})

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(WATCH_S):
                    await self._reassigned.wait()
            except TimeoutError:
                pass
            self._reassigned.clear()
            if self._assigned is not None:
                for partition in self._workers.keys() - self._assigned:
                    await self._drop(partition)
                for partition in sorted(self._assigned - self._workers.keys()):
                    self._open(partition)
            await self._check()

    # --- The watch.

    async def _check(self) -> None:
        """Compare every partition with the log's end. Raises LogDisagrees, Stalled."""
        before = {partition: worker.next_offset for partition, worker in self._workers.items()}
        try:
            async with asyncio.timeout(ENDS_PATIENCE_S):
                ends = await self._shared.reader.ends()
        except (KafkaError, TimeoutError) as error:
            self._note_reachable(False, error)
            for watched in self._watched.values():
                watched.moved_s = time.monotonic()  # no partition can make progress while Kafka is down
            return
        self._note_reachable(True, None)
        for partition, worker in self._workers.items():
            if partition in before:
                self._check_partition(worker, self._watched[partition], before[partition], ends[partition])

    def _check_partition(self, worker: PartitionWorker, watched: "_Watched", before: int, end: int) -> None:
        now_s, partition = time.monotonic(), worker.partition
        watched.short = watched.short + 1 if end < before else 0
        if watched.short >= SHORT_CHECKS:
            raise LogDisagrees(partition, f"it ends at {end}, but was scored up to {before}")
        behind = max(0, end - worker.next_offset)
        if not behind and worker.filled:
            watched.caught_up_s = now_s
        if worker.progress != watched.progress or not behind:
            watched.progress, watched.moved_s = worker.progress, now_s
        elif now_s - watched.moved_s > STALL_S:
            raise Stalled(
                f"race-log partition {partition} ends at {end}, but nothing has arrived at offset"
                f" {worker.next_offset} for {STALL_S:g} s, although Kafka answers"
            )
        lag_s = 0.0
        if behind and worker.folded_ms:  # after a quiet hour the last folded record is old, but the next one is not
            lag_s = max(0.0, min(time.time() - worker.folded_ms / 1000, now_s - watched.caught_up_s))
        metrics, name = self.metrics, str(partition)
        metrics.lag_records.labels(name).set(behind)
        metrics.lag_s.labels(name).set(lag_s)
        metrics.snapshot_age_s.labels(name).set(worker.unsaved_s(now_s))
        metrics.halted.labels(name).set(int(worker.dead_letters.gate.closed(now_s)))

    def _note_reachable(self, reachable: bool, error: Exception | None) -> None:
        if reachable != self._reachable:
            if reachable:
                log.info("Kafka at %s answers", self._settings.kafka.servers)
            else:
                log.warning("Kafka at %s does not answer: %r", self._settings.kafka.servers, error)
        self._reachable = reachable
        self.metrics.kafka_up.set(int(reachable))

    async def _measure_lateness(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LATENESS_EVERY_S
            await asyncio.sleep(LATENESS_EVERY_S)
            self.metrics.late_s.observe(max(0.0, loop.time() - due_s))

    def not_ready(self) -> str | None:
        """Return why this worker is behind; None when it has caught up, or has nothing to score."""
        if not self._reachable:
            return "Kafka does not answer"
        if self._assigned is None:
            return "not yet a member of its group"
        now_s = time.monotonic()
        for partition in sorted(self._assigned):
            worker, watched = self._workers.get(partition), self._watched.get(partition)
            if worker is None or watched is None or not worker.filled:
                return f"partition {partition} is being read from the log"
            if now_s - watched.caught_up_s > CAUGHT_UP_S:
                return f"partition {partition} is behind"
            if worker.dead_letters.gate.closed(now_s):
                return f"partition {partition} has too many dead letters; see the log"
        return None


class _Watched:
    """The watch's memory of a partition between two checks; times are by the monotonic clock."""

    def __init__(self) -> None:
        self.progress = -1
        self.moved_s = time.monotonic()
        self.caught_up_s = float("-inf")
        self.short = 0
