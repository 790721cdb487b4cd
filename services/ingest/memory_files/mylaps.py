"""Logs with frames of the MYLAPS exporter, as a program that received them wrote them, and bare V1 records.

A frame may have a time and words before it, and may lack its `$`. A bare record names no location. Exports of MYLAPS
TimeSync are tables; their columns are not documented in public, so they are read as any table with headings.

Source: as `decoders/mylaps_frames.py`; the log of racemap/mylaps-to-racemap-forwarder.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from services.ingest.decoders.messages import Unreadable
from services.ingest.decoders.mylaps_frames import (
    RECORD_V1_BYTES,
    SERVER_NAME,
    Markers,
    Passings,
    checksum_v1,
    decode_frame,
    read_v1,
)
from services.ingest.memory_files.file_lines import (
    BadRecord,
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    LineReader,
)

_FUNCTION = re.compile(r"@(Store|Passing|Marker)@")
_BEFORE_SOURCE = re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:.,]+Z?\s+|\bmessage: |[\"'>\t\]]\s*")


def _reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _contents(line, settings)


def _contents(line: str, settings: FileSettings) -> Iterator[Content]:
    if _is_record(line):
        record = read_v1(line.encode(), settings.zone)
        yield FileRead("", record.chip, record.at_us)
        return
    for frame in line.split("$"):
        if match := _FUNCTION.search(frame):
            yield from _of_frame(_source(frame[: match.start()]) + frame[match.start() :], settings.zone)


def _source(text: str) -> str:
    """Return the location, without what a log has before it."""
    return _BEFORE_SOURCE.split(text)[-1].strip()


def _of_frame(frame: str, zone: tzinfo) -> Iterator[Content]:
    message = decode_frame(frame.strip().encode(), zone, SERVER_NAME)
    if isinstance(message, Unreadable):
        raise ValueError(message.reason)
    if not isinstance(message, Passings | Markers):
        return
    if isinstance(message, Passings):
        for record in message.records:
            yield FileRead(message.location, record.chip, record.at_us, record.antenna, record.rssi)
    else:
        for notice in message.notices:
            yield FileMark(notice.where, notice.kind, notice.at_us, notice.text)
    for unreadable in message.unreadable:
        yield BadRecord(f"{unreadable.raw[:RECORD_V1_BYTES].decode('latin-1')}: {unreadable.reason}")


def _is_record(line: str) -> bool:
    raw = line.encode("latin-1", "replace")
    return len(raw) == RECORD_V1_BYTES and line[37:] == checksum_v1(raw)


MYLAPS = FileFormat(
    name="mylaps",
    title="MYLAPS log",
    recognises=lambda line: _FUNCTION.search(line) is not None or _is_record(line),
    reader=_reader,
)
