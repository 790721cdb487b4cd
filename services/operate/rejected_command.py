"""`matline rejected`: list dead letters, and decode them again and send the result to ingest, which writes the log."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka.errors import KafkaError

from schemas.topics import REJECTED
from services.ingest.http.push import READS_MAX
from services.ingest.readers.sources import Source, parse_sources
from services.ingest.settings import config_path
from services.operate.ingest_client import ingest_address, token_headers, why
from services.operate.rejected import (
    Again,
    DeadLetter,
    DeadLetterFilter,
    StillUnreadable,
    dead_letter_of,
    in_full,
    plain,
    read_again,
    table,
)
from services.runtime.faults import StartFault
from services.runtime.kafka import kafka_fault, kafka_options
from services.runtime.topic_records import LogUnavailable, records
from services.runtime.topics_admin import check_topics

EXIT_FAILED = 1
EXIT_USAGE = 2
TRIES_MAX = 5  # of one request that ingest answers by 429 or 503
ANSWER_WAIT_S = 30.0


class ReplayFailed(Exception):
    """Ingest did not accept it; the text says why."""


def list_main(environment: Mapping[str, str], wanted: DeadLetterFilter, last: int) -> int:
    """Run `matline rejected list`; return the exit code."""

    async def run() -> int:
        latest: deque[DeadLetter] = deque(maxlen=last)
        count = 0
        async with aclosing(_letters(environment, wanted)) as letters:
            async for letter in letters:
                latest.append(letter)
                count += 1
        print(table(latest) if latest else "no dead letter matches")
        if count > len(latest):
            print(f"{count - len(latest)} earlier ones are not shown; show more with --last", file=sys.stderr)
        return 0

    return _exit_code(environment, run)


def show_main(environment: Mapping[str, str], offsets: list[int]) -> int:
    """Run `matline rejected show`; return the exit code."""

    async def run() -> int:
        async with aclosing(_letters(environment, DeadLetterFilter(offsets=frozenset(offsets)))) as letters:
            shown = [letter async for letter in letters]
        print("\n\n".join(map(in_full, shown)))
        missing = sorted(set(offsets) - {letter.offset for letter in shown})
        if missing:
            print(
                f"no dead letter at offset {', '.join(map(str, missing))}; `matline rejected list` shows the offsets",
                file=sys.stderr,
            )
        return EXIT_FAILED if missing else 0

    return _exit_code(environment, run)


def replay_main(environment: Mapping[str, str], wanted: DeadLetterFilter, to: str | None, dry_run: bool) -> int:
    """Run `matline rejected replay`; return the exit code: 0 if all could be decoded and was accepted."""
    if wanted.everything():
        print("nothing chosen: give offsets, or --event, --source, --gateway or --reason", file=sys.stderr)
        return EXIT_USAGE

    async def run() -> int:
        sources = _sources(environment)
        address = to or ingest_address(environment)
        timeout = aiohttp.ClientTimeout(total=ANSWER_WAIT_S)
        sent = left = 0
        async with (
            aiohttp.ClientSession(headers=token_headers(environment), timeout=timeout) as session,
            aclosing(_letters(environment, wanted)) as letters,
        ):
            async for letter in letters:
                try:
                    again = read_again(letter, sources)
                except StillUnreadable as reason:
                    left += 1
                    print(f"{letter.offset}: not sent: {plain(str(reason))}")
                    continue
                if not dry_run:
                    await _send(session, f"{address}/v1/events/{letter.rejection.event}", again)
                sent += 1
                left += bool(again.bad)
                print(f"{letter.offset}: {_summary(again, dry_run)}")
        print(f"{sent} {'would be ' if dry_run else ''}sent, {left} not sent or only in part", file=sys.stderr)
        return EXIT_FAILED if left or not sent else 0

    return _exit_code(environment, run)


def _summary(again: Again, dry_run: bool) -> str:
    count = sum(len(reads.rows) for reads in again.reads)
    parts = [f"{count} reads"] * bool(again.reads) + [f"{len(again.notices)} notices"] * bool(again.notices)
    bad = f"; {len(again.bad)} still unreadable, the first: {plain(again.bad[0])}" if again.bad else ""
    return f"{'would send' if dry_run else 'sent'} {' and '.join(parts)}{bad}"


async def _send(session: aiohttp.ClientSession, event: str, again: Again) -> None:
    """Send the content, and return when ingest has acknowledged all of it. Raises ReplayFailed."""
    for path, body in _requests(again):
        for _ in range(TRIES_MAX):
            try:
                async with session.post(f"{event}/{path}", data=body, headers={"Content-Type": _type(path)}) as answer:
                    if answer.status == 200:
                        break
                    answered = plain((await answer.text())[:500])
                    if answer.status not in (429, 503):
                        raise ReplayFailed(f"ingest refused it with status {answer.status}: {answered}")
                    await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ReplayFailed(
                    f"ingest cannot be reached at {event}{why(error)}; is it running? --to gives another address"
                ) from None
        else:
            raise ReplayFailed(f"ingest did not accept it in {TRIES_MAX} tries; try again later: {answered}")


def _requests(again: Again) -> Iterator[tuple[str, bytes]]:
    for gateway, session, rows in again.reads:
        for start in range(0, len(rows), READS_MAX):
            reads = [
                {name: value for name, value in msgspec.structs.asdict(row).items() if value is not None}
                for row in rows[start : start + READS_MAX]
            ]
            yield "reads", msgspec.msgpack.encode({"gateway": gateway, "session": session, "reads": reads})
    if again.notices:
        yield "facts", msgspec.json.encode(again.notices)


def _type(path: str) -> str:
    return "application/msgpack" if path == "reads" else "application/json"


async def _letters(environment: Mapping[str, str], wanted: DeadLetterFilter) -> AsyncGenerator[DeadLetter, None]:
    kafka = kafka_options(environment)
    await check_topics(kafka)
    async with aclosing(records(kafka.client(), REJECTED.name, 0)) as every_record:
        async for record in every_record:
            letter = dead_letter_of(record.offset, record.value)
            if letter is not None and wanted.takes(letter):
                yield letter


def _sources(environment: Mapping[str, str]) -> list[Source]:
    path: Path = config_path(environment)
    return parse_sources(path.read_bytes()) if path.is_file() else []


def _exit_code(environment: Mapping[str, str], run: Callable[[], Coroutine[Any, Any, int]]) -> int:
    try:
        return asyncio.run(run())
    except (StartFault, LogUnavailable, ReplayFailed) as error:
        print(error, file=sys.stderr)
    except KafkaError as error:
        print(kafka_fault(kafka_options(environment).servers, error), file=sys.stderr)
    except BrokenPipeError:  # the program that reads from us has ended
        pass
    return EXIT_FAILED
