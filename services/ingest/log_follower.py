"""Follow the race log and the results, so that ingest can say what the facts that it writes will change.

Reads of the log are skipped by their heads. What may take long is folded in a thread of its own, since a withdrawal in
a large event takes a tenth of a second, in which gateways must not wait. When following fails, facts are taken all the
same: their effect is unknown until following works again.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas import codec
from schemas.definition import Definition
from schemas.events import LoggedFact
from schemas.topics import RACE_LOG, RESULTS, partition_of
from services.fact_effects.effects import FactEffect
from services.fact_effects.known_event import KnownEvent
from services.ingest.errors import Archived, MaybeArchived, NotKnown
from services.ingest.known_events import Effort, KnownEvents, Watch, effort_of
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import archived_words
from services.runtime.backoff import Backoff
from services.runtime.kafka import KafkaOptions, kafka_fault

FETCH_BYTES_MAX = 1024 * 1024  # of one partition at once; decompressing more would hold up requests
FETCH_WAIT_MS = 100  # how long Kafka holds a request when there are no records
POLL_MS = 500
RECORDS_MAX = 200  # fetched at once; a record holds 500 reads, entries or rows
RECORDS_A_TURN = 10  # folded without letting a question in between; 5,000 rows take 50 ms
BACKOFF = Backoff(0.5, 30.0)
CONNECT_S = 30.0  # without a limit the client would never stop looking for a missing topic
EFFECT_WAIT_S = 2.0  # for a fact that Kafka has acknowledged to be read back; it takes milliseconds

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class LogFollower:
    """The consumer of both topics, with all that was read. `run` follows; requests ask."""

    def __init__(self, kafka: KafkaOptions, partitions: int, metrics: IngestMetrics) -> None:
        self._kafka = kafka
        self._metrics = metrics
        self._all = [
            TopicPartition(topic.name, number) for topic in (RACE_LOG, RESULTS) for number in range(partitions)
        ]
        self._partitions = partitions
        self._events = KnownEvents()
        self._worker = ThreadPoolExecutor(1, "log-follower")
        self._turn = asyncio.Lock()  # folding and questions, in the thread or in the event loop
        self._next: dict[TopicPartition, int] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._newer: dict[TopicPartition, str] = {}
        self._fault: str | None = "ingest has not begun to read the log"

    # --- Following.

    async def run(self) -> None:
        """Follow for as long as this task lives."""
        failures = 0
        try:
            while True:
                try:
                    await self._follow()
                except OffsetOutOfRangeError:
                    log.warning("the log or the results begin anew; ingest reads them from the beginning")
                    self._start_over()
                except TimeoutError:
                    self._fail(f"Kafka at {self._kafka.servers} did not answer for the race log and the results")
                except (KafkaError, OSError) as error:
                    self._fail(kafka_fault(self._kafka.servers, error))
                except Exception:
                    log.exception("following the log failed by a bug of ingest; ingest reads it from the beginning")
                    self._start_over()
                    self._fail("following the log failed by a bug of ingest; its own log shows the cause")
                failures = failures + 1 if self._behind else 1  # in a row: without having caught up
                await asyncio.sleep(BACKOFF.pause_s(failures))
        finally:
            self._worker.shutdown(wait=False, cancel_futures=True)

    def _start_over(self) -> None:
        self._fault = "ingest reads the log from its beginning again"
        self._events.clear()
        self._next.clear()
        self._newer.clear()

    def _fail(self, reason: str) -> None:
        if self._fault != reason:
            log.warning("effects of facts are unknown: %s", reason)
        self._fault = reason
        self._metrics.follower_failures.inc()
        self._metrics.follower_up.set(0)

    async def _follow(self) -> None:
        """Connect, and fold what comes. Raises KafkaError and OSError."""
        consumer: Any = AIOKafkaConsumer(
            **self._kafka.client(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await consumer.start()
                consumer.assign(self._all)
                await self._seek(consumer)
            while True:
                for event in list(self._events.returning):
                    await self._read_again(consumer, event)
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
                for partition, records in batches.items():
                    for begin in range(0, len(records), RECORDS_A_TURN):
                        part = records[begin : begin + RECORDS_A_TURN]
                        await self.take(partition, [(record.offset, record.value) for record in part])
                self._note_lag(consumer)
        finally:
            with suppress(KafkaError, OSError):
                await consumer.stop()

    async def _seek(self, consumer: Any) -> None:
        """Go on where the last connection ended, at first from the beginning; note how far the log is."""
        begins = await consumer.beginning_offsets(self._all)
        ends = await consumer.end_offsets(self._all)
        for partition in self._all:
            position = self._next.setdefault(partition, begins[partition])
            if position > ends[partition]:
                raise OffsetOutOfRangeError({partition: position})
            consumer.seek(partition, position)
        self._behind = {tp: end for tp, end in ends.items() if self._next[tp] < end}
        self._fault = None
        if not self._behind:
            self._note_caught_up()

    async def _read_again(self, consumer: Any, event: str) -> None:
        """Fold what the log and the results have of an event that was archived. Raises KafkaError."""
        number, first = partition_of(event, self._partitions), self._events.returning[event]
        log_partition, results = (TopicPartition(topic.name, number) for topic in (RACE_LOG, RESULTS))
        self._events.begin_again(event)
        begins = await consumer.beginning_offsets([results])
        for partition, begin in ((log_partition, first), (results, begins[results])):
            position = begin
            consumer.seek(partition, begin)
            while position < self._next[partition]:
                batch = await consumer.getmany(partition, timeout_ms=POLL_MS, max_records=RECORDS_A_TURN)
                if not batch and (await consumer.end_offsets([partition]))[partition] < self._next[partition]:
                    raise OffsetOutOfRangeError({partition: position})  # it was cut since, and nothing more would come
                records = [record for record in batch.get(partition, ()) if record.offset < self._next[partition]]
                async with self._turn:
                    await asyncio.get_running_loop().run_in_executor(
                        self._worker, self._fold_again, event, partition, records
                    )
                position = records[-1].offset + 1 if records else position
            consumer.seek(partition, self._next[partition])
        async with self._turn:
            self._events.put_back(event)
        log.info("was archived; its log is read again", extra={"event": event})

    def _fold_again(self, event: str, partition: TopicPartition, records: Sequence[Any]) -> None:
        for record in records:
            with suppress(codec.UnreadableRecord, codec.UnknownVersion):  # as it was when it came
                if record.value is None:
                    continue
                if partition.topic == RESULTS.name:
                    self._events.fold_results(record.value, event)
                elif record.key == event.encode():
                    self._events.fold_again(event, record.offset, record.value)

    async def take(self, partition: TopicPartition, records: Sequence[tuple[int, bytes | None]]) -> None:
        """Fold records of a partition, given with their offsets, and settle requests that waited for them."""
        async with self._turn:
            is_log = partition.topic == RACE_LOG.name
            efforts = [effort_of(value) if is_log else "much" for _, value in records]
            judged = [(offset, value, effort) for (offset, value), effort in zip(records, efforts, strict=True)]
            if "much" in efforts:
                await asyncio.get_running_loop().run_in_executor(self._worker, self._fold, partition, judged)
            else:
                self._fold(partition, judged)
        self._next[partition] = records[-1][0] + 1
        self._events.settle()
        if self._next[partition] >= self._behind.get(partition, self._next[partition] + 1):
            del self._behind[partition]
            if not self._behind:
                self._note_caught_up()

    def _fold(self, partition: TopicPartition, records: Sequence[tuple[int, bytes | None, Effort]]) -> None:
        """Fold records, but those without effort only if they end an archive, maybe one of a record just before."""
        for offset, value, effort in records:
            if value is None or partition in self._newer:
                continue
            if effort == "none" and not self._events.ends_archive(value):
                continue
            try:
                if partition.topic == RACE_LOG.name:
                    self._events.fold_log(offset, value)
                else:
                    self._events.fold_results(value)
            except codec.UnreadableRecord:
                continue  # scoring makes a dead letter of it
            except codec.UnknownVersion as error:
                self._newer[partition] = f"ingest must be upgraded: record {offset} of {partition.topic} is a {error}"
                log.error("%s", self._newer[partition])

    def _note_caught_up(self) -> None:
        self._metrics.follower_up.set(1)
        gc.freeze()  # what was read is kept: looking through it for garbage would only delay requests
        log.info("ingest has read the log, and knows the effects of facts")

    def _note_lag(self, consumer: Any) -> None:
        for partition in self._all:
            highwater = consumer.highwater(partition)
            if highwater is not None:
                lag = max(0, highwater - self._next[partition])
                self._metrics.follower_lag.labels(partition.topic, partition.partition).set(lag)

    # --- Requests.

    @contextmanager
    def watching(self, event: str, facts: Sequence[LoggedFact]) -> Iterator[Watch]:
        """Have facts judged that are about to be written, within this context."""
        watch = Watch(event, facts)
        self._events.watch(watch)
        try:
            yield watch
        finally:
            self._events.unwatch(watch)

    async def effects(self, watch: Watch, wait_s: float = EFFECT_WAIT_S) -> list[FactEffect]:
        """Return the effects of facts that Kafka has acknowledged; all `unknown`, with the reason, if they are not."""
        reason = self._unknown(watch.event)
        if reason is None:
            try:
                async with asyncio.timeout(wait_s):
                    return await watch.effects
            except TimeoutError:
                late = f"ingest did not read them back from the log within {wait_s:g} s"
                reason = self._unknown(watch.event) or late  # what keeps it may have come since
        return [FactEffect("unknown", reason)] * watch.count

    async def ask(self, event: str, question: Callable[[KnownEvent], Answer]) -> Answer:
        """Return what a function says of an event as far as the log was read.

        Raises NotKnown while it is not, and Archived.

        The function is called in the follower's thread, so it must not keep the event.
        """
        async with self._turn:
            known = self._known(event)
            return await asyncio.get_running_loop().run_in_executor(self._worker, question, known)

    async def definition_of(self, event: str) -> Definition | None:
        """Return the definition of an event as far as the log was read; None without one. Raises as `ask`."""
        async with self._turn:
            return self._known(event).definition

    def _known(self, event: str) -> KnownEvent:
        reason = self._unknown(event)
        if reason is not None:
            raise NotKnown(reason)
        if event in self._events.archived:
            raise Archived(archived_words(event))
        return self._events.get(event)

    def is_archived(self, event: str) -> bool:
        """Return whether an event is archived. Raises MaybeArchived if it was, and later records are not read yet."""
        if event not in self._events.archived:
            return False
        reason = self._unknown(event)
        if reason is not None:
            raise MaybeArchived(
                f"event {event!r} was archived and may be open again: {reason}; send it again unchanged"
            )
        return True

    def _unknown(self, event: str) -> str | None:
        """Return why the effects of an event's facts are not known; None if they are."""
        if self._fault is not None:
            return self._fault
        if self._behind:
            left = sum(end - self._next[partition] for partition, end in self._behind.items())
            return f"ingest is still reading the log; {left} records are left"
        if event in self._events.returning:
            return "the event was archived, and ingest is reading its log again"
        number = partition_of(event, self._partitions)
        newer = (self._newer.get(TopicPartition(topic.name, number)) for topic in (RACE_LOG, RESULTS))
        return next((reason for reason in newer if reason is not None), None)
