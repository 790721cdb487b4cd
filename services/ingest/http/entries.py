"""Read the entry list of a request, JSON or CSV. Each line is checked separately, and bad ones are named by number.

An entry with an e-mail address is refused, since nothing can be deleted from the log. Source: R1 and docs/http.md.
"""

import csv
import io
import re
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from schemas.events import Entry
from services.ingest.errors import IngestError, shortened

ENTRIES_MAX = 200_000  # of one request, good and bad: the largest marathons have 60,000
COMMAS_AN_ENTRY = 16  # on average; a body with more may hold millions of empty values
HEADER_MAX_CHARS = 4_096  # of a CSV file's first line; all columns together have 150

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CHIP_BREAK = re.compile(r"[\s;|,]+")
_YES = frozenset(("true", "yes", "1"))
_NO = frozenset(("false", "no", "0"))
_COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(Entry))
_entry = msgspec.json.Decoder(Entry)


class TooManyEntries(IngestError):
    """More entries than a request takes."""


class BadLine(NamedTuple):
    """An entry that was refused, and why. `line`: of a CSV file, whose header is line 1; of a JSON list, from 1."""

    line: int
    reason: str


class Listing(NamedTuple):
    """The entries of a request in order, and the lines that were refused."""

    entries: list[Entry]
    bad: list[BadLine]


def entries_from_json(data: bytes, limit: int = ENTRIES_MAX) -> Listing:
    """Return the entries of a JSON list. Raises TooManyEntries, and msgspec.DecodeError when it is not a list."""
    entries: list[Entry] = []
    bad: list[BadLine] = []
    if data.count(b",") > limit * COMMAS_AN_ENTRY:
        raise TooManyEntries(f"a request takes at most {limit} entries; split the list into several requests")
    items = msgspec.json.decode(data, type=list[Raw])
    _check_count(len(items), limit)
    for number, raw in enumerate(items, start=1):
        try:
            entries.append(_without_email(_entry.decode(raw)))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            bad.append(BadLine(number, shortened(error)))
    return Listing(entries, bad)


def entries_from_csv(data: bytes, limit: int = ENTRIES_MAX) -> Listing:
    """Return the entries of a CSV file with a header row, UTF-8, separated by comma, semicolon or tab.

    Columns are the fields of an entry; several chips in a cell are separated by a blank, `;` or `|`; an empty cell
    means no value. Raises TooManyEntries, and ValueError for a wrong header: an unknown column might be a misspelt one.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file is not UTF-8 (byte {error.start}); save it as CSV UTF-8") from None
    first = text[: HEADER_MAX_CHARS + 1].partition("\n")[0]
    if len(first) > HEADER_MAX_CHARS:
        raise ValueError(
            f"the first line has over {HEADER_MAX_CHARS} characters, so it is not a header of column names"
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        header = [_column(name) for name in next(reader, [])]
    except csv.Error as error:
        raise ValueError(f"the header (line 1) cannot be read: {error}") from None
    _check_header(header)
    entries: list[Entry] = []
    bad: list[BadLine] = []
    line = reader.line_num
    while True:
        _check_count(len(entries) + len(bad), limit)
        line += 1
        try:
            cells = next(reader)
        except StopIteration:
            return Listing(entries, bad)
        except csv.Error as error:
            bad.append(BadLine(line, shortened(error)))
            continue
        if any(cell.strip() for cell in cells):
            try:
                entries.append(_without_email(msgspec.convert(_plain(header, cells), Entry, strict=False)))
            except (msgspec.ValidationError, ValueError) as error:
                bad.append(BadLine(line, shortened(error)))
        line = reader.line_num


def _check_count(count: int, limit: int) -> None:
    if count > limit:
        raise TooManyEntries(f"a request takes at most {limit} entries; split the list into several requests")


def _column(name: str) -> str:
    plain = name.strip().lower().replace(" ", "_")
    return "chips" if plain == "chip" else plain


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in _COLUMNS]
    if unknown:
        raise ValueError(
            f"unknown column {', '.join(map(repr, unknown))} in the header; the columns are {', '.join(_COLUMNS)}"
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"column {', '.join(repeated)} comes more than once in the header; remove all but one")
    missing = [f.encode_name for f in msgspec.structs.fields(Entry) if f.required and f.encode_name not in header]
    if missing:
        raise ValueError(f"the header (line 1) lacks column {', '.join(missing)}; add it")


def _plain(header: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        raise ValueError(
            f"the line has {len(cells)} cells, the header {len(header)}; put quotes around a cell"
            " that holds the separator"
        )
    plain: dict[str, Any] = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    row = {name: cell for name, cell in plain.items() if cell or name in ("given_name", "family_name")}
    row["chips"] = [chip for chip in _CHIP_BREAK.split(plain.get("chips", "")) if chip]
    if "gender" in row:
        row["gender"] = row["gender"].upper()
    if "ranked" in row:
        row["ranked"] = _truth(row["ranked"])
    return row


def _truth(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(f"ranked {text!r} is neither true nor false; write one of these, or leave it empty")


def _without_email(entry: Entry) -> Entry:
    for name in _COLUMNS:
        value = getattr(entry, name)
        if isinstance(value, str) and _EMAIL.search(value):
            raise ValueError(f"{name} holds an e-mail address, which could never be deleted from the log; leave it out")
    return entry
