"""Read and check the definition in a request, TOML or JSON, and report all of its faults in one answer."""

from typing import Any, NoReturn

import msgspec

from schemas.definition_faults import DefinitionRefused, Fault
from schemas.definition_parse import plain_from_toml
from schemas.json_faults import json_fault
from services.fact_effects.request_problem import problem_of
from services.fact_effects.sent_facts import check_definition
from services.ingest.errors import Refused
from services.ingest.http.body import too_large

TOML_MAX_BYTES = 256 * 1024  # TOML is slow to parse
TOML_DOTS_MAX = 400  # of one line: 200 points with their kilometres


def checked_definition(data: bytes, is_json: bool, event: str) -> dict[str, Any]:
    """Return the definition of a body, without faults. Raises Refused that lists every fault."""
    plain = _plain_definition(data, is_json)
    try:
        check_definition(plain, event)
    except DefinitionRefused as refused:
        refuse_definition(refused.faults)
    return plain


def _plain_definition(data: bytes, is_json: bool) -> dict[str, Any]:
    if not data.strip():
        refuse_definition([Fault("$", "is empty; send the file of the definition as the body")])
    if not is_json:
        _check_toml(data)
    try:
        plain = msgspec.json.decode(data) if is_json else plain_from_toml(data)
    except DefinitionRefused as refused:
        refuse_definition(refused.faults)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or an endless number
        fault = json_fault(data, error).removeprefix("it ") if is_json else f"is not TOML: {error}"
        refuse_definition([Fault("$", fault)])
    if not isinstance(plain, dict):
        refuse_definition([Fault("$", "is not an object")])
    return plain


def _check_toml(data: bytes) -> None:
    """Raise Refused for TOML that would take long to parse: the time grows with the square of a key's parts."""
    if len(data) > TOML_MAX_BYTES:
        raise too_large(TOML_MAX_BYTES)
    if any(line.count(b".") > TOML_DOTS_MAX for line in data.split(b"\n")):
        refuse_definition([Fault("$", f"has a line with more than {TOML_DOTS_MAX} dots; break it into several")])


def refuse_definition(faults: list[Fault]) -> NoReturn:
    """Raise Refused with the faults of a definition."""
    status, title, detail, members = problem_of(DefinitionRefused(faults))
    raise Refused(status, title, detail, **members) from None
