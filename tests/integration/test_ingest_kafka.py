"""Ingest on a real Kafka: acknowledged is on the log, and nothing gets lost while Kafka is away."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from schemas import codec
from schemas.events import GunFired, LoggedFact, ReadRow, ReadsLogged
from schemas.rejected import REJECTED_VERSION, Rejection, decode_rejection
from schemas.topics import (
    ENVELOPE_READS_MAX,
    PARTITIONS_DEFAULT,
    RACE_LOG,
    RECORD_MAX_BYTES,
    REJECTED,
    Topic,
    partition_of,
)
from services.ingest.dead_letter_quota import REJECTION_BYTES, QuotaLimits
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import KafkaLog, WrongPartitions
from services.ingest.settings import IngestSettings
from services.operate.export_log import lines
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import create_topics
from tests.builders import EVENT, definition
from tests.conftest import running_broker
from tests.ingest.conftest import serving

HANG_S = 60.0  # for a hang only


def wire(seq: int, **changes: object) -> dict[str, object]:
    return {"seq": seq, "device": "S1", "chip": f"C{seq}", "at_us": 1_767_477_600_000_000 + seq, **changes}


def push(*seqs: int) -> dict[str, object]:
    return {"gateway": "g", "session": "s", "reads": [wire(seq) for seq in seqs]}


def reads(*seqs: int) -> ReadsLogged:
    rows = [ReadRow(seq, "S1", f"C{seq}", 1_767_477_600_000_000 + seq) for seq in seqs]
    return ReadsLogged(event=EVENT, gateway="g", session="s", reads=rows)


@asynccontextmanager
async def kafka_log(kafka: KafkaOptions, partitions: int = PARTITIONS_DEFAULT) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(kafka.client(), partitions, IngestMetrics(CollectorRegistry()))
    running = asyncio.create_task(log.run())
    try:
        yield log
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def client_of(
    kafka: KafkaOptions, folder: Path, limits: IngestLimits | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client of an ingest on this Kafka; relative paths are the event's."""
    settings = IngestSettings(
        kafka=kafka, port=0, data=folder, tokens=folder / "tokens.json", config=folder / "matline.toml"
    )
    async with (
        serving(settings, limits=limits) as address,
        aiohttp.ClientSession(address / f"v1/events/{EVENT}/") as client,
    ):
        yield client


async def records(kafka: KafkaOptions, topic: Topic) -> list[tuple[int, int, bytes, bytes]]:
    """Return all records of a topic: partition, offset, key, value."""
    consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        count = PARTITIONS_DEFAULT if topic.partitioned else 1
        partitions = [TopicPartition(topic.name, number) for number in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        logged: list[tuple[int, int, bytes, bytes]] = []
        async with asyncio.timeout(HANG_S):
            while len(logged) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    logged += [(record.partition, record.offset, record.key, record.value) for record in batch]
        return sorted(logged)
    finally:
        await consumer.stop()


async def facts(kafka: KafkaOptions) -> list[LoggedFact]:
    logged = await records(kafka, RACE_LOG)
    return [fact for _, _, _, value in logged for fact in codec.decode_envelope(value).facts]


async def test_what_was_sent_is_exported_with_the_revisions_that_were_answered(kafka, tmp_path):
    gun = {"type": "gun_fired", "event": EVENT, "race": "hm", "at_us": 1_767_477_600_000_000, "id": "gun"}
    answers = []
    async with client_of(kafka, tmp_path) as client:
        for method, path, body in (
            ("PUT", "definition", definition()),
            ("POST", "facts", gun),
            ("POST", "reads", push(1, 2)),
            ("POST", "reads", push(3)),
        ):
            async with client.request(method, path, json=body) as answer:
                assert answer.status == 200
                answers.append((await answer.json())["revision"])
    command = [sys.executable, "-m", "services.cli", "export", "log", EVENT]
    exported = await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "MATLINE_KAFKA": kafka.servers},
        capture_output=True,
        check=True,
        timeout=HANG_S,
    )
    logged = [msgspec.json.decode(line) for line in exported.stdout.splitlines()]
    assert [line["offset"] for line in logged] == answers == [0, 1, 2, 3]
    assert [line["fact"]["type"] for line in logged] == [
        "event_defined",
        "gun_fired",
        "reads_received",
        "reads_received",
    ]
    assert logged[0]["fact"]["definition"] == definition()
    assert logged[1]["fact"]["at_us"] == 1_767_477_600_000_000
    assert [read for line in logged[2:] for read in line["fact"]["reads"]] == [wire(1), wire(2), wire(3)]
    assert [codec.line_from_json(line)[0] for line in exported.stdout.splitlines()] == answers


