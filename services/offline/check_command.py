"""`matline check`: print every fault of a race definition, or of a file of readers, each by its line in the file.

The parsers of TOML and JSON do not give the line of a value, so `lines_of` walks a parsed text once more to find it.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from schemas.definition import Definition
from schemas.definition_faults import DefinitionRefused, Fault
from schemas.definition_parse import parse_definition, plain_from_toml
from schemas.json_faults import json_fault
from services.ingest.readers.sources import Source, SourcesRefused, parse_sources
from services.offline.check_readers import names_readers, notes_on_readers, readers_against_races
from services.offline.definition_notes import clock_cutoffs, notes


class CheckLimits(Struct, frozen=True):
    """The limit of a file's length. A definition of a thousand boards has 200 KB."""

    file_max_bytes: int = 16 * 1024 * 1024


DEFAULT_LIMITS = CheckLimits()
LIST_SUFFIXES = (".csv", ".tsv", ".xlsx")


def run(paths: Iterable[str], limits: CheckLimits = DEFAULT_LIMITS) -> int:
    """Check files and print their faults or a summary. Return the exit code: 0, or 2 when there was a fault."""
    code = 0
    definitions: list[Definition] = []
    readers: list[tuple[str, list[Source], dict[str, int]]] = []
    for path in paths:
        try:
            if path.lower().endswith(LIST_SUFFIXES):
                reason = f"is an entry list, which is checked for a race: matline check {path} --for RACE.toml"
                raise Faulty([(None, Fault("", reason))])
            data = read_file(path, limits.file_max_bytes)
            if names_readers(data, path):
                sources = check_readers(data)
                readers.append((path, sources, lines_of(data.decode("utf-8-sig"), is_json=False)))
                continue
            if not data.strip() and not path.endswith(".json"):
                reason = "is empty; a race definition begins with `event = ...`, a file of readers with [[sources]]"
                raise Faulty([(None, Fault("", reason))])
            definition, lines = check(data, is_json=path.endswith(".json"))
        except Faulty as faulty:
            code = 2
            print_faults(path, faulty)
            continue
        definitions.append(definition)
        for falls in clock_cutoffs(definition):
            print(f"{_shown(path, line_of(lines, falls.path), falls)}")
        print_notes(path, lines, notes(definition))
        print(f"{path}: {summary(definition)}")
    for path, sources, lines in readers:
        faults = list(readers_against_races(sources, definitions)) if definitions else []
        print_notes(path, lines, notes_on_readers(sources, definitions))
        if faults:
            code = 2
            print_faults(path, Faulty([(line_of(lines, fault.path), fault) for fault in faults]))
        else:
            print(f"{path}: {readers_summary(sources)}")
    return code


def print_notes(path: str, lines: dict[str, int], noted: Iterable[Fault]) -> None:
    """Print what is no fault but should be looked at."""
    for note in noted:
        print(f"{_shown(path, line_of(lines, note.path), note)} (a note, not a fault)")


class Faulty(Exception):
    """A file has faults; `faults` holds all of them, each with its line if it has one."""

    def __init__(self, faults: list[tuple[int | None, Fault]]) -> None:
        super().__init__("; ".join(str(fault) for _, fault in faults))
        self.faults = faults


def check(data: bytes, is_json: bool) -> tuple[Definition, dict[str, int]]:
    """Return the definition in a file, and the line of each of its values by path. Raises Faulty."""
    try:
        plain = _plain_from_json(data) if is_json else plain_from_toml(data)
    except DefinitionRefused as refused:
        raise Faulty([(_line_of_fault(data, fault.reason), fault) for fault in refused.faults]) from None
    lines = lines_of(data.decode("utf-8-sig"), is_json)
    try:
        return parse_definition(plain), lines
    except DefinitionRefused as refused:
        raise Faulty([(line_of(lines, fault.path), fault) for fault in refused.faults]) from None


def check_readers(data: bytes) -> list[Source]:
    """Return the readers that a file names. Raises Faulty."""
    try:
        return parse_sources(data)
    except SourcesRefused as refused:
        lines = lines_of(data.decode("utf-8-sig"), is_json=False)
        raise Faulty([(line_of(lines, fault.path), fault) for fault in refused.faults]) from None


def readers_summary(sources: list[Source]) -> str:
    """Return the protocol, gateway and event of each reader, in one line."""
    named = ", ".join(f"{source.protocol} {source.gateway} of {source.event}" for source in sources)
    return f"good: {_count(len(sources), 'reader')}" + (f": {named}" if named else "")


def read_file(path: str, max_bytes: int, kind: str = "a definition") -> bytes:
    """Return the bytes of a file. Raises Faulty when it cannot be opened, or is longer than one of its `kind` is."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise Faulty([(None, Fault("", f"cannot be opened: {error.strerror}"))]) from None
    if len(data) > max_bytes:
        reason = f"is longer than {max_bytes} bytes, so it cannot be {kind}"
        raise Faulty([(None, Fault("", reason))])
    return data


def print_faults(path: str, faulty: Faulty) -> None:
    """Print the faults of a file, each with its line."""
    for line, fault in faulty.faults:
        print(_shown(path, line, fault), file=sys.stderr)


def _plain_from_json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise DefinitionRefused([Fault("$", "is nested more deeply than any definition")]) from None
    except ValueError as error:  # a DecodeError, bytes that are not UTF-8, or an endless number
        raise DefinitionRefused([Fault("$", json_fault(data, error).removeprefix("it "))]) from None


def _line_of_fault(data: bytes, reason: str) -> int | None:
    """Return the line that holds the byte which a reason ends with, or the line that a parser's own message names."""
    if (byte := re.search(r".*\(byte (\d+)\)", reason, re.DOTALL)) is not None:  # an excerpt before it may say anything
        return 1 + data.count(b"\n", 0, int(byte[1]))
    line = re.search(r"line (\d+)", reason)
    return None if line is None else int(line[1])


