"""Read the rows of a table as entries. Every faulty cell is noted, not only the first."""

from collections.abc import Callable
from typing import TypeVar

from schemas.events import Entry
from services.entry_lists import cells
from services.entry_lists.cells import BadCell
from services.entry_lists.column_names import Field
from services.entry_lists.entry_list import CheckedRow, Conventions, LineNote
from services.entry_lists.list_columns import Column, Columns
from services.entry_lists.names import Name, split_name
from services.entry_lists.races import RaceNames
from services.entry_lists.spelling import shown
from services.entry_lists.table import Row

Value = TypeVar("Value")


class RowReader:
    """Read rows one after the other; their faults and doubts collect in `rejected` and `warnings`."""

    def __init__(self, columns: Columns, conventions: Conventions, width: int) -> None:
        self.rejected: list[LineNote] = []
        self.warnings: list[LineNote] = []
        self._columns = columns
        self._conventions = conventions
        self._races = RaceNames(conventions.races)
        self._width = width
        self._by_field: dict[Field, list[Column]] = {}
        for column in columns.used:
            self._by_field.setdefault(column.field, []).append(column)
        self._row = Row(0, ())

    def read(self, row: Row) -> CheckedRow:
        """Return the row as an entry, or without one if it has a fault."""
        self._row = row
        fault = row.fault or self._surplus()
        if fault is not None:
            self.rejected.append(LineNote(row.line, "", "", fault))
            return CheckedRow(row.line, None, (), None)
        faults_before = len(self.rejected)
        bib = self._take("bib", cells.bib_of)
        chips = self._chips()
        race = self._races.only() if "race" not in self._by_field else self._take("race", self._races.id_of)
        gender = self._take("gender", cells.gender_of)
        birth_year = self._birth_year()
        nationality = self._nationality()
        name = self._name(nationality)
        division, club, team, wave = (
            self._take("division", cells.optional_text),
            self._take("club", cells.optional_text),
            self._take("team", cells.optional_text),
            self._take("wave", cells.optional_text),
        )
        personal_best_s = self._take("personal_best_s", cells.seconds_of)
        ranked = self._take("ranked", cells.ranked_of)
        if len(self.rejected) > faults_before or bib is None or race is None or gender is None:
            return CheckedRow(row.line, bib, chips, None)
        entry = Entry(
            bib=bib,
            chips=chips,
            race=race,
            gender=gender,
            given_name=name.given,
            family_name=name.family,
            birth_year=birth_year,
            nationality=nationality,
            division=division,
            club=club,
            team=team,
            wave=wave,
            personal_best_s=personal_best_s,
            ranked=ranked is not False,
        )
        return CheckedRow(row.line, bib, chips, entry)

    def _surplus(self) -> str | None:
        cells_in_row, width = self._row.cells, self._width
        if len(cells_in_row) <= width or not any(cell.strip() for cell in cells_in_row[width:]):
            return None
        return (
            f"the line has {len(cells_in_row)} cells, the header {width}; put quotes around a cell that holds the"
            " separator"
        )

    # --- One field, from the column or columns that hold it.

    def _chips(self) -> list[str]:
        chips: dict[str, None] = {}
        for column in self._by_field.get("chips", ()):
            read = self._read(column, cells.chips_of)
            if read is not None:
                chips |= dict.fromkeys(read.chips)
                self._doubt(column, read.doubt)
        return list(chips)

    def _birth_year(self) -> int | None:
        for column in (*self._by_field.get("birth_year", ()), *self._by_field.get("birth_date", ())):
            read = self._read(column, lambda cell: cells.birth_year_of(cell, self._conventions.born_last))
            if read is not None and read.year is not None:
                self._doubt(column, read.doubt)
                return read.year
        return None

    def _nationality(self) -> str | None:
        for column in (*self._by_field.get("nationality", ()), *self._by_field.get("country", ())):
            read = self._read(column, cells.nationality_of)
            if read is not None and read.code is not None:
                self._doubt(column, read.doubt)
                return read.code
        return None

    def _name(self, nationality: str | None) -> Name:
        """Return the name in two parts; a full name is split only if the list does not give the parts."""
        family = self._text("family_name")
        given = " ".join(part for part in (self._text("middle_name"), self._text("given_name")) if part)
        if both := self._text("family_and_middle_name"):
            first, _, middle = both.partition(" ")
            family, given = first, f"{middle.strip()} {given}".strip()
        full = self._text("full_name")
        if family or not full:
            return Name(family, given)
        is_vietnamese = self._columns.is_vietnamese or nationality == "VIE"
        return split_name(full, self._conventions.name_order, is_vietnamese)

    def _text(self, field: Field) -> str:
        return self._take(field, cells.text_of) or ""

    def _take(self, field: Field, read: Callable[[str], Value]) -> Value | None:
        """Return the value of a field that has a single column; None without the column, or if its cell is faulty."""
        columns = self._by_field.get(field)
        return None if columns is None else self._read(columns[0], read)

    def _read(self, column: Column, read: Callable[[str], Value]) -> Value | None:
        cell = self._row.cells[column.position] if column.position < len(self._row.cells) else ""
        try:
            return read(cell)
        except BadCell as fault:
            self.rejected.append(LineNote(self._row.line, column.name, shown(cell), str(fault)))
            return None

    def _doubt(self, column: Column, doubt: str) -> None:
        if doubt:
            self.warnings.append(LineNote(self._row.line, column.name, shown(self._row.cells[column.position]), doubt))