async def test_an_export_is_of_one_event_though_others_share_its_partition(kafka):
    other = next(f"e{n}" for n in range(100) if partition_of(f"e{n}", 4) == partition_of(EVENT, 4))
    async with kafka_log(kafka) as log:
        await log.append(EVENT, [reads(1)])
        await log.append(other, [GunFired(event=other, race="hm", at_us=0)])
        await log.append(EVENT, [reads(2)])
    logged = [msgspec.json.decode(line) async for line in lines(EVENT, kafka)]
    assert [line["offset"] for line in logged] == [0, 2]
    assert [line async for line in lines("none", kafka)] == []


async def test_each_event_has_its_partition_and_its_key(kafka):
    events = [f"event-{number}" for number in range(12)]
    async with kafka_log(kafka) as log:
        for event in events:
            await log.append(event, [GunFired(event=event, race="hm", at_us=0)])
    logged = {key.decode(): partition for partition, _, key, _ in await records(kafka, RACE_LOG)}
    assert logged == {event: partition_of(event, PARTITIONS_DEFAULT) for event in events}
    assert len(set(logged.values())) == PARTITIONS_DEFAULT


async def test_a_flood_packs_itself_in_order_and_no_record_is_over_its_bounds(kafka):
    pushes = [reads(*range(start, start + 3)) for start in range(0, 6000, 3)]
    async with kafka_log(kafka) as log:
        offsets = await asyncio.gather(*(log.append(EVENT, [fact]) for fact in pushes))
    logged = await records(kafka, RACE_LOG)
    envelopes = [codec.decode_envelope(value) for _, _, _, value in logged]
    assert [row.seq for envelope in envelopes for fact in envelope.facts for row in fact.reads] == list(range(6000))
    assert (
        max(len([row for fact in envelope.facts for row in fact.reads]) for envelope in envelopes) <= ENVELOPE_READS_MAX
    )
    assert len(logged) < len(pushes) / 20
    assert offsets == [
        offset for (_, offset, _, _), envelope in zip(logged, envelopes, strict=True) for _ in envelope.facts
    ]


async def test_one_read_alone_is_one_record(kafka):
    async with kafka_log(kafka) as log:
        assert [await log.append(EVENT, [reads(seq)]) for seq in range(3)] == [0, 1, 2]


async def test_no_record_is_over_512_kib_whatever_the_facts_are(kafka, tmp_path):
    entries = [
        {
            "bib": str(number),
            "chips": [f"C{number}"],
            "race": "hm",
            "gender": "F",
            "given_name": "Đ" * 150,
            "family_name": "ế" * 150,
            "club": "ữ" * 150,
        }
        for number in range(1, 1001)
    ]
    data = io.BytesIO(msgspec.json.encode(entries))
    async with client_of(kafka, tmp_path) as client, client.post("entries", data=data) as answer:
        body = await answer.json()
    assert body["accepted"] == 1000
    logged = await records(kafka, RACE_LOG)
    assert len(logged) > 2
    assert max(len(value) for *_, value in logged) <= RECORD_MAX_BYTES
    assert body["revision"] == logged[-1][1]
    bibs = [entry.bib for fact in await facts(kafka) for entry in fact.entries]
    assert bibs == [entry["bib"] for entry in entries]


