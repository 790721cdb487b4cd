"""The table in a file of entries: its header row and the rows below it. CSV here, XLSX in `workbook.py`.

Programs put lines above the header: a title, a blank line, `sep=;`. So the header is the line, among the first, that
has the most known column names.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from services.entry_lists.errors import COLUMNS_MAX, ENTRIES_MAX, TooManyEntries, UnreadableFile

HEADER_LINES = 30  # the header is among these; titles and notes above it take a few
HEADER_LINE_CHARS = 8_192  # 200 column names of 40 characters; a longer line is no header
DELIMITERS = ",;\t"
KNOWN_COLUMNS_LEAST = 2  # fewer known names in a line are a title that happens to hold a word
NUL_SAMPLE_BYTES = 4_096  # enough to tell UTF-16 without a mark: every second byte of ASCII letters is 0
XLSX_MAGIC = b"PK\x03\x04"
OLD_XLS_MAGIC = b"\xd0\xcf\x11\xe0"

_SEP_LINE = re.compile(r'^"?sep=([,;\t|])"?\s*$', re.IGNORECASE)


class Row(NamedTuple):
    """The cells of a row, and its line in the file, from 1. `fault` says why the row cannot be read, if it cannot."""

    line: int
    cells: Sequence[str]
    fault: str | None = None


class Table(NamedTuple):
    """A header with its line, and the rows below it that hold anything.

    Of a workbook also the name of the `sheet`, and of the others that have a header too and were not read.
    """

    header_line: int
    header: list[str]
    rows: list[Row]
    sheet: str = ""
    unread_sheets: tuple[str, ...] = ()


class Header(NamedTuple):
    """A row that may be the header, and how many known columns it names."""

    known: int
    position: int
    cells: list[str]


def best_header(rows: Sequence[Sequence[str]], is_known: Callable[[str], bool]) -> Header | None:
    """Return the first of the rows with the most known column names; None if none has enough of them."""
    best: Header | None = None
    for index, cells in enumerate(rows):
        known = sum(is_known(cell) for cell in cells[:COLUMNS_MAX])
        if known >= KNOWN_COLUMNS_LEAST and (best is None or known > best.known):
            best = Header(known, index, list(cells))
    return best


def no_header() -> UnreadableFile:
    """Return the refusal of a file without a header row."""
    return UnreadableFile(
        f"no row of column names was found among the first {HEADER_LINES} lines; begin the list with a row that names"
        " the columns, such as bib, chips, race, gender, given_name, family_name"
    )


def csv_table(data: bytes, is_known: Callable[[str], bool], limit: int = ENTRIES_MAX) -> Table:
    """Return the table of a CSV file. Raises UnreadableFile, and TooManyEntries above `limit` rows."""
    lines = list(io.StringIO(_text(data), newline=""))
    first, delimiters = 0, DELIMITERS
    if lines and (sep := _SEP_LINE.match(lines[0])):
        first, delimiters = 1, sep[1]
    header, delimiter = _header(lines, first, delimiters, is_known)
    header_line = header.position
    rows = []
    for row in _rows(lines, header_line, delimiter, len(header.cells)):
        if row.fault is not None or any(cell and not cell.isspace() for cell in row.cells):
            rows.append(row)
        if len(rows) > limit:
            raise TooManyEntries(limit)
    return Table(header_line, header.cells, rows)


# --- The encoding.


def _text(data: bytes) -> str:
    if data[:4] == OLD_XLS_MAGIC:
        raise UnreadableFile("this is a workbook of the old kind (.xls); save it as .xlsx or as CSV UTF-8")
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        wide = encoding != "utf-8-sig"
        line = None if wide else data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            "the text ends in the middle of a character; export the list again"
            if wide
            else "the line is not in UTF-8, so its accents would be lost; save the list as CSV UTF-8 or as .xlsx",
            line,
        ) from None
    return text.removeprefix("\ufeff")


def _encoding(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    sample = data[:NUL_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 4 > len(sample) // 2 > 0 and min(even, odd) * 20 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"


# --- The header.


def _header(lines: list[str], first: int, delimiters: str, is_known: Callable[[str], bool]) -> tuple[Header, str]:
    """Return the header and the delimiter by which it has the most known columns; its position is that of its end."""
    head = [line if len(line) <= HEADER_LINE_CHARS else "\n" for line in lines[first : first + HEADER_LINES]]
    best: Header | None = None
    best_delimiter = ""
    for delimiter in delimiters:
        records = _first_records(head, delimiter)
        header = best_header([cells for _, cells in records], is_known)
        if header is not None and (best is None or header.known > best.known):
            best, best_delimiter = header._replace(position=first + records[header.position][0]), delimiter
    if best is None:
        for number, line in enumerate(head, start=first + 1):
            lenient = [next(csv.reader([line], delimiter=delimiter), []) for delimiter in delimiters]
            if best_header(lenient, is_known) is not None:
                raise _open_quote(number)
        raise no_header()
    return best, best_delimiter


def _first_records(head: list[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the records of the first lines, each with the number of its last line; a faulty line has no cells."""
    records: list[tuple[int, list[str]]] = []
    reader = csv.reader(head, delimiter=delimiter, strict=True)
    try:
        records.extend((reader.line_num, cells) for cells in reader)
    except csv.Error:  # a quote in it may have swallowed lines, the header among them
        done = records[-1][0] if records else 0
        records.extend((number, _cells(line, delimiter)) for number, line in enumerate(head[done:], start=done + 1))
    return records


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


