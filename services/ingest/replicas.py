"""Watch how many copies of the topics are up to date: with too few of them Kafka acknowledges nothing."""

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import RACE_LOG, RESULTS
from services.ingest.metrics import IngestMetrics
from services.runtime.kafka import KafkaOptions, quiet_client

WATCH_S = 15.0
WATCHED = [RACE_LOG.name, RESULTS.name]

log = logging.getLogger(__name__)


class ReplicaWatch:
    """Sets the metrics of copies until cancelled. While Kafka is away they stay as they were."""

    def __init__(self, kafka: KafkaOptions, metrics: IngestMetrics) -> None:
        self._kafka = kafka
        self._metrics = metrics
        self._behind = False

    async def run(self) -> None:
        """Ask Kafka every few seconds, with a connection of its own."""
        while True:
            admin = AIOKafkaAdminClient(**self._kafka.client())
            try:
                with quiet_client(self._kafka):
                    await admin.start()
                while True:
                    self._show(await admin.describe_topics(WATCHED))
                    await asyncio.sleep(WATCH_S)
            except (KafkaError, OSError):  # the log's own connection says so
                await asyncio.sleep(WATCH_S)
            finally:
                await admin.close()

    def _show(self, described: list[dict[str, object]]) -> None:
        behind = False
        for topic in described:
            partitions = topic["partitions"]
            assert isinstance(partitions, list)
            for partition in partitions:
                replicas, in_sync = len(partition["replicas"]), len(partition["isr"])
                self._metrics.replicas.labels(topic["topic"], partition["partition"]).set(replicas)
                self._metrics.in_sync.labels(topic["topic"], partition["partition"]).set(in_sync)
                behind |= in_sync < replicas
        if behind != self._behind:
            log.warning("copies of Kafka's topics are missing") if behind else log.info(
                "all copies are up to date again"
            )
        self._behind = behind
