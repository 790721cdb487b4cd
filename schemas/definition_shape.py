"""Faults in a definition's shape. Each table is converted by itself, so that one bad field does not hide the next."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from schemas.definition import LIST_MAX, Board, Definition, Delegation, Mat, Race, TeamBoard
from schemas.definition_faults import Fault
from schemas.office import TABLES as OFFICE_TABLES

_Table = TypeVar("_Table", bound=Struct)
TABLES: dict[str, type[Struct]] = {
    "mats": Mat,
    "races": Race,
    "boards": Board,
    "team_boards": TeamBoard,
    "delegations": Delegation,
    **OFFICE_TABLES,
}


def shape_faults(plain: Any) -> Iterator[Fault]:
    if not isinstance(plain, Mapping):
        yield Fault("$", "is no table; a definition has fields such as event, name and races")
        return
    tables = {name: plain[name] for name in TABLES if name in plain}
    head = {key: value for key, value in plain.items() if key not in tables}
    yield from _convert_faults(head, Definition, "$")
    for name, rows in tables.items():
        if not isinstance(rows, list):
            yield Fault(name, f"is a list of tables, [[{name}]] in TOML")
            continue
        for index, row in enumerate(rows):
            yield from _convert_faults(row, TABLES[name], f"{name}[{index}]")
        if len(rows) > LIST_MAX:
            yield Fault(name, f"has {len(rows)} tables; at most {LIST_MAX} are taken")


def _convert_faults(value: Any, kind: type[Struct], path: str) -> Iterator[Fault]:
    """The faults of one table: each field is tried by itself, then what is missing, then what is unknown."""
    if not isinstance(value, Mapping):
        yield Fault(path, "is no table")
        return
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    for key in value:
        at = str(key) if path == "$" else f"{path}.{key}"
        if key not in fields:
            near = get_close_matches(str(key), fields, n=1)
            meant = f"did you mean `{near[0]}`? Known" if near else "known"
            yield Fault(at, f"is unknown here; {meant} are {', '.join(sorted(fields))}")
            continue
        yield from _value_faults(value[key], fields[key].type, at)
    for key, f in fields.items():
        if f.required and key not in value:
            yield Fault(path if path != "$" else key, f"needs `{key}`")


def _value_faults(value: Any, kind: Any, path: str) -> Iterator[Fault]:
    """The faults of a field's value; a list or a table shows those of each thing in it."""
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        text = str(error)
    inside: list[Fault] = []
    for one in _kinds(kind):
        if isinstance(value, Mapping) and isinstance(one, type) and issubclass(one, Struct):
            inside += _convert_faults(value, one, path)
        elif isinstance(value, list) and get_origin(one) is list:
            for at, item in enumerate(value):
                inside += _value_faults(item, get_args(one)[0], f"{path}[{at}]")
    yield from inside or [Fault(path, _in_words(value, kind, text))]


def _kinds(kind: Any) -> Iterator[Any]:
    """The plain types that an annotation allows: without their limits, the members of a union one by one."""
    if get_origin(kind) is Annotated:
        yield from _kinds(get_args(kind)[0])
    elif get_origin(kind) in (None, list, Literal):
        yield kind
    else:
        for one in get_args(kind):
            yield from _kinds(one)


def _in_words(value: Any, kind: Any, text: str) -> str:
    """What is wrong with a value, for whoever writes the file."""
    if "enum value" in text:
        known = [str(name) for one in _kinds(kind) if get_origin(one) is Literal for name in get_args(one)]
        return f"{value!r} is unknown here; known are {', '.join(known)}"
    if "matching regex" in text:
        what = "three letters" if "{3}" in text else "an id: letters, digits, `.`, `_` and `-`, 64 at most"
        return f"{value!r} does not do; write {what}"
    plain = text[:1].lower() + text[1:].partition(" - at `$")[0].replace(" | null", "")
    return re.sub(r"`(\w+)`", lambda found: _WORDS.get(found[1], found[0]), plain)


_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