# --- The rows.


def _rows(lines: list[str], first: int, delimiter: str, width: int) -> Iterator[Row]:
    """Yield the rows below the header. Raises UnreadableFile where a quote that was left open swallows rows."""
    reader = csv.reader(lines[first:], delimiter=delimiter, strict=True)
    line = first
    while True:
        begun = line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = first + reader.line_num
            if line > begun or "unexpected end" in str(error):
                raise _open_quote(_opened(lines[begun - 1 : line], begun, delimiter)[-1].line) from None
            yield Row(begun, (), _fault(error))
            continue
        line = first + reader.line_num
        if line > begun:
            for quote in _opened(lines[begun - 1 : line], begun, delimiter):
                if _swallows_rows(quote, len(cells), delimiter, width):
                    raise _open_quote(quote.line)
        yield Row(begun, cells)


def _fault(error: csv.Error) -> str:
    if "field limit" in str(error):
        return "a cell is longer than any value of an entry; shorten it"
    return 'a quote (") ends in the middle of a cell; write "" for a quote inside a quoted cell, or remove it'


def _open_quote(line: int) -> UnreadableFile:
    return UnreadableFile(
        'a quote (") opens here and is not closed where its cell ends, so the lines below would be lost; close or'
        " remove it and send the file again",
        line,
    )


class _Quote(NamedTuple):
    """A quoted cell that goes on over the end of its line: the line where it opens, and its text."""

    line: int
    text: str


def _opened(lines: list[str], first: int, delimiter: str) -> list[_Quote]:
    """Return the quoted cells of a record that go on over the end of a line; at least one has to be there."""
    quotes: list[_Quote] = []
    text: str | None = None  # of the quoted cell that is open
    opened = first
    for number, line in enumerate(lines, start=first):
        at_start = text is None
        position = 0
        while position < len(line):
            char = line[position]
            if text is None:
                if at_start and char == '"':
                    text, opened = "", number
                at_start = char == delimiter
            elif char != '"':
                end = line.find('"', position)
                end = len(line) if end < 0 else end
                text += line[position:end]
                position = end - 1
            elif line[position + 1 : position + 2] == '"':
                text += '"'
                position += 1
            else:
                if "\n" in text or "\r" in text:
                    quotes.append(_Quote(opened, text))
                text = None
            position += 1
    if text is not None or not quotes:
        quotes.append(_Quote(opened, text or ""))
    return quotes


def _swallows_rows(quote: _Quote, cells: int, delimiter: str, width: int) -> bool:
    """Return whether a cell of several lines holds whole rows, as it does when its quote was left open.

    A cell that was meant so, an address for example, has few delimiters in it and leaves the row its width.
    """
    lines = quote.text.splitlines()
    delimiters = quote.text.count(delimiter)
    return (
        delimiters >= (len(lines) - 1) * (width - 1)
        or any(line.count(delimiter) == width - 1 for line in lines[1:-1])
        or (cells > width and delimiters > 0)
    )
