"""What becomes of a record of `results` that cannot be read: it is set aside, and scoring sends everything again.

Results can be made again from the race log. The rows that are lost with the record are not known, so no revision after
it may be announced: frames of its partition are dropped until the first of those by which scoring sends every row.
"""

import logging
import math
import time

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from msgspec import Struct
from msgspec.structs import replace

from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection, encode_rejection
from schemas.results import Frame
from schemas.topics import REJECTED, RESULTS
from services.projections.metrics import ProjectionMetrics
from services.runtime.backoff import Backoff

ASK_AGAIN = Backoff(10.0, 120.0)  # scoring answers within seconds unless it is down; then it may have missed the letter
SOURCE = "projections"

log = logging.getLogger(__name__)


class Request(Struct, frozen=True):
    """The dead letter by which scoring is asked, and how often it was sent. Only the first one has the record's bytes:
    scoring needs its offset, and a topic is not to fill up while scoring is down.
    """

    letter: Rejection
    sent: int = 0


class UnreadableResults:
    """The partitions that wait for all their rows, each with the request for them."""

    def __init__(self, metrics: ProjectionMetrics) -> None:
        self._metrics = metrics
        self._requests: dict[int, Request] = {}
        self._asked_s: dict[int, float] = {}

    def set_aside(self, record: ConsumerRecord, reason: str) -> None:
        """Drop the frames of the record's partition from now on.

        The newest record is named: it may be the answer to an older one, and scoring answers each offset once.
        """
        self._metrics.unreadable.inc()
        if record.partition not in self._requests:
            log.error(
                "record %d of %s partition %d cannot be read (%s); its boards wait until scoring has sent all again",
                record.offset,
                RESULTS.name,
                record.partition,
                reason,
            )
        raw = record.value or b""
        self._requests[record.partition] = Request(
            Rejection(
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
        )
        self._metrics.held_partitions.set(len(self._requests))

    def takes(self, partition: int, frame: Frame) -> bool:
        """Return whether a frame counts: in a partition that waits, only from the one on that begins all rows anew."""
        if partition not in self._requests:
            return True
        if not frame.resends_all:
            return False
        del self._requests[partition]
        self._metrics.held_partitions.set(len(self._requests))
        log.info("scoring sends all results of partition %d again; its boards go on", partition)
        return True

    def due(self, now_s: float) -> list[Rejection]:
        """Return the letters to send now, by a monotonic clock, and count them as asked."""
        letters = []
        for partition, request in self._requests.items():
            if now_s - self._asked_s.get(partition, -math.inf) >= ASK_AGAIN.pause_s(max(1, request.sent)):
                self._asked_s[partition] = now_s
                letters.append(request.letter)
        return letters

    def sent(self, letter: Rejection) -> None:
        """Note that Kafka has a letter."""
        for partition, request in self._requests.items():
            if request.letter == letter:
                self._requests[partition] = Request(replace(letter, raw=b""), request.sent + 1)

    async def ask(self, producer: AIOKafkaProducer) -> None:
        """Ask scoring for the rows of each partition that waits, unless it was asked a moment ago."""
        for letter in self.due(time.monotonic()):
            try:
                await producer.send_and_wait(REJECTED.name, encode_rejection(letter), key=b"", partition=0)
            except KafkaError as error:
                log.warning("scoring cannot be asked for the results of partition %s yet: %s", letter.partition, error)
            else:
                self.sent(letter)

    def fault(self) -> str | None:
        """Return why boards wait, None if none does."""
        for partition, request in self._requests.items():
            return (
                f"record {request.letter.offset} of {RESULTS.name} partition {partition} cannot be read; scoring is"
                " asked to send all results again"
            )
        return None
