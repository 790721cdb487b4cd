"""Files of ChronoTrack controllers (`TO`, tag observations) and of SimpleClient (`CT01_13`, `CT01_33`).

A controller writes `TO,number,tag,timer code,event code,seconds since 1970,reader,port,RSSI,number of the reader,kind,
times seen`. Whether its seconds count UTC or the local clock is not documented, and files of both kinds are about. So
the zone has to be said.

Source: ChronoTrack knowledge base, "Viewing and interpreting raw CSV data files"; racemap/2-racemap-forwarder, which
has both lines of SimpleClient and controller files that are separated by `~`.
"""

import re
from collections.abc import Iterator, Sequence

from schemas.ids import label
from services.ingest.memory_files.file_lines import (
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    LineReader,
    UnknownFile,
)
from services.ingest.memory_files.times import unix_us, when_of

OBSERVATION_FIELDS = 12
EVENT_FIELDS = 8
GUN, NEW_LOCATION = "guntime", "newlocation"
ZONE_NEEDED = (
    "a ChronoTrack controller writes seconds since 1970, and whether they count UTC or its local clock differs; say the"
    " zone: UTC, or that of its clock such as Asia/Dubai, and look at the first read"
)

_SEPARATOR = re.compile(r"[,~\t]")
_LINE = re.compile(r"(TO|CT01_[13]3)[,~\t]")
_SMALL = re.compile(r"\d{1,3}", re.ASCII)
_DBM = re.compile(r"-?\d{1,3}", re.ASCII)


def _reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _contents(line, settings)


def _contents(line: str, settings: FileSettings) -> Iterator[Content]:
    fields = [field.strip().strip('"') for field in _SEPARATOR.split(line)]
    if fields[0] == "TO":
        yield _observation(fields, settings)
    elif NEW_LOCATION not in fields:  # it says that a place has a name from here on, which its reads say themselves
        yield _event(fields, settings)


def _observation(fields: Sequence[str], settings: FileSettings) -> FileRead:
    if len(fields) != OBSERVATION_FIELDS:
        raise ValueError(f"a tag observation has {len(fields)} fields; it should have {OBSERVATION_FIELDS}")
    if not settings.zone_given:
        raise UnknownFile(ZONE_NEEDED)
    _, _, tag, _, _, seconds, reader, port, rssi, _, _, _ = fields
    return FileRead(
        reader,
        label(tag, "tag"),
        unix_us(seconds, settings.zone),
        int(port) if _SMALL.fullmatch(port) else None,
        float(rssi) if _DBM.fullmatch(rssi) else None,
    )


def _event(fields: Sequence[str], settings: FileSettings) -> FileRead | FileMark:
    if len(fields) != EVENT_FIELDS or not fields[0].startswith("CT01_"):
        raise ValueError(f"a ChronoTrack event has {len(fields)} fields; it should have {EVENT_FIELDS}")
    _, _, location, tag, clock, _, _, gator = fields
    when = when_of(clock, settings.zone, settings.day)
    if tag == GUN:
        return FileMark(location, tag, when, f"{location} {clock}")
    return FileRead(location, label(tag, "tag"), when, int(gator) if _SMALL.fullmatch(gator) else None)


CHRONOTRACK = FileFormat(
    name="chronotrack",
    title="ChronoTrack controller or SimpleClient",
    recognises=lambda line: _LINE.match(line) is not None,
    reader=_reader,
)
