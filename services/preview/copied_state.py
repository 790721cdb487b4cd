"""Copies of states that facts can be folded into without a trace: containers are copied, values in them shared.

`copy.deepcopy` would copy every entry and row as well, which takes seconds for a large event. Structs, tuples and other
values are never changed once they are in a state, so both states may hold them.
"""

from typing import Any, TypeVar, cast

_T = TypeVar("_T")

OWN = "services."
"""Objects of classes in these packages are parts of a state; all other objects are values."""


def copied(state: _T) -> _T:
    """Return a copy of a state."""
    return cast(_T, _copied(state, {}))


def _copied(value: Any, parts: dict[int, Any]) -> Any:
    """Return a copy of a container or part; `parts` has the parts copied so far, so that shared ones stay shared."""
    kind = type(value)
    if kind is dict:
        if all(map(_is_value, set(map(type, value.values())))):
            return dict(value)
        return {key: _copied(item, parts) for key, item in value.items()}
    if kind is list:
        if all(map(_is_value, set(map(type, value)))):
            return value[:]
        return [_copied(item, parts) for item in value]
    if kind is set:
        return set(value)
    if _is_value(kind):
        return value
    part = parts.get(id(value))
    if part is None:
        part = parts[id(value)] = object.__new__(kind)
        for name, held in vars(value).items():
            setattr(part, name, _copied(held, parts))
    return part


_kinds: dict[type, bool] = {}


def _is_value(kind: type) -> bool:
    """Return whether objects of a type are values: neither containers that change, nor parts of a state."""
    known = _kinds.get(kind)
    if known is None:
        is_part = kind.__dictoffset__ != 0 and kind.__module__.startswith(OWN)
        known = _kinds[kind] = kind not in (dict, list, set) and not is_part
    return known
