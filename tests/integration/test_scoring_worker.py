"""The scoring worker as a process on a real broker: whatever happens to it, its rows are those of a fold of the log."""

import asyncio
import random
import signal
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from schemas.codec import encode_envelope
from schemas.rejected import Rejection, encode_rejection
from schemas.topics import (
    ENVELOPE_VERSION,
    FRAME_ROWS_MAX,
    PARTITIONS_DEFAULT,
    REJECTED,
    RESULTS,
    partition_of,
)
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import create_topics
from services.scoring.log_reader import RECORDS_MAX
from services.scoring.partition_worker import NEAR_RECORDS
from tests import DATA, builders
from tests.conftest import running_broker, topics_anew
from tests.integration.scoring_worker import (
    WAIT_S,
    Log,
    Published,
    Results,
    Worker,
    assert_equal_to_a_fold,
    race_facts,
    rejections,
)

EVENTS = ["alpha", "gamma", "delta"]  # in three partitions
SEED = 20_260_104
WALK_UP_LOG = DATA / "field/12-walk-up-not-yet-entered.jsonl"
WALK_UPS = [msgspec.json.decode(line) for line in WALK_UP_LOG.read_bytes().splitlines()]


def names_of(seen: Published, event: str) -> list[str]:
    """The chips that nobody wears, by the newest list of an event."""
    return sorted(chip.chip for chip in seen.unknown_chips[event].chips) if event in seen.unknown_chips else []


def beside(event: str) -> str:
    """Another event in the same partition."""
    partition = partition_of(event, PARTITIONS_DEFAULT)
    return next(name for name in map("old-{}".format, count()) if partition_of(name, PARTITIONS_DEFAULT) == partition)


