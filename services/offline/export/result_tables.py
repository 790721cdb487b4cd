"""Tables before they become CSV or XLSX: columns, and cells with their type. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from schemas.names import public_name
from schemas.results import AthleteRow
from services.standings.result_flags import public_flags


class Duration(NamedTuple):
    """A printed time, in whole seconds."""

    seconds: int


Cell: TypeAlias = str | int | float | Duration | None
"""A text stays a text even if it begins like a formula; None is an empty cell."""


class Table(Struct, frozen=True):
    """A table: the id that names its file, the title of its sheet, its columns and rows."""

    id: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]


PERSON = ["bib", "name", "family_name", "given_name", "gender", "nationality", "club", "team"]


def person(row: AthleteRow) -> list[Cell]:
    """Return the columns of PERSON for an athlete; the bib replaces a hidden name."""
    entry = row.entry
    if entry is None:
        return [row.bib, row.bib, row.bib, None, None, None, None, None]
    names = (row.bib, "") if row.hidden else (entry.family_name, entry.given_name)
    cells: list[Cell] = [row.bib, public_name(row), *names, entry.gender, entry.nationality, entry.club, entry.team]
    return [None if cell == "" else cell for cell in cells]


def flags_cell(row: AthleteRow) -> Cell:
    """Return the flags of a result as feeds have them: sorted, separated by blanks."""
    return " ".join(public_flags(row)) or None


def table(id: str, title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Return a table. Every row must have a cell for each column."""
    filled = [list(row) for row in rows]
    if any(len(row) != len(columns) for row in filled):
        raise AssertionError(f"table {id} has a row whose length is not its number of columns, {len(columns)}")
    return Table(id, title, list(columns), filled)
