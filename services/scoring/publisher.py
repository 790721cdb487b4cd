"""Scoring's output: frames to `results`, dead letters to `rejected`, each acknowledged by every replica.

The producer is idempotent, so that a retry after a lost answer writes nothing twice. It waits long for a broker that is
down. A delivery that fails for good ends the process, since the state has moved on and cannot be rolled back.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.rejected import Rejection, encode_rejection
from schemas.topics import REJECTED, RESULTS
from services.runtime.kafka import KafkaOptions

BATCH_BYTES_MAX = 1024 * 1024  # before compression; the topic takes eight times a record
# For a broker that is down; the watch ends the process sooner when Kafka answers but this producer makes no progress.
PATIENCE_MS = 300_000
STOP_S = 3.0

log = logging.getLogger(__name__)


class Publisher:
    """The producer; make it inside the running loop."""

    def __init__(self, kafka: KafkaOptions) -> None:
        self._producer: Any = AIOKafkaProducer(
            **kafka.client(),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=BATCH_BYTES_MAX,
            request_timeout_ms=PATIENCE_MS,
        )

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect in any state. Frames that cannot be sent soon stay unacknowledged, so they are scored again."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._producer.stop()
        except (TimeoutError, KafkaError, OSError) as error:
            log.warning("the Kafka producer did not stop cleanly: %r", error)
            await self._producer.client.close()

    def outlet(self, partition: int) -> "Outlet":
        """Return the outlet for the frames of one partition."""
        return Outlet(self._producer, partition)

    async def put_dead_letters(self, rejections: Sequence[Rejection]) -> None:
        """Write to `rejected`, and return when Kafka has acknowledged all records. Raises KafkaError."""
        deliveries = [
            await self._producer.send(
                REJECTED.name, encode_rejection(rejection), key=rejection.event.encode(), partition=0
            )
            for rejection in rejections
        ]
        await asyncio.gather(*deliveries)


class Outlet:
    """Send the frames of one partition to the same partition of `results`, in order."""

    def __init__(self, producer: Any, partition: int) -> None:
        self._producer = producer
        self._partition = partition
        self._batch: Any = None
        self._unacknowledged: list[asyncio.Future[Any]] = []

    async def put(self, record: bytes) -> None:
        """Add a frame; it is sent when the batch is full, or by `settle`. Raises KafkaError."""
        if self._batch is None:
            self._batch = self._producer.create_batch()
        if self._batch.append(key=None, value=record, timestamp=None) is None:
            await self._send_batch()
            self._batch = self._producer.create_batch()
            if self._batch.append(key=None, value=record, timestamp=None) is None:
                raise AssertionError(f"an empty batch does not take a record of {len(record)} bytes")

    async def settle(self) -> None:
        """Return when Kafka has acknowledged every frame. Raises KafkaError."""
        if self._batch is not None:
            await self._send_batch()
        unacknowledged, self._unacknowledged = self._unacknowledged, []
        await asyncio.gather(*unacknowledged)

    async def _send_batch(self) -> None:
        batch, self._batch = self._batch, None
        batch.close()
        self._unacknowledged.append(await self._producer.send_batch(batch, RESULTS.name, partition=self._partition))
