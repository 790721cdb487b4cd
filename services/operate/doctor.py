"""`matline doctor`: look at everything that a race needs, and say of each fault what to do.

It changes nothing, needs no stack that works, and goes on after a fault, so that one run shows all of them.
"""

import asyncio
import re
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from msgspec import Struct
from rich.console import Console

from schemas.topics import RACE_LOG, TOPICS
from services.formatting.terminal import printable
from services.ingest.readers.sources import Source, SourcesRefused, parse_sources
from services.operate.file_systems import hazard
from services.operate.ingest_client import token_headers
from services.runtime.build import release
from services.runtime.certificates import DAY_S, CertificateFile, expires_s, expiry
from services.runtime.clickhouse import Database, DatabaseUnavailable, database_address
from services.runtime.disk_room import disk_room
from services.runtime.environment import folder, number, text
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options, quiet_client
from services.runtime.loopback import is_loopback
from services.runtime.tls import tls_files
from services.runtime.tokens import TokensRefused, parse_tokens, tokens_path
from services.watch.ask_services import addresses, look_at
from services.watch.watched_service import WatchedService

ROOM_LEAST_BYTES = 1_000_000_000
ROOM_WARNED = 0.1  # of the disk
CLOCKS_APART_S = 0.5  # of two machines; chip times do not depend on them, but cut-offs and estimates do
READER_OFF_S = 2.0
FAULTY_SOON_S = 3 * DAY_S  # a certificate that expires before a race day is over
KAFKA_WAIT_MS = 10_000
ANSWER_S = 5.0
WRITES = ("INSERT", "CREATE TABLE", "CREATE VIEW", "DROP VIEW", "ALTER")  # what the projections need

Level = Literal["ok", "note", "fault"]
_MARKS: dict[Level, str] = {"ok": "[green]ok   [/]", "note": "[yellow]note [/]", "fault": "[red bold]FAULT[/]"}


class Line(Struct, frozen=True):
    """One thing that was looked at: what it is, how it is, and for a fault or a note what to do."""

    level: Level
    subject: str
    state: str
    remedy: str = ""


def main(environment: Mapping[str, str], event: str | None) -> int:
    """Look, print a line for each thing, and return the exit code: 0 without a fault, else 1."""
    lines = asyncio.run(examine(environment, event))
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(f"{_MARKS[line.level]} {printable(line.subject)}: {printable(line.state)}")
        if line.remedy:
            console.print(f"      -> {printable(line.remedy)}")
    faults = sum(line.level == "fault" for line in lines)
    print(f"{faults} fault{'s' * (faults != 1)}" if faults else "no faults", file=sys.stderr)
    return 1 if faults else 0


async def examine(environment: Mapping[str, str], event: str | None) -> list[Line]:
    """Return what there is to say of a stack, and of an event if one is given."""
    lines = [Line("ok", "Matline", f"release {release()}")]
    lines += await _kafka_lines(environment)
    lines += await _clickhouse_lines(environment)
    try:
        services = (await look_at(addresses(environment))).services
        lines += service_lines(services.values())
        lines += reader_clock_lines(services["ingest"])
    except StartFault as fault:
        lines.append(Line("fault", "services", str(fault)))
    lines += disk_lines(folder(environment, "MATLINE_DATA", ".matline"))
    lines += certificate_lines(environment, time.time())
    lines += token_lines(tokens_path(environment), text(environment, "MATLINE_HOST", "127.0.0.1"))
    sources, of_sources = source_lines(environment.get("MATLINE_SOURCES"))
    lines += of_sources
    lines += await _live_lines(environment, event, sources)
    return lines


# --- Kafka


async def _kafka_lines(environment: Mapping[str, str]) -> list[Line]:
    try:
        kafka = kafka_options(environment)
        partitions = number(environment, "MATLINE_PARTITIONS", 0) if environment.get("MATLINE_PARTITIONS") else None
    except StartFault as fault:
        return [Line("fault", "Kafka", str(fault))]
    try:
        brokers, described, configs = await _asked_kafka(kafka)
    except (KafkaError, OSError, StartFault, TimeoutError) as error:
        return [Line("fault", "Kafka", kafka_fault(kafka.servers, error), "start it, then run this again")]
    lines = [Line("ok", "Kafka", f"{kafka.servers} answers, {brokers} broker{'s' * (brokers != 1)}")]
    return lines + list(topic_lines(described, configs, partitions, brokers))


