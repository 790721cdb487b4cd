"""A scoring worker as its own process, a seeded race to give it, and the rows that it has published."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.codec import decode_frame, encode_envelope, logged
from schemas.definition_parse import parse_definition
from schemas.ids import bib_order
from schemas.rejected import Rejection, decode_rejection
from schemas.results import AthleteRow, EventRow, Frame, UnknownChips
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, REJECTED, RESULTS, partition_of
from services.demo.stack import free_port
from services.offline.scored_log import scored
from services.runtime.kafka import KafkaOptions
from services.scoring.core.event import EventState
from services.standings import standings
from services.standings.document import Scored, document
from tests import builders
from tests.builders import Plain

WAIT_S = 120.0  # for a hang only


# --- A race.


def race_facts(event: str, runners: int, seed: int) -> list[list[Plain]]:
    """The facts of a race in records, in an order as a log may have it: officials' facts between, reads late, doubled
    and out of order.
    """
    rng = random.Random(seed)
    bibs = [str(bib) for bib in range(1, runners + 1)]
    passings = []
    for bib in bibs:
        start, k10 = rng.randrange(1, 600), rng.randrange(1_900, 4_500)
        for device, at_s in (("S1", start), ("K1", k10), ("F1", k10 + rng.randrange(1_700, 4_500))):
            if rng.random() > 0.02:  # missed mats
                passings += [(at_s, builders.read(device, f"C{bib}", f"{at_s}.{tenth}")) for tenth in range(3)]
    passings.sort(key=lambda passing: passing[0] + rng.randrange(-20, 20))
    sent = [read for _, read in passings]
    records: list[list[Plain]] = []
    while sent:
        size = rng.randrange(1, 12)
        records.append([builders.reads(*sent[:size])])
        if rng.random() < 0.15:
            records.append([builders.reads(*rng.sample(sent, min(len(sent), 5)))])  # some too early, all doubled
        sent = sent[size:]
    for _ in range(8):
        bib = rng.choice(bibs)
        records.insert(rng.randrange(len(records)), [builders.status(bib, rng.choice(["DQ", "DNF", "OK"]))])
    records.insert(len(records) // 3, [builders.gun(1)])
    records.insert(len(records) // 2, [builders.clock("K1", "-2.5")])
    definition = builders.definition(event=event, races=[builders.race(missing_mat="review")])
    first = [[builders.defined(definition)], [builders.entries(*bibs)], [builders.gun(0)]]
    return [[{**fact, "event": event} for fact in facts] for facts in (*first, *records, [builders.closed()])]


class Log:
    """Writes the race log and folds what it writes, as a reader of the whole log would."""

    def __init__(self, kafka: KafkaOptions, partitions: int = PARTITIONS_DEFAULT) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._producer: Any = None
        self.states: dict[str, EventState] = {}

    async def __aenter__(self) -> "Log":
        self._producer = AIOKafkaProducer(**self._kafka.client(), acks="all", enable_idempotence=True)
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def append(self, event: str, *facts: Plain) -> int:
        """Write one record of facts; return its offset."""
        typed = [builders.typed(fact) for fact in facts]
        offset = await self.append_raw(event, encode_envelope(event, [logged(fact) for fact in typed]))
        state = self.states.setdefault(event, EventState(event))
        ordinal = 0
        for plain, fact in zip(facts, typed, strict=True):
            state.fold(offset, ordinal, fact)
            ordinal += len(plain["entries"]) if plain["type"] == "entries_added" else 1
        return offset

    async def append_raw(self, event: str, value: bytes) -> int:
        """Write any bytes as a record of an event; return its offset."""
        partition = partition_of(event, self._partitions)
        done = await self._producer.send_and_wait(RACE_LOG.name, value, key=event.encode(), partition=partition)
        offset: int = done.offset
        return offset

    async def append_all(self, event: str, records: Iterable[list[Plain]], pause_s: float = 0.0) -> int:
        """Write records, with a pause after each; return the last offset."""
        offset = -1
        for facts in records:
            offset = await self.append(event, *facts)
            if pause_s:
                await asyncio.sleep(pause_s)
        return offset


# --- What was published.


class Published:
    """Everything in `results` so far, the newest row of each athlete whatever came last."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.events: dict[str, EventRow] = {}
        self.athletes: dict[tuple[str, str], AthleteRow] = {}
        self.heads: dict[str, int] = {}
        self.unknown_chips: dict[str, UnknownChips] = {}
        self.differing: list[AthleteRow] = []

    def add(self, frame: Frame) -> None:
        """Add a frame; note two rows of one version that differ. Lists of chips come by themselves, at any time."""
        self.unknown_chips.update((chips.event, chips) for chips in frame.unknown_chips)
        if frame.unknown_chips:
            return
        self.frames.append(frame)
        for event in frame.events:
            if event.event not in self.events or self.events[event.event].version <= event.version:
                self.events[event.event] = event
        for row in frame.rows:
            known = self.athletes.get((row.event, row.bib))
            if known is None or known.version < row.version:
                self.athletes[row.event, row.bib] = row
            elif known.version == row.version and known != row:
                self.differing.append(row)
        for event_id, offset in frame.heads.items():
            self.heads[event_id] = max(offset, self.heads.get(event_id, -1))

    def document(self, event: str, unused: dict[str, int]) -> dict[str, Any]:
        """Return the standings document of the published rows."""
        row = self.events[event]
        assert row.definition is not None
        definition = parse_definition(row.definition)
        rows = [row for (of, _), row in self.athletes.items() if of == event and not row.gone]
        races = [race.id for race in definition.races]
        rows.sort(key=lambda row: (races.index(row.race), bib_order(row.bib)))
        return document(event, 0, Scored(row, definition, rows, standings(definition, rows, row), unused))


