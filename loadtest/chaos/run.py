"""One run: a stack of its own, a simulated race sent to it while faults are injected, and the evidence afterwards."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct
from msgspec.structs import replace

import races
from loadtest.chaos.checker import Verdict, judge
from loadtest.chaos.disk import small_disk
from loadtest.chaos.evidence import Acknowledged, BoardRow, Evidence, LoggedRecord, Place, ReadKey
from loadtest.chaos.injection import Injected, Targets, inject, unreadable_values
from loadtest.chaos.line import Line
from loadtest.chaos.schedule import DISK, Fault, Stack
from loadtest.chaos.servers import Servers, running_servers
from loadtest.chaos.viewers import follow_stream, look_back, poll_board, poll_publications
from loadtest.driver import Target, drive
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, simulate
from loadtest.stack import MATLINE, RunningStack, running_stack
from loadtest.truth import Truth
from schemas.codec import line_from_json
from schemas.definition_parse import definition_from_toml
from schemas.events import EntriesAdded, ReadsReceived, Ruling
from schemas.rejected import decode_rejection
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, REJECTED, RESULTS, partition_of

RACE = "hanoi-half-2024"
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


class Plan(Struct, frozen=True, kw_only=True):
    """A race of `size` entrants, drawn from `seed`, that is sent over some `seconds` while the faults happen.

    The stack has everything embedded, or Kafka and ClickHouse beside it. `healed_s` is the time for the boards to show
    the end of the log afterwards; `matline` is the command of the stack.
    """

    seed: int
    seconds: float
    size: int
    faults: list[Fault]
    stack: Stack = "embedded"
    healed_s: float = HEALED_S
    matline: Sequence[str] = MATLINE


class Outcome(Struct, frozen=True, kw_only=True):
    """A finished run: the verdict on it, what was injected, the evidence, and everything that the stack printed."""

    verdict: Verdict
    injected: list[Injected]
    evidence: Evidence
    output: str


async def run(plan: Plan) -> Outcome:
    """Run a plan on a stack of its own. Raises RuntimeError if the stack does not start."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), plan.size, plan.seed)
    evidence = Evidence(truth={bib: _of_truth(true) for bib, true in simulation.truth.items()})
    async with _started(plan) as (stack, servers):
        try:
            injected = await _race(stack, servers, simulation, plan, evidence)
            await _collect(stack, simulation.definition.event, evidence)
        except Exception as error:
            error.add_note(f"what the stack printed is in {keep_output(stack.output.read_text(errors='replace'))}")
            raise
        engine = stack.data / "clickhouse"
        if servers is not None:
            await servers.processes["clickhouse"].stop()
            engine = servers.engine
        evidence.stored_boards = await _stored_boards(engine, simulation.definition.event)
        output = stack.output.read_text(errors="replace")
    return Outcome(verdict=judge(evidence), injected=injected, evidence=evidence, output=output)


def keep_output(output: str) -> str:
    """Write what a stack has printed to a file that stays, and return its name."""
    with tempfile.NamedTemporaryFile("w", prefix="matline-chaos-", suffix=".log", delete=False) as kept:
        kept.write(output)
    return kept.name


@asynccontextmanager
async def _started(plan: Plan) -> AsyncIterator[tuple[RunningStack, Servers | None]]:
    """Start the stack of a plan, and the servers beside it; stop them when the context is left."""
    if plan.stack == "embedded":
        full = any(fault.target == DISK for fault in plan.faults)
        with small_disk() if full else nullcontext() as disk:
            async with running_stack(plan.matline, disk=disk) as stack:
                yield stack, None
        return
    with tempfile.TemporaryDirectory(prefix="matline-servers-") as folder:
        async with (
            running_servers(Path(folder)) as servers,
            running_stack(plan.matline, options=servers.options()) as stack,
        ):
            yield replace(stack, kafka_port=servers.kafka.port), servers


async def _race(
    stack: RunningStack, servers: Servers | None, simulation: Simulation, plan: Plan, evidence: Evidence
) -> list[Injected]:
    event = simulation.definition.event
    url = f"http://127.0.0.1:{stack.live_port}/v1/events/{event}"
    race_ids = [race.id for race in simulation.definition.races]
    publishing = asyncio.create_task(_publish(stack, event, race_ids, evidence))
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

    rate = len(simulation.reads) / plan.seconds
    try:
        async with Line(stack.ingest_port) as line, asyncio.TaskGroup() as group:
            target = Target(
                url=f"http://127.0.0.1:{line.port}",
                gateway_token=stack.good_token,
                official_token=stack.official_token,
                patience_s=PATIENCE_S,
            )
            targets = Targets(stack=stack, line=line, servers=servers)
            injecting = group.create_task(inject(targets, event, plan.faults))
            group.create_task(drive(simulation, target, pace=lambda _: rate, acknowledge=acknowledge))
        publishing.cancel()
        await _healed(url, stack, plan.healed_s, evidence)
        await _ready(stack)
        await look_back(url, evidence)
    finally:
        for task in (publishing, *viewers):
            task.cancel()
        await asyncio.gather(publishing, *viewers, return_exceptions=True)
    return injecting.result()


