"""Read a race definition, from TOML or from JSON, or refuse it with a list of all its faults."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from itertools import islice
from typing import Any

import msgspec

from schemas.course_times import widest_start_window_s
from schemas.definition import Definition
from schemas.definition_faults import FAULTS_MAX, DefinitionRefused, Fault
from schemas.definition_rules import contradictions
from schemas.definition_shape import read_shape


def definition_from_toml(data: bytes) -> Definition:
    """Return the definition in a TOML file. Raises DefinitionRefused."""
    return parse_definition(plain_from_toml(data))


def plain_from_toml(data: bytes) -> dict[str, Any]:
    """Return the definition of a TOML file as plain objects, as in JSON: dates and times are ISO texts.

    Raises DefinitionRefused.
    """
    try:
        plain: dict[str, Any] = _iso(tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise DefinitionRefused([Fault("$", f"is not in UTF-8 (byte {error.start}); save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise DefinitionRefused([Fault("$", f"is not TOML: {error}")]) from None
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
    """Return the definition in plain objects (decoded JSON or TOML). Raises DefinitionRefused with every fault.

    A contradiction that rests on a value that could not be read is not reported: it may disappear with that fault.
    """
    shape = read_shape(plain)
    definition = _with_start_windows(shape.definition, plain)
    contradicting = (
        contradiction.fault()
        for contradiction in contradictions(definition)
        if not any(map(shape.lacks, (contradiction.path, *contradiction.rests_on)))
    )
    faults = [*shape.faults[:FAULTS_MAX], *islice(contradicting, max(0, FAULTS_MAX - len(shape.faults)))]
    if faults:
        raise DefinitionRefused(faults)
    return definition


def _with_start_windows(definition: Definition, plain: Any) -> Definition:
    """Return the definition with a start window worked out for every race that gives none."""
    given = plain.get("races")
    races = [
        race
        if isinstance(row, Mapping) and "start_window_s" in row
        else msgspec.structs.replace(race, start_window_s=widest_start_window_s(definition, race))
        for race, row in zip(definition.races, given if isinstance(given, list) else [], strict=False)
    ]
    return msgspec.structs.replace(definition, races=races)
