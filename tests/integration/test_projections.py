"""Results into ClickHouse and back, with a real Kafka and a real engine: what is announced is what the core says."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from schemas import codec
from schemas.notices import RevisionNotice, decode_notice, encode_notice
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, RESULTS, STANDINGS
from services.live.metrics import LiveMetrics
from services.live.revisions import RevisionTracker
from services.live.store import Store
from services.offline.export.publications import PublishingLog
from services.offline.health_tables import health_of
from services.offline.scored_log import Log
from services.projections.audit import Auditor, Gathered
from services.projections.board_lag import BoardLag
from services.projections.follow import Follower
from services.projections.health_metrics import HealthCollector
from services.projections.health_watch import HealthWatch, Pace
from services.projections.load import (
    load,
    load_announced,
    load_progress,
    load_tallies,
    remove_unannounced,
    restore_archived,
)
from services.projections.metrics import ProjectionMetrics
from services.projections.sink import Progress, Sink
from services.projections.tables import TABLES
from services.runtime.clickhouse import Columns, Database, DatabaseUnavailable
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions
from tests import DATA
from tests.builders import AT_FINISH, EVENT, ON_10K, Plain, defined, entries, fact, gun, read, reads
from tests.integration.scoring_worker import rejections
from tests.projections.results_writer import ResultsWriter, publish
from tests.projections.results_writer import fact as fact_of

WAIT_S = 60.0  # for a hang only
MATS = [("10k", "K1"), ("finish", "F1")]
BIBS = [str(number) for number in range(1, 41)]


HEALTH = [
    ("matline_projections_point_expected", {"event": EVENT, "race": "hm", "point": "10K"}),
    ("matline_projections_point_seen", {"event": EVENT, "race": "hm", "point": "FINISH", "source": "main"}),
    ("matline_projections_point_missed", {"event": EVENT, "race": "hm", "point": "10K"}),
    *(("matline_projections_device_reads", {"event": EVENT, "mat": mat, "device": device}) for mat, device in MATS),
]


@asynccontextmanager
async def projecting(kafka: KafkaOptions, database: Database) -> AsyncIterator[ProjectionMetrics]:
    """Run the projections in this process, from the state that ClickHouse has."""
    metrics = ProjectionMetrics(CollectorRegistry())
    await remove_unannounced(database)
    results, progress = await load(database), await load_progress(database)
    sink = Sink(database, metrics, uuid.uuid4().hex)
    tallies, board_lag = await load_tallies(database), BoardLag()
    health = HealthCollector(results, tallies, board_lag, lambda: time.time_ns() // 1000)
    announced_us = await load_announced(database)
    for event, at_us in announced_us.items():
        health.note(event, at_us)
    metrics.registry.register(health)
    options = {**kafka.client(), "auto_offset_reset": "none", "enable_auto_commit": False, "fetch_max_wait_ms": 50}
    consumers = [AIOKafkaConsumer(**options) for _ in range(2)]
    async with AIOKafkaProducer(**kafka.client()) as producer:
        for consumer, topic in zip(consumers, (RESULTS, RACE_LOG), strict=True):
            await consumer.start()
            consumer.assign([TopicPartition(topic.name, number) for number in range(PARTITIONS_DEFAULT)])
        restore = partial(restore_archived, database, results)
        follower = Follower(results, consumers[0], producer, sink, metrics, health, announced_us, board_lag, restore)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(follower.run(progress)),
                    group.create_task(Auditor(consumers[1], sink, metrics, tallies, board_lag).run(progress)),
                    group.create_task(HealthWatch(database, results, sink, metrics, health, Pace(0.05, 0)).run()),
                ]
                yield metrics
                for task in tasks:
                    task.cancel()
        finally:
            for consumer in consumers:
                await consumer.stop()


async def _announced(database: Database, revision: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            stored = await database.query("SELECT revision FROM revisions WHERE event = {e:String}", {"e": EVENT})
            if any(announced >= revision for (announced,) in stored):
                return
            await asyncio.sleep(0.02)


async def _audited(database: Database, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await database.query("SELECT uniqExact(chip, offset, ordinal) FROM reads"))[0][0] < count:
            await asyncio.sleep(0.05)


async def _board(database: Database, name: str) -> list[tuple[object, ...]]:
    return await database.query(
        "SELECT place, bib, time_s FROM leaderboard WHERE board = {b:String} ORDER BY place, length(bib), bib",
        {"b": name},
    )


def _finish(bib: str, seconds: int) -> Plain:
    return reads(read("S1", f"C{bib}", 1), read("K1", f"C{bib}", ON_10K), read("F1", f"C{bib}", AT_FINISH + seconds))


def _race(seed: int) -> list[list[Plain]]:
    rng = random.Random(seed)
    begin = [defined(), entries(*BIBS), gun()]
    return [begin] + [[_finish(bib, rng.randrange(40))] for bib in rng.sample(BIBS, k=30)]


async def test_boards_in_clickhouse_are_the_cores_and_the_audit_has_every_read(
    kafka: KafkaOptions, database: Database
) -> None:
    writer = ResultsWriter(partition=2)
    async with projecting(kafka, database) as metrics:
        for facts in _race(1):
            await publish(kafka, 2, *writer.frames(*facts, accepted_us=1))
        await _announced(database, 30)
        await _audited(database, 90)
    rows = sorted(
        (row.gun_us or 0, len(row.bib), row.bib) for row in map(writer.state.events[EVENT].row, BIBS) if row.gun_us
    )
    places = [1 + sum(other[0] < row[0] for other in rows) for row in rows]
    expected = [(place, row[2], -(-row[0] // 1_000_000)) for place, row in zip(places, rows, strict=True)]
    assert await _board(database, "men") == expected
    assert len(expected) == 30
    logged = await database.query("SELECT offset, ordinal, type FROM facts ORDER BY offset, ordinal")
    assert logged == [(0, 0, "event_defined"), (0, 1, "entries_added"), (0, 2, "gun_fired")]
    assert metrics.results._value.get() >= 40
    shown = [metrics.registry.get_sample_value(*sample) for sample in HEALTH]
    assert shown == [30, 30, 0, 30, 30]
    async with projecting(kafka, database) as again:
        assert [again.registry.get_sample_value(*sample) for sample in HEALTH] == shown


async def test_each_revision_is_announced_on_standings_with_what_it_changed(
    kafka: KafkaOptions, database: Database
) -> None:
    writer = ResultsWriter()
    notices: list[RevisionNotice] = []
    async with projecting(kafka, database):
        await publish(kafka, 0, *writer.frames(defined(), entries("1", "2"), gun()))
        await _announced(database, 0)
        await publish(kafka, 0, *writer.frames(_finish("2", 3), accepted_us=5))
        await _announced(database, 1)
        async with AIOKafkaConsumer(**kafka.client(), auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(STANDINGS.name, 0)])
            async with asyncio.timeout(WAIT_S):
                while len(notices) < 2:
                    record = await consumer.getone()
                    notices.append(decode_notice(record.value))
    assert [(notice.revision, notice.boards, notice.bibs) for notice in notices] == [
        (0, ["men"], ["1", "2"]),
        (1, ["men"], ["2"]),
    ]
    assert notices[1].accepted_us == 5


UNREADABLE = [b"", b"\xff\xfe", b"\x81" * 100_000, b"{}", b"\x81\xa1v\xa1\xff"]


async def test_boards_go_on_after_records_of_results_that_cannot_be_read(
    kafka: KafkaOptions, database: Database
) -> None:
    """The rows of a lost record are not known, so nothing is announced until all rows have been sent again."""
    writer = ResultsWriter()
    begin, *finishes = _race(3)
    async with projecting(kafka, database) as metrics, AIOKafkaProducer(**kafka.client()) as producer:
        await publish(kafka, 0, *writer.frames(*begin))
        await _announced(database, 0)
        for value in UNREADABLE:
            await producer.send_and_wait(RESULTS.name, value, partition=0)
        lost, *others = [writer.frames(*facts) for facts in finishes]
        await publish(kafka, 0, lost[0], [])
        for record, frames in others:
            await publish(kafka, 0, record, frames)
        (letter,) = await rejections(kafka, 1)
        assert (letter.source, letter.topic, letter.partition) == ("projections", RESULTS.name, 0)
        assert letter.raw in UNREADABLE  # the newest when it was asked
        assert await database.query("SELECT max(revision) FROM revisions") == [(0,)]
        await publish(kafka, 0, None, writer.again())
        await _announced(database, 30)
    assert len(await _board(database, "men")) == 30
    assert (await load(database)).events[EVENT].rows == {bib: writer.state.events[EVENT].row(bib) for bib in BIBS}
    assert metrics.unreadable._value.get() == len(UNREADABLE)
    assert metrics.held_partitions._value.get() == 0


async def test_notices_that_cannot_be_read_do_not_hold_up_those_that_can(
    kafka: KafkaOptions, database: Database
) -> None:
    metrics = LiveMetrics(CollectorRegistry())
    tracker = RevisionTracker(Store(database), metrics, lambda: 0)
    following = asyncio.create_task(tracker.follow(kafka))
    notice = encode_notice(RevisionNotice(v=1, event=EVENT, revision=5, announced_at_us=1))
    async with AIOKafkaProducer(**kafka.client()) as producer, asyncio.timeout(WAIT_S):
        while EVENT not in tracker.newest:  # it follows from when it has connected
            for value in (b"[" * 100_000, b'{"event": "\xff"}', b"{}", notice):
                await producer.send_and_wait(STANDINGS.name, value, partition=0)
            await asyncio.sleep(0.1)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert tracker.newest[EVENT].revision == 5
    assert metrics.unreadable_notices._value.get() > 0


class _Dies(Exception):
    pass


class Dying(Database):
    """A database whose process dies after so many inserts."""

    left = 10**9

    async def insert(self, table: str, columns: Columns, token: str) -> None:
        if self.left == 0:
            raise _Dies
        self.left -= 1
        await super().insert(table, columns, token)


@pytest.mark.parametrize("seed", range(3))
async def test_a_death_between_any_two_inserts_ends_in_the_same_boards(
    kafka: KafkaOptions, database: Database, seed: int
) -> None:
    rng = random.Random(seed)
    writer = ResultsWriter()
    dying = Dying(database.address)
    await dying.open()
    race = _race(seed)
    for facts in race:
        await publish(kafka, 0, *writer.frames(*facts))
    deaths = 0
    for _ in range(8):
        dying.left = rng.randrange(1, 9)
        try:
            async with projecting(kafka, dying):
                await _announced(database, len(race) - 1)
        except* _Dies:
            deaths += 1
        for bib in rng.sample(BIBS, k=3):
            ruled = {
                "type": "status_set",
                "event": EVENT,
                "bib": bib,
                "reason": "r",
                "status": rng.choice(["DQ", "OK"]),
            }
            race.append([ruled])
            await publish(kafka, 0, *writer.frames(*race[-1]))
        race.append([fact("results_published", race="hm", state="provisional")])
        await publish(kafka, 0, *writer.frames(*race[-1]))
    assert deaths >= 3
    dying.left = 10**9
    async with projecting(kafka, dying):
        await _announced(database, len(race) - 1)
    await dying.close()
    core = {bib: writer.state.events[EVENT].row(bib) for bib in BIBS}
    board = await _board(database, "men")
    assert {bib for _, bib, _ in board} == {bib for bib, row in core.items() if row.status == "FINISHED"}
    again = await load(database)
    assert again.events[EVENT].rows == core
    assert [(row.place, row.bib, row.time_s) for row in again.events[EVENT].board("men")] == board
    log = PublishingLog()
    for offset, facts in enumerate(race):
        for logged_fact in facts:
            log.add(msgspec.json.encode({"offset": offset, "fact": logged_fact}))
    expected = [(kept.published.offset, kept.published.revision, kept.published.sha256) for kept in log.kept.values()]
    stored = await database.query("SELECT DISTINCT offset, revision, sha256 FROM published ORDER BY offset")
    assert stored == expected
    assert len(expected) == 8
    documents = await database.query("SELECT DISTINCT lower(hex(SHA256(document))) FROM published_documents")
    assert {sha256 for (sha256,) in documents} == {sha256 for _, _, sha256 in expected}


async def test_an_insert_whose_answer_was_lost_is_not_doubled_by_its_retry(database: Database) -> None:
    columns: Columns = {
        "event": ("LowCardinality(String)", ["e"]),
        "revision": ("Int64", [1]),
        "announced_at_us": ("Int64", [1]),
    }
    for _ in range(2):
        await database.insert("revisions", columns, "revisions:run:1")
    assert await database.query("SELECT count() FROM revisions") == [(1,)]


async def test_reads_that_a_crash_copied_twice_count_once_after_each_later_start(database: Database) -> None:
    gathered = Gathered()
    record = codec.encode_envelope(EVENT, [codec.logged(fact_of(_finish("1", 0)))])
    gathered.add(0, record)
    for run in ("first", "second"):
        sink = Sink(database, ProjectionMetrics(CollectorRegistry()), run)
        await sink.insert("reads", {name: (kind, gathered.reads[name]) for name, kind in TABLES["reads"]})
    (devices,) = (await load_tallies(database)).events.values()
    assert {name: device.reads for name, device in devices.items()} == {"S1": 1, "K1": 1, "F1": 1}


async def test_a_topic_that_is_not_the_one_remembered_stops_the_projections(
    kafka: KafkaOptions, database: Database
) -> None:
    sink = Sink(database, ProjectionMetrics(CollectorRegistry()), "run")
    writer = ResultsWriter()
    await publish(kafka, 0, *writer.frames(defined(), entries("1"), gun()))
    for next_offset, words in ((1, "not the one from which the boards were made"), (50, "ends at 1")):
        await database.command("TRUNCATE TABLE progress")
        await sink.remember([Progress(RESULTS.name, 0, next_offset, 12345)])
        with pytest.raises(BaseExceptionGroup) as stopped:
            async with projecting(kafka, database):
                await asyncio.Event().wait()
        faults = stopped.value.subgroup(StartFault)
        assert faults is not None
        assert words in str(faults.exceptions[0])


async def test_clickhouse_away_for_a_while_loses_nothing(kafka: KafkaOptions, database: Database) -> None:
    class Away(Database):
        refusals = 3

        async def insert(self, table: str, columns: Columns, token: str) -> None:
            if self.refusals:
                self.refusals -= 1
                raise DatabaseUnavailable("away")
            await super().insert(table, columns, token)

    away = Away(database.address)
    await away.open()
    writer = ResultsWriter()
    async with projecting(kafka, away) as metrics:
        for facts in _race(5):
            await publish(kafka, 0, *writer.frames(*facts))
        await _announced(database, 30)
    await away.close()
    assert metrics.failures._value.get() == 3
    assert len(await _board(database, "men")) == 30


async def test_the_health_of_an_event_is_kept_and_counted_and_is_that_of_its_log(
    kafka: KafkaOptions, database: Database
) -> None:
    """The reads reach the tables after the boards, so an examination may come before the last of them."""
    lines = (DATA / "field/07-one-reader-an-hour-ahead.jsonl").read_bytes().splitlines()
    log, writer = Log(), ResultsWriter()
    async with projecting(kafka, database) as metrics:
        for line in lines:
            log.add(line)
            await publish(kafka, 0, *writer.frames(msgspec.json.decode(line)))
        expected = msgspec.json.encode(health_of(log)).decode()
        newest = "SELECT revision, report FROM health_reports ORDER BY made_at_us DESC LIMIT 1"
        async with asyncio.timeout(WAIT_S):
            while await database.query(newest) != [(len(lines) - 1, expected)]:
                await asyncio.sleep(0.05)
        samples = [{"event": "c07", "kind": kind} for kind in ("clock_off", "gun_suspect")]
        assert [metrics.registry.get_sample_value("matline_projections_findings", labels) for labels in samples] == [
            1,
            0,
        ]

        corrected = {"type": "clock_corrected", "event": "c07", "device": "M10", "offset_us": -3_600_000_000}
        log.add(msgspec.json.encode(corrected))
        await publish(kafka, 0, *writer.frames(corrected))
        expected = msgspec.json.encode(health_of(log)).decode()
        async with asyncio.timeout(WAIT_S):
            while await database.query(newest) != [(len(lines), expected)]:
                await asyncio.sleep(0.05)
        assert metrics.registry.get_sample_value("matline_projections_findings", samples[0]) == 0