async def _asked_kafka(kafka: KafkaOptions) -> tuple[int, list[dict[str, Any]], dict[str, dict[str, str]]]:
    """Return the number of brokers, our topics that exist, and their settings. Raises KafkaError, StartFault."""
    admin = AIOKafkaAdminClient(**kafka.client(), request_timeout_ms=KAFKA_WAIT_MS)
    try:
        with quiet_client(kafka):
            await admin.start()
        names = sorted(set(await admin.list_topics()) & {topic.name for topic in TOPICS})
        brokers = len((await admin.describe_cluster())["brokers"])
        described = await admin.describe_topics(names) if names else []
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers = await admin.describe_configs(asked) if asked else []
        configs = {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for answer in answers
            for resource in answer.resources
        }
        return brokers, described, configs
    finally:
        await admin.close()


def topic_lines(
    described: Iterable[Mapping[str, Any]],
    configs: Mapping[str, Mapping[str, str]],
    partitions: int | None,
    brokers: int,
) -> Iterator[Line]:
    """Yield what there is to say of the topics, described as Kafka's client does; `partitions` is what is set."""
    there = {topic["topic"]: topic["partitions"] for topic in described}
    missing = [topic.name for topic in TOPICS if topic.name not in there]
    if missing:
        yield Line("fault", "topics", f"{', '.join(missing)} missing", "make them by `matline topics create`")
    counts = {topic.name: len(there[topic.name]) for topic in TOPICS if topic.partitioned and topic.name in there}
    if len(set(counts.values())) > 1:
        remedy = "create new topics with equal counts and replay the log: deploy/runbooks/replay.md"
        yield Line("fault", "topics", f"partitions differ: {counts}", remedy)
    for topic in TOPICS:
        if topic.name in there:
            yield _topic_line(topic.name, topic.config, there[topic.name], configs.get(topic.name, {}), brokers)
    count = counts.get(RACE_LOG.name)
    if partitions is not None and count not in (None, partitions):
        yield Line("fault", "MATLINE_PARTITIONS", f"is {partitions}, race-log has {count}", f"set it to {count}")


def _topic_line(
    name: str, wanted: Mapping[str, str], partitions: list[dict[str, Any]], config: Mapping[str, str], brokers: int
) -> Line:
    subject = f"topic {name}"
    copies = min(len(partition["replicas"]) for partition in partitions)
    least = int(config.get("min.insync.replicas", "1"))
    state = f"partitions {len(partitions)}, copies {copies}, min.insync.replicas {least}"
    short = [str(partition["partition"]) for partition in partitions if len(partition["isr"]) < copies]
    if any(len(partition["isr"]) < least for partition in partitions):
        return Line("fault", subject, f"{state}; too few are up to date", "start the missing broker")
    if short:
        return Line(
            "fault", subject, f"{state}; of {', '.join(short)} not all are up to date", "start the missing broker"
        )
    other = {key: config[key] for key, value in wanted.items() if key in config and config[key] != value}
    if other:
        said = ", ".join(f"{key}={value} instead of {wanted[key]}" for key, value in other.items())
        # A race log that forgets loses races; of the others a shorter time only costs repairs.
        level: Level = "fault" if name == RACE_LOG.name else "note"
        return Line(level, subject, f"{state}; {said}", f"kafka-configs --alter --topic {name}, see deploy/topics.md")
    if name == RACE_LOG.name and brokers > 1 and (copies < 3 or least < 2):
        remedy = "3 copies and min.insync.replicas=2 survive the loss of a broker: deploy/topics.md"
        return Line("note", subject, state, remedy)
    kept_ms = int(config.get("retention.ms", "-1"))
    kept = "for ever" if kept_ms < 0 else f"{kept_ms / 86_400_000:g} d"
    return Line("ok", subject, f"{state}, kept {kept}")


# --- ClickHouse


async def _clickhouse_lines(environment: Mapping[str, str]) -> list[Line]:
    try:
        address = database_address(environment)
    except StartFault as fault:
        return [Line("fault", "ClickHouse", str(fault))]
    if address.embedded:  # only the projections may open it; their readiness tells how it is
        return [Line("ok", "ClickHouse", f"embedded, {address}")]
    database = Database(address)
    try:
        await database.open()
        before_s = time.time()
        ((version, now_s),) = await database.query("SELECT version(), toFloat64(now64(6))")
        apart_s = float(now_s) - (before_s + time.time()) / 2
        grants = [str(row[0]) for row in await database.query("SHOW GRANTS")]
    except (DatabaseUnavailable, StartFault) as error:
        remedy = (
            "start it, or correct MATLINE_CLICKHOUSE, _USER and _PASSWORD; deploy/clickhouse/users.xml has the rights"
        )
        return [Line("fault", "ClickHouse", f"{address}: {error}", remedy)]
    finally:
        await database.close()
    answers = Line("ok", "ClickHouse", f"{address} answers, version {version}")
    return [answers, clock_line("ClickHouse", apart_s), rights_line(grants)]


