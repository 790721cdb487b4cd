"""`matline backup` and `matline import`: an event's log as a file with its checksum, and the file put back onto a log.

The file has the lines of `matline export log`, so every command that takes a log reads it. Beside it lies its SHA-256,
as `sha256sum --check` takes it. An import writes what the log lacks: after one that was cut off it goes on, and a
second one writes nothing. A log that differs from the file is left alone.
"""

import asyncio
import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.events import LoggedFact
from schemas.topics import RACE_LOG, RECORD_MAX_BYTES, partition_of
from services.operate.export_log import lines
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.topic_records import LogUnavailable
from services.runtime.topics_admin import check_topics

EXIT_FAILED = 1
RECORDS_AT_ONCE = 200  # handed to Kafka before their acknowledgements are awaited: at most 100 MB
GZIP = b"\x1f\x8b"


class BackupRefused(Exception):
    """A file cannot be made, or cannot be put back; the message says why and what to do."""


class LoggedLine(NamedTuple):
    """A line of a file: its number, from 1 on, the offset of its record on the log it is from, and its fact."""

    number: int
    offset: int
    fact: LoggedFact


class Imported(NamedTuple):
    """What an import did: facts in the file, and how many of them it wrote."""

    event: str
    facts: int
    written: int


def backup_main(environment: Mapping[str, str], event: str, out: Path) -> int:
    """Write an event's log to a file for `matline backup`; return the exit code."""
    try:
        facts = asyncio.run(back_up(event, kafka_options(environment), out))
    except (StartFault, LogUnavailable, codec.UnknownVersion, BackupRefused, OSError) as error:
        return _failed("backup", str(error))
    except KafkaError as error:
        return _failed("backup", kafka_fault(kafka_options(environment).servers, error))
    print(f"{facts} facts of {event} are in {out}, their checksum is in {checksum_path(out)}")
    return 0


def import_main(environment: Mapping[str, str], file: Path) -> int:
    """Put a file back for `matline import`; return the exit code."""
    if file.exists() and not checksum_path(file).exists():
        print(f"there is no {checksum_path(file)}, so nothing shows whether {file} is unchanged", file=sys.stderr)
    try:
        done = asyncio.run(put_back(file, kafka_options(environment)))
    except (StartFault, LogUnavailable, codec.UnknownVersion, BackupRefused, OSError) as error:
        return _failed("import", str(error))
    except KafkaError as error:
        return _failed("import", kafka_fault(kafka_options(environment).servers, error))
    there = done.facts - done.written
    print(f"all {done.facts} facts of {done.event} are on the log: {done.written} written now, {there} were there")
    return 0


def _failed(command: str, text: str) -> int:
    print(f"matline {command}: {text}", file=sys.stderr)
    return EXIT_FAILED


def checksum_path(file: Path) -> Path:
    """Return the path of a file's checksum."""
    return file.with_name(f"{file.name}.sha256")


# --- from the log to a file


