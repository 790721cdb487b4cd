"""The request of an entry list: how it is to be read, and its answer. Source: docs/http.md."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from msgspec import Struct

from schemas.definition import Definition
from schemas.ids import REASON_CHARS, US
from services.entry_lists.entry_list import EntryList, LineNote, Repeat, conventions_for
from services.entry_lists.errors import ENTRIES_MAX, TooManyEntries, UnreadableFile
from services.entry_lists.json_list import read_json_list
from services.entry_lists.names import NameOrder
from services.entry_lists.reading import read_entry_list
from services.entry_lists.row_changes import RowChange, changes, replaced, taken_chips
from services.fact_effects.known_event import KnownEvent
from services.ingest.errors import Refused

NOTES_LISTED_MAX = 1_000  # rejected values and warnings listed in an answer, each; more would be one fault many times
CHOICES: dict[str, tuple[str, ...]] = {
    "dry_run": ("0", "1", "true", "false"),
    "repeat": ("refuse", "last"),
    "names": ("family_first", "given_first"),
}
"""The parameters of the request, with their values."""

NO_DEFINITION = (
    "the event has no definition yet, so races are taken as they stand, unchecked; send the definition first, then this"
    " list again"
)

REPEATED = (
    "a list came with this Idempotency-Key before; what it had written stands, and nothing of it is written again; if"
    " this list is another one, send it with another key"
)
TAKEN_BACK = (
    "a list came with this Idempotency-Key before and was taken back by a fact_withdrawn, so nothing is written again"
    " and none of these entries is in force by it; send the list with another key"
)


class Options(Struct, frozen=True):
    """The parameters of a request: whether to write nothing, what to do with repeats, and the order of full names."""

    dry_run: bool = False
    repeat: Repeat = "refuse"
    names: NameOrder | None = None


class ListChanges(Struct, frozen=True):
    """What a list changes of the entries in force; `warnings` are on chips that it takes from others."""

    rows: list[RowChange]
    warnings: list[LineNote] = []


def options_of(query: Mapping[str, str]) -> Options:
    """Return the parameters of a request. Raises Refused: a misspelt or contradicted `dry_run` must not write."""
    for name, count in Counter(name for name, _ in query.items()).items():
        if count > 1:
            raise Refused(400, "Repeated parameter", f"{name!r} comes {count} times; write it once")
    for name, value in query.items():
        choices = CHOICES.get(name)
        if choices is None:
            raise Refused(400, "Unknown parameter", f"{name!r} is not known here; there are {', '.join(CHOICES)}")
        if value not in choices:
            raise Refused(400, "Unknown value", f"{name}={value!r} is not known; write one of {', '.join(choices)}")
    return Options(
        dry_run=query.get("dry_run") in ("1", "true"),
        repeat=cast(Repeat, query.get("repeat", "refuse")),
        names=cast("NameOrder | None", query.get("names")),
    )


def check_no_parameter(query: Mapping[str, str], subject: str) -> None:
    """Raise Refused for any parameter of a request that takes none: `dry_run` on it must not write."""
    if names := ", ".join(repr(name) for name in query):
        raise Refused(
            400,
            "Unknown parameter",
            f"{names} is not known here: a request of {subject} takes no parameters, and nothing was written; to see"
            " what facts would change, send them to live: POST /v1/events/{event}/preview",
        )


def entry_list_of(data: bytes, is_json: bool, definition: Definition | None, options: Options, at_us: int) -> EntryList:
    """Return the list in a body that came in at `at_us`. Raises Refused that names the line of the fault, if any."""
    this_year = datetime.fromtimestamp(at_us / US, UTC).year
    conventions = conventions_for(definition, options.names, options.repeat, this_year + 1)
    try:
        return read_json_list(data, conventions) if is_json else read_entry_list(data, conventions)
    except TooManyEntries as error:
        raise Refused(413, "Too many entries", str(error), limit=ENTRIES_MAX) from None
    except UnreadableFile as unreadable:
        raise Refused(
            400,
            "No entry list",
            f"{str(unreadable)[:REASON_CHARS]}. Nothing was written",
            line=unreadable.line,
        ) from None


def changes_of(known: KnownEvent, entry_list: EntryList) -> ListChanges:
    """Return what a list changes of an event."""
    return ListChanges(changes(entry_list, known.entry), list(taken_chips(entry_list.listed, known.owner_of)))


def unknown_changes(entry_list: EntryList) -> ListChanges:
    """Return that it is not known what a list changes."""
    return ListChanges(changes(entry_list, None))


def answer(
    entry_list: EntryList,
    changed: ListChanges,
    notes: list[str],
    options: Options,
    undo: str | None,
    revision: int | None,
) -> dict[str, Any]:
    """Return the body of the answer; `notes` are warnings on the list as such, `undo` what takes it back."""
    is_known = all(row.change != "unknown" for row in changed.rows)
    warnings = [*(LineNote(None, "", "", note) for note in notes), *entry_list.warnings, *changed.warnings]
    body = {
        "accepted": len(entry_list.listed),
        "replaced": replaced(changed.rows) if is_known else None,
        "rejected": entry_list.rejected[:NOTES_LISTED_MAX],
        "rejected_total": len(entry_list.refused_lines()),
        "warnings": warnings[:NOTES_LISTED_MAX],
        "warnings_total": len(warnings),
        "undo": undo,
        "revision": revision,
    }
    return {**body, "dry_run": True, "rows": changed.rows} if options.dry_run else body
