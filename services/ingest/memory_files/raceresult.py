"""Passing files of RACE RESULT decoders: a passing record a line, as the decoder sends it live.

Files of older decoders have 8 fields and a line of headings that begins with `#`. A decoder whose clock was never set
writes the year 0, and its times count from when it was started.

Source: RACE RESULT knowledge base, "passing record" and "decoder passing file"; the 8 fields from CrossMgr,
RaceResultImport.py.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from schemas.ids import US
from services.ingest.decoders.raceresult_passing import read_passing
from services.ingest.memory_files.file_lines import (
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    LineReader,
    TimeOfDay,
)

_LINE = re.compile(r"(#P;)?\d{1,12};[^;]*;\d{4}-\d\d-\d\d;\d\d:\d\d:\d\d", re.ASCII)
_UNSET = re.compile(r"0000-00-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)


def _reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _contents(line, settings)


def _contents(line: str, settings: FileSettings) -> Iterator[Content]:
    passing = read_passing(line.removeprefix("#P;"), settings.zone)
    when = _since_start(passing.local) if passing.at_us is None else passing.at_us
    where = passing.box or ""
    if not passing.chip:
        yield FileMark(where, "marker", when, line)
    else:
        yield FileRead(where, passing.chip, when, passing.antenna, passing.rssi, passing.battery)


def _since_start(local: str) -> TimeOfDay:
    match = _UNSET.fullmatch(local)
    if match is None:
        raise ValueError(f"{local!r} is not a time since the decoder was started, such as 0000-00-00 00:00:02.773")
    days, hours, minutes, seconds, fraction = match.groups()
    microseconds = int((fraction or "0").ljust(6, "0"))
    elapsed = timedelta(days=int(days), hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    return TimeOfDay(int(elapsed.total_seconds()) * US + microseconds, since_start=True)


RACERESULT = FileFormat(
    name="raceresult",
    title="RACE RESULT passing file",
    recognises=lambda line: _LINE.match(line) is not None,
    reader=_reader,
)