async def back_up(event: str, kafka: KafkaOptions, out: Path) -> int:
    """Write an event's log to a file, which appears once it is whole, and return the number of facts.

    Raises BackupRefused for a file that is there or an event without facts, StartFault, LogUnavailable, KafkaError.
    """
    _check_free(out)
    new = out.with_name(f"{out.name}.new")
    facts = 0
    try:
        with new.open("wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if out.suffix == ".gz" else _plain(raw) as written:
                async with aclosing(lines(event, kafka)) as logged:
                    async for line in logged:
                        written.write(line + b"\n")
                        facts += 1
            raw.flush()
            os.fsync(raw.fileno())
        if not facts:
            raise BackupRefused(f"the log has no fact of {event!r}; is it the id of the event?")
        checksum_path(out).write_text(f"{_sha256(new)}  {out.name}\n")
        new.replace(out)
    finally:
        new.unlink(missing_ok=True)
    return facts


def _check_free(out: Path) -> None:
    """Raise BackupRefused where a file is already."""
    if out.exists():
        raise BackupRefused(f"{out} is there already; delete it, or choose another name by --out")


def _plain(raw: BinaryIO) -> BinaryIO:
    """Return another handle of an open file, which may be closed by itself."""
    return os.fdopen(os.dup(raw.fileno()), "wb")


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


# --- from a file to the log


async def put_back(file: Path, kafka: KafkaOptions) -> Imported:
    """Write to the log what it lacks of a file. Nothing is written if the file or the log is not as it should be.

    Raises BackupRefused, StartFault, LogUnavailable, OSError, KafkaError.
    """
    event, facts = check_file(file)
    there = await _facts_there(event, file, kafka)
    missing = islice(read_lines(file), there, None)
    if there < facts:
        await _write(event, missing, kafka)
    return Imported(event, facts, max(0, facts - there))


def check_file(file: Path) -> tuple[str, int]:
    """Return the event and the number of facts of a file, read to its end. Raises BackupRefused, OSError."""
    _check_sum(file)
    return _check_lines(file)


def _check_sum(file: Path) -> None:
    """Raise BackupRefused for a file that is not the one of its checksum; one without a checksum passes."""
    try:
        words = checksum_path(file).read_text(errors="replace").split()
    except FileNotFoundError:
        return
    if words[:1] != [_sha256(file)]:
        raise BackupRefused(f"{file} is not what {checksum_path(file)} says: it was changed or cut; take another copy")


def _check_lines(file: Path) -> tuple[str, int]:
    """Return the event and the number of facts of a file. Raises BackupRefused."""
    event, count, before = None, 0, -1
    for line in read_lines(file):
        if event is None:
            event = line.fact.event
        if line.fact.event != event:
            raise BackupRefused(
                f"{file}:{line.number}: event {line.fact.event!r} after event {event!r}; split the file"
            )
        if line.offset < before:
            raise BackupRefused(f"{file}:{line.number}: offset {line.offset} after {before}; the lines were reordered")
        before, count = line.offset, count + 1
    if event is None:
        raise BackupRefused(f"{file} has no fact")
    return event, count


def read_lines(file: Path) -> Iterator[LoggedLine]:
    """Yield the lines of an exported log, gzipped or not. Raises BackupRefused, OSError."""
    with file.open("rb") as head:
        zipped = head.read(2) == GZIP
    number = 0
    try:
        with cast(BinaryIO, gzip.open(file)) if zipped else file.open("rb") as data:
            for number, raw in enumerate(data, 1):
                offset, fact = codec.line_from_json(raw)
                if offset is None:
                    raise BackupRefused(
                        f"{file}:{number}: has no offset; only files of `matline backup` can be imported"
                    )
                yield LoggedLine(number, offset, codec.logged(fact))
    except msgspec.MsgspecError as error:
        raise BackupRefused(f"{file}:{number}: {error}") from None
    except EOFError:
        raise BackupRefused(f"{file} is cut off after line {number}; take another copy") from None
    except (zlib.error, gzip.BadGzipFile):
        raise BackupRefused(f"{file} is damaged after line {number}; take another copy") from None


async def _facts_there(event: str, file: Path, kafka: KafkaOptions) -> int:
    """Return how many facts of a file the log has: all that it has are the first ones of the file, or more.

    Raises BackupRefused for a log with other facts.
    """
    count = 0
    expected = read_lines(file)
    async with aclosing(lines(event, kafka)) as logged:
        async for line in logged:
            offset, fact = codec.line_from_json(line)
            own = next(expected, None)
            if own is None:
                break
            if codec.logged(fact) != own.fact:
                raise BackupRefused(
                    f"the log has another fact of {event!r} at offset {offset} than {file} in line {own.number}, so"
                    " nothing was written; import into a new Kafka, or under MATLINE_KAFKA name the right one"
                )
            count += 1
    return count


async def _write(event: str, missing: Iterable[LoggedLine], kafka: KafkaOptions) -> None:
    """Write facts, those of one record together as before. Returns once Kafka has acknowledged all."""
    partition = partition_of(event, (await check_topics(kafka))[RACE_LOG.name])
    producer = AIOKafkaProducer(
        **kafka.client(),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=RECORD_MAX_BYTES,
        max_request_size=2 * RECORD_MAX_BYTES,
    )
    await producer.start()
    try:
        records = groupby(missing, attrgetter("offset"))
        while batch := [[line.fact for line in record] for _, record in islice(records, RECORDS_AT_ONCE)]:
            sent = [
                await producer.send(
                    RACE_LOG.name, codec.encode_envelope(event, facts), key=event.encode(), partition=partition
                )
                for facts in batch
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