async def test_a_dead_letter_stands_in_its_topic_as_json(kafka):
    rejection = Rejection(
        v=REJECTED_VERSION, event=EVENT, source="http", reason="not read", raw=b"\0\xff", size=2, gateway="g", index=3
    )
    async with kafka_log(kafka) as log:
        await log.put_dead_letters([rejection, rejection])
    logged = await records(kafka, REJECTED)
    assert [(key, decode_rejection(value)) for _, _, key, value in logged] == [(EVENT.encode(), rejection)] * 2
    assert msgspec.json.decode(logged[0][3])["reason"] == "not read"


async def test_a_sender_of_nothing_readable_is_halted_and_others_go_on(kafka, tmp_path):
    limits = IngestLimits(dead_letters=QuotaLimits(at_once_bytes=3 * REJECTION_BYTES, bytes_a_second=1e-3))
    bad = {"gateway": "bad", "session": "s", "reads": [wire(1), wire(2, chip="")]}
    statuses = []
    async with client_of(kafka, tmp_path, limits) as client:
        for body in (bad, bad, bad, push(3)):
            async with client.post("reads", json=body) as answer:
                statuses.append(answer.status)
                assert (answer.status == 429) is ("Retry-After" in answer.headers)
        async with client.get("/metrics") as answer:
            assert 'matline_ingest_halted_total{source="http"} 1.0' in await answer.text()
    assert statuses == [200, 200, 429, 200]
    assert [(fact.gateway, len(fact.reads)) for fact in await facts(kafka)] == [("bad", 1), ("bad", 1), ("g", 1)]


async def test_another_number_of_partitions_than_set_is_refused(kafka):
    log = KafkaLog(kafka.client(), PARTITIONS_DEFAULT + 1, IngestMetrics(CollectorRegistry()))
    with pytest.raises(WrongPartitions, match=f"MATLINE_PARTITIONS={PARTITIONS_DEFAULT}"):
        await log.run()


async def test_ingest_ends_with_what_to_do_when_the_partitions_do_not_fit(kafka):
    environment = {
        **os.environ,
        "MATLINE_KAFKA": kafka.servers,
        "MATLINE_INGEST_PORT": "0",
        "MATLINE_PARTITIONS": "7",
    }
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.cli", "ingest"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=HANG_S,
        text=True,
    )
    assert ended.returncode == 2
    assert f"MATLINE_PARTITIONS={PARTITIONS_DEFAULT}" in ended.stderr.splitlines()[-1]


async def test_nothing_acknowledged_is_lost_while_the_broker_is_stopped(tmp_path: Path):
    """While the broker is frozen, ingest answers 503; what is then sent again arrives."""
    limits = IngestLimits(ack_wait_s=1.0)
    answered: list[int] = []

    async def send(client: aiohttp.ClientSession, seq: int) -> None:
        """Send a request again, unchanged, until it is accepted, as a gateway does."""
        while True:
            async with client.post("reads", json=push(seq)) as answer:
                answered.append(answer.status)
                if answer.status == 200:
                    return
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) >= 1

    async def until_ready(client: aiohttp.ClientSession, status: int) -> None:
        while True:
            async with client.get("/readyz") as ready:
                if ready.status == status:
                    return
            await asyncio.sleep(0.05)

    with running_broker(tmp_path) as (kafka, process):
        await create_topics(kafka, PARTITIONS_DEFAULT, 1, {})
        async with client_of(kafka, tmp_path, limits) as client, asyncio.timeout(HANG_S):
            for seq in range(20):
                await send(client, seq)
            assert answered == [200] * 20
            process.send_signal(signal.SIGSTOP)
            sending = [asyncio.create_task(send(client, seq)) for seq in range(20, 40)]
            while answered.count(503) < 20:
                await asyncio.sleep(0.05)
            assert answered.count(200) == 20
            await until_ready(client, 503)
            process.send_signal(signal.SIGCONT)
            await asyncio.gather(*sending)
            await until_ready(client, 200)
        logged = [row.seq for fact in await facts(kafka) for row in fact.reads]
    assert set(logged) == set(range(40))
    assert logged[:20] == list(range(20))
