"""Read a JSON list of entries: what a program sends, so each field has to be as R1.entries_added says.

Its faults are named in the same words as those of a file; the line of an entry is its number in the list, from 1.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Raw

from schemas.definition_shape import in_words
from schemas.events import Entry
from schemas.ids import Label, label
from schemas.json_faults import json_fault
from services.entry_lists.cells import BadCell, text_of
from services.entry_lists.entry_list import CheckedRow, Conventions, EntryList, LineNote
from services.entry_lists.errors import ENTRIES_MAX, TooManyEntries, UnreadableFile
from services.entry_lists.repeats import settle_repeats
from services.entry_lists.spelling import shown

COMMAS_AN_ENTRY = 16  # on average; a body with more may hold millions of empty values
_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Entry)}
_TEXTS = ("given_name", "family_name", "division", "club", "team", "wave")

_entry = msgspec.json.Decoder(Entry)


def read_json_list(data: bytes, conventions: Conventions, limit: int = ENTRIES_MAX) -> EntryList:
    """Return the entries of a JSON list. Raises UnreadableFile and TooManyEntries."""
    rejected: list[LineNote] = []
    warnings: list[LineNote] = []
    rows = [_row(number, raw, rejected) for number, raw in enumerate(_items(data, limit), start=1)]
    if conventions.races is not None:
        warnings.extend(_unknown_races(rows, conventions.races))
    return settle_repeats(rows, rejected, warnings, conventions.repeat, {})


def _items(data: bytes, limit: int) -> list[Raw]:
    if data.count(b",") > limit * COMMAS_AN_ENTRY:
        raise TooManyEntries(limit)
    try:
        items = msgspec.json.decode(data, type=list[Raw])
    except msgspec.ValidationError:
        raise UnreadableFile("the body is JSON, but not a list; send the entries as a list: [{...}, {...}]") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(f"the body is not a JSON list of entries: {json_fault(data, error)}") from None
    if len(items) > limit:
        raise TooManyEntries(limit)
    return items


def _row(number: int, raw: Raw, rejected: list[LineNote]) -> CheckedRow:
    try:
        entry = _entry.decode(raw)
        for name in _TEXTS:
            text_of(getattr(entry, name) or "")
        return CheckedRow(number, entry.bib, list(dict.fromkeys(entry.chips)), entry)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # found again below, field by field
    try:
        plain = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = None
    if isinstance(plain, Mapping):
        rejected.extend(LineNote(number, name, _value(plain, name), reason) for name, reason in _faults(plain))
        return CheckedRow(number, _bib(plain), (), None)
    rejected.append(LineNote(number, "", "", f"is not an entry; write an object with {', '.join(_FIELDS)}"))
    return CheckedRow(number, None, (), None)


def _value(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name, "")
    return shown(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _bib(plain: Mapping[str, Any]) -> str | None:
    try:
        return label(plain["bib"], "bib")
    except (KeyError, AttributeError, ValueError):
        return None


# --- The faults of an entry, in words.


def _faults(plain: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each fault of an entry with the name of its field."""
    for name, value in plain.items():
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, n=1)
            meant = f"did you mean {near[0]}? The" if near else "the"
            yield shown(name), f"is not a field of an entry; {meant} fields are {', '.join(_FIELDS)}"
        elif (reason := _fault_of(name, value)) is not None:
            yield name, reason
    for name, field in _FIELDS.items():
        if field.required and name not in plain:
            yield name, "is missing; every entry has this field"


def _fault_of(name: str, value: Any) -> str | None:
    if name == "chips":
        return _fault_of_chips(value)
    try:
        msgspec.convert(value, _FIELDS[name].type)
        if name == "bib":
            label(value, "bib")
        elif name in _TEXTS:
            text_of(value or "")
    except msgspec.ValidationError as error:
        return "is not known; write M, F or X" if name == "gender" else in_words(value, _FIELDS[name].type, str(error))
    except (BadCell, ValueError) as error:
        return str(error)
    return None


def _fault_of_chips(value: Any) -> str | None:
    if not isinstance(value, list):
        return f"{_shown_value(value)} is not a list of chips; write [] for none"
    for chip in value:
        try:
            label(msgspec.convert(chip, Label), "chip")
        except msgspec.ValidationError as error:
            return in_words(chip, Label, str(error))
        except ValueError as error:
            return str(error)
    try:
        msgspec.convert(value, _FIELDS["chips"].type)
    except msgspec.ValidationError as error:
        return in_words(value, _FIELDS["chips"].type, str(error))
    return None


def _shown_value(value: Any) -> str:
    return shown(msgspec.json.encode(value).decode())


def _unknown_races(rows: list[CheckedRow], races: Mapping[str, object]) -> Iterator[LineNote]:
    for row in rows:
        if row.entry is not None and row.entry.race not in races:
            reason = (
                f"{row.entry.race} is not a race of this event, so the entry waits; the races are {', '.join(races)}"
            )
            yield LineNote(row.line, "race", row.entry.race, reason)
