"""A process takes over from another that is only stopped: what that one writes when it wakes up counts for nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from schemas.notices import RevisionNotice, encode_notice
from schemas.results import Frame
from schemas.topics import RESULTS, STANDINGS
from services.live.metrics import LiveMetrics
from services.live.revisions import RevisionTracker
from services.live.store import Store
from services.projections.load import load, load_progress, remove_unannounced
from services.projections.metrics import ProjectionMetrics
from services.projections.sink import Progress, Sink
from services.projections.take_over import newest_epoch, take_over
from services.runtime.clickhouse import Columns, Database
from services.runtime.kafka import KafkaOptions
from services.runtime.lease import LeaseLost
from tests.builders import AT_FINISH, EVENT, ON_10K, Plain, defined, entries, fact, gun, read, reads
from tests.projections.results_writer import ResultsWriter

WAIT_S = 60.0  # for a hang only


@pytest.fixture
async def producer(kafka: KafkaOptions) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**kafka.client()) as made:
        yield made


class Process:
    """The projections, step by step, without their consumers."""

    def __init__(self, database: Database, producer: AIOKafkaProducer, epoch: int) -> None:
        self._database = database
        self._producer = producer
        self._sink = Sink(database, ProjectionMetrics(CollectorRegistry()), f"run{epoch}", epoch)

    async def begin(self) -> None:
        await take_over(self._database, self._sink, self._producer)
        await remove_unannounced(self._database)
        self._results = await load(self._database)

    async def write(self, *frames: Frame, announce: bool = True, next_offset: int | None = None) -> None:
        for frame in frames:
            self._results.add(frame)
        batch = self._results.take()
        await self._sink.write(batch.tables)
        if batch.publishing:
            await self._sink.write(batch.published())
        if announce:
            await self._sink.announce([(notice.event, notice.revision, notice.revision) for notice in batch.notices])
        if next_offset is not None:
            await self._sink.remember([Progress(RESULTS.name, 0, next_offset, 0)])


def finish(bib: str, seconds: int) -> Plain:
    return reads(read("S1", f"C{bib}", 1), read("K1", f"C{bib}", ON_10K), read("F1", f"C{bib}", AT_FINISH + seconds))


def out(bib: str) -> Plain:
    return fact("status_set", bib=bib, status="DQ", reason="cut the course")


async def shown(database: Database, revision: int) -> tuple[list[str], list[str], list[int]]:
    """Return who has a place and who took the finish by live's queries, and the revisions that it knows."""
    store = Store(database)
    await store.newest_revisions()
    board = (await store.rows.board(EVENT, "men", revision)).rows
    splits = (await store.rows.splits(EVENT, "hm", "FINISH", revision)).rows
    placed = sorted(bib for bib, cell in board.items() if cell.rank_key)
    return placed, sorted(splits), [known.revision for known in await store.revisions_after(EVENT, -1, 1000)]


async def listed(database: Database) -> list[str]:
    """Return who is on the board by SQL."""
    return [bib for (bib,) in await database.query("SELECT bib FROM leaderboard WHERE board = 'men' ORDER BY place")]


def race(writer: ResultsWriter, *steps: Plain | Sequence[Plain]) -> list[list[Frame]]:
    return [writer.frames(*([step] if isinstance(step, dict) else step))[1] for step in steps]


async def test_rows_of_a_process_that_lost_its_lease_count_on_no_board(
    database: Database, producer: AIOKafkaProducer
) -> None:
    writer = ResultsWriter()
    begun, first, joins, leaves, last = race(
        writer, [defined(), entries("1", "2", "3"), gun()], finish("1", 5), finish("2", 1), out("2"), finish("3", 9)
    )
    stopped, successor = Process(database, producer, 1), Process(database, producer, 2)
    await stopped.begin()
    await stopped.write(*begun, next_offset=1)
    await stopped.write(*first, next_offset=2)
    await successor.begin()
    await stopped.write(*joins, announce=False)  # it wakes up in the middle of a batch
    await successor.write(*joins, *leaves, *last)  # as one revision, in which the bib 2 never was on the board
    await stopped._sink.announce([(EVENT, 2, 2), (EVENT, 40, 40)])
    await stopped._sink.remember([Progress(RESULTS.name, 0, 900, 0)])
    assert await shown(database, 4) == (["1", "3"], ["1", "2", "3"], [0, 1, 4])
    assert await listed(database) == ["1", "3"]
    assert (await load(database)).revisions == {EVENT: 4}
    assert (await load_progress(database))["results", 0].next_offset == 2
    assert await shown(database, 1) == (["1"], ["1"], [0, 1, 4])
    third = Process(database, producer, 3)
    await third.begin()
    await third.write(*race(writer, out("3"))[0])
    assert await shown(database, 5) == (["1"], ["1", "2", "3"], [0, 1, 4, 5])
    assert await listed(database) == ["1"]


async def test_an_event_that_only_the_stopped_process_announced_is_not_there(
    database: Database, producer: AIOKafkaProducer
) -> None:
    (begun,) = race(ResultsWriter(), [defined(), entries("1"), gun()])
    stopped, successor = Process(database, producer, 1), Process(database, producer, 2)
    await stopped.begin()
    await successor.begin()
    await stopped.write(*begun)
    assert await Store(database).newest_revisions() == []
    await successor.write(*begun)
    assert [known.event for known in await Store(database).newest_revisions()] == [EVENT]


