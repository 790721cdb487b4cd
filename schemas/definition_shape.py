"""Read plain objects as the tables of a definition, and find every fault of their shape.

Each field is read by itself, so that one bad field does not hide the next. A value that cannot be read is left out: a
stand-in takes its place, so that the rest can still be checked for contradictions.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from schemas.definition import LIST_MAX, Board, Definition, Delegation, Mat, Race, TeamBoard
from schemas.definition_faults import DefinitionRefused, Fault, not_a_field
from schemas.named import Language
from schemas.office import TABLES as OFFICE_TABLES

VALUE_SHOWN = 60  # characters of a value that a fault quotes

TABLES: dict[str, type[Struct]] = {
    "mats": Mat,
    "races": Race,
    "boards": Board,
    "team_boards": TeamBoard,
    "delegations": Delegation,
    **OFFICE_TABLES,
}


class Shape:
    """A definition as far as it could be read, and the faults of the rest."""

    def __init__(self, definition: Definition, faults: list[Fault], left_out: Iterable[str]) -> None:
        """Keep the values that could be read.

        `left_out` holds the paths of the rest: values of the wrong shape, missing fields, and fields for which an
        unknown key was probably meant.
        """
        self.definition = definition
        self.faults = faults
        self._left_out = {tuple(_steps(path)) for path in left_out}
        self._lacks: dict[str, bool] = {}

    def lacks(self, path: str) -> bool:
        """Return whether the value at a path was left out. `[]` in the path stands for every row of a list."""
        if not self._left_out:
            return False
        if "[]" not in path:
            steps = _steps(path)
            return any(tuple(steps[:count]) in self._left_out for count in range(1, len(steps) + 1))
        if path not in self._lacks:
            wanted = _steps(path)
            self._lacks[path] = any(_leads_to(left_out, wanted) for left_out in self._left_out)
        return self._lacks[path]


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+|\[\d*\]", path)


def _leads_to(path: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether a path lies at or above the wanted one, in which `[]` is any row."""
    return len(path) <= len(wanted) and all(
        step == want or (want == "[]" and step.startswith("[")) for step, want in zip(path, wanted, strict=False)
    )


def read_shape(plain: Any) -> Shape:
    """Return all that can be read of a definition. Raises DefinitionRefused where it is not a table at all."""
    if not isinstance(plain, Mapping):
        raise DefinitionRefused([Fault("$", "is not a table; a definition has fields such as event, name and races")])
    try:
        return Shape(msgspec.convert(plain, Definition), [], [])
    except msgspec.ValidationError:
        return _ShapeReader().read(plain)


class _LeftOut:
    """A marker for a value that cannot be read, until its field supplies a stand-in."""


_LEFT_OUT = _LeftOut()