def rights_line(grants: Iterable[str]) -> Line:
    """Return what there is to say of a user's rights, by the statements that ClickHouse shows for them."""
    rights: set[str] = set()
    for grant in grants:
        match = re.match(r"GRANT (.+?) ON (?!system\.)", grant)
        rights.update(match[1].split(", ") if match is not None else ())

    def may(right: str) -> bool:  # ClickHouse shows a group of rights by the word with which they begin
        return not rights.isdisjoint({right, right.split()[0], "ALL"})

    subject, lacking = "ClickHouse's rights", [right for right in WRITES if not may(right)]
    if not may("SELECT"):
        return Line("fault", subject, "the user may not read", "deploy/clickhouse/users.xml")
    if lacking:
        remedy = "right for live; the projections need them: deploy/clickhouse/users.xml"
        return Line("note", subject, f"the user may not {', '.join(lacking)}", remedy)
    return Line("ok", subject, "the user may write")


# --- this machine


def clock_line(whose: str, apart_s: float) -> Line:
    """Return what there is to say of another clock that is `apart_s` ahead of ours."""
    if abs(apart_s) <= CLOCKS_APART_S:
        return Line("ok", f"clock of {whose}", f"within {CLOCKS_APART_S:g} s of this machine's")
    ahead = "ahead of" if apart_s > 0 else "behind"
    return Line(
        "fault", f"clock of {whose}", f"{abs(apart_s):.1f} s {ahead} this machine's", "set both by NTP (chrony)"
    )


def disk_lines(data: Path) -> Iterator[Line]:
    """Yield what there is to say of the disk of the data folder, and of its file system."""
    room = disk_room(data)
    state = f"{room.free / 1e9:.1f} GB of {room.size / 1e9:.0f} GB left for {data}"
    if room.free < ROOM_LEAST_BYTES:
        yield Line("fault", "disk", state, "free some: deploy/runbooks/DiskFull.md says what may be deleted")
    elif room.free < ROOM_WARNED * room.size:
        yield Line("note", "disk", state, "a marathon takes about 2 GB; deploy/runbooks/DiskFull.md")
    else:
        yield Line("ok", "disk", state)
    danger = hazard(data)
    if danger is not None:
        yield Line("fault" if danger.forbidden else "note", f"file system of {data}", danger.state, danger.remedy)


def certificate_lines(environment: Mapping[str, str], now_s: float) -> Iterator[Line]:
    """Yield what there is to say of each certificate that a variable names."""
    files: list[CertificateFile] = []
    try:
        tls = tls_files(environment)
        files += [] if tls is None else tls.certificates()
        files += kafka_options(environment).certificates()
        files += database_address(environment).certificates()
    except StartFault as fault:
        yield Line("fault", "certificates", str(fault))
    for file in files:
        remedy = "renew it and replace the file; ingest takes a new MATLINE_TLS_CERT at once, the rest at a restart"
        try:
            instant_s = expires_s(file)
        except StartFault as fault:
            yield Line("fault", file.variable, str(fault))
            continue
        words = expiry(instant_s, now_s)
        if words is None:
            yield Line("ok", file.variable, f"{file.path} is valid for {(instant_s - now_s) / DAY_S:.0f} days")
        else:
            level: Level = "fault" if instant_s <= now_s + FAULTY_SOON_S else "note"
            yield Line(level, file.variable, f"{file.path} {words}", remedy)


def token_lines(path: Path, host: str) -> Iterator[Line]:
    """Yield what there is to say of the token file."""
    remedy = "make one by `matline token add gateway NAME --event EVENT`"
    try:
        tokens = parse_tokens(path.read_bytes())
    except FileNotFoundError:
        if is_loopback(host):
            yield Line("note", "tokens", f"{path} is not there: only this machine may write", remedy)
        else:
            yield Line("fault", "tokens", f"{path} is not there, so ingest will not listen on {host}", remedy)
    except (OSError, TokensRefused) as error:
        yield Line("fault", "tokens", f"{path}: {error}", "restore the file, or delete it and make new tokens")
    else:
        roles = {role: sum(token.role == role for token in tokens) for role in ("gateway", "official", "reader")}
        state = ", ".join(f"{count} of role {role}" for role, count in roles.items())
        lacking = [role for role in ("gateway", "official") if not roles[role]]
        yield (
            Line("note", "tokens", f"{state}; nobody is {' or '.join(lacking)}", remedy)
            if lacking
            else Line("ok", "tokens", state)
        )


