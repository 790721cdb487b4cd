"""The projections' application: from Kafka to ClickHouse, with metrics and health, in one process."""

import asyncio
import logging
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import RACE_LOG, RECORD_MAX_BYTES, RESULTS
from services.projections.audit import Auditor
from services.projections.board_lag import BoardLag
from services.projections.database_watch import watch_server
from services.projections.follow import Follower
from services.projections.health_metrics import HealthCollector
from services.projections.health_watch import HealthWatch
from services.projections.load import (
    load,
    load_announced,
    load_progress,
    load_tallies,
    remove_unannounced,
    restore_archived,
)
from services.projections.metrics import ProjectionMetrics
from services.projections.migrate import migrate
from services.projections.position import keep_comparing
from services.projections.settings import ProjectionSettings
from services.projections.sink import Sink
from services.projections.take_over import newest_epoch, take_over
from services.runtime import ops
from services.runtime.backoff import Backoff
from services.runtime.certificates import watch_certificates
from services.runtime.clickhouse import Database, DatabaseUnavailable
from services.runtime.faults import StartFault
from services.runtime.lease import Lease
from services.runtime.service_metrics import service_registry
from services.runtime.topics_admin import check_topics

BACKOFF = Backoff(0.5, 5.0)
OPEN_TRIES = 60  # five minutes; then the supervisor starts the process again
LATENESS_EVERY_S = 0.5
COMPARE_EVERY_S = 15.0  # a topic that was cut is found within twice this time, for a record of each partition each time

Beside = Callable[[Database], AbstractAsyncContextManager[None]]
"""A service that runs in the same process as the projections: live, if ClickHouse is embedded."""

log = logging.getLogger(__name__)


class App:
    """The parts, made by `run` in the running loop."""

    def __init__(self, settings: ProjectionSettings) -> None:
        self.settings = settings
        self.lease: Lease | None = None
        certificates = [*settings.kafka.certificates(), *settings.database.certificates()]
        self.metrics = ProjectionMetrics(service_registry("projections", settings.database.path, certificates))
        self.certificates = watch_certificates(certificates)
        self.follower: Follower | None = None
        self.sink: Sink | None = None

    def not_ready(self) -> str | None:
        """Return why boards are not up to date, or None; also None while this process waits for its turn to write."""
        if self.lease is not None and self.lease.waits:
            return None
        if self.sink is None or self.follower is None:
            return f"{self.settings.database} is being opened"
        if self.sink.fault is not None:
            return self.sink.fault
        return self.follower.fault()


async def run(settings: ProjectionSettings, beside: Beside | None = None) -> None:
    """Run until SIGINT or SIGTERM. Raises StartFault, and errors that waiting does not resolve."""
    app = App(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        serving = await ops.serve(settings.host, settings.port, app.metrics.registry, app.not_ready)
        stack.push_async_callback(serving.cleanup)
        working = asyncio.create_task(_work(app, stack, beside))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _work(app: App, stack: AsyncExitStack, beside: Beside | None) -> None:
    settings = app.settings
    counts = await check_topics(settings.kafka)
    if counts[RESULTS.name] != settings.partitions:
        raise StartFault(
            f"{RESULTS.name} has {counts[RESULTS.name]} partitions; set MATLINE_PARTITIONS={counts[RESULTS.name]}"
        )
    database = Database(settings.database)
    stack.push_async_callback(database.close)
    await _open(database)
    app.metrics.database_up.set(1)
    producer = AIOKafkaProducer(**settings.kafka.client())
    await producer.start()
    stack.push_async_callback(producer.stop)
    consumers = [await _consumer(app, stack, topic.name) for topic in (RESULTS, RACE_LOG)]
    comparing = await _consumer(app, stack, RESULTS.name, RACE_LOG.name)
    sink = Sink(database, app.metrics, uuid.uuid4().hex)
    if settings.database.embedded:  # this engine takes no second process, so nobody else writes
        await migrate(database)
        await remove_unannounced(database)
    else:  # last on the stack, so that the lease is handed over before anything is closed
        await database.prepare_inserts()  # before it joins: one that waits must be able to write at once
        app.lease = await stack.enter_async_context(Lease(settings.kafka, "projections"))
        await app.lease.granted()
        await migrate(database)
        sink.epoch = await app.lease.claim(await newest_epoch(database))
        await take_over(database, sink, producer)
    app.metrics.active.set(1)
    if beside is not None:  # before the results are loaded: until then it serves the boards as they were
        await stack.enter_async_context(beside(database))
    results = await load(database)
    progress = await load_progress(database)
    tallies = await load_tallies(database)
    board_lag = BoardLag()
    health = HealthCollector(results, tallies, board_lag, lambda: time.time_ns() // 1000)
    announced_us = await load_announced(database)
    for event, at_us in announced_us.items():
        if event not in results.archived:
            health.note(event, at_us)
    app.metrics.registry.register(health)
    app.follower = Follower(
        results,
        consumers[0],
        producer,
        sink,
        app.metrics,
        health,
        announced_us,
        board_lag,
        lambda event: restore_archived(database, results, event),
    )
    auditor = Auditor(consumers[1], sink, app.metrics, tallies, board_lag)
    app.sink = sink
    watch = HealthWatch(database, results, sink, app.metrics, health)
    async with asyncio.TaskGroup() as group:
        group.create_task(keep_comparing(comparing, lambda: load_progress(database), COMPARE_EVERY_S))
        group.create_task(app.follower.run(progress))
        group.create_task(auditor.run(progress))
        group.create_task(_watch_health(watch, app.follower))
        group.create_task(_watch_lateness(app.metrics))
        group.create_task(app.certificates.keep_looking())
        if app.lease is not None:
            group.create_task(app.lease.held())
            group.create_task(watch_server(database, app.metrics))


async def _open(database: Database) -> None:
    for attempt in range(OPEN_TRIES):
        try:
            await database.open()
        except DatabaseUnavailable as error:
            if attempt == OPEN_TRIES - 1:
                raise DatabaseUnavailable(f"{database.address} cannot be opened: {error}") from None
            if attempt == 0:
                log.warning("%s cannot be opened yet: %s; retrying", database.address, error)
            await asyncio.sleep(BACKOFF.pause_s(attempt + 1))
        else:
            return


async def _consumer(app: App, stack: AsyncExitStack, *topics: str) -> AIOKafkaConsumer:
    """Return a consumer of all partitions of topics, in no group: this process stores its own position."""
    consumer = AIOKafkaConsumer(
        **app.settings.kafka.client(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=8 * RECORD_MAX_BYTES,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    stack.push_async_callback(consumer.stop)
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(app.settings.partitions)])
    return consumer


async def _watch_health(watch: HealthWatch, follower: Follower) -> None:
    """Examine the health of events once the boards are up to date: an examination takes seconds of the processor."""
    await follower.caught_up.wait()
    await watch.run()


async def _watch_lateness(metrics: ProjectionMetrics) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LATENESS_EVERY_S
        await asyncio.sleep(LATENESS_EVERY_S)
        metrics.loop_late_s.set(loop.time() - due)
