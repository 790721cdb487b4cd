"""The newest revision of each event that is served: told by Kafka, and found by asking, should Kafka be away.

A revision is served once it stands in ClickHouse's `revisions`; the notice on `standings` says so at once. Asking takes
up a revision only when it was there a second ago already, so that the notice, which knows more, comes first.
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
from services.live.store import Head, Store
from services.runtime.clickhouse import DatabaseUnavailable
from services.runtime.kafka import KafkaOptions

POLL_S = 1.0
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 10.0
CONNECT_S = 30.0  # looking for a topic that is not there never ends by itself

log = logging.getLogger(__name__)

Learnt = Callable[[Head, Head | None, RevisionNotice | None], None]
"""Called with an event's new revision, the one before, and what the notice says of it (null: found by asking)."""


class RevisionTracker:
    """The heads by event. `learn` is the only way in, and takes no revision that is not above what is known."""

    def __init__(self, store: Store, metrics: LiveMetrics, now_us: Callable[[], int]) -> None:
        self.heads: dict[str, Head] = {}
        self.generation = 0
        self.fault: str | None = "revisions have not been read yet"
        self._store = store
        self._metrics = metrics
        self._now_us = now_us
        self._learnt: list[Learnt] = []
        self._seen: dict[str, Head] = {}

    def when_learnt(self, do: Learnt) -> None:
        """Have a function called at each new revision, at once and in the loop."""
        self._learnt.append(do)

    def learn(self, head: Head, notice: RevisionNotice | None) -> None:
        """Serve a revision from now on."""
        before = self.heads.get(head.event)
        if before is not None and head.revision <= before.revision:
            return
        self.heads[head.event] = head
        self.generation += 1
        self._metrics.revisions.labels("asking" if notice is None else "notice").inc()
        for do in self._learnt:
            do(head, before, notice)
        if notice is not None:
            self._metrics.announced_s.observe(max(0.0, (self._now_us() - head.announced_at_us) / 1e6))

    async def ask(self, patient: bool) -> None:
        """Look into `revisions`; `patient` leaves what was not there the last time to the notice on its way."""
        try:
            found = {head.event: head for head in await self._store.heads()}
        except DatabaseUnavailable as error:
            if self.fault is None:
                log.warning("ClickHouse does not answer: %s", error)
            self.fault = f"ClickHouse does not answer: {error}"
            self._metrics.clickhouse_up.set(0)
            return
        self.fault = None
        self._metrics.clickhouse_up.set(1)
        for head in self._seen.values() if patient else found.values():
            self.learn(head, None)
        self._seen = found

    async def keep_asking(self, patient: bool) -> None:
        """Ask every second, without end."""
        while True:
            await self.ask(patient)
            await asyncio.sleep(POLL_S)

    async def follow(self, kafka: KafkaOptions) -> None:
        """Take notices from the end of `standings`, without end; a Kafka that is away is tried again."""
        pause_s = BACKOFF_FIRST_S
        while True:
            consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="latest")
            try:
                async with asyncio.timeout(CONNECT_S):
                    await consumer.start()
                    consumer.assign([TopicPartition(STANDINGS.name, 0)])
                    await consumer.seek_to_end()
                log.info("notices come from Kafka at %s", kafka.servers)
                self._metrics.kafka_up.set(1)
                pause_s = BACKOFF_FIRST_S
                async for record in consumer:
                    self._take(record.value)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("no notices from Kafka (%r); revisions are found by asking", error)
            finally:
                self._metrics.kafka_up.set(0)
                await consumer.stop()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, BACKOFF_MOST_S)

    def _take(self, data: bytes) -> None:
        try:
            notice = decode_notice(data)
        except msgspec.DecodeError as error:
            log.warning("a record of %s is no notice: %s", STANDINGS.name, error)
            return
        self.learn(Head(notice.event, notice.revision, notice.announced_at_us), notice)