def source_lines(named: str | None) -> tuple[list[Source], list[Line]]:
    """Return the readers of a matline.toml, and what there is to say of them."""
    if not named:
        return [], [Line("ok", "readers", "none by TCP (MATLINE_SOURCES is not set)")]
    try:
        sources = parse_sources(Path(named).read_bytes())
    except (OSError, SourcesRefused, tomllib.TOMLDecodeError) as error:
        return [], [
            Line("fault", "readers", f"{named}: {error}", f"`matline check {named}` shows each fault by its line")
        ]
    return sources, [Line("ok", "readers", f"{named} has {len(sources)}")]


# --- the running services


def service_lines(services: Iterable[WatchedService]) -> Iterator[Line]:
    """Yield what there is to say of the four services."""
    for service in services:
        if service.fault is None:
            yield Line("ok", service.name, f"{service.address} is ready")
        elif service.answers:
            yield Line("fault", service.name, f"{service.address}: {service.fault}", "its last log lines say why")
        else:
            remedy = "start it; if it runs on another machine, name its address by MATLINE_SERVICES"
            yield Line("fault", service.name, service.fault, remedy)


def reader_clock_lines(ingest: WatchedService) -> Iterator[Line]:
    """Yield the readers whose clocks are off, as ingest knows them."""
    for labels, offset_s in ingest.of("matline_ingest_clock_offset_seconds"):
        if abs(offset_s) > READER_OFF_S:
            subject = f"clock of reader {labels['device']} ({labels['gateway']}, {labels['event']})"
            yield Line("fault", subject, f"{offset_s:+.1f} s", "set it: deploy/runbooks/wrong-clock.md")


async def _live_lines(environment: Mapping[str, str], event: str | None, sources: Iterable[Source]) -> list[Line]:
    """Return what live says of its clock and of an event."""
    try:
        live = text(environment, "MATLINE_LIVE", addresses(environment)["live"][0]).rstrip("/")
    except StartFault:
        return []
    limit = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with aiohttp.ClientSession(timeout=limit, headers=token_headers(environment)) as session:
            before_s = time.time()
            async with session.get(f"{live}/v1/time") as answer:
                clock = await answer.json() if answer.status == 200 else None
            now_s = (before_s + time.time()) / 2
            lines = [] if clock is None else [clock_line("live", clock["now_us"] / 1e6 - now_s)]
            if event is not None:
                async with session.get(f"{live}/v1/events/{event}") as answer:
                    lines += event_lines(event, answer.status, await answer.read(), sources)
    except (aiohttp.ClientError, TimeoutError):
        return (
            [] if event is None else [Line("fault", f"event {event}", "live does not answer", "start the stack first")]
        )
    return lines


def event_lines(event: str, status: int, body: bytes, sources: Iterable[Source]) -> Iterator[Line]:
    """Yield what there is to say of an event, by live's answer to a request for it."""
    subject = f"event {event}"
    if status in (401, 403):
        yield Line("fault", subject, "live wants a token", "set MATLINE_TOKEN to one that is for this event")
        return
    if status != 200:
        remedy = f"send its definition: PUT /v1/events/{event}/definition on ingest, see docs/add-a-race.md"
        yield Line("fault", subject, "live does not know it", remedy)
        return
    answer = msgspec.json.decode(body)
    if not answer["races"]:
        remedy = f"send it: PUT /v1/events/{event}/definition on ingest, see docs/add-a-race.md"
        yield Line("fault", subject, "has no definition yet", remedy)
        return
    yield Line("ok", subject, f"{len(answer['races'])} races on {answer['date']}")
    for race in answer["races"]:
        entries = sum(race["counts"].values())
        if entries:
            yield Line("ok", f"race {race['race']}", f"{entries} entries, starts {race['start']}")
        else:
            remedy = f"send the list of entries: POST /v1/events/{event}/entries on ingest"
            yield Line("fault", f"race {race['race']}", "has no entries", remedy)
    gateways = [source.gateway for source in sources if source.event == event]
    if gateways:
        yield Line("ok", f"readers of {event}", ", ".join(sorted(gateways)))