def _shown(path: str, line: int | None, fault: Fault) -> str:
    where = path if line is None else f"{path}:{line}"
    return f"{where}: {fault.reason}" if fault.path in ("", "$") else f"{where}: {fault}"


# --- The summary of a good file.


def summary(definition: Definition) -> str:
    """Return the contents of a definition in one line: races with their points, boards, teams."""
    races = ", ".join(f"{race.id} ({_count(len(race.points), 'point')})" for race in definition.races)
    parts = [
        f"{_count(len(definition.races), 'race')}: {races}",
        _count(len(definition.mats), "mat"),
        _count(len(definition.boards), "board"),
    ]
    if definition.team_boards:
        parts.append(_count(len(definition.team_boards), "team board"))
    if definition.delegations:
        parts.append(_count(len(definition.delegations), "delegation"))
    for name, what in _OFFICE:
        if rows := getattr(definition, name):
            parts.append(_count(len(rows), what))
    return f"good: event {definition.event}; {'; '.join(parts)}"


_OFFICE = (
    ("eligibility", "eligibility rule"),
    ("compositions", "team composition"),
    ("waves", "wave order"),
    ("prizes", "prize"),
    ("medals", "medal"),
    ("titles", "title"),
)


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- The lines of values in a file.


def line_of(lines: dict[str, int], path: str) -> int | None:
    """Return the line of a value or, if it is missing, of the nearest table around it that is in the file."""
    while path and path not in lines:
        path = re.sub(r"(^|\.)[^.\[]*$|\[\d+\]$", "", path)
    return lines.get(path)


def lines_of(text: str, is_json: bool) -> dict[str, int]:
    """Return the line, from 1, of each value of a well-formed TOML or JSON text, by paths as `races[0].points[2].km`.

    If a text is nested too deeply to be walked to its end, only the lines up to there are returned.
    """
    walk = _Walk(text)
    try:
        if is_json:
            walk.value("")
        else:
            walk.document()
    except RecursionError:
        pass  # no fault of a definition is that deep
    return walk.lines


class _Walk:
    """Walk a text that a parser has accepted, with just enough grammar to find keys, tables and items."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1
        self._tables: dict[str, int] = {}
        self.lines: dict[str, int] = {}

    def document(self) -> None:
        """Walk a TOML document: headers of tables, and keys below them."""
        prefix = ""
        while (first := self._next()) is not None:
            if first == "[":
                prefix = self._header()
            else:
                self._entry(prefix)

    def value(self, path: str) -> None:
        """Walk the next value and the values in it."""
        first = self._next()
        if path:
            self.lines.setdefault(path, self._line)
        if first == "[":
            self._move(1)
            index = 0
            while self._next() not in ("]", None):
                self.value(f"{path}[{index}]")
                index += 1
                self._pass_over(",")
            self._move(1)
        elif first == "{":
            self._move(1)
            while self._next() not in ("}", None):
                self._entry(path)
                self._pass_over(",")
            self._move(1)
        else:
            self._take(_STRING) or self._take(_PLAIN)

    def _header(self) -> str:
        """Return the path of the table that a header opens; `[[name]]` opens the next table of a list."""
        line = self._line
        self._move(1)
        is_list_item = self._pass_over("[")
        path = ""
        names = self._names()
        for name in names[:-1]:
            path = _joined(path, name)
            if path in self._tables:
                path = f"{path}[{self._tables[path]}]"
        path = _joined(path, names[-1])
        if is_list_item:
            self._tables[path] = self._tables.get(path, -1) + 1
            path = f"{path}[{self._tables[path]}]"
            self._pass_over("]")
        self._pass_over("]")
        self.lines.setdefault(path, line)
        return path

    def _entry(self, path: str) -> None:
        """Walk a key, perhaps dotted, and its value."""
        for name in self._names():
            path = _joined(path, name)
            self.lines.setdefault(path, self._line)
        self._move(1)  # = or :
        self.value(path)

    def _names(self) -> list[str]:
        names: list[str] = []
        while not names or self._pass_over("."):
            self._next()
            names.append(self._take(_STRING).strip("\"'") or self._take(_KEY))
        self._next()
        return names

    def _next(self) -> str | None:
        """Return the next character after blanks and comments, None at the end."""
        self._take(_BLANK)
        return self._text[self._position] if self._position < len(self._text) else None

    def _pass_over(self, mark: str) -> bool:
        is_next = self._next() == mark
        self._move(is_next)
        return is_next

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._position)
        token = "" if match is None else match[0]
        self._move(len(token))
        return token

    def _move(self, count: int) -> None:
        self._line += self._text.count("\n", self._position, self._position + count)
        self._position += count


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]*")
_PLAIN = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    "|".join(
        (
            r'"{3}(?:[^\\]|\\.)*?"{3,5}',  # up to two quotes may stand before the closing three
            r"'{3}.*?'{3,5}",
            r'"(?:[^"\\\n]|\\.)*"',
            r"'[^'\n]*'",
        )
    ),
    re.DOTALL,
)
