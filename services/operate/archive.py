"""`matline event archive` and `matline event reopen`: an event leaves the memory of the services, and comes back.

The log decides: an event is archived while its last fact says so (R1.event_archived). So both commands send a fact to
ingest and wait until the boards show what came of it. Before, the log is backed up and scored again, so that what
stays is known to be right; both may be repeated after anything has died.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct

from schemas import codec
from schemas.events import ReadsLogged
from services.operate.backup import BackupRefused, back_up, check_file, read_lines
from services.operate.ingest_client import ingest_address, token_headers, why
from services.operate.verify import Fold, compare, compared, first_difference, live_address, served_standings
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.topic_records import LogUnavailable

QUIET_S = 6 * 3600.0  # a race is over when no read has come for so long
SHOWN_WAIT_S = 600.0  # until the boards show it; an event of 55,000 is scored once more
LOOK_EVERY_S = 0.5
ANSWER_S = 30.0
SEED = 1  # of the batches in which the log is scored again; any gives the same

EXIT_FAILED = 1


class ArchiveRefused(Exception):
    """An event is not archived or reopened; the message says why and what to do."""


class Services(Struct, frozen=True, kw_only=True):
    """Where the commands find Kafka, live and ingest, and the headers with the token."""

    kafka: KafkaOptions
    live: str
    ingest: str
    headers: dict[str, str]


def archive_main(environment: Mapping[str, str], event: str, out: Path, despite_reads: bool) -> int:
    """Archive an event for `matline event archive`; return the exit code."""
    return _ran("archive", environment, lambda services: archive(services, event, out, despite_reads))


def reopen_main(environment: Mapping[str, str], event: str) -> int:
    """Reopen an event for `matline event reopen`; return the exit code."""
    return _ran("reopen", environment, lambda services: reopen(services, event))


def _ran(command: str, environment: Mapping[str, str], work: Callable[[Services], Awaitable[str]]) -> int:
    async def done() -> str:
        return await work(_services(environment))

    try:
        print(asyncio.run(done()))
    except (StartFault, LogUnavailable, codec.UnknownVersion, BackupRefused, ArchiveRefused, OSError) as error:
        words = str(error)
    except KafkaError as error:
        words = kafka_fault(kafka_options(environment).servers, error)
    else:
        return 0
    print(f"matline event {command}: {words}", file=sys.stderr)
    return EXIT_FAILED


def _services(environment: Mapping[str, str]) -> Services:
    return Services(
        kafka=kafka_options(environment),
        live=live_address(environment).rstrip("/"),
        ingest=ingest_address(environment),
        headers=token_headers(environment),
    )


async def archive(services: Services, event: str, out: Path, despite_reads: bool) -> str:
    """Back an event up, check its boards, and archive it; return what was done, in words.

    Raises ArchiveRefused, BackupRefused, StartFault, LogUnavailable, KafkaError.
    """
    shown = await _shown(services, event)
    if shown["archived"]:
        return f"{event} is archived already, at revision {shown['revision']}"
    facts = await back_up(event, services.kafka, out)
    check_file(out)
    if not despite_reads:
        _check_quiet(event, out)
    fold = Fold(event, SEED)
    await _check_boards(services, event, fold)
    revision = await _sent(services, event, "event_archived")
    await _until_shown(services, event, revision, archived=True)
    await fold.go_on(services.kafka, revision - 1)
    later = fold.facts - facts
    said = f"{event} is archived at revision {revision}: its boards stay, and {facts} facts of it are in {out}"
    if later > 0:
        said += f"; {later} more came while it was made, so take another by `matline backup {event}`"
    return said


async def reopen(services: Services, event: str) -> str:
    """Let an archived event take reads and facts again, and check its boards; return what was done, in words.

    Raises ArchiveRefused, StartFault, LogUnavailable, KafkaError.
    """
    shown = await _shown(services, event)
    if not shown["archived"]:
        return f"{event} is not archived"
    before = await asyncio.to_thread(served_standings, event, services.live, services.headers)
    revision = await _sent(services, event, "event_reopened")
    await _until_shown(services, event, revision, archived=False)
    after = await _check_boards(services, event, Fold(event, SEED))
    if compared(before) != compared(after):
        raise ArchiveRefused(
            f"{event} is open again, but its boards have changed, as this release scores its log: first at"
            f" {first_difference(json.loads(compared(before)), json.loads(compared(after)))}"
        )
    return f"{event} is open again at revision {revision}, and its boards are those that it was archived with"


def _check_quiet(event: str, file: Path) -> None:
    """Raise ArchiveRefused if reads came within QUIET_S."""
    accepted_us = (line.fact.recorded_at_us for line in read_lines(file) if isinstance(line.fact, ReadsLogged))
    ago_s = time.time() - max((at_us for at_us in accepted_us if at_us is not None), default=0) / 1e6
    if ago_s < QUIET_S:
        raise ArchiveRefused(
            f"the last read of {event} came {ago_s / 60:.0f} minutes ago, so the race may be on; archive it when no"
            f" read has come for {QUIET_S / 3600:.0f} hours, or with --despite-reads"
        )


async def _check_boards(services: Services, event: str, fold: Fold) -> dict[str, Any]:
    """Score the log on, and return what live serves. Raises ArchiveRefused if it is not what the log gives."""
    served = await asyncio.to_thread(served_standings, event, services.live, services.headers)
    comparison = await compare(fold, served, services.kafka)
    if not comparison.equal:
        raise ArchiveRefused(
            f"the boards of {event} are not those of its log, first at {comparison.difference()}; `matline rebuild`"
            " makes them again"
        )
    return served


async def _sent(services: Services, event: str, kind: str) -> int:
    """Send a fact of a kind without fields to ingest; return its revision. Raises ArchiveRefused."""
    url = f"{services.ingest}/v1/events/{event}/facts"
    try:
        async with _session(services) as session, session.post(url, json={"type": kind, "event": event}) as answer:
            body = await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ArchiveRefused(
            f"ingest does not answer at {services.ingest}{why(error)}; start it, or give its address by MATLINE_HOST"
            " and MATLINE_INGEST_PORT"
        ) from None
    if answer.status != 200:
        raise ArchiveRefused(f"ingest answers {answer.status}: {_detail(body)}")
    revision: int = msgspec.json.decode(body)["revision"]
    return revision


async def _until_shown(services: Services, event: str, revision: int, archived: bool) -> None:
    """Return once the boards are of a revision. Raises ArchiveRefused if other facts came right after it."""
    end_s = time.monotonic() + SHOWN_WAIT_S
    while (shown := await _shown(services, event))["revision"] < revision:
        if time.monotonic() > end_s:
            raise ArchiveRefused(
                f"it is on the log at revision {revision}, but the boards do not show it after {SHOWN_WAIT_S:.0f} s;"
                " `matline status` says what is behind"
            )
        await asyncio.sleep(LOOK_EVERY_S)
    if shown["archived"] != archived:
        raise ArchiveRefused(
            f"something else of {event} came on the log after revision {revision}, so it is"
            f" {'not archived' if archived else 'archived again'}; find what sends it, and repeat the command"
        )


async def _shown(services: Services, event: str) -> dict[str, Any]:
    """Return what live says of an event. Raises ArchiveRefused."""
    url = f"{services.live}/v1/events/{event}"
    try:
        async with _session(services) as session, session.get(url) as answer:
            body = await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ArchiveRefused(
            f"live does not answer at {services.live}{why(error)}; start it, or give its address by MATLINE_LIVE"
        ) from None
    if answer.status != 200:
        raise ArchiveRefused(f"live answers {answer.status}: {_detail(body)}")
    shown: dict[str, Any] = msgspec.json.decode(body)
    return shown


def _session(services: Services) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers=services.headers, timeout=aiohttp.ClientTimeout(total=ANSWER_S))


def _detail(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
