"""Passing files of RACE RESULT decoders: a passing record a line, as the decoder sends it live.

Files of older decoders have 8 fields and a line of headings that begins with `#`. A decoder whose clock was never set
writes the year 0: its times count from when it was started, or from midnight, and somebody has to say which.

Source: RACE RESULT knowledge base, "passing record" and "decoder passing file"; the 8 fields from CrossMgr,
RaceResultImport.py.
"""

import re
from collections.abc import Iterator, Sequence

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.raceresult_passing import read_passing
from services.ingest.memory_files.file_lines import (
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    LineReader,
    UnknownFile,
)

UNDATED = (
    "the decoder's clock was never set, so its passings have no date; say began, the date and time at which it stood at"
    " zero, or day, if it shows the time of day"
)

_LINE = re.compile(r"(#P;)?\d{1,12};[^;]*;\d{4}-\d\d-\d\d;\d\d:\d\d:\d\d", re.ASCII)


def _reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _contents(line, settings)


def _contents(line: str, settings: FileSettings) -> Iterator[Content]:
    origin = ClockOrigin(settings.zone, settings.began_us, settings.day if settings.day_given else None)
    passing = read_passing(line.removeprefix("#P;"), settings.zone, origin)
    if passing.at_us is None:
        raise UnknownFile(UNDATED)
    where = passing.box or ""
    if not passing.chip:
        yield FileMark(where, "marker", passing.at_us, line)
    else:
        yield FileRead(where, passing.chip, passing.at_us, passing.antenna, passing.rssi, passing.battery)


RACERESULT = FileFormat(
    name="raceresult",
    title="RACE RESULT passing file",
    recognises=lambda line: _LINE.match(line) is not None,
    reader=_reader,
)
