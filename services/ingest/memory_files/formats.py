"""Recognise a file out of a device's memory, and read all of it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct, field

from schemas.ids import REASON_CHARS
from services.ingest.memory_files.chronotrack import CHRONOTRACK
from services.ingest.memory_files.file_lines import (
    BadRecord,
    Content,
    FileFormat,
    FileMark,
    FileRead,
    FileSettings,
    TimeOfDay,
    UnknownFile,
)
from services.ingest.memory_files.ipico import IPICO
from services.ingest.memory_files.mylaps import MYLAPS
from services.ingest.memory_files.raceresult import RACERESULT
from services.ingest.memory_files.recorded_lines import JCHIP, WICLAX
from services.ingest.memory_files.rfid_timing import OUTREACH, ULTRA
from services.ingest.memory_files.tables import CHRONOKEEP, TABLE
from services.ingest.memory_files.times import Days

FORMATS: tuple[FileFormat, ...] = (
    CHRONOTRACK,
    RACERESULT,
    ULTRA,
    OUTREACH,
    IPICO,
    MYLAPS,
    WICLAX,
    JCHIP,
    CHRONOKEEP,
    TABLE,
)
SAMPLE_LINES = 200  # by which a file is recognised: more than any heading or handshake
SHOWN_CHARS = 80
LINE_MAX_CHARS = 64 * 1024  # a MYLAPS message of 100 records with all keys has 40 KB
READS_MAX = 500_000  # and marks, of a file; each takes about a kilobyte until it is on the log
BAD_KEPT_MAX = 1_000  # lines that cannot be read, with their reasons; the others are counted
CONTROL_MAX = 0.05  # of the characters; text has hardly any but line ends and tabs

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_COMMENT = re.compile(r"#(?!P;)")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")


class ReadAt(Struct, frozen=True):
    """A read with its line, counted from 1, and its instant, shifted as the settings say."""

    line: int
    read: FileRead
    at_us: int


class MarkAt(Struct, frozen=True):
    """A gun or another mark with its line and its instant, null where its time is incomplete."""

    line: int
    mark: FileMark
    at_us: int | None


class BadLine(Struct, frozen=True):
    """A line, or a record in it, that cannot be read."""

    line: int
    reason: str


class BadLines(Struct):
    """The first of the lines that cannot be read, BAD_KEPT_MAX at most, and the number of all."""

    first: list[BadLine] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, reason: str) -> None:
        """Count a line."""
        self.total += 1
        if len(self.first) < BAD_KEPT_MAX:
            self.first.append(BadLine(line, reason[:REASON_CHARS]))


class MemoryFile(Struct):
    """All that a file holds. `lacks_dates`: some of its times have no date, so that the day decides."""

    format: FileFormat
    reads: list[ReadAt] = field(default_factory=list)
    marks: list[MarkAt] = field(default_factory=list)
    bad: BadLines = field(default_factory=BadLines)
    lacks_dates: bool = False


def read_file(data: bytes, settings: FileSettings) -> MemoryFile:
    """Return what a file holds, in its order. A bad line loses nothing else. Raises UnknownFile."""
    text = _text(data)
    first_lines = list(islice((line for line in _lines(text) if 0 < len(line) <= LINE_MAX_CHARS), SAMPLE_LINES))
    if not first_lines:
        raise UnknownFile(
            "the file has no lines that can be read; look whether the device has another one of the same day"
        )
    file_format = recognised(first_lines, settings)
    read_line = file_format.reader(first_lines, settings)
    days = Days(settings.zone, settings.day)
    memory = MemoryFile(file_format)
    for number, line in enumerate(_lines(text), 1):
        if not line or _COMMENT.match(line):
            continue
        if len(line) > LINE_MAX_CHARS:
            memory.bad.add(number, f"it has {len(line)} characters; the longest allowed has {LINE_MAX_CHARS}")
            continue
        try:
            for content in read_line(line):
                _take(memory, number, content, days, settings)
        except ValueError as error:
            memory.bad.add(number, str(error))
        if len(memory.reads) + len(memory.marks) > READS_MAX:
            raise UnknownFile(
                f"the file has more than {READS_MAX:,} reads; split the file between two lines, and send its parts"
            )
    return memory


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text one by one, since a list of millions takes many times as much as the text."""
    return (line.group().strip("\0 \r\n\ufeff") for line in _LINE.finditer(text))


def _take(memory: MemoryFile, number: int, content: Content, days: Days, settings: FileSettings) -> None:
    """Add a line's content. Raises ValueError for a time that did not occur, or has no date."""
    if not isinstance(content, BadRecord) and isinstance(content.when, TimeOfDay):
        memory.lacks_dates = True
    match content:
        case FileRead(where=where, when=when):
            memory.reads.append(ReadAt(number, content, days.instant_us(where, when) + settings.shift_us))
        case FileMark(where=where, when=when):
            at_us = None if when is None else days.instant_us(where, when) + settings.shift_us
            memory.marks.append(MarkAt(number, content, at_us))
        case BadRecord(reason=reason):
            memory.bad.add(number, reason)


def recognised(lines: Sequence[str], settings: FileSettings) -> FileFormat:
    """Return the format that most of the first lines are of; a table where columns are named. Raises UnknownFile."""
    if settings.columns:
        return TABLE
    headed = next((known for known in (CHRONOKEEP, TABLE) if any(map(known.recognises, lines[:30]))), None)
    counts = Counter({known.name: sum(map(known.recognises, lines)) for known in FORMATS if known not in (TABLE,)})
    name, count = counts.most_common(1)[0]
    if count and (headed is None or count > 1):
        return next(known for known in FORMATS if known.name == name)
    if headed is not None:
        return headed
    raise UnknownFile(
        f"the file is of no known format; its first line is {lines[0][:SHOWN_CHARS]!r}. Known are"
        f" {', '.join(_titles())}; for another table name its columns, such as chip=1 and time=2"
    )


def _titles() -> Iterator[str]:
    return (known.title for known in FORMATS)


def _text(data: bytes) -> str:
    """Return a file as text. Raises UnknownFile for one that is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if data[:2] == b"PK" or len(text) - len(_CONTROL.sub("", text)) > CONTROL_MAX * len(text):
        raise UnknownFile("the file is not text; unpack it, or save a spreadsheet as CSV, and send that")
    return text