async def test_rows_of_an_old_and_of_a_growing_log_are_those_of_a_fold_and_say_when_accepted(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    assert len({partition_of(event, 4) for event in EVENTS}) == 3
    async with Log(kafka) as log, Results(kafka) as results:
        races = {event: race_facts(event, 60, seed) for seed, event in enumerate(EVENTS)}
        heads = {event: await log.append_all(event, records[:100]) for event, records in races.items()}
        async with Worker(kafka, tmp_path) as worker:
            await worker.ready()
            filled = await results.complete(heads)
            assert_equal_to_a_fold(filled, log)
            assert all(frame.accepted_us is None for frame in filled.frames)
            heads = {event: await log.append_all(event, records[100:]) for event, records in races.items()}
            published = await results.complete(heads)
            assert_equal_to_a_fold(published, log)
            assert all(len(frame.rows) <= FRAME_ROWS_MAX for frame in published.frames)
            metrics = await worker.metrics()
            repeats = sum(value for name, value in metrics.items() if "repeated_reads_total" in name)
            assert repeats == sum(state.repeats for state in log.states.values()) > 0
            assert metrics['matline_scoring_records_total{way="live"}'] == sum(len(r) for r in races.values()) - 300

            gun = {**builders.gun(2, recorded_at_us=1_000_000), "event": "alpha"}
            published = await results.complete({"alpha": await log.append("alpha", gun)})
            assert [frame.accepted_us for frame in published.frames][-1] == 1_000_000
            nobody = builders.reads(builders.read("S1", "NOBODY", 5), recorded_at_us=2_000_000)
            head = await log.append("alpha", {**nobody, "event": "alpha"})
            empty = (await results.complete({"alpha": head})).frames[-1]
            assert (empty.through_offset, empty.last, empty.rows, empty.events) == (head, True, [], [])
            walked = [{**plain, "event": "delta"} for plain in WALK_UPS if plain["type"] == "reads_received"]
            await log.append_all("delta", [[plain] for plain in walked])
            await results.until(lambda seen: names_of(seen, "alpha") == ["NOBODY"], "a chip of nobody")
            await results.until(lambda seen: names_of(seen, "delta") == ["W1", "W900", "W901"], "chips of walk-ups")
            assert {chip.reads for chip in results.published.unknown_chips["delta"].chips} == {5}
            assert await worker.end(signal.SIGTERM) == 0


async def test_all_rows_are_sent_again_once_for_each_record_of_results_that_cannot_be_read(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    """The projections repeat a letter until it is answered; letters of other records ask for nothing. Rows of archived
    events come as well.
    """
    partition = partition_of("alpha", PARTITIONS_DEFAULT)
    old = beside("alpha")
    letter = Rejection(v=1, event="", source="projections", reason="", raw=b"", size=0, topic=RESULTS.name)
    mine = msgspec.structs.replace(letter, partition=partition, offset=5)
    others = [msgspec.structs.replace(mine, topic="race-log"), msgspec.structs.replace(mine, partition=partition + 9)]
    async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path) as worker:
        await worker.ready()
        archived = {**builders.fact("event_archived"), "event": old}
        old_head = await log.append_all(old, [*race_facts(old, 3, 4), [archived]])
        head = await log.append_all("alpha", race_facts("alpha", 30, 3))
        sent = await results.complete({"alpha": head, old: old_head})
        assert sum(frame.resends_all for frame in sent.frames) == 0
        bibs = {(event, bib) for event, state in log.states.items() for bib in state.rulings.bibs()}

        def answered(published: Published, times: int) -> bool:
            begins = [nth for nth, frame in enumerate(published.frames) if frame.resends_all]
            assert len(begins) <= times, "a letter is answered once"
            rows = [row for begin in begins[times - 1 :] for frame in published.frames[begin:] for row in frame.rows]
            return bibs <= {(row.event, row.bib) for row in rows}

        async with AIOKafkaProducer(**kafka.client()) as producer, asyncio.timeout(WAIT_S):
            for times, asked in enumerate((mine, msgspec.structs.replace(mine, offset=6)), 1):
                while not answered(sent, times):
                    for value in (b"results [" * 1000, *map(encode_rejection, [*others, asked, asked])):
                        await producer.send_and_wait(REJECTED.name, value, partition=0)
                    sent = await results.some()
        assert_equal_to_a_fold(sent, log)


async def test_a_record_that_publishes_results_ends_a_revision_in_a_replay_and_live(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    """So that what it says is known exactly, whatever else is folded together."""
    publishes = {**builders.fact("results_published", race="hm", state="provisional", id="p"), "event": "alpha"}
    async with Log(kafka) as log, Results(kafka) as results:
        await log.append_all("alpha", (records := race_facts("alpha", 40, 3))[:30])
        first = await log.append("alpha", publishes)
        head = await log.append_all("alpha", records[30:60])
        async with Worker(kafka, tmp_path) as worker:
            await worker.ready()
            seen = await results.complete({"alpha": head})
            assert [frame.heads["alpha"] for frame in seen.frames if frame.heads] == [first, head]
            published = next(row for frame in seen.frames for row in frame.events)
            assert [publication.offset for publication in published.publications] == [first]
            assert_equal_to_a_fold(seen, log)

            worker.signal(signal.SIGSTOP)
            await log.append_all("alpha", records[60:65])
            second = await log.append("alpha", {**publishes, "id": "q"})
            again = await log.append("alpha", {**publishes, "id": "q"})  # counts for nothing, and holds nothing up
            head = await log.append_all("alpha", records[65:])
            worker.signal(signal.SIGCONT)
            seen = await results.complete({"alpha": head})
            assert second in [frame.heads.get("alpha") for frame in seen.frames]
            assert again < head
            assert_equal_to_a_fold(seen, log)
            assert await worker.end(signal.SIGTERM) == 0


async def test_killed_at_five_instants_of_a_race_the_rows_in_the_end_are_the_same(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path, snapshot_s=1) as worker:
        racing = [
            asyncio.create_task(log.append_all(event, race_facts(event, 90, seed), pause_s=0.05))
            for seed, event in enumerate(EVENTS)
        ]
        await worker.ready()
        for _ in range(5):
            await asyncio.sleep(rng.uniform(0, 1.2))  # the instant is the test's input
            await worker.end(signal.SIGKILL)
            worker.start()
            if rng.random() < 0.6:  # otherwise it may be hit while it still starts or fills
                await worker.ready()
        last = await asyncio.gather(*racing)
        published = await results.complete(dict(zip(EVENTS, last, strict=True)))
        assert_equal_to_a_fold(published, log)
        assert await worker.end(signal.SIGTERM) == 0


async def test_a_second_worker_that_joins_and_leaves_changes_nothing(kafka: KafkaOptions, tmp_path: Path) -> None:
    async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path, "one") as worker:
        racing = [
            asyncio.create_task(log.append_all(event, race_facts(event, 60, seed), pause_s=0.04))
            for seed, event in enumerate(EVENTS)
        ]
        await worker.ready()
        async with Worker(kafka, tmp_path, "two") as two:
            await two.ready()
            assert (
                (await worker.metrics())["matline_scoring_partitions"]
                == (await two.metrics())["matline_scoring_partitions"]
                == 2
            )
            assert await two.end(signal.SIGTERM) == 0
        last = await asyncio.gather(*racing)
        published = await results.complete(dict(zip(EVENTS, last, strict=True)))
        assert_equal_to_a_fold(published, log)
        async with asyncio.timeout(WAIT_S):
            while (await worker.metrics())["matline_scoring_partitions"] != 4:
                await asyncio.sleep(0.1)
        again = {event: await log.append(event, {**builders.status("3"), "event": event}) for event in EVENTS}
        assert_equal_to_a_fold(await results.complete(again), log)


async def test_an_unusable_record_goes_to_rejected_once_and_stops_nothing(kafka: KafkaOptions, tmp_path: Path) -> None:
    foreign = next(name for name in ("x1", "x2", "x3", "x4", "x5") if partition_of(name, 4) != partition_of("alpha", 4))
    async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path) as worker:
        await worker.ready()
        records = race_facts("alpha", 20, 1)
        await log.append_all("alpha", records[:10])
        unreadable = await log.append_raw("alpha", b"\x93no envelope")
        misplaced = await log.append_raw("alpha", encode_envelope(foreign, []))
        bad: Any = builders.typed({**builders.defined(builders.definition(event="alpha")), "definition": {"event": 1}})
        refused = await log.append_raw("alpha", encode_envelope("alpha", [bad]))
        head = await log.append_all("alpha", records[10:])
        assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
        letters = await rejections(kafka, 3)
        assert [(letter.topic, letter.partition, letter.offset, letter.index, letter.source) for letter in letters] == [
            ("race-log", partition_of("alpha", 4), offset, index, "scoring")
            for offset, index in ((unreadable, None), (misplaced, None), (refused, 0))
        ]
        assert letters[0].raw == b"\x93no envelope"
        assert "belongs to partition" in letters[1].reason
        metrics = await worker.metrics()
        assert [
            metrics[f'matline_scoring_rejected_total{{reason="{r}"}}'] for r in ("unreadable", "misplaced", "refused")
        ] == [1.0] * 3
        assert await worker.end(signal.SIGTERM) == 0  # which lets the offsets be committed
        worker.start()
        await worker.ready()
        await log.append_raw("alpha", b"")
        again = await rejections(kafka, 4)
        assert len(again) == 4, "a dead letter of before a restart is not written again"


