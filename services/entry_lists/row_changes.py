"""What an entry list changes of the entries in force."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from schemas.events import Entry
from services.entry_lists.entry_list import EntryList, LineNote, ListedEntry

Change = Literal["added", "replaced", "unchanged", "rejected", "unknown"]
"""`unknown`: the row is good, but the entries in force are not known."""


class RowChange(Struct, frozen=True):
    """What a row of a list is, or would be. `bib` is null for a row that is refused."""

    line: int
    bib: str | None
    change: Change


def changes(entry_list: EntryList, entry_of: Callable[[str], Entry | None] | None) -> list[RowChange]:
    """Return what each row is, by its line.

    `entry_of` returns a bib's entry in force, None if there is none; it is None itself if entries are not known.
    """
    rows = [
        RowChange(row.line, row.entry.bib, "unknown" if entry_of is None else _change(row.entry, entry_of))
        for row in entry_list.listed
    ]
    rows += [RowChange(line, None, "rejected") for line in entry_list.refused_lines()]
    return sorted(rows, key=lambda row: row.line)


def _change(entry: Entry, entry_of: Callable[[str], Entry | None]) -> Change:
    before = entry_of(entry.bib)
    if before is None:
        return "added"
    return "unchanged" if before == entry else "replaced"


def replaced(rows: list[RowChange]) -> int:
    """Return how many rows replace an entry by another one."""
    return Counter(row.change for row in rows)["replaced"]


def taken_chips(listed: list[ListedEntry], owner_of: Callable[[str], str | None]) -> Iterator[LineNote]:
    """Yield a note for each chip that the list takes from an athlete who is not in it."""
    bibs = {row.entry.bib for row in listed}
    for line, entry in listed:
        for chip in entry.chips:
            owner = owner_of(chip)
            if owner is not None and owner not in bibs:
                reason = f"{chip} is a chip of bib {owner}, who is not in this list and will have its reads no longer"
                yield LineNote(line, "chips", chip, reason)
