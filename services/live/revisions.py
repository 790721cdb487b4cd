"""The newest revision of each event: announced by notices from Kafka, or found by polling while Kafka is down.

A revision is served once it is in ClickHouse's table `revisions`; the notice on `standings` follows at once. Polling
holds back a new revision for a second, so that the notice, which says more, arrives first.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.notices import RevisionNotice, decode_notice
from schemas.topics import STANDINGS
from services.live.metrics import LiveMetrics
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.runtime.backoff import Backoff
from services.runtime.clickhouse import DatabaseUnavailable
from services.runtime.kafka import KafkaOptions

POLL_S = 1.0
BACKOFF = Backoff(first_s=0.5, most_s=10.0)
PROBE_EVERY_S = 1.0
PROBE_PATIENCE_S = 3.0
CONNECT_S = 30.0  # without a limit the client would never stop looking for a missing topic

log = logging.getLogger(__name__)

RevisionListener = Callable[[AnnouncedRevision, AnnouncedRevision | None, RevisionNotice | None], None]
"""Called with an event's new revision, the one before, and the notice (None when it was found by polling)."""


class RevisionTracker:
    """The newest revision of each event. `learn` is the only way in; it ignores revisions that are not newer.

    `generation` counts the revisions learnt. `fault` says why the process is not ready, None while it is.
    """

    def __init__(self, store: Store, metrics: LiveMetrics, now_us: Callable[[], int]) -> None:
        self.newest: dict[str, AnnouncedRevision] = {}
        self.generation = 0
        self.fault: str | None = "revisions have not been read yet"
        self._store = store
        self._metrics = metrics
        self._now_us = now_us
        self._listeners: list[RevisionListener] = []
        self._polled: dict[str, AnnouncedRevision] = {}
        self._epoch = 0
        self._unreadable = False  # the last notice

    def subscribe(self, listener: RevisionListener) -> None:
        """Have a function called at each new revision, at once and in the event loop."""
        self._listeners.append(listener)

    def learn(self, announced: AnnouncedRevision, notice: RevisionNotice | None) -> None:
        """Serve a revision from now on."""
        before = self.newest.get(announced.event)
        if before is not None and announced.revision <= before.revision:
            return
        self.newest[announced.event] = announced
        self.generation += 1
        self._metrics.revisions.labels("asking" if notice is None else "notice").inc()
        for listener in self._listeners:
            listener(announced, before, notice)
        if notice is not None:
            self._metrics.announced_s.observe(max(0.0, (self._now_us() - announced.at_us) / 1e6))

    async def poll(self, patient: bool) -> None:
        """Read the table `revisions`; when `patient`, leave a revision that is new there to its notice for one poll."""
        try:
            self._epoch = max(self._epoch, await self._store.newest_epoch())
            polled = {announced.event: announced for announced in await self._store.newest_revisions()}
        except DatabaseUnavailable as error:
            if self.fault is None:
                log.warning("ClickHouse does not answer: %s", error)
            self.fault = f"ClickHouse does not answer: {error}"
            self._metrics.clickhouse_up.set(0)
            return
        self.fault = None
        self._metrics.clickhouse_up.set(1)
        for announced in self._polled.values() if patient else polled.values():
            self.learn(announced, None)
        self._polled = polled

    async def keep_polling(self, patient: bool) -> None:
        """Poll every second, until cancelled."""
        while True:
            await self.poll(patient)
            await asyncio.sleep(POLL_S)

    async def follow(self, kafka: KafkaOptions) -> None:
        """Follow the notices from the end of `standings` until cancelled; reconnect when Kafka was down."""
        failures = 0
        while True:
            consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="latest")
            try:
                async with asyncio.timeout(CONNECT_S):
                    await consumer.start()
                    consumer.assign([TopicPartition(STANDINGS.name, 0)])
                    await consumer.seek_to_end()
                log.info("notices come from Kafka at %s", kafka.servers)
                failures = 0
                probing = asyncio.create_task(self._probe(consumer))
                try:
                    async for record in consumer:
                        self._take(record.offset, record.value)
                finally:
                    probing.cancel()
                    await asyncio.gather(probing, return_exceptions=True)
            except (KafkaError, OSError, TimeoutError) as error:
                if not failures:
                    log.warning(
                        "no notices from Kafka at %s (%r); revisions are found by polling", kafka.servers, error
                    )
            finally:
                self._metrics.kafka_up.set(0)
                await consumer.stop()
            failures += 1
            await asyncio.sleep(BACKOFF.pause_s(failures))

    async def _probe(self, consumer: AIOKafkaConsumer) -> None:
        """Ask Kafka every second whether it answers: a consumer waits for a lost broker in silence, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PROBE_PATIENCE_S):
                    await consumer.topics()
            except (KafkaError, OSError, TimeoutError):
                self._metrics.kafka_up.set(0)
            else:
                self._metrics.kafka_up.set(1)
            await asyncio.sleep(PROBE_EVERY_S)

    def _take(self, offset: int, data: bytes | None) -> None:
        try:
            notice = decode_notice(data)
        except msgspec.DecodeError as error:
            self._metrics.unreadable_notices.inc()
            if not self._unreadable:
                log.warning(
                    "record %d of %s is no notice, so its revision is polled: %s", offset, STANDINGS.name, error
                )
            self._unreadable = True
            return
        self._unreadable = False
        if notice.epoch < self._epoch:
            log.warning(
                "record %d of %s is of a process that lost its lease: it is ignored, and so is what that process wrote",
                offset,
                STANDINGS.name,
                extra={"event": notice.event, "revision": notice.revision},
            )
            return
        self._epoch = notice.epoch
        announced = AnnouncedRevision(notice.event, notice.revision, notice.announced_at_us)
        if notice.taken_over:  # it names no boards, and the fences of its epoch are not complete yet
            self.learn(announced, None)
            return
        before = self.newest.get(notice.event)
        if before is None or notice.revision > before.revision:
            self._store.expect_epoch(notice.event, notice.epoch)
        self.learn(announced, notice)
