"""The table in an XLSX workbook: the sheet with the most known columns, each cell as the text that a person sees.

A workbook is a compressed archive from anywhere: what it may become decompressed, and how many rows and columns are
looked at, is bounded before anything is read.
"""

import datetime
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from services.entry_lists.errors import COLUMNS_MAX, ENTRIES_MAX, TooManyEntries, UnreadableFile
from services.entry_lists.table import HEADER_LINES, Header, Row, Table, best_header, no_header

WORKBOOK_MAX_BYTES = 192 * 1024 * 1024  # decompressed: 55,000 rows of 20 columns are some 60 MiB
SHEETS_MAX = 20  # looked at for the header; workbooks of race offices have three or four
EXACT_DIGITS = 15  # a spreadsheet keeps no more of a number

_PADDED = re.compile(r'^(?:"([^"]*)"|([A-Za-z]))?(0{2,})$')


def xlsx_table(data: bytes, is_known: Callable[[str], bool], limit: int = ENTRIES_MAX) -> Table:
    """Return the table of a workbook. Raises UnreadableFile, and TooManyEntries above `limit` rows."""
    import openpyxl  # here, since it takes a fifth of ingest's start, which readers wait for after a crash

    _check_size(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return _table(book, is_known, limit)
    except (TooManyEntries, UnreadableFile):
        raise
    except Exception as error:  # whatever a damaged archive makes of the libraries that read it
        raise UnreadableFile(
            "the workbook is damaged; open it and save it again as .xlsx, or save it as CSV UTF-8"
        ) from error


def _check_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, OverflowError):
        raise UnreadableFile("this is not a workbook, or it is damaged; save it as .xlsx or as CSV UTF-8") from None
    if size > WORKBOOK_MAX_BYTES:
        raise UnreadableFile(
            f"the workbook has {size} bytes decompressed, over {WORKBOOK_MAX_BYTES}; keep only the sheet with the"
            " entries, or save it as CSV UTF-8"
        )


def _table(book: Any, is_known: Callable[[str], bool], limit: int) -> Table:
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    hidden = [sheet for sheet in book.worksheets if sheet.sheet_state != "visible"]
    headers = _headers(visible[:SHEETS_MAX], is_known) or _headers(hidden[:SHEETS_MAX], is_known)
    if not headers:
        raise no_header()
    best_sheet, best = max(headers, key=lambda item: item[1].known)
    header_line = best.position + 1
    rows = []
    for line, cells in _rows(best_sheet, header_line + ENTRIES_MAX + 1, len(best.cells)):
        if line > header_line and any(cells):
            rows.append(Row(line, cells))
        if len(rows) > limit:
            raise TooManyEntries(limit)
    unread = tuple(sheet.title for sheet, header in headers if sheet is not best_sheet and _has_rows(sheet, header))
    return Table(header_line, best.cells, rows, best_sheet.title, unread)


def _headers(sheets: Sequence[Any], is_known: Callable[[str], bool]) -> list[tuple[Any, Header]]:
    """Return the sheets that have a row of column names, each with it."""
    headers = []
    for sheet in sheets:
        sheet.reset_dimensions()  # what a sheet says of its size need not be true
        header = best_header([cells for _, cells in _rows(sheet, HEADER_LINES, COLUMNS_MAX)], is_known)
        if header is not None:
            headers.append((sheet, header))
    return headers


def _has_rows(sheet: Any, header: Header) -> bool:
    """Return whether any of the next rows below a header holds anything."""
    below = header.position + 1
    return any(line > below and any(cells) for line, cells in _rows(sheet, below + HEADER_LINES, len(header.cells)))


def _rows(sheet: Any, count: int, width: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the first rows of a sheet with their numbers, empty ones too; of each the first `width` cells."""
    for line, cells in enumerate(sheet.iter_rows(max_row=count, max_col=width), start=1):
        texts = [_text(cell) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        yield line, texts


def _text(cell: Any) -> str:
    """Return a cell as a person sees it. A number beyond what a spreadsheet keeps is shown rounded, as it shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, cell.number_format)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _number(value: int | float, number_format: str) -> str:
    if abs(value) >= 10**EXACT_DIGITS:
        return f"{value:.5E}"
    if value != int(value):
        return repr(value)
    padded = _PADDED.match(number_format)
    if padded is None or value < 0:
        return str(int(value))
    return f"{padded[1] or padded[2] or ''}{int(value):0{len(padded[3])}}"
