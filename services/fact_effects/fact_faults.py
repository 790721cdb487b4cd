"""What is malformed in a fact that was sent or that a log holds: the field, its value, and what to write. Pure."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct

from schemas.definition_faults import not_a_field
from schemas.definition_shape import in_words, plain_kinds
from schemas.events import RULING_KINDS, ReadsReceived, Ruling
from schemas.json_faults import json_fault
from services.fact_effects.fact_times import TIMES
from services.fact_effects.nearest_names import nearest_names

FAULTS_NAMED = 5  # of one fact; an entry list of another shape has a fault in each entry
KINDS: dict[str, type[Ruling | ReadsReceived]] = {
    **RULING_KINDS,
    str(ReadsReceived.__struct_config__.tag): ReadsReceived,
}
ADDED_BY_THE_LOG = ("by", "recorded_at_us")
EXAMPLE = '{"type": "status_set", "event": "...", "bib": "7", "status": "DNF", "reason": "..."}'

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def check_names_once(data: bytes) -> None:
    """Raise ValueError for an object of a JSON text with a name that comes more than once: which value is meant?"""
    json.loads(data, object_pairs_hook=_object_of)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"`{name[:60]}` comes {count} times; write it once, with the value that is meant")
    return plain


def kind_fault(plain: Any) -> str | None:
    """Return why a value is not a fact of any kind; None if it names its kind."""
    if not isinstance(plain, dict):
        return f"{_what(plain)} is not a fact; a fact is an object such as {EXAMPLE}"
    if "type" not in plain:
        return f"`type` is missing: it names the kind of fact, one of {', '.join(RULING_KINDS)}"
    name = plain["type"]
    if isinstance(name, str) and name in KINDS:
        return None
    near = nearest_names(name, RULING_KINDS) if isinstance(name, str) else []
    meant = f"; did you mean {near[0]!r}? The kinds are " if near else "; the kinds are "
    shown = "null" if name is None else repr(name)[:60]
    return f"`type`: there is no kind of fact {shown}{meant}{', '.join(RULING_KINDS)}"


def line_fault(line: bytes) -> str | None:
    """Return why a line of a log is not a fact; None if no reason is found."""
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return json_fault(line, error)
    if isinstance(plain, dict) and "fact" in plain and "type" not in plain:
        if not isinstance(offset := plain.get("offset"), int) or offset < 0:
            return f"`offset`: {_what(offset)} is not a whole number from 0 on"
        plain = plain["fact"]
    return kind_fault(plain) or "; ".join(field_faults(plain, times={})) or None


def field_faults(plain: Mapping[str, Any], times: Mapping[str, str] = TIMES) -> list[str]:
    """Return the faults of the fields of a fact that names its kind, at most FAULTS_NAMED.

    `times` are the fields for people that may stand for others.
    """
    return _table_faults(plain, KINDS[plain["type"]], "", times)[:FAULTS_NAMED]


def _table_faults(plain: Mapping[str, Any], kind: type[Struct], within: str, times: Mapping[str, str]) -> list[str]:
    """Return the faults of a table, which is `within` another unless that is empty; of no value twice."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    known = [name for name in fields if name not in ADDED_BY_THE_LOG]
    known += [name for name, field in times.items() if field in fields]
    faults: list[str] = []
    for name, value in plain.items():
        if name in fields:
            faults += _value_faults(value, fields[name].type, f"`{name}`{within}")
        elif name not in fields and name not in times and not (name == "type" and not within):
            faults.append(f"`{name}`{within} {not_a_field(name, known)}")
    for name, field in fields.items():
        people = next((people for people, us in times.items() if us == name), None)
        if field.required and name not in plain and people not in plain:
            faults.append(f"`{name}`{within} is missing" + (f"; write it, or `{people}`" if people else ""))
    return faults


def _value_faults(value: Any, kind: Any, where: str) -> list[str]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
    else:
        return []
    faults: list[str] = []
    for plain_kind in plain_kinds(kind):
        if isinstance(value, list) and get_origin(plain_kind) is list:
            (item_kind,) = get_args(plain_kind)
            for number, item in enumerate(value, start=1):
                within = f" of item {number} of {where}"
                faults += _item_faults(item, item_kind, within)
                if len(faults) >= FAULTS_NAMED:
                    return faults
    said = _said(value, kind, text)
    return faults or [f"{where} {said}" if said.startswith(("is ", "has ")) else f"{where}: {said}"]


def _item_faults(item: Any, kind: Any, within: str) -> list[str]:
    for plain_kind in plain_kinds(kind):
        if isinstance(item, Mapping) and isinstance(plain_kind, type) and issubclass(plain_kind, Struct):
            faults = _table_faults(item, plain_kind, within, {})
            return faults or _value_faults(item, plain_kind, within.removeprefix(" of "))
    return _value_faults(item, kind, within.removeprefix(" of "))


def _said(value: Any, kind: Any, text: str) -> str:
    """Return the fault of a value; the words of a kind's own check are for people already."""
    own = text.partition(" - at `$")[0]
    if not own.startswith(("Expected ", "Invalid ", "Object ")):
        return own
    said = in_words(value, kind, text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and said.endswith("is not a text"):
        return f'{said}; write "{value}", in quotes'
    if isinstance(value, str) and "number" in said and _NUMBER.fullmatch(value.strip()):
        return f"{said}; write {value.strip().removeprefix('+')}, without quotes"
    return said


def _what(value: Any) -> str:
    if isinstance(value, list):
        return "a list within a list"
    return "null" if value is None else repr(value)[:60]
