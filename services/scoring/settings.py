"""Scoring's settings, read once by the command."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from schemas.topics import PARTITIONS_DEFAULT
from services.runtime.environment import folder, number, text
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_options

SNAPSHOT_EVERY_S = 60  # a restart then folds about a minute of the log
SNAPSHOT_EVERY_MOST_S = 24 * 3600
_WORKER = re.compile(r"[A-Za-z0-9._-]{1,200}")  # valid as the name of a Kafka group member and of a file


class ScoringSettings(Struct, frozen=True, kw_only=True):
    """The places where scoring reads, writes and keeps snapshots.

    `worker` is the process's name in the group: unique, and the same after a restart, so that the group waits for it
    instead of reassigning its partitions. Port 0 takes a free port.
    """

    kafka: KafkaOptions = KafkaOptions()
    data: Path = Path(".matline")
    host: str = "127.0.0.1"
    port: int = 8702
    partitions: int = PARTITIONS_DEFAULT
    worker: str = "scoring"
    snapshot_every_s: int = SNAPSHOT_EVERY_S

    @property
    def snapshots(self) -> Path:
        """Return the folder of snapshots: a cache, which may be deleted at any time."""
        return self.data / "snapshots"


def settings_from(environment: Mapping[str, str]) -> ScoringSettings:
    """Return the settings that the MATLINE_ variables give. Raises StartFault."""
    worker = text(environment, "MATLINE_WORKER", socket.gethostname())
    if not _WORKER.fullmatch(worker):
        raise StartFault(
            f"MATLINE_WORKER={worker!r} is not a worker's name; it takes 1 to 200 letters, digits, `.`, `_` and `-`"
        )
    return ScoringSettings(
        kafka=kafka_options(environment),
        data=folder(environment, "MATLINE_DATA", ".matline"),
        host=text(environment, "MATLINE_HOST", "127.0.0.1"),
        port=number(environment, "MATLINE_SCORING_PORT", 8702),
        partitions=number(environment, "MATLINE_PARTITIONS", PARTITIONS_DEFAULT),
        worker=worker,
        snapshot_every_s=number(environment, "MATLINE_SNAPSHOT_S", SNAPSHOT_EVERY_S, SNAPSHOT_EVERY_MOST_S),
    )
