"""Tables as CSV and as XLSX. Text from outside stays text in both: a spreadsheet never reads it as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from services.formatting.spreadsheet import FORMULA_STARTS, harmless
from services.formatting.times import format_hms
from services.offline.export.result_tables import Cell, Duration, Table

SHEET_CHARS = 31  # of a sheet's title; Excel refuses a workbook with a longer one
CELL_CHARS = 32_767  # of a cell
WIDTH_MOST = 40  # characters of a column, as it opens
ROWS_MEASURED = 200  # to find a column's width

DAY_S = 86_400
_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_NOT_IN_CELLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # characters that XML 1.0 cannot hold


def csv_text(table: Table) -> str:
    """Return a table as CSV: a header, commas, lines that end in CR LF. Source: RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _csv_cell(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case Duration(seconds):
            return format_hms(seconds)
        case str():
            return harmless(cell)
        case _:
            return cell


def xlsx_bytes(tables: Sequence[Table]) -> bytes:
    """Return a workbook with a sheet for each table, headers frozen. Numbers and times are values, not texts."""
    book = Workbook(write_only=True)
    for table, title in zip(tables, sheet_titles(table.title for table in tables), strict=True):
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for number, width in enumerate(_widths(table), start=1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        sheet.append([_header_cell(sheet, name) for name in table.columns])
        for row in table.rows:
            sheet.append([_xlsx_cell(sheet, cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _header_cell(sheet: Any, name: str) -> Any:
    cell = _text_cell(sheet, name)
    cell.font = Font(bold=True)
    return cell


def _xlsx_cell(sheet: Any, cell: Cell) -> Any:
    match cell:
        case Duration(seconds):
            made = WriteOnlyCell(sheet, value=seconds / DAY_S)
            made.number_format = "[h]:mm:ss"
            return made
        case str():
            return _text_cell(sheet, cell)
        case _:
            return cell


def _text_cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=_NOT_IN_CELLS.sub("\N{REPLACEMENT CHARACTER}", text)[:CELL_CHARS])
    cell.data_type = "s"  # a text, even if it looks like a formula
    cell.quotePrefix = text.startswith(FORMULA_STARTS)  # so that it stays a text when somebody edits the cell
    return cell


def sheet_titles(titles: Iterable[str]) -> list[str]:
    """Return titles that Excel accepts: at most 31 characters, none forbidden, and distinct regardless of case."""
    unique: list[str] = []
    taken: set[str] = {"history"}  # Excel reserves this title
    for title in titles:
        plain = _NOT_IN_TITLES.sub(" ", title).strip().strip("'") or "Sheet"
        made, number = plain[:SHEET_CHARS].rstrip(" '"), 1
        while made.lower() in taken:
            number += 1
            end = f" ({number})"
            made = plain[: SHEET_CHARS - len(end)].rstrip() + end
        taken.add(made.lower())
        unique.append(made)
    return unique


def _widths(table: Table) -> list[int]:
    shown = [table.columns, *([_shown(cell) for cell in row] for row in table.rows[:ROWS_MEASURED])]
    return [min(WIDTH_MOST, max(map(len, column)) + 2) for column in zip(*shown, strict=True)]


def _shown(cell: Cell) -> str:
    return str(_csv_cell(cell))
