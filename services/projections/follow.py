"""Turn `results` into boards: read frames, update standings, write them, announce each revision."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from schemas import codec
from schemas.notices import RevisionNotice, encode_notice
from schemas.results import Frame
from schemas.topics import RESULTS, STANDINGS
from services.projections.batch import Results, dated
from services.projections.board_lag import BoardLag
from services.projections.health_metrics import HealthCollector
from services.projections.metrics import ProjectionMetrics
from services.projections.position import checksum, go_on
from services.projections.sink import Progress, Sink
from services.projections.unreadable_results import UnreadableResults
from services.runtime.faults import StartFault

BATCH_EVERY_S = 0.05  # boards change at most this often; single reads are not delayed
REMEMBER_EVERY_S = 1.0  # a restart reads so much again, without effect; most batches then save an insert
POLL_MS = 100
FRAMES_MAX = 200  # of one batch: some 20,000 athletes and 40 MB

log = logging.getLogger(__name__)


class Follower:
    """Follow `results` until cancelled, at any point: the next start goes on from `progress`.

    `caught_up` is set once everything is shown that was there at the start.
    """

    def __init__(
        self,
        results: Results,
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        sink: Sink,
        metrics: ProjectionMetrics,
        health: HealthCollector,
        announced_us: dict[str, int],
        board_lag: BoardLag,
        restore: Callable[[str], Awaitable[None]],
    ) -> None:
        """`announced_us` is when each event was last announced; `restore` restores an archived one in `results`."""
        self._results = results
        self._consumer = consumer
        self._producer = producer
        self._sink = sink
        self._metrics = metrics
        self._health = health
        self._announced_us = announced_us
        self._board_lag = board_lag
        self._restore = restore
        self._through: dict[int, int] = {}
        self._unreadable = UnreadableResults(metrics)
        self._safe: dict[int, Progress] = {}
        self._remembered_s = 0.0
        self._behind: dict[TopicPartition, int] = {}
        self.caught_up = asyncio.Event()

    async def run(self, progress: dict[tuple[str, int], Progress]) -> None:
        """Process everything from `progress` on. Raises StartFault, KafkaError."""
        for partition, value in (await go_on(self._consumer, progress)).items():
            self._board_lag.shown(partition, codec.decode_frame(value).through_offset)
        ends = await self._consumer.end_offsets(sorted(self._consumer.assignment()))
        self._behind = {partition: end for partition, end in ends.items() if end > 0}
        written_s = 0.0
        while True:
            await self._poll()
            await self._unreadable.ask(self._producer)
            await self._note_caught_up()
            if self._results.is_ready() or self._is_due():
                await asyncio.sleep(max(0.0, written_s + BATCH_EVERY_S - time.monotonic()))
                await self._poll(wait_ms=0)
                async with self._sink.turn:
                    written_s = time.monotonic()
                    await self._write()
            for partition, through in self._through.items():
                self._board_lag.shown(partition, through)
            self._through.clear()

    async def _poll(self, wait_ms: int = POLL_MS) -> None:
        for records in (await self._consumer.getmany(timeout_ms=wait_ms, max_records=FRAMES_MAX)).values():
            for record in records:
                frame = self._frame(record)
                if frame is None:
                    continue
                self._results.add(frame)
                if frame.last:
                    self._through[record.partition] = frame.through_offset
                    self._safe[record.partition] = Progress(
                        RESULTS.name, record.partition, record.offset + 1, checksum(record.value)
                    )
                await asyncio.sleep(0)

    def _frame(self, record: ConsumerRecord) -> Frame | None:
        """Return the frame in a record; None if it cannot be read, or follows such a record. Raises StartFault."""
        try:
            frame = codec.decode_frame(record.value)
        except codec.UnreadableRecord:
            self._unreadable.set_aside(record, "it is not a frame of results")
            return None
        except codec.UnknownVersion as error:
            raise StartFault(
                f"record {record.offset} of {RESULTS.name} partition {record.partition} is a {error}; upgrade the"
                " projections. Nothing is lost: they go on from this record"
            ) from None
        if frame.partition != record.partition:
            self._unreadable.set_aside(record, f"it is a frame of partition {frame.partition}")
            return None
        return frame if self._unreadable.takes(record.partition, frame) else None

    def fault(self) -> str | None:
        """Return why boards are not up to date, None if they are."""
        if not self.caught_up.is_set():
            return f"the topic {RESULTS.name} has not been read to its end yet"
        return self._unreadable.fault()

    async def _write(self) -> None:
        for event in self._results.returning():
            await self._restore(event)
        began = time.monotonic()
        batch = self._results.take()
        self._metrics.standings_s.observe(time.monotonic() - began)
        self._metrics.results.inc(batch.rows)
        await self._sink.write(batch.tables)
        if batch.publishing:
            await self._sink.write(await asyncio.to_thread(batch.published))
            for made in batch.publishing:
                about = {"event": made.event.event, "race": made.publication.race, "revision": made.revision}
                log.info("results are published as %s", made.publication.state, extra=about)
        notices = dated(batch.notices, time.time_ns() // 1000, self._announced_us)
        await self._sink.announce([(notice.event, notice.revision, notice.announced_at_us) for notice in notices])
        await self._send(notices)
        if self._is_due():
            safe, self._safe = list(self._safe.values()), {}
            await self._sink.remember(safe)
            self._remembered_s = time.monotonic()

    def _is_due(self) -> bool:
        """Return whether to store the position: everything before it is written, and the last one is old enough."""
        return bool(self._safe) and time.monotonic() - self._remembered_s >= REMEMBER_EVERY_S

    async def _send(self, notices: Sequence[RevisionNotice]) -> None:
        for notice in notices:
            at_us = notice.announced_at_us
            self._announced_us[notice.event] = at_us
            if notice.event in self._results.archived:
                self._health.forget(notice.event)
                log.info("is archived: only ClickHouse has its rows", extra={"event": notice.event})
            else:
                self._health.note(notice.event, at_us)
            sent = encode_notice(msgspec.structs.replace(notice, epoch=self._sink.epoch))
            await self._producer.send(STANDINGS.name, sent, key=notice.event.encode(), partition=0)
            self._metrics.revisions.inc()
            if notice.accepted_us is not None:
                self._metrics.read_to_board_s.observe(max(0, at_us - notice.accepted_us) / 1e6)

    async def _note_caught_up(self) -> None:
        for partition in self._consumer.assignment():
            position = await self._consumer.position(partition)
            highwater = self._consumer.highwater(partition)
            if highwater is not None:
                self._metrics.lag.labels(partition.topic, partition.partition).set(max(0, highwater - position))
            if position >= self._behind.get(partition, 0):
                self._behind.pop(partition, None)
        if not self._behind and not self.caught_up.is_set():
            self.caught_up.set()
            log.info("boards are up to date with %s", RESULTS.name)
