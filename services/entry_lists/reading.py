"""Read an entry list: bytes to entries, and what has to be corrected, by line and column.

A row is taken or refused by itself, so that a slip of a finger costs one row. A fault that could lose rows in silence,
such as a quote left open, refuses the file.
"""

from services.entry_lists.entry_list import Conventions, EntryList, LineNote
from services.entry_lists.errors import ENTRIES_MAX, UnreadableFile
from services.entry_lists.list_columns import Columns, columns_of, is_known
from services.entry_lists.repeats import settle_repeats
from services.entry_lists.row_reader import RowReader
from services.entry_lists.table import XLSX_MAGIC, Table, csv_table
from services.entry_lists.workbook import xlsx_table


def read_entry_list(data: bytes, conventions: Conventions, limit: int = ENTRIES_MAX) -> EntryList:
    """Return the entries of a CSV file or an XLSX workbook. Raises UnreadableFile and TooManyEntries."""
    table = table_of(data, limit)
    races = conventions.races
    columns = columns_of(table.header, table.header_line, needs_race=races is None or len(races) != 1)
    reader = RowReader(columns, conventions, len(table.header))
    reader.warnings.extend(_notes_on_sheets(table))
    reader.warnings.extend(_notes_on_columns(columns, table.header_line, conventions))
    rows = [reader.read(row) for row in table.rows]
    names = {column.field: column.name for column in reversed(columns.used)}
    return settle_repeats(rows, reader.rejected, reader.warnings, conventions.repeat, names)


def table_of(data: bytes, limit: int = ENTRIES_MAX) -> Table:
    """Return the header and the rows of a file. Raises UnreadableFile and TooManyEntries."""
    if not data.strip():
        raise UnreadableFile("the list is empty; see that the name of the file is right, and send it again")
    return xlsx_table(data, is_known, limit) if data[:4] == XLSX_MAGIC else csv_table(data, is_known, limit)


def _notes_on_sheets(table: Table) -> list[LineNote]:
    return [
        LineNote(
            None,
            "",
            "",
            f"the sheet {name!r} has columns of a list too, but only the sheet {table.sheet!r} is read; put all entries"
            " on one sheet, or send each sheet as a list of its own",
        )
        for name in table.unread_sheets
    ]


def _notes_on_columns(columns: Columns, line: int, conventions: Conventions) -> list[LineNote]:
    notes = [
        LineNote(line, name, "", "this column is not known, so it is left out; rename it if it belongs to an entry")
        for name in columns.unforeseen
    ]
    if not columns.has("chips"):
        reason = "the list has no column of chips, so no reads will count for its athletes until they have chips"
        notes.append(LineNote(line, "", "", reason))
    if not columns.has("race") and conventions.races is not None:
        (race,) = conventions.races
        notes.append(LineNote(line, "", "", f"the list has no column of races, so everybody is entered for {race}"))
    return notes
