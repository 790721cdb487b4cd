"""Read a race definition, from TOML or from JSON, or refuse it with all of its faults at once."""

import tomllib
from datetime import date, datetime, time
from typing import Any

import msgspec

from schemas.definition import Definition
from schemas.definition_faults import FAULTS_MAX, DefinitionRefused, Fault
from schemas.definition_rules import contradictions
from schemas.definition_shape import shape_faults


def definition_from_toml(data: bytes) -> Definition:
    """A definition from a TOML file. Raises DefinitionRefused."""
    return parse_definition(plain_from_toml(data))


def plain_from_toml(data: bytes) -> dict[str, Any]:
    """The definition of a TOML file as JSON would hold it (dates and times as ISO texts). Raises DefinitionRefused."""
    try:
        plain: dict[str, Any] = _iso(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionRefused([Fault("$", f"is no TOML: {error}")]) from None
    except RecursionError:
        raise DefinitionRefused([Fault("$", "is nested more deeply than any definition")]) from None
    return plain


def _iso(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _iso(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_iso(item) for item in value]
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return value


def parse_definition(plain: Any) -> Definition:
    """A definition from plain objects (decoded JSON or TOML). Raises DefinitionRefused with every fault."""
    faults = list(shape_faults(plain))
    if faults:
        raise DefinitionRefused(faults[:FAULTS_MAX])
    definition = msgspec.convert(plain, Definition)
    faults = list(contradictions(definition))
    if faults:
        raise DefinitionRefused(faults[:FAULTS_MAX])
    return definition
