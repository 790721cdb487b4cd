"""Write the race log: pack facts into envelopes, keep each event's order, and bound the bytes that wait for Kafka.

Every event has a queue. A full envelope leaves at once, a partial one as soon as no other of its queue is under way. So
a single read goes out without delay, and a flood fills envelopes while Kafka is busy with the one before. `append`
returns the offset once Kafka has acknowledged everything, and raises an error otherwise.

After a failed delivery a new producer is made: an abandoned batch leaves a hole in the old one's sequence numbers,
after which Kafka refuses everything that follows. All unacknowledged facts fail, and their senders send them again.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from msgspec import Raw

from schemas import codec
from schemas.events import EventReopened, LoggedFact, ReadsLogged
from schemas.rejected import Rejection, encode_rejection
from schemas.topics import ENVELOPE_READS_MAX, RACE_LOG, RECORD_MAX_BYTES, REJECTED, partition_of
from services.ingest.dead_letter_quota import DeadLetterQuota, QuotaLimits
from services.ingest.disk_guard import DiskGuard
from services.ingest.errors import Archived, Overloaded, TooLarge, Unavailable
from services.ingest.metrics import IngestMetrics
from services.runtime.backoff import Backoff
from services.runtime.faults import StartFault
from services.runtime.kafka import kafka_fault
from services.runtime.topic_records import keyed_values

ENVELOPE_HEAD_BYTES = 256  # version, event and list head of an envelope; an event is at most 64 characters
PACKED_MAX_BYTES = RECORD_MAX_BYTES - ENVELOPE_HEAD_BYTES
QUEUE_ENVELOPES_MAX = 32  # of one event under way at once: more than a produce request of 512 KiB holds
WAITING_MAX_BYTES = 64 * 1024 * 1024  # waiting for Kafka in all; half a million reads, seconds of the worst flood
REQUEST_TIMEOUT_MS = 10_000  # after this long without an answer a broker is asked again
STOP_TIMEOUT_S = 5.0  # for envelopes under way when ingest stops, or when a failed producer is replaced
PROBE_EVERY_S = 1.0  # how often Kafka is asked whether it is there
PROBE_TIMEOUT_S = 3.0
BACKOFF = Backoff(0.2, 5.0)  # between attempts to connect
BUFFER_FULL_S = 0.2  # before a full producer is offered the same record again
DRAIN_TURN = 64  # envelopes that a queue hands over before other tasks may run

log = logging.getLogger(__name__)


class Log(Protocol):
    """Where ingest writes: Kafka, or a list in memory."""

    async def append(self, event: str, facts: Sequence[LoggedFact], wait_s: float | None = None) -> int:
        """Write facts of one event in order, and return the offset of their last record once all are acknowledged.

        Raises Unavailable when they were not acknowledged within `wait_s` (null: no limit), DiskFull, Archived or
        MaybeArchived for facts other than EventReopened of an archived event, Overloaded when too much waits already,
        TooLarge for a fact that no record can hold. After an error some of the facts may be on the log, now or later;
        the caller sends all of them again.
        """
        ...

    async def put_dead_letters(self, rejections: Sequence[Rejection], wait_s: float | None = None) -> None:
        """Write dead letters of one sender, and return once all are acknowledged.

        Raises as `append`, and Overloaded for a sender that causes too many of them.
        """
        ...

    def values(self, event: str) -> AsyncGenerator[bytes, None]:
        """Yield the event's records in order, up to the end of the log. Raises KafkaError, LogUnavailable."""
        ...

    async def room(self) -> None:
        """Return once there is room for more to wait."""
        ...

    def fault(self) -> str | None:
        """Return why nothing can be written at present, or None."""
        ...


def archived_words(event: str) -> str:
    """Return why nothing is written to an archived event, and what to do."""
    return f"event {event!r} is archived, so nothing was written; `matline event reopen {event}` opens it again"


class WrongPartitions(StartFault):
    """The topic has another number of partitions than configured, so events would move to other partitions."""


class _Packed(NamedTuple):
    raw: Raw
    reads: int
    version: int


