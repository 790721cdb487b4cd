"""Send a simulated race to a running stack while something is done to it, and gather the evidence afterwards."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from loadtest.chaos.evidence import Acknowledged, BoardRow, Evidence, LoggedRecord, Place, ReadKey
from loadtest.chaos.injection import unreadable_values
from loadtest.chaos.viewers import follow_stream, look_back, poll_board, poll_publications
from loadtest.driver import Target, drive
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation
from loadtest.stack import MATLINE, StackAddresses, started
from loadtest.truth import Truth
from schemas.codec import line_from_json
from schemas.events import EntriesAdded, ReadsReceived, Ruling
from schemas.rejected import decode_rejection
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, REJECTED, RESULTS, partition_of

PUBLISH_EVERY_S = 3.0
HEALED_S = 180.0  # for the boards to show the end of the log after the last fault
PATIENCE_S = 900.0  # of senders: while faults overlap, a stack may take nothing for minutes
HEALED_POLL_S = 1.0
VIEWERS = 2  # of boards: a stream and a poll
_BOARDS = (
    "SELECT board, place, bib, time_s FROM matline.leaderboard WHERE event = {event:String}"
    " ORDER BY board, place, length(bib), bib"
)
_STORED = f"""
import sys, chdb
connection = chdb.connect(sys.argv[1])
print(connection.query({_BOARDS!r}, "JSONCompactEachRow", params={{"event": sys.argv[2]}}))
"""


def evidence_of(simulation: Simulation) -> Evidence:
    """Return the evidence of a run that has not begun: the truth alone."""
    return Evidence(truth={bib: _of_truth(true) for bib, true in simulation.truth.items()})


async def send_race(
    stack: StackAddresses,
    ingest_port: int,
    simulation: Simulation,
    seconds: float,
    evidence: Evidence,
    meanwhile: Coroutine[Any, Any, None],
    healed_s: float = HEALED_S,
    publish_every_s: float = PUBLISH_EVERY_S,
) -> None:
    """Send a day to `ingest_port` over some seconds, at a steady rate, and note what senders and viewers see.

    Results are published again and again meanwhile. Returns when all is sent, `meanwhile` is over, and every viewer was
    shown the end of the log, for which there are `healed_s` seconds.
    """
    event = simulation.definition.event
    url = f"http://127.0.0.1:{stack.live_port}/v1/events/{event}"
    race_ids = [race.id for race in simulation.definition.races]
    publishing = asyncio.create_task(_publish(stack, event, race_ids, publish_every_s, evidence))
    viewers = [
        asyncio.create_task(follow_stream(url, evidence)),
        asyncio.create_task(poll_board(url, simulation.definition.boards[0].id, evidence)),
        asyncio.create_task(poll_publications(url, race_ids, evidence)),
    ]

    def acknowledge(accepted: Sequence[RawRead] | Sequence[Ruling], revision: int | None) -> None:
        for item in accepted:
            if isinstance(item, RawRead):
                evidence.reads.append(ReadKey(item.device, item.chip, item.at_us))
            else:
                evidence.facts.append(item.id or "")
        evidence.acknowledged.append(Acknowledged(time.monotonic(), -1 if revision is None else revision))

    rate = len(simulation.reads) / seconds
    target = Target(
        url=f"http://127.0.0.1:{ingest_port}",
        gateway_token=stack.good_token,
        official_token=stack.official_token,
        patience_s=PATIENCE_S,
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(meanwhile)
            group.create_task(drive(simulation, target, pace=lambda _: rate, acknowledge=acknowledge))
        publishing.cancel()
        await _healed(url, stack, healed_s, evidence)
        await _ready(stack)
        await look_back(url, evidence)
    finally:
        for task in (publishing, *viewers):
            task.cancel()
        await asyncio.gather(publishing, *viewers, return_exceptions=True)


async def _publish(stack: StackAddresses, event: str, race_ids: list[str], every_s: float, evidence: Evidence) -> None:
    """Publish the results of every race again and again, each time by facts of new ids; note those acknowledged."""
    url = f"http://127.0.0.1:{stack.ingest_port}/v1/events/{event}/facts"
    headers = {"Authorization": f"Bearer {stack.official_token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20.0)) as session:
        number = 0
        while True:
            await asyncio.sleep(every_s)
            number += 1
            facts = [
                {"type": "results_published", "event": event, "id": f"p-{number}-{race}", "race": race}
                | {"state": "provisional"}
                for race in race_ids
            ]
            try:
                async with session.post(url, json=facts) as answer:
                    if answer.status == 200:
                        evidence.facts += [fact["id"] for fact in facts]
            except (aiohttp.ClientError, TimeoutError):
                continue


async def _healed(url: str, stack: StackAddresses, patience_s: float, evidence: Evidence) -> None:
    """Wait until the boards and every viewer are at the end of the log; what is not in time the checker finds."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        last = await _last_offset(stack, url.rpartition("/")[2])
        newest = {shown.viewer: shown.revision for shown in evidence.shown}
        if last is not None and len(newest) == VIEWERS and min(newest.values()) >= last:
            return
        await asyncio.sleep(HEALED_POLL_S)