async def test_a_snapshot_spares_reading_the_log_again_and_a_damaged_one_is_ignored(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshots" / f"race-log-{partition_of('alpha', 4)}.snapshot"
    async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path, snapshot_s=0) as worker:
        head = await log.append_all("alpha", race_facts("alpha", 30, 3))
        await worker.ready()
        await results.complete({"alpha": head})
        async with asyncio.timeout(WAIT_S):
            while not snapshot.exists():
                await asyncio.sleep(0.05)
        await worker.end(signal.SIGKILL)
        head = await log.append_all("alpha", [[{**builders.status("5"), "event": "alpha"}]])

        sent = len(results.published.frames)
        worker.start()
        published = await results.complete({"alpha": head})
        assert_equal_to_a_fold(published, log)
        assert (await worker.metrics())['matline_scoring_records_total{way="fill"}'] <= 2
        assert "loaded" in worker.said()
        everybody = {str(bib) for bib in range(1, 31)}
        await results.until(
            lambda seen: {row.bib for frame in seen.frames[sent:] for row in frame.rows} == everybody, "everybody again"
        )
        assert_equal_to_a_fold(published, log)
        await worker.end(signal.SIGKILL)

        data = bytearray(snapshot.read_bytes())
        data[len(data) // 2] ^= 1
        snapshot.write_bytes(data)
        head = await log.append_all("alpha", [[{**builders.status("6"), "event": "alpha"}]])
        worker.start()
        assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
        assert (await worker.metrics())['matline_scoring_records_total{way="fill"}'] == head + 1
        assert "is not used" in worker.said()


async def test_a_record_of_a_newer_release_ends_the_process_and_says_so(kafka: KafkaOptions, tmp_path: Path) -> None:
    async with Log(kafka) as log, Worker(kafka, tmp_path) as worker:
        await worker.ready()
        newer = msgspec.msgpack.encode({"v": ENVELOPE_VERSION + 1, "event": "alpha", "facts": []})
        offset = await log.append_raw("alpha", newer)
        assert await worker.ended() != 0
        assert f"offset {offset}" in worker.said()
        assert "upgrade scoring" in worker.said()
        worker.start()  # and again from the log, before it would pass it over
        assert await worker.ended() != 0
        assert await rejections(kafka, 0) == []


async def test_the_worker_waits_for_a_broker_that_is_gone_for_seconds(tmp_path: Path) -> None:
    with running_broker(tmp_path) as (kafka, process):
        await create_topics(kafka, 4, 1, {})
        async with Log(kafka) as log, Results(kafka) as results, Worker(kafka, tmp_path / "data") as worker:
            records = race_facts("alpha", 40, 4)
            await log.append_all("alpha", records[:60])
            await worker.ready()
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(7)  # longer than the group's session: the worker has to join again
            process.send_signal(signal.SIGCONT)
            head = await log.append_all("alpha", records[60:])
            assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
            assert worker.running()


async def test_a_recreated_log_ends_the_process_and_its_snapshots_are_ignored(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    async with Worker(kafka, tmp_path, snapshot_s=0) as worker:
        async with Log(kafka) as log, Results(kafka) as results:
            head = await log.append_all("alpha", race_facts("alpha", 10, 5))
            await worker.ready()
            await results.complete({"alpha": head})
            async with asyncio.timeout(WAIT_S):
                while not list((tmp_path / "snapshots").glob("*.snapshot")):
                    await asyncio.sleep(0.05)
        worker.signal(signal.SIGSTOP)  # so that it never sees the topic missing, as after a restore while it was away
        await topics_anew(kafka)
        async with Log(kafka) as log, Results(kafka) as results:
            head = await log.append_all("alpha", race_facts("alpha", 30, 6))
            worker.signal(signal.SIGCONT)
            assert await worker.ended() != 0
            assert "matline rebuild" in worker.said()
            worker.start()
            assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
            assert "is not used" in worker.said()


async def test_a_worker_without_a_snapshot_reads_to_the_end_of_a_log_that_reopens_an_event_on_the_way(
    kafka: KafkaOptions, tmp_path: Path
) -> None:
    """Another worker has committed the group to the end, so nothing else brings the last records."""
    records = race_facts("alpha", 40, 3)
    archived, opened = ({**builders.fact(kind), "event": "alpha"} for kind in ("event_archived", "event_reopened"))
    async with Log(kafka) as log, Results(kafka) as results:
        async with Worker(kafka, tmp_path / "first", "first") as worker:
            await worker.ready()
            head = await log.append_all("alpha", [*records[:60], [archived]])
            await results.complete({"alpha": head})
            await log.append_all(beside("alpha"), race_facts(beside("alpha"), 3, 4))
            await log.append("alpha", opened)
            repeats = {**builders.reads(builders.read("S1", "C1", 5)), "event": "alpha"}
            head = await log.append_all("alpha", [*[[repeats]] * 140, *records[60:80]])
            assert RECORDS_MAX < head < RECORDS_MAX + NEAR_RECORDS
            assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
            assert await worker.end(signal.SIGTERM) == 0
        async with Worker(kafka, tmp_path / "second", "second") as worker:
            await worker.ready()
            head = await log.append_all("alpha", records[80:])
            assert_equal_to_a_fold(await results.complete({"alpha": head}), log)