async def test_what_was_announced_before_the_notice_of_the_new_process_is_kept(
    database: Database, producer: AIOKafkaProducer
) -> None:
    begun, first, joins = race(ResultsWriter(), [defined(), entries("1", "2"), gun()], finish("1", 5), finish("2", 1))
    before, successor = Process(database, producer, 1), Process(database, producer, 2)
    await before.begin()
    await before.write(*begun)

    class Late(AIOKafkaProducer):  # type: ignore[misc]
        async def send_and_wait(self, *arguments: object, **named: object) -> object:
            await before.write(*first)  # after the fence of the successor, and before its notice
            return await super().send_and_wait(*arguments, **named)

    async with Late(bootstrap_servers=producer.client._bootstrap_servers) as late:
        successor._producer = late
        await successor.begin()
    assert await listed(database) == ["1"]
    await before.write(*joins)
    assert await listed(database) == ["1"]
    await successor.write(*joins)
    assert await listed(database) == ["2", "1"]


@pytest.mark.parametrize("asks", [False, True])
async def test_live_shows_what_was_kept_late_if_it_looked_while_the_new_process_took_over(
    database: Database, producer: AIOKafkaProducer, asks: bool
) -> None:
    begun, first, joins = race(ResultsWriter(), [defined(), entries("1", "2"), gun()], finish("1", 5), finish("2", 1))
    before, successor = Process(database, producer, 1), Process(database, producer, 2)
    await before.begin()
    await before.write(*begun)
    await before.write(*first)
    store = Store(database)
    tracker = RevisionTracker(store, LiveMetrics(CollectorRegistry()), lambda: 0)
    heard: list[RevisionNotice | None] = []
    tracker.subscribe(lambda announced, earlier, notice: heard.append(notice))

    class Heard(AIOKafkaProducer):  # type: ignore[misc]
        async def send_and_wait(self, topic: str, value: bytes, **named: object) -> object:
            if asks:
                await tracker.poll(patient=False)
            tracker._take(0, value)
            assert len((await store.rows.board(EVENT, "men", 1)).rows) == 2
            await before.write(*joins)
            return await super().send_and_wait(topic, value, **named)

    async with Heard(bootstrap_servers=producer.client._bootstrap_servers) as hearing:
        successor._producer = hearing
        await successor.begin()
    await tracker.poll(patient=False)
    assert tracker.newest[EVENT].revision == 2
    rows = (await store.rows.board(EVENT, "men", 2)).rows
    assert sorted(bib for bib, cell in rows.items() if cell.rank_key) == ["1", "2"]
    assert heard == [None, None]  # what changed is looked up, since neither is known by its notice


async def test_a_process_that_is_stopped_while_it_takes_over_hides_nothing_when_it_wakes_up(
    database: Database, producer: AIOKafkaProducer
) -> None:
    begun, first, joins = race(ResultsWriter(), [defined(), entries("1", "2"), gun()], finish("1", 5), finish("2", 1))
    writes, successor = Process(database, producer, 1), Process(database, producer, 3)
    await writes.begin()
    await writes.write(*begun)
    stopped, goes_on = asyncio.Event(), asyncio.Event()

    class Stopped(Sink):
        async def insert(self, table: str, columns: Columns) -> None:
            if table == "fences":
                stopped.set()
                await goes_on.wait()
            await super().insert(table, columns)
            if table == "fences":
                raise LeaseLost("it ends before its second look")

    sink = Stopped(database, ProjectionMetrics(CollectorRegistry()), "run2", 2)
    taking_over = asyncio.create_task(take_over(database, sink, producer))
    await stopped.wait()
    await writes.write(*first)
    await successor.begin()
    await successor.write(*joins)
    goes_on.set()
    with pytest.raises(LeaseLost):
        await taking_over
    assert await shown(database, 2) == (["1", "2"], ["1", "2"], [0, 1, 2])
    assert await listed(database) == ["2", "1"]
    assert (await load(database)).revisions == {EVENT: 2}


async def test_each_writer_has_a_greater_epoch(database: Database, producer: AIOKafkaProducer) -> None:
    assert await newest_epoch(database) == 0
    await Process(database, producer, 3).begin()
    assert await newest_epoch(database) == 3


async def test_live_ignores_notices_of_a_process_that_lost_its_lease(
    kafka: KafkaOptions, database: Database, producer: AIOKafkaProducer
) -> None:
    tracker = RevisionTracker(Store(database), LiveMetrics(CollectorRegistry()), lambda: 0)
    following = asyncio.create_task(tracker.follow(kafka))
    notice = RevisionNotice(v=1, event=EVENT, revision=5, announced_at_us=1, epoch=2)
    late = msgspec.structs.replace(notice, revision=9, epoch=1)
    async with asyncio.timeout(WAIT_S):
        while EVENT not in tracker.newest:  # it follows from when it has connected
            await producer.send_and_wait(STANDINGS.name, encode_notice(notice), partition=0)
            await asyncio.sleep(0.1)
        for made in (late, msgspec.structs.replace(notice, revision=7)):
            await producer.send_and_wait(STANDINGS.name, encode_notice(made), partition=0)
        while tracker.newest[EVENT].revision < 7:
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert tracker.newest[EVENT].revision == 7
