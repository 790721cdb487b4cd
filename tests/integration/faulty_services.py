"""The `matline` command with services that are wrong in one place each: `python -m tests.integration.faulty_services`.

MATLINE_TEST_FAULTS names the faults, by commas. Each is a subclass with one method that breaks a promise which the
product keeps, and the checker of chaos has to notice what it does. MATLINE_TEST_CLOCKS has the seconds by which the
clocks of services are wrong, as `scoring=3600,ingest=-60`. `up` starts its services by this command too.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from aiokafka import ConsumerRecord
from msgspec.structs import replace

import services.ingest.app as ingest
import services.live.app as live
import services.operate.up as up
import services.projections.app as projections
import services.scoring.scorer as scoring
from schemas.codec import UnreadableRecord, decode_envelope
from schemas.events import LoggedFact, ReadsLogged
from schemas.results import Frame
from services import cli
from services.ingest.errors import Unavailable
from services.ingest.race_log import KafkaLog
from services.live.stream import Streams
from services.operate.supervise import ChildSpec
from services.projections.follow import Follower
from services.runtime.kafka import KafkaOptions
from services.scoring.log_reader import Record
from services.scoring.partition_worker import PartitionWorker

COMMAND = (sys.executable, "-m", "tests.integration.faulty_services")
CHOSEN = "MATLINE_TEST_FAULTS"
CLOCKS = "MATLINE_TEST_CLOCKS"
LAST_CLOSED = ("21k", "family")  # races of the simulated day, and between them the times of the latter's athletes


class AnswersFirst(KafkaLog):
    """Acknowledges reads before Kafka has them."""

    async def append(self, event: str, facts: Sequence[LoggedFact], wait_s: float | None = None) -> int:
        if not any(isinstance(fact, ReadsLogged) for fact in facts):
            return await super().append(event, facts, wait_s)

        async def later() -> None:
            with suppress(Unavailable):
                await KafkaLog.append(self, event, facts)

        self._later = asyncio.create_task(later())
        return 0


class StoresPositionFirst(Follower):
    """Stores the position in `results` before the rows are inserted, and once is killed between the two.

    The rows that are lost have to be the last of their athletes, and the closing of a race sends all of its athletes
    again. So rows wait from the end of one race to that of the last, in which officials set all times.
    """

    _sent = frozenset[str]()
    _closed = frozenset[str]()

    def _frame(self, record: ConsumerRecord) -> Frame | None:
        frame = super()._frame(record)
        if frame is not None:
            self._sent |= {race for event in frame.events for race in event.closed}
            if frame.last:  # the position moves on by whole revisions
                self._closed = self._sent
        return frame

    async def _write(self) -> None:
        killed = Path(os.environ["MATLINE_DATA"]) / "killed-between-position-and-rows"
        if self._closed.isdisjoint(LAST_CLOSED) or killed.exists():
            await super()._write()
            return
        await self._sink.remember(list(self._safe.values()))
        if self._closed.issuperset(LAST_CLOSED):
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class SkipsReadsOfGaps(PartitionWorker):
    """Goes on after a gap in the log without the reads in it."""

    async def _fold_old(self, records: Sequence[Record]) -> bool:
        elsewhere = await super()._fold_old([record for record in records if not _has_reads(record)])
        if records:
            self._state.next_offset = records[-1].offset + 1
        return elsewhere


class SaysNothing(Streams):
    """Drops every notice, so that a stream ends with what its viewer was shown at first."""

    def _on_revision(self, *_: object) -> None:
        pass


def _has_reads(record: Record) -> bool:
    with suppress(UnreadableRecord):
        return any(isinstance(fact, ReadsLogged) for fact in decode_envelope(record.value).facts)
    return False


FAULTS: dict[str, tuple[ModuleType, type]] = {
    "acknowledge-before-publish": (ingest, AnswersFirst),
    "store-position-before-rows": (projections, StoresPositionFirst),
    "skip-a-fill": (scoring, SkipsReadsOfGaps),
    "drop-notices": (live, SaysNothing),
}
"""The module that makes the part, and what it makes instead of the class's parent."""


def _plant(name: str) -> None:
    module, faulty = FAULTS[name]
    setattr(module, faulty.__bases__[0].__name__, faulty)


def _set_clock(off_s: int) -> None:
    """Let this process see another time of day; durations stay as they are."""
    true_s, true_ns = time.time, time.time_ns
    setattr(time, "time", lambda: true_s() + off_s)  # noqa: B010
    setattr(time, "time_ns", lambda: true_ns() + off_s * 1_000_000_000)  # noqa: B010


def _start_children_by_this_command() -> None:
    made = up._services

    def services(settings: up.UpSettings, kafka: KafkaOptions) -> list[ChildSpec]:
        return [replace(spec, command=[*COMMAND, spec.name]) for spec in made(settings, kafka)]

    up._services = services


if __name__ == "__main__":
    for name in filter(None, os.environ.get(CHOSEN, "").split(",")):
        _plant(name)
    clocks = dict(clock.split("=") for clock in filter(None, os.environ.get(CLOCKS, "").split(",")))
    _set_clock(int(clocks.get(sys.argv[1], 0)))
    _start_children_by_this_command()
    cli.main()