class _ShapeReader:
    """Read one definition field by field, and keep the faults on the way."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.left_out: list[str] = []

    def read(self, plain: Mapping[str, Any]) -> Shape:
        head = {key: value for key, value in plain.items() if key not in TABLES}
        definition = self._table(head, Definition, "")
        tables = {name: self._rows(name, plain[name]) for name in TABLES if name in plain}
        return Shape(msgspec.structs.replace(definition, **tables), self.faults, self.left_out)

    def _rows(self, name: str, rows: Any) -> list[Any]:
        """Return the rows of one of the definition's tables."""
        if not isinstance(rows, list):
            self._leave_out(name, f"must be a list of tables; in TOML write [[{name}]]")
            return []
        if len(rows) > LIST_MAX:
            self._leave_out(name, f"has {len(rows)} tables; at most {LIST_MAX} are allowed")
        kind = TABLES[name]
        read = (self._row(row, kind, f"{name}[{index}]") for index, row in enumerate(rows[:LIST_MAX]))
        return [_stand_in(kind) if row is _LEFT_OUT else row for row in read]

    def _row(self, row: Any, kind: type[Struct], path: str) -> Any:
        if not isinstance(row, Mapping):
            return self._leave_out(path, "is not a table")
        return self._table(row, kind, path)

    def _table(self, table: Mapping[str, Any], kind: type[Struct], path: str) -> Any:
        """Return a table: each of its fields by itself; missing and unknown ones are faults."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        read: dict[str, Any] = {}
        for key, item in table.items():
            if key in fields:
                value = self._value(item, fields[key].type, _joined(path, key))
                if value is not _LEFT_OUT:
                    read[key] = value
            else:
                self._unknown(str(key), [name for name in fields if name not in table], sorted(fields), path)
        for key, field in fields.items():
            if field.required and key not in read:
                read[key] = _stand_in(field.type)
                if key not in table:
                    self.faults.append(Fault(path or key, f"needs `{key}`"))
                    self.left_out.append(_joined(path, key))
        return kind(**read)

    def _unknown(self, key: str, absent: list[str], known: list[str], path: str) -> None:
        """Note a key that is not a field; leave out the absent field that it resembles, or all if it resembles none."""
        near = get_close_matches(key, known, n=1)
        self.faults.append(Fault(_joined(path, key), not_a_field(key, known)))
        self.left_out += [_joined(path, name) for name in absent if not near or name == near[0]]

    def _value(self, value: Any, kind: Any, path: str) -> Any:
        """Return a field's value; of a list or a table, all that can be read."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            text = str(error)
        faults_before = len(self.faults)
        read: Any = _LEFT_OUT
        for plain_kind in plain_kinds(kind):
            if isinstance(value, Mapping) and isinstance(plain_kind, type) and issubclass(plain_kind, Struct):
                read = self._table(value, plain_kind, path)
            elif isinstance(value, Mapping) and get_origin(plain_kind) is dict and value:
                read = self._names(value, get_args(plain_kind)[1], path)
            elif isinstance(value, list) and get_origin(plain_kind) is list:
                item_kind = get_args(plain_kind)[0]
                items = [self._value(item, item_kind, f"{path}[{index}]") for index, item in enumerate(value)]
                read = [_stand_in(item_kind) if item is _LEFT_OUT else item for item in items]
        if len(self.faults) > faults_before:
            return read
        return self._leave_out(path, in_words(value, kind, text))

    def _names(self, names: Mapping[str, Any], kind: Any, path: str) -> Any:
        """Return the names of a table by language that can be read."""
        read: dict[str, Any] = {}
        for language, name in names.items():
            try:
                msgspec.convert(language, Language)
            except msgspec.ValidationError:
                reason = f"{_shown(str(language))} is not a language; write a code such as vi, en or en-GB"
                self._leave_out(_joined(path, str(language)), reason)
                continue
            value = self._value(name, kind, _joined(path, language))
            if value is not _LEFT_OUT:
                read[language] = value
        return read or _LEFT_OUT

    def _leave_out(self, path: str, reason: str) -> _LeftOut:
        self.faults.append(Fault(path, reason))
        self.left_out.append(path)
        return _LEFT_OUT


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _stand_in(kind: Any) -> Any:
    """Return an empty value of a kind; for a table, one with empty values in its required fields."""
    (plain_kind, *_) = plain_kinds(kind)
    if isinstance(plain_kind, type) and issubclass(plain_kind, Struct):
        fields = msgspec.structs.fields(plain_kind)
        return plain_kind(**{field.name: _stand_in(field.type) for field in fields if field.required})
    return (get_origin(plain_kind) or plain_kind)()


def plain_kinds(kind: Any) -> Iterator[Any]:
    """Yield the plain types that an annotation allows: without their limits, the members of a union one by one."""
    if get_origin(kind) is Annotated:
        yield from plain_kinds(get_args(kind)[0])
    elif get_origin(kind) in (None, dict, list, Literal):
        yield kind
    else:
        for member in get_args(kind):
            yield from plain_kinds(member)


# --- Faults of values, in words for the person who writes the file.


def in_words(value: Any, kind: Any, text: str) -> str:
    """Return the fault of a value in words; `text` is msgspec's message."""
    if "enum value" in text:
        choices = [
            str(name) for member in plain_kinds(kind) if get_origin(member) is Literal for name in get_args(member)
        ]
        return f"{_shown(value)} is not one of {', '.join(choices)}"
    if "matching regex" in text:
        wanted = "a code of three letters" if "{3}" in text else f"an id; {_ID_RULE}"
        return f"{_shown(value)} is not {wanted}"
    expected = text.partition(" - at `$")[0].removeprefix("Expected ").partition(", got ")[0].replace(" | null", "")
    type_name, _, bound = expected.partition("` ")
    sign, _, limit = bound.removeprefix("of length ").removesuffix(".0").partition(" ")
    if bound.startswith("of length"):
        has = f"has {_counted(value, len(value))}" if value else "is empty"
        limits = f"at most {limit} are allowed" if sign == "<=" else f"write at least {_counted(value, int(limit))}"
        return f"{has}; {limits}"
    wanted = _TYPES.get(type_name.strip("`"), "valid here")
    return f"{_shown(value)} is not {wanted}" + (f" {_BOUNDS[sign]} {limit}" if bound else "")


def _shown(value: Any) -> str:
    """Return a value as the file spells it, or only its kind where the value would be long."""
    if isinstance(value, Mapping | list):
        return "a table" if isinstance(value, Mapping) else "a list"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}..."


def _counted(value: list[Any] | dict[str, Any] | str, count: int) -> str:
    """Return a count with its unit: entries of a list, languages of a name, characters of a text."""
    singular, plural = ("character", "characters")
    if isinstance(value, list | dict):
        singular, plural = ("entry", "entries") if isinstance(value, list) else ("language", "languages")
    return f"{count} {singular if count == 1 else plural}"


_ID_RULE = "it takes 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a letter or digit"
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_TYPES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "str | object": "a text or a table of texts by language",
}