async def _publish(stack: RunningStack, event: str, race_ids: list[str], evidence: Evidence) -> None:
    """Publish the results of every race again and again, each time by facts of new ids; note those acknowledged."""
    url = f"http://127.0.0.1:{stack.ingest_port}/v1/events/{event}/facts"
    headers = {"Authorization": f"Bearer {stack.official_token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20.0)) as session:
        number = 0
        while True:
            await asyncio.sleep(PUBLISH_EVERY_S)
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


async def _healed(url: str, stack: RunningStack, patience_s: float, evidence: Evidence) -> None:
    """Wait until the boards and every viewer are at the end of the log; what is not in time the checker finds."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        last = await _last_offset(stack, url.rpartition("/")[2])
        newest = {shown.viewer: shown.revision for shown in evidence.shown}
        if last is not None and len(newest) == VIEWERS and min(newest.values()) >= last:
            return
        await asyncio.sleep(HEALED_POLL_S)


async def _ready(stack: RunningStack) -> None:
    """Wait until live reports that it is ready; projections may just have been started again. Raises TimeoutError."""
    async with asyncio.timeout(HEALED_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{stack.live_port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(HEALED_POLL_S)


async def _last_offset(stack: RunningStack, event: str) -> int | None:
    """Return the offset of the event's last record, None while Kafka does not give it."""
    code, exported = await _matline(stack, "export", "log", event)
    lines = exported.splitlines()
    return line_from_json(lines[-1])[0] if code == 0 and lines else None


async def _matline(stack: RunningStack, *words: str, given: bytes | None = None) -> tuple[int, bytes]:
    """Run a command on the stack, with a hash seed of its own; return its exit code and its output."""
    environment = {
        **os.environ,
        "MATLINE_KAFKA": f"127.0.0.1:{stack.kafka_port}",
        "MATLINE_LIVE": f"http://127.0.0.1:{stack.live_port}",
        "PYTHONHASHSEED": "4711",
    }
    process = await asyncio.create_subprocess_exec(
        *(*MATLINE, *words),
        stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    output, faults = await process.communicate(given)
    return process.returncode or 0, output if process.returncode == 0 else output + faults


async def _collect(stack: RunningStack, event: str, evidence: Evidence) -> None:
    """Gather what the log, the live API, another fold of the log, Kafka and ClickHouse have in the end."""
    code, exported = await _matline(stack, "export", "log", event)
    if code != 0:
        raise RuntimeError(f"matline export log: {exported.decode(errors='replace')}")
    evidence.log = [_logged(line) for line in exported.splitlines()]
    code, verified = await _matline(stack, "verify", event, "--seed=99")
    evidence.verified = "" if code == 0 else verified.decode(errors="replace")
    _, scored = await _matline(stack, "score", "-", given=exported)
    scored_document = msgspec.json.decode(scored)
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        address = f"http://127.0.0.1:{stack.live_port}/v1/events/{event}/standings"
        async with session.get(address) as answer:
            served_document = msgspec.json.decode(await answer.read())
    evidence.scored, evidence.scored_boards = _athletes(scored_document), _boards(scored_document)
    evidence.served, evidence.served_boards = _athletes(served_document), _boards(served_document)
    evidence.dead_letters = await _dead_letters(stack)
    evidence.poison = await _unreadable(stack, event)
    await stack.stop()


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


async def _dead_letters(stack: RunningStack) -> set[Place]:
    """Return the places of all dead letters; those of ingest have none in Kafka."""
    letters = [decode_rejection(record.value) for record in await _records(stack, REJECTED.name, 0)]
    return {(letter.topic or letter.source, letter.partition or 0, letter.offset or 0) for letter in letters}


async def _unreadable(stack: RunningStack, event: str) -> set[Place]:
    """Return the places of the records that were injected. On `standings` they do no harm and are only counted."""
    values, partition = unreadable_values(event), partition_of(event, PARTITIONS_DEFAULT)
    return {
        (topic, partition, record.offset)
        for topic in (RACE_LOG.name, RESULTS.name)
        for record in await _records(stack, topic, partition)
        if record.value in values
    }


async def _records(stack: RunningStack, topic: str, number: int) -> list[ConsumerRecord]:
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


async def _stored_boards(engine: Path, event: str) -> dict[str, list[BoardRow]]:
    """Return the boards that ClickHouse has; a process of its own opens the engine's folder."""
    command = (sys.executable, "-c", _STORED, str(engine), event)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    boards: dict[str, list[BoardRow]] = {}
    for line in output.decode().splitlines():
        if line:
            board, place, bib, time_s = json.loads(line)
            boards.setdefault(board, []).append((int(place), bib, int(time_s)))
    return boards
