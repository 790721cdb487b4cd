"""`matline check ENTRIES --for RACE`: say of an entry list what ingest would answer, without a stack."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from msgspec import Struct

from schemas.definition import Definition
from services.entry_lists.entry_list import EntryList, LineNote, Repeat, conventions_for
from services.entry_lists.errors import TooManyEntries, UnreadableFile
from services.entry_lists.json_list import read_json_list
from services.entry_lists.names import NameOrder
from services.entry_lists.reading import read_entry_list
from services.offline.check_command import DEFAULT_LIMITS as DEFINITION_LIMITS
from services.offline.check_command import Faulty, check, print_faults, read_file

PATIENCE_S = 2.0  # before a line says that a long list is still being read


class EntriesLimits(Struct, frozen=True):
    """The limits of a list: its bytes, as ingest takes them, and how many notes are printed of each kind."""

    file_max_bytes: int = 32 * 1024 * 1024
    notes_max: int = 1_000


DEFAULT_LIMITS = EntriesLimits()


def run(
    paths: Iterable[str],
    race_path: str,
    repeat: Repeat = "refuse",
    names: NameOrder | None = None,
    limits: EntriesLimits = DEFAULT_LIMITS,
) -> int:
    """Check lists for an event and print what they would give. Return the exit code: 0, or 2 if a line is refused."""
    try:
        definition, _ = check(
            read_file(race_path, DEFINITION_LIMITS.file_max_bytes), is_json=race_path.endswith(".json")
        )
    except Faulty as faulty:
        print_faults(race_path, faulty)
        return 2
    codes = [_check(path, definition, repeat, names, limits) for path in paths]
    return max(codes, default=0)


def _check(path: str, definition: Definition, repeat: Repeat, names: NameOrder | None, limits: EntriesLimits) -> int:
    conventions = conventions_for(definition, names, repeat)
    try:
        data = read_file(path, limits.file_max_bytes, "an entry list")
        is_json = data.lstrip()[:1] in (b"[", b"{")
        with _patience(path):
            entry_list = read_json_list(data, conventions) if is_json else read_entry_list(data, conventions)
    except Faulty as faulty:
        print_faults(path, faulty)
        return 2
    except UnreadableFile as unreadable:
        print(f"{_place(path, unreadable.line)}: {unreadable.reason}", file=sys.stderr)
        return 2
    except TooManyEntries as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    for note in _first(entry_list.rejected, limits):
        print(f"{_shown(path, note)}", file=sys.stderr)
    for note in _first(entry_list.warnings, limits):
        print(f"{_shown(path, note)} (a note, not a fault)")
    print(f"{path}: {summary(entry_list)}")
    return 2 if entry_list.rejected else 0


def summary(entry_list: EntryList) -> str:
    """Return how many entries of which races would be taken, and how many lines not."""
    races = Counter(entry.race for entry in entry_list.entries())
    named = ", ".join(f"{count} {race}" for race, count in sorted(races.items()))
    taken = f"{_count(len(entry_list.listed), 'entry', 'entries')}" + (f": {named}" if named else "")
    refused = len(entry_list.refused_lines())
    if not refused:
        return f"good: {taken}"
    return f"{_count(refused, 'line', 'lines')} refused; {taken} would be taken"


def _count(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


def _first(notes: list[LineNote], limits: EntriesLimits) -> Iterator[LineNote]:
    yield from notes[: limits.notes_max]
    if len(notes) > limits.notes_max:
        yield LineNote(None, "", "", f"{len(notes) - limits.notes_max} more are not shown; correct these first")


def _shown(path: str, note: LineNote) -> str:
    column = f"{note.column}: " if note.column else ""
    return f"{_place(path, note.line)}: {column}{note.reason}"


def _place(path: str, line: int | None) -> str:
    return path if line is None else f"{path}:{line}"


@contextmanager
def _patience(path: str) -> Iterator[None]:
    """Say that a list is still being read, if that takes long and somebody is watching."""
    timer = Timer(PATIENCE_S, lambda: print(f"reading {Path(path).name} ...", file=sys.stderr))
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