async def _ready(stack: StackAddresses) -> None:
    """Wait until live reports that it is ready; projections may just have been started again. Raises TimeoutError."""
    async with asyncio.timeout(HEALED_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{stack.live_port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(HEALED_POLL_S)


async def _last_offset(stack: StackAddresses, event: str) -> int | None:
    """Return the offset of the event's last record, None while Kafka does not give it."""
    code, exported = await run_matline(stack, "export", "log", event)
    lines = exported.splitlines()
    return line_from_json(lines[-1])[0] if code == 0 and lines else None


async def run_matline(stack: StackAddresses, *words: str, given: bytes | None = None) -> tuple[int, bytes]:
    """Run a command on the stack, with a hash seed of its own; return its exit code and its output."""
    environment = {
        **os.environ,
        "MATLINE_KAFKA": f"127.0.0.1:{stack.kafka_port}",
        "MATLINE_LIVE": f"http://127.0.0.1:{stack.live_port}",
        "PYTHONHASHSEED": "4711",
    }
    async with started(
        *(*MATLINE, *words),
        stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        output, faults = await process.communicate(given)
    return process.returncode or 0, output if process.returncode == 0 else output + faults


async def collect(stack: StackAddresses, event: str, evidence: Evidence) -> None:
    """Gather what the log, the live API, another fold of the log, Kafka and ClickHouse have in the end."""
    code, exported = await run_matline(stack, "export", "log", event)
    if code != 0:
        raise RuntimeError(f"matline export log: {exported.decode(errors='replace')}")
    evidence.log = [_logged(line) for line in exported.splitlines()]
    code, verified = await run_matline(stack, "verify", event, "--seed=99")
    evidence.verified = "" if code == 0 else verified.decode(errors="replace")
    _, scored = await run_matline(stack, "score", "-", given=exported)
    scored_document = msgspec.json.decode(scored)
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        address = f"http://127.0.0.1:{stack.live_port}/v1/events/{event}/standings"
        async with session.get(address) as answer:
            served_document = msgspec.json.decode(await answer.read())
    evidence.scored, evidence.scored_boards = _athletes(scored_document), _boards(scored_document)
    evidence.served, evidence.served_boards = _athletes(served_document), _boards(served_document)
    evidence.dead_letters = await _dead_letters(stack)
    evidence.poison = await _unreadable(stack, event)


def _logged(line: bytes) -> LoggedRecord:
    offset, fact = line_from_json(line)
    reads = fact.reads if isinstance(fact, ReadsReceived) else ()
    keys = tuple(ReadKey(read.device, read.chip, read.at_us) for read in reads)
    sent_as = (fact.part_of or fact.id) if isinstance(fact, EntriesAdded) else fact.id  # a long list is several facts
    return LoggedRecord(-1 if offset is None else offset, str(fact.__struct_config__.tag), sent_as, keys)


def _athletes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {athlete["bib"]: athlete for athlete in document["athletes"]}


def _boards(document: dict[str, Any]) -> dict[str, list[BoardRow]]:
    boards = {
        name: [(row["place"], row["bib"], row["time_s"]) for row in rows if row["place"] is not None]
        for name, rows in document["boards"].items()
    }
    return {name: rows for name, rows in boards.items() if rows}


def _of_truth(true: Truth) -> dict[str, Any]:
    """Return a runner's truth in the words of the standings document."""
    return {
        **{name: getattr(true, name) for name in ("race", "status", "gun_us", "chip_us", "time_s", "cut_at", "missed")},
        "points": [{"point": p.point, "at_us": p.at_us, "source": p.source} for p in true.points],
    }


async def _dead_letters(stack: StackAddresses) -> set[Place]:
    """Return the places of all dead letters; those of ingest have none in Kafka."""
    letters = [decode_rejection(record.value) for record in await _records(stack, REJECTED.name, 0)]
    return {(letter.topic or letter.source, letter.partition or 0, letter.offset or 0) for letter in letters}


async def _unreadable(stack: StackAddresses, event: str) -> set[Place]:
    """Return the places of the records that were injected. On `standings` they do no harm and are only counted."""
    values, partition = unreadable_values(event), partition_of(event, PARTITIONS_DEFAULT)
    return {
        (topic, partition, record.offset)
        for topic in (RACE_LOG.name, RESULTS.name)
        for record in await _records(stack, topic, partition)
        if record.value in values
    }


async def _records(stack: StackAddresses, topic: str, number: int) -> list[ConsumerRecord]:
    """Return all records of a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{stack.kafka_port}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, number)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        records: list[ConsumerRecord] = []
        while await consumer.position(partition) < end:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records += batch
    finally:
        await consumer.stop()
    return records


async def stored_boards(engine: Path, event: str) -> dict[str, list[BoardRow]]:
    """Return the boards that ClickHouse has; a process of its own opens the engine's folder."""
    command = (sys.executable, "-c", _STORED, str(engine), event)
    async with started(*command, stdout=subprocess.PIPE) as process:
        output, _ = await process.communicate()
    boards: dict[str, list[BoardRow]] = {}
    for line in output.decode().splitlines():
        if line:
            board, place, bib, time_s = json.loads(line)
            boards.setdefault(board, []).append((int(place), bib, int(time_s)))
    return boards