class _Submission:
    """Facts that were appended together: how many are unacknowledged, and the offset that `append` waits for."""

    __slots__ = ("done", "last_offset", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.last_offset = -1
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def acknowledge(self, offset: int) -> None:
        self.left -= 1
        self.last_offset = max(self.last_offset, offset)
        if not self.left and not self.done.done():
            self.done.set_result(self.last_offset)

    def fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(Unavailable(reason))


class _Envelope(NamedTuple):
    """Facts of a record that went to Kafka and is unacknowledged. `began_s` is when it went (monotonic)."""

    queue: "EventQueue"
    facts: list[tuple[_Packed, _Submission]]
    began_s: float

    def size(self) -> int:
        return sum(len(packed.raw) for packed, _ in self.facts)


class EventQueue:
    """One event's facts, in order, until Kafka has them."""

    __slots__ = ("event", "moved", "on_way", "task", "waiting", "waiting_reads")

    def __init__(self, event: str) -> None:
        self.event = event
        self.waiting: deque[tuple[_Packed, _Submission]] = deque()
        self.waiting_reads = 0
        self.on_way = 0
        self.moved = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def may_leave(self) -> bool:
        full = self.waiting_reads >= ENVELOPE_READS_MAX or len(self.waiting) >= ENVELOPE_READS_MAX
        return self.on_way == 0 or (full and self.on_way < QUEUE_ENVELOPES_MAX)

    def take(self) -> list[tuple[_Packed, _Submission]]:
        """Return the facts of the next envelope, and take them out of the queue."""
        taken: list[tuple[_Packed, _Submission]] = []
        reads = size = 0
        while self.waiting:
            packed, submission = self.waiting[0]
            reads += packed.reads
            size += len(packed.raw)
            if taken and (reads > ENVELOPE_READS_MAX or size > PACKED_MAX_BYTES):
                break
            self.waiting.popleft()
            self.waiting_reads -= packed.reads
            taken.append((packed, submission))
        return taken


def pack(fact: LoggedFact) -> _Packed:
    """Return a fact ready for an envelope. Raises TooLarge."""
    try:
        raw = codec.pack(fact)
    except (OverflowError, RecursionError) as error:
        raise TooLarge(f"a value in it does not fit the log: {error}") from None
    if len(raw) > PACKED_MAX_BYTES:
        raise TooLarge(f"it takes {len(raw)} bytes on the log; a record holds {PACKED_MAX_BYTES}")
    return _Packed(raw, len(fact.reads) if isinstance(fact, ReadsLogged) else 0, fact.envelope_version())


class KafkaLog:
    """The race log on Kafka. `options` are aiokafka's for the connection; the topic has `partitions` partitions."""

    def __init__(
        self,
        options: Mapping[str, Any],
        partitions: int,
        metrics: IngestMetrics,
        quota: QuotaLimits | None = None,
        disk: DiskGuard | None = None,
        is_archived: Callable[[str], bool] = lambda event: False,
    ) -> None:
        self._options = options
        self._is_archived = is_archived
        self._partitions = partitions
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._failed = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._reachable = False
        self._waiting_bytes = 0
        self._queues: dict[str, EventQueue] = {}
        self._on_way: dict[int, _Envelope] = {}
        self._ticket = 0
        self._dead_letters = DeadLetterQuota(time.monotonic, quota)
        self._disk = disk
        metrics.waiting_limit.set(WAITING_MAX_BYTES)

    async def run(self) -> None:
        """Keep a producer for as long as this task lives; when it is cancelled, what waits is still sent if possible.

        Raises WrongPartitions, which waiting cannot mend.
        """
        try:
            while True:
                producer = await self._connect()
                self._producer = producer
                self._failed.clear()
                self._connected.set()
                await self._watch(producer)
                self._connected.clear()
                await _stop(producer)
                self._give_up()
        finally:
            self._reachable = False
            self._metrics.kafka_up.set(0)
            if self._producer is not None:
                await _stop(self._producer)
            self._give_up()
            for queue in list(self._queues.values()):
                for _, submission in queue.waiting:
                    submission.fail("ingest is stopping; send it again unchanged")

    def fault(self) -> str | None:
        if not self._reachable:
            return "Kafka does not answer"
        return None if self._disk is None else self._disk.fault()

    def values(self, event: str) -> AsyncGenerator[bytes, None]:
        return keyed_values(self._options, RACE_LOG.name, partition_of(event, self._partitions), event.encode())

    async def room(self) -> None:
        await self._roomy.wait()

    async def append(self, event: str, facts: Sequence[LoggedFact], wait_s: float | None = None) -> int:
        if not all(isinstance(fact, EventReopened) for fact in facts) and self._is_archived(event):
            raise Archived(archived_words(event))
        packed = list(map(pack, facts))
        size = sum(len(fact.raw) for fact in packed)
        self._admit(size)
        submission = _Submission(len(packed))
        queue = self._queues.get(event)
        if queue is None:
            queue = self._queues[event] = EventQueue(event)
        for fact in packed:
            queue.waiting.append((fact, submission))
            queue.waiting_reads += fact.reads
        if queue.task is None:
            queue.task = asyncio.create_task(self._drain(queue))
        else:
            queue.moved.set()
        try:
            async with asyncio.timeout(wait_s):
                return await submission.done
        except TimeoutError:
            raise Unavailable(f"Kafka did not answer within {wait_s:g} s; send it again unchanged") from None

    async def put_dead_letters(self, rejections: Sequence[Rejection], wait_s: float | None = None) -> None:
        try:
            self._dead_letters.take(rejections)
        except Overloaded:
            self._metrics.halted.labels(rejections[0].source).inc()
            raise
        values = [(rejection.event.encode(), encode_rejection(rejection)) for rejection in rejections]
        size = sum(len(value) for _, value in values)
        self._admit(size)
        try:
            async with asyncio.timeout(wait_s):
                deliveries = [await self._hand_over(REJECTED.name, key, value, 0) for key, value in values]
                answers = await asyncio.gather(*deliveries, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        except TimeoutError:
            raise Unavailable(f"Kafka did not answer within {wait_s:g} s; send it again unchanged") from None
        except KafkaError as error:
            self._fail(error)
            raise Unavailable("Kafka did not take the dead letters of this request; send it again unchanged") from None
        finally:
            self._release(size)

    # --- queues

    async def _drain(self, queue: EventQueue) -> None:
        """Hand a queue's envelopes to the producer, in order, until it is empty."""
        handed = 0
        while queue.waiting:
            queue.moved.clear()
            if not queue.may_leave():
                await queue.moved.wait()
                continue
            taken = queue.take()
            wanted = [(packed, submission) for packed, submission in taken if not submission.done.done()]
            self._release(sum(len(packed.raw) for packed, _ in taken) - sum(len(packed.raw) for packed, _ in wanted))
            if wanted:
                await self._send(queue, wanted)
            handed += 1
            if handed % DRAIN_TURN == 0:
                await asyncio.sleep(0)
        queue.task = None
        if not queue.on_way:
            self._queues.pop(queue.event, None)

    async def _send(self, queue: EventQueue, facts: list[tuple[_Packed, _Submission]]) -> None:
        version = max(packed.version for packed, _ in facts)
        value = codec.encode_packed(queue.event, [packed.raw for packed, _ in facts], version)
        partition = partition_of(queue.event, self._partitions)
        self._ticket += 1
        ticket = self._ticket
        self._on_way[ticket] = _Envelope(queue, facts, time.monotonic())
        queue.on_way += 1
        try:
            delivery = await self._hand_over(RACE_LOG.name, queue.event.encode(), value, partition)
        except KafkaError as error:
            self._fail(error)
            self._settle(ticket, None)
        else:
            delivery.add_done_callback(lambda future: self._delivered(ticket, future))

    async def _hand_over(self, topic: str, key: bytes, value: bytes, partition: int) -> "asyncio.Future[Any]":
        while True:
            await self._connected.wait()
            producer = self._producer
            assert producer is not None
            try:
                delivery: asyncio.Future[Any] = await producer.send(topic, value, key=key, partition=partition)
                return delivery
            except KafkaTimeoutError:  # the producer's buffer is full, or it does not know the topic: nothing was sent
                await asyncio.sleep(BUFFER_FULL_S)

    def _delivered(self, ticket: int, future: "asyncio.Future[Any]") -> None:
        error = None if future.cancelled() else future.exception()
        if ticket not in self._on_way:  # failed already, together with its producer
            return
        if future.cancelled() or error is not None:
            self._fail(error)
            self._settle(ticket, None)
            return
        offset: int = future.result().offset
        # A negative offset means that Kafka confirmed a repeated record whose offset it no longer knows.
        self._settle(ticket, offset if offset >= 0 else None)

    def _settle(self, ticket: int, offset: int | None) -> None:
        envelope = self._on_way.pop(ticket)
        queue = envelope.queue
        queue.on_way -= 1
        queue.moved.set()
        self._release(envelope.size())
        for _, submission in envelope.facts:
            if offset is None:
                submission.fail("Kafka did not confirm it; send it again unchanged")
            else:
                submission.acknowledge(offset)
        if offset is not None:
            self._metrics.ack_s.observe(time.monotonic() - envelope.began_s)
            self._metrics.envelopes.inc()
            self._set_reachable(True)
        if not queue.on_way and not queue.waiting and queue.task is None:
            self._queues.pop(queue.event, None)

    def _admit(self, size: int) -> None:
        if self._disk is not None:
            self._disk.check()
        if self._waiting_bytes + size > WAITING_MAX_BYTES and self._waiting_bytes:
            if self._reachable:
                raise Overloaded("more reads come in than Kafka takes; send this again unchanged, and more slowly")
            raise Unavailable(
                "Kafka cannot be reached, and as much as may wait for it is waiting; send this again unchanged later"
            )
        self._waiting_bytes += size
        self._metrics.waiting.set(self._waiting_bytes)
        if self._waiting_bytes > WAITING_MAX_BYTES // 2:
            self._roomy.clear()

    def _release(self, size: int) -> None:
        self._waiting_bytes -= size
        assert self._waiting_bytes >= 0
        self._metrics.waiting.set(self._waiting_bytes)
        if self._waiting_bytes <= WAITING_MAX_BYTES // 2:
            self._roomy.set()

    # --- connection

    async def _connect(self) -> AIOKafkaProducer:
        failures = 0
        while True:
            producer = AIOKafkaProducer(
                **self._options,
                acks="all",
                enable_idempotence=True,
                compression_type="zstd",
                max_batch_size=RECORD_MAX_BYTES,
                max_request_size=2 * RECORD_MAX_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                await producer.start()
                await self._check_partitions(producer)
            except (KafkaError, OSError) as error:
                await _stop(producer)
                if failures == 0:
                    log.warning("%s; trying again until it can be used", kafka_fault(self._address(), error))
                failures += 1
                await asyncio.sleep(BACKOFF.pause_s(failures))
            except BaseException:
                await _stop(producer)
                raise
            else:
                log.info("connected to Kafka at %s", self._address())
                self._set_reachable(True)
                return producer

    def _address(self) -> str:
        return str(self._options["bootstrap_servers"])

    async def _check_partitions(self, producer: AIOKafkaProducer) -> None:
        partitions = len(await producer.partitions_for(RACE_LOG.name))
        if partitions != self._partitions:
            raise WrongPartitions(
                f"topic {RACE_LOG.name} has {partitions} partitions, but ingest is set to {self._partitions}, so "
                f"events would change partitions. Set MATLINE_PARTITIONS={partitions}, or check the address of Kafka"
            )

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Ask Kafka every second whether it answers, until this producer has failed."""
        while not self._failed.is_set():
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await producer.client.fetch_all_metadata()
                self._set_reachable(True)
            except (KafkaError, TimeoutError, OSError):
                self._set_reachable(False)
            try:
                async with asyncio.timeout(PROBE_EVERY_S):
                    await self._failed.wait()
            except TimeoutError:
                continue

    def _set_reachable(self, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._metrics.kafka_up.set(int(reachable))
            if not reachable:
                log.warning("Kafka at %s does not answer; nothing is acknowledged until it does", self._address())
            else:
                log.info("Kafka at %s answers", self._address())

    def _fail(self, error: BaseException | None) -> None:
        if not self._failed.is_set():
            log.error("a delivery to Kafka failed (%r); connecting again, and clients send it again", error)
            self._failed.set()
            self._connected.clear()

    def _give_up(self) -> None:
        """Fail everything that was unconfirmed when its producer was replaced."""
        for ticket in list(self._on_way):
            self._settle(ticket, None)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer in any state; records that it cannot send within STOP_TIMEOUT_S stay unacknowledged."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError, AttributeError) as error:
        log.warning("a Kafka producer did not stop cleanly: %r", error)
        await producer.client.close()
