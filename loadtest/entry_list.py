"""Entry lists as CSV in ingest's columns, as an organiser's registration system would send them."""

import csv
import io
from collections.abc import Iterable

import msgspec

from schemas.events import Entry

COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(Entry))


def entries_csv(entries: Iterable[Entry]) -> bytes:
    """Return UTF-8 with a header row. Chips are separated by a blank; a missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(entry, name) for name in COLUMNS] for entry in entries)
    return text.getvalue().encode()


def _cell(entry: Entry, name: str) -> str:
    value = getattr(entry, name)
    if name == "chips":
        return " ".join(entry.chips)
    if name == "ranked":
        return "" if entry.ranked else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
