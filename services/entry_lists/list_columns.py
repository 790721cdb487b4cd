"""What the columns of a list mean: their names in English and Vietnamese, as registration systems write them.

Case, accents, blanks and punctuation do not matter. A name of several parts, `Gender / Giới tính` or `Ngày sinh
(dd/mm/yyyy)`, is known by its first part.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple, get_args

from services.entry_lists.column_names import ENGLISH, LEFT_OUT, VIETNAMESE, Field
from services.entry_lists.errors import COLUMNS_MAX, UnreadableFile
from services.entry_lists.spelling import plain, shown

NEAR = 0.84  # how alike a name has to be to a known one, to be taken for a slip; `birth_yaer` is 0.89
NEAR_SHORT = 0.75  # of a name of SHORT_CHARS at most, where a slip weighs more: `wawe` is 0.75
SHORT_CHARS = 5
NAMES_CACHED = 4_096  # cells of the lines among which the header is looked for, by three delimiters
NEAR_LENGTH = 3  # characters by which such a name may be longer or shorter
UNFORESEEN_NAMED_MAX = 5  # in a message; an export has dozens of columns
NEAR_CHARS_LEAST = 4  # shorter names are too often alike


_VIETNAMESE = {plain(name): field for field, names in VIETNAMESE.items() for name in names.split(",")}
_KNOWN: dict[str, Field] = {
    **{plain(field): field for field in get_args(Field)},
    **{plain(name): field for field, names in ENGLISH.items() for name in names.split(",")},
    **_VIETNAMESE,
}
_UNUSED = frozenset(plain(name) for name in LEFT_OUT.split(",")) - _KNOWN.keys()
_ANY = [*_KNOWN, *_UNUSED]
_PARTS = re.compile(r"[/|()\[\]\n\r:;-]+")
_SINGLE = frozenset(get_args(Field)) - {"chips"}
_REQUIRED: tuple[tuple[tuple[Field, ...], str], ...] = (
    (("bib",), "bib (or Bib Number, Số BIB)"),
    (("gender",), "gender (or Sex, Giới tính)"),
    (("family_name", "full_name", "family_and_middle_name"), "family_name (or Last Name, Họ; or a full name)"),
    (("given_name", "full_name"), "given_name (or First Name, Tên; or a full name)"),
)


class Column(NamedTuple):
    """A column that is read: its place in a row, its name in the file, and the field that it holds."""

    position: int
    name: str
    field: Field


class Columns(NamedTuple):
    """The columns that are read, and the names of those that nobody foresaw. `is_vietnamese`: by names of columns."""

    used: list[Column]
    unforeseen: list[str]
    is_vietnamese: bool

    def has(self, field: Field) -> bool:
        """Return whether a column holds the field."""
        return any(column.field == field for column in self.used)


def is_known(name: str) -> bool:
    """Return whether a header's cell is the name of a column, used or left out."""
    meant = _meant(name)
    return meant in _KNOWN or meant in _UNUSED


def columns_of(header: Sequence[str], line: int, needs_race: bool) -> Columns:
    """Return what the columns of a header mean. `needs_race`: the list has to name each athlete's race.

    Raises UnreadableFile at `line` for a column that is missing, there twice, or probably misspelt: ignoring a
    misspelt `wave` would lose all waves in silence.
    """
    if len(header) > COLUMNS_MAX:
        raise UnreadableFile(f"the header has {len(header)} columns; at most {COLUMNS_MAX} are read", line)
    used = [Column(index, shown(name), field) for index, name in enumerate(header) if (field := _field(name))]
    columns = Columns(used, [], any(_meant(column.name) in _VIETNAMESE for column in used))
    for name in header:
        if plain(name) and not is_known(name):
            _check_not_misspelt(name, columns, line)
            columns.unforeseen.append(shown(name))
    _check_once(columns, line)
    _check_complete(columns, line, needs_race)
    return columns


def _field(name: str) -> Field | None:
    return _KNOWN.get(_meant(name))


@lru_cache(NAMES_CACHED)
def _meant(name: str) -> str:
    """Return the letters of a known name: all of the cell, or its first part, as in `Giới tính (Nam/Nữ)`."""
    letters = plain(name)
    if letters in _KNOWN or letters in _UNUSED:
        return letters
    first = next((part for part in map(plain, _PARTS.split(name)) if part), "")
    return first if first in _KNOWN or first in _UNUSED else letters


def _check_not_misspelt(name: str, columns: Columns, line: int) -> None:
    letters = plain(name)
    if len(letters) < NEAR_CHARS_LEAST:
        return
    alike = [known for known in _ANY if abs(len(known) - len(letters)) <= NEAR_LENGTH]
    near = get_close_matches(letters, alike, n=1, cutoff=NEAR_SHORT if len(letters) <= SHORT_CHARS else NEAR)
    field = _KNOWN.get(near[0]) if near else None
    if field is not None and not columns.has(field):
        raise UnreadableFile(
            f"column {shown(name)!r} is not known; did you mean {field}? Rename the column, or delete it", line
        )


def _check_once(columns: Columns, line: int) -> None:
    first: dict[Field, Column] = {}
    for column in columns.used:
        other = first.setdefault(column.field, column)
        if other is not column and column.field in _SINGLE:
            raise UnreadableFile(
                f"columns {other.name!r} and {column.name!r} both mean {column.field}; delete or rename one of them",
                line,
            )


def _check_complete(columns: Columns, line: int, needs_race: bool) -> None:
    required = (*_REQUIRED, (("race",), "race (or Distance, Cự ly)")) if needs_race else _REQUIRED
    missing = [names for fields, names in required if not any(columns.has(field) for field in fields)]
    if missing:
        unforeseen = ", ".join(repr(name) for name in columns.unforeseen[:UNFORESEEN_NAMED_MAX])
        rename = f", or rename the column that it is; those not known are {unforeseen}" if unforeseen else ""
        raise UnreadableFile(f"the header lacks a column {', and '.join(missing)}; add it{rename}", line)
