"""Recorded streams of protocols made of lines that name themselves: Wiclax generic acquisition, and the J-Chip push.

Source: as `decoders/wiclax.py` and `decoders/jchip.py`; CrossMgr imports logs of the latter, JChipImport.py.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from services.ingest.decoders.jchip import read_line
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.wiclax import read_crossing
from services.ingest.memory_files.file_lines import (
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    LineReader,
    TimeOfDay,
)

_WICLAX = re.compile(r"[^;]+;\d\d-\d\d-\d{4} \d\d:\d\d:\d\d", re.ASCII)
_WICLAX_TALK = re.compile(r"\*|CLOCK|READ|HELLO|BYE|REWIND")
_GUN = "RACESTART "
_JCHIP = re.compile(r"D[A-Z]\S+ +\d\d:\d\d:\d\d", re.ASCII)
_JCHIP_TALK = re.compile(r"N[0-9A-Fa-f]{4}|GT|S0000")


def _wiclax_reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _wiclax_contents(line, settings)


def _wiclax_contents(line: str, settings: FileSettings) -> Iterator[Content]:
    if line.startswith(_GUN):
        yield FileMark("", "racestart", None, line)
    elif not _WICLAX_TALK.match(line):
        crossing = read_crossing(line, settings.zone)
        yield FileRead(crossing.device, crossing.chip, crossing.at_us)


def _jchip_reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _jchip_contents(line, settings)


def _jchip_contents(line: str, settings: FileSettings) -> Iterator[Content]:
    if _JCHIP_TALK.match(line):
        return
    chip, clock, dated, days = read_line(line)
    if dated is None:
        since_midnight = datetime.combine(date.min, clock) - datetime.min
        yield FileRead("", chip, TimeOfDay(since_midnight // timedelta(microseconds=1), days))
    else:
        yield FileRead("", chip, one_instant_us(datetime.combine(dated, clock), settings.zone))


WICLAX = FileFormat(
    name="wiclax",
    title="Wiclax generic acquisition log",
    recognises=lambda line: _WICLAX.match(line) is not None,
    reader=_wiclax_reader,
)
JCHIP = FileFormat(
    name="jchip",
    title="J-Chip log",
    recognises=lambda line: _JCHIP.match(line) is not None,
    reader=_jchip_reader,
)
