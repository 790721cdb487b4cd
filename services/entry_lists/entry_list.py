"""An entry list as it was read: good entries, refused rows with their reasons, and doubts."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.definition import Definition
from schemas.events import Entry
from schemas.named import in_all_languages
from services.entry_lists.names import NameOrder

YEAR_MAX = 2100  # of a birth, where the event's date is not known; as in `schemas.ids.BirthYear`

Repeat = Literal["refuse", "last"]


class Conventions(Struct, frozen=True, kw_only=True):
    """What a list is read by.

    `races`: the names of each race of the definition, by its id; None if the definition is not known, and then races
    are taken as ids. `born_last`: the event's year. `name_order`: None to find out. `repeat`: whether rows that name
    the same bib or chip are all refused, or the last good one is taken.
    """

    races: Mapping[str, Sequence[str]] | None = None
    born_last: int = YEAR_MAX
    name_order: NameOrder | None = None
    repeat: Repeat = "refuse"


def conventions_for(
    definition: Definition | None,
    name_order: NameOrder | None = None,
    repeat: Repeat = "refuse",
    born_last: int = YEAR_MAX,
) -> Conventions:
    """Return the conventions for the lists of an event.

    Its definition may not be known (None); only then `born_last` is the latest year of birth.
    """
    if definition is None:
        return Conventions(name_order=name_order, repeat=repeat, born_last=born_last)
    races = {race.id: in_all_languages(race.name) for race in definition.races}
    return Conventions(races=races, born_last=int(definition.date[:4]), name_order=name_order, repeat=repeat)


class LineNote(Struct, frozen=True):
    """A remark on a value: why it was refused, or what to check.

    `line` counts from 1, in a JSON list the entries; None if the note is on the list as such. `column` has its name in
    the file; it is "" if the note is on all of the row.
    """

    line: int | None
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = ", ".join(part for part in ("" if self.line is None else f"line {self.line}", self.column) if part)
        return f"{where}: {self.reason}" if where else self.reason


class ListedEntry(NamedTuple):
    """A good entry, and the line where it stands."""

    line: int
    entry: Entry


class EntryList(Struct, frozen=True):
    """The good entries of a list in order, why rows were refused, and what is taken but should be checked."""

    listed: list[ListedEntry]
    rejected: list[LineNote]
    warnings: list[LineNote]

    def entries(self) -> list[Entry]:
        """Return the entries without their lines."""
        return [listed.entry for listed in self.listed]

    def refused_lines(self) -> set[int]:
        """Return the lines that are not taken."""
        return {note.line for note in self.rejected if note.line is not None}


class CheckedRow(NamedTuple):
    """A row that was read. `entry` is None if it has faults; bib and chips are there as far as they could be read."""

    line: int
    bib: str | None
    chips: Sequence[str]
    entry: Entry | None
