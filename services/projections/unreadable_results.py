"""What becomes of a record of `results` that cannot be read: it is set aside, and scoring sends everything again.

Results can be made again from the race log. The rows that are lost with the record are not known, so no revision after
it may be announced: frames of its partition are dropped until the first of those by which scoring sends every row.
"""

import logging
import time

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection, encode_rejection
from schemas.results import Frame
from schemas.topics import REJECTED, RESULTS
from services.projections.metrics import ProjectionMetrics

ASK_EVERY_S = 10.0  # scoring answers within seconds unless it is down; then it may have missed the letter
SOURCE = "projections"

log = logging.getLogger(__name__)


class UnreadableResults:
    """The partitions that wait for all their rows, each with the dead letter by which scoring is asked for them."""

    def __init__(self, producer: AIOKafkaProducer, metrics: ProjectionMetrics) -> None:
        self._producer = producer
        self._metrics = metrics
        self._letters: dict[int, Rejection] = {}
        self._asked_s: dict[int, float] = {}

    def set_aside(self, record: ConsumerRecord, reason: str) -> None:
        """Drop the frames of the record's partition from now on."""
        self._metrics.unreadable.inc()
        if record.partition in self._letters:
            return
        raw = record.value or b""
        self._letters[record.partition] = Rejection(
            v=REJECTED_VERSION,
            event="",
            source=SOURCE,
            reason=reason,
            raw=raw[:RAW_MAX_BYTES],
            size=len(raw),
            topic=RESULTS.name,
            partition=record.partition,
            offset=record.offset,
            recorded_at_us=time.time_ns() // 1000,
        )
        self._metrics.held_partitions.set(len(self._letters))
        log.error(
            "record %d of %s partition %d cannot be read (%s); its boards wait until scoring has sent all again",
            record.offset,
            RESULTS.name,
            record.partition,
            reason,
        )

    def takes(self, partition: int, frame: Frame) -> bool:
        """Return whether a frame counts: in a partition that waits, only from the one on that begins all rows anew."""
        if partition not in self._letters:
            return True
        if not frame.resends_all:
            return False
        del self._letters[partition]
        self._metrics.held_partitions.set(len(self._letters))
        log.info("scoring sends all results of partition %d again; its boards go on", partition)
        return True

    async def ask(self) -> None:
        """Ask scoring for the rows of each partition that waits, unless it was asked a moment ago."""
        for partition, letter in self._letters.items():
            now_s = time.monotonic()
            if now_s - self._asked_s.get(partition, -ASK_EVERY_S) < ASK_EVERY_S:
                continue
            self._asked_s[partition] = now_s
            try:
                await self._producer.send_and_wait(REJECTED.name, encode_rejection(letter), key=b"", partition=0)
            except KafkaError as error:
                log.warning("scoring cannot be asked for the results of partition %d yet: %s", partition, error)

    def fault(self) -> str | None:
        """Return why boards wait, None if none does."""
        for partition, letter in self._letters.items():
            return (
                f"record {letter.offset} of {RESULTS.name} partition {partition} cannot be read; scoring is asked to"
                " send all results again"
            )
        return None
