"""Take nothing new while the disk of a Kafka on this machine is nearly full.

A broker whose disk is full ends at once, and everything waits for a person. What is refused instead stays with its
sender, and goes on by itself when there is room again. Journals of readers that never send again are written all the
same: they are the only copy.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from services.ingest.errors import DiskFull
from services.runtime.disk_room import KAFKA_ROOM_BYTES, disk_room, mib

LOOK_EVERY_S = 0.5  # in which a whole machine's load writes some dozens of MiB

log = logging.getLogger(__name__)


def _free_bytes(folder: Path) -> int:
    return disk_room(folder).free


class DiskGuard:
    """Watch the disk of the folder in which a Kafka on this machine keeps its log. `clock_s` is monotonic."""

    def __init__(
        self,
        folder: Path,
        free_bytes: Callable[[Path], int] = _free_bytes,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._free_bytes = free_bytes
        self._clock_s = clock_s
        self._looked_s = -LOOK_EVERY_S
        self._fault: str | None = None

    def check(self) -> None:
        """Raise DiskFull while there is too little room for more."""
        if (fault := self.fault()) is not None:
            raise DiskFull(f"{fault}; nothing of this is taken: send it again unchanged")

    def fault(self) -> str | None:
        """Return why nothing can be taken, naming the folder and what is left, or None while there is room."""
        now_s = self._clock_s()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look()
        return self._fault

    def _look(self) -> None:
        try:
            free = self._free_bytes(self._folder)
        except OSError:
            return  # Kafka itself shows what is wrong with its disk
        before = self._fault
        self._fault = (
            None
            if free >= KAFKA_ROOM_BYTES
            else f"the disk of {self._folder} has {mib(free)} free, and {mib(KAFKA_ROOM_BYTES)} have to stay free"
        )
        if self._fault is not None and before is None:
            log.error("%s: no reads and no facts are taken until there is room; free some", self._fault)
        elif self._fault is None and before is not None:
            log.info("the disk of %s has room again: reads and facts are taken", self._folder)
