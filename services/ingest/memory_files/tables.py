"""Tables with headings: what Chronokeep and RACE RESULT Ubidium export, and any other whose columns are known.

Columns are found by usual headings in English and Vietnamese, or by `columns` of the settings. A date may stand in a
column of its own. Chronokeep counts seconds from 1980 by the local clock, as the Ultra does, and its reads keep the
box's own time beside the adjusted one.

Source: chronokeep-windows, TimingPage.xaml.cs (headings of its log); CrossMgr, UbidiumImport.py (`id`, `time.local`).
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from schemas.ids import label
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.memory_files.file_lines import (
    Content,
    FileFormat,
    FileRead,
    FileSettings,
    LineReader,
    UnknownFile,
)
from services.ingest.memory_files.times import date_of, when_of

DELIMITERS = ",;\t|"
HEADER_LINES_MAX = 30  # lines above the headings
FIELDS_LEAST = 2  # a chip and a time
NAMES: Mapping[str, Sequence[str]] = {
    name: spellings.split()
    for name, spellings in {
        "chip": "chip chipnumber chipid chipcode tag tagid tagcode transponder transpcode epc epchex rfid mãchip machip"
        " sốchip code id",
        "time": "timelocal timestamp datetime passingtime readtime time clocktime timeofday thờigian thoigian giờ gio",
        "date": "date readdate day ngày ngay",
        "device": "device deviceid location locationname timingpoint checkpoint point place mat reader readerid box"
        " decoder thiếtbị vịtrí điểm",
        "antenna": "antenna antennaport port loop channel ăngten",
        "rssi": "rssi peakrssi signalstrength signal dbm",
    }.items()
}
"""What a column may hold, and the headings that it may have, without case, blanks and punctuation, the surest first."""

CHRONOKEEP_COLUMNS = ("chip_number", "seconds", "milliseconds", "antenna", "reader", "box", "rssi")
_CHRONOKEEP_ZERO = datetime(1980, 1, 1)


class _Columns:
    """The places of columns in a row."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places

    def value(self, row: Sequence[str], name: str) -> str:
        """Return what a row has in a column; empty without the column."""
        place = self._places.get(name)
        return row[place].strip() if place is not None and place < len(row) else ""


def split(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line of a table; all of it as one field where it cannot be split."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def delimiter_of(line: str) -> str:
    """Return the character that separates the fields of a line: the one that gives most of them."""
    return max(DELIMITERS, key=lambda delimiter: len(split(line, delimiter)))


def headings(line: str, named: Mapping[str, str]) -> dict[str, int]:
    """Return the places of known columns in a line of headings, `named` ones first."""
    cells = [_plain(cell) for cell in split(line, delimiter_of(line))]
    wanted: dict[str, Sequence[str]] = {name: (_plain(heading),) for name, heading in named.items()}
    places: dict[str, int] = {}
    for name, spellings in {**NAMES, **wanted}.items():
        spelling = next((spelling for spelling in spellings if spelling in cells), None)
        if spelling is not None:
            places[name] = cells.index(spelling)
    return places


def is_table(lines: Sequence[str]) -> bool:
    """Return whether one of the first lines has headings of a chip and a time."""
    return any({"chip", "time"} <= headings(line, {}).keys() for line in lines[:HEADER_LINES_MAX])


def _plain(text: str) -> str:
    return "".join(char for char in text.strip("\ufeff").lower() if char.isalnum())


def _table_reader(lines: Sequence[str], settings: FileSettings) -> LineReader:
    """Return the reader of a table. Raises UnknownFile if the columns of chip and time are not found."""
    by_number = {name: int(text) - 1 for name, text in settings.columns.items() if text.isdecimal() and int(text) > 0}
    by_heading = {name: text for name, text in settings.columns.items() if name not in by_number}
    places, header = dict(by_number), ""
    for line in lines[:HEADER_LINES_MAX]:
        named = headings(line, by_heading) | by_number
        if {"chip", "time"} <= named.keys() and (not by_number or len(headings(line, by_heading)) >= FIELDS_LEAST):
            places, header = named, line
            break
    missing = [name for name in ("chip", "time", *by_heading) if name not in places]
    if missing:
        raise UnknownFile(
            f"the file has no column of {' and '.join(dict.fromkeys(missing))}; its first line is {lines[0][:80]!r}."
            " Name the columns by their headings or numbers, such as chip=Tag and time=3"
        )
    delimiter = delimiter_of(header or lines[0])
    columns = _Columns(places)
    passed = not header

    def read(line: str) -> Iterator[Content]:
        nonlocal passed
        if not passed:  # what stands above the headings, and they themselves
            passed = line == header
            return
        yield _row(split(line, delimiter), columns, settings)

    return read


def _row(row: Sequence[str], columns: _Columns, settings: FileSettings) -> FileRead:
    day_text, clock = columns.value(row, "date"), columns.value(row, "time")
    if day_text:
        clock = f"{date_of(day_text.partition(' ')[0], settings.day).isoformat()} {clock}"
    return FileRead(
        columns.value(row, "device"),
        label(columns.value(row, "chip"), "chip"),
        when_of(clock, settings.zone, settings.day),
        _integer(columns.value(row, "antenna")),
        _number(columns.value(row, "rssi")),
    )


def _chronokeep_reader(lines: Sequence[str], settings: FileSettings) -> LineReader:
    header = next(line for line in lines if is_chronokeep(line))
    cells = [cell.strip().lower() for cell in split(header, ",")]
    columns = _Columns({name: cells.index(name) for name in CHRONOKEEP_COLUMNS})

    def read(line: str) -> Iterator[Content]:
        if line == header:
            return
        row = split(line, ",")
        seconds, milliseconds = columns.value(row, "seconds"), columns.value(row, "milliseconds")
        if not (seconds.isdecimal() and milliseconds.isdecimal() and len(seconds) <= 10 and len(milliseconds) <= 3):
            raise ValueError(f"{seconds[:20]!r} {milliseconds[:20]!r} are not seconds since 1980 and milliseconds")
        local = _CHRONOKEEP_ZERO + timedelta(seconds=int(seconds), milliseconds=int(milliseconds))
        yield FileRead(
            columns.value(row, "box") or columns.value(row, "reader"),
            label(columns.value(row, "chip_number"), "chip"),
            one_instant_us(local, settings.zone),
            _integer(columns.value(row, "antenna")),
            _number(columns.value(row, "rssi")),
        )

    return read


def is_chronokeep(line: str) -> bool:
    """Return whether a line has the headings of Chronokeep's log."""
    return set(CHRONOKEEP_COLUMNS) <= {cell.strip().lower() for cell in split(line, ",")}


def _integer(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 4 else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -1e6 < value < 1e6 else None


CHRONOKEEP = FileFormat(name="chronokeep", title="Chronokeep log", recognises=is_chronokeep, reader=_chronokeep_reader)
TABLE = FileFormat(
    name="table", title="table with headings", recognises=lambda line: is_table([line]), reader=_table_reader
)