class Results:
    """Reads `results` as it grows."""

    def __init__(self, kafka: KafkaOptions, partitions: int = PARTITIONS_DEFAULT) -> None:
        self._consumer: Any = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False)
        self._partitions = [TopicPartition(RESULTS.name, partition) for partition in range(partitions)]
        self.published = Published()

    async def __aenter__(self) -> "Results":
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def until(self, reached: Callable[[Published], bool], what: str = "") -> Published:
        """Read until a condition on the published rows holds."""
        end = time.monotonic() + WAIT_S
        while not reached(self.published):
            assert time.monotonic() < end, f"{what} not reached; heads are {self.published.heads}"
            await self.some()
        return self.published

    async def some(self) -> Published:
        """Read what has come within a moment."""
        batches = await self._consumer.getmany(timeout_ms=100)
        for records in batches.values():
            for record in records:
                self.published.add(decode_frame(record.value))
        return self.published

    async def complete(self, heads: dict[str, int]) -> Published:
        """Read until each event is complete up to an offset."""
        return await self.until(
            lambda seen: all(seen.heads.get(event, -1) >= offset for event, offset in heads.items()), f"{heads}"
        )


def assert_equal_to_a_fold(published: Published, log: Log) -> None:
    """Assert that the newest rows and the standings are those of a fold of the whole log."""
    for event, state in log.states.items():
        state.pending()  # settles the versions
        expected = scored(state)
        assert {bib: row for (of, bib), row in published.athletes.items() if of == event} == {
            row.bib: row for row in map(state.row, list(state.rulings.bibs()))
        }
        assert published.document(event, expected.unused) == document(event, 0, expected)
    assert published.differing == []


async def rejections(kafka: KafkaOptions, least: int) -> list[Rejection]:
    """Return the records of `rejected`, once there are as many as asked for."""
    consumer: Any = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(REJECTED.name, 0)])
        await consumer.seek_to_beginning()
        letters: list[Rejection] = []
        async with asyncio.timeout(WAIT_S):
            while len(letters) < least:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    letters += [decode_rejection(record.value) for record in records]
        return letters
    finally:
        await consumer.stop()


# --- The worker.


class Worker:
    """`matline scoring` as a process, started again on the same port and data by `start`."""

    def __init__(self, kafka: KafkaOptions, data: Path, name: str = "worker", snapshot_s: int = 3600) -> None:
        self.data = data
        self.output = data / f"{name}.log"
        data.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self._environment = {
            **os.environ,
            "MATLINE_KAFKA": kafka.servers,
            "MATLINE_DATA": str(data),
            "MATLINE_WORKER": name,
            "MATLINE_SCORING_PORT": str(self._port),
            "MATLINE_PARTITIONS": str(PARTITIONS_DEFAULT),
            "MATLINE_SNAPSHOT_S": str(snapshot_s),
            "PYTHONUNBUFFERED": "1",
            "PYTHONHASHSEED": "random",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> "Worker":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.running():
            await self.end(signal.SIGKILL)

    def start(self) -> None:
        """Start the process; it dies with the test."""
        child = [sys.executable, "-m", "services.operate.child", str(os.getpid())]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*child, sys.executable, "-m", "services.cli", "scoring"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def running(self) -> bool:
        """Return whether the process is running."""
        return self._process is not None and self._process.poll() is None

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the process to end, and return its exit code."""
        self.signal(number)
        return await self.ended()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the process to end; return its exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, WAIT_S)

    def said(self) -> str:
        """Return everything that the process has printed, over all its starts."""
        return self.output.read_text(errors="replace")

    async def ready(self) -> None:
        """Wait until the process reports that it is ready."""
        await self._until(self._answers, "ready")

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
            return answer.status == 200

    async def metrics(self) -> dict[str, float]:
        """Return the process's metrics by name and labels."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    async def _until(self, check: Callable[[aiohttp.ClientSession], Any], what: str) -> None:
        end = time.monotonic() + WAIT_S
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    if await check(session):
                        return
                except aiohttp.ClientError:
                    pass
                assert self.running(), f"it ended: {self.said()}"
                assert time.monotonic() < end, f"not {what}: {self.said()}"
                await asyncio.sleep(0.05)
