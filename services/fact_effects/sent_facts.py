"""Read the officials' facts of a request, for the door that writes them and for the preview that does not. Pure."""

from typing import Any

import msgspec
from msgspec import Raw

from schemas import codec
from schemas.definition import Definition
from schemas.definition_faults import DefinitionRefused, Fault
from schemas.definition_parse import parse_definition
from schemas.events import EventDefined, ReadsReceived, Ruling
from schemas.ids import REASON_CHARS
from schemas.json_faults import json_fault
from services.fact_effects.fact_faults import check_names_once, field_faults, kind_fault
from services.fact_effects.fact_times import TIMES, NoDefinition, check_instants, with_instants

FACTS_MAX = 1_000  # of one request
READS = str(ReadsReceived.__struct_config__.tag)
FAULTS_IN_TEXT = 10  # malformed facts in a message; the list for machines has all of them


class MalformedFacts(Exception):
    """Facts of a request are malformed; `faults` has the index and the reason of each, and is empty for a bad body.

    `lacks_definition`: a time of day in them needs the event's definition, which was not given.
    """

    def __init__(
        self, text: str, faults: list[dict[str, Any]] | None = None, *, lacks_definition: bool = False
    ) -> None:
        super().__init__(text)
        self.faults = faults or []
        self.lacks_definition = lacks_definition


class WrongNumber(Exception):
    """A request has no fact or more than FACTS_MAX; `count` says how many."""

    def __init__(self, count: int) -> None:
        super().__init__(f"this request has {count} facts; send 1 to {FACTS_MAX}")
        self.count = count


def facts_from_body(data: bytes, event: str, definition: Definition | None) -> list[Ruling]:
    """Return the facts of a request to an event: one JSON object, or a list of them.

    `definition` is the event's, for times of day; None: it is not known. Raises MalformedFacts that names each bad
    one, WrongNumber, and DefinitionRefused for a definition with faults.
    """
    if not data.strip():
        raise MalformedFacts("the body is empty; send one fact as a JSON object, or a list of them")
    try:
        is_list = data.lstrip()[:1] == b"["
        items = msgspec.json.decode(data, type=list[Raw]) if is_list else [Raw(data)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFacts(f"{json_fault(data, error)}; send one fact as a JSON object, or a list of them") from None
    if not 1 <= len(items) <= FACTS_MAX:
        raise WrongNumber(len(items))
    facts: list[Ruling] = []
    bad: list[dict[str, Any]] = []
    lacks_definition = False
    for index, item in enumerate(items):
        try:
            facts.append(_fact(bytes(item), event, definition))
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
            bad.append({"index": index, "reason": _shortened(error)})
            lacks_definition |= isinstance(error, NoDefinition)
    if bad:
        text = "; ".join(f"fact {fault['index']}: {fault['reason']}" for fault in bad[:FAULTS_IN_TEXT])
        raise MalformedFacts(text, bad, lacks_definition=lacks_definition)
    return facts


def _fact(data: bytes, event: str, definition: Definition | None) -> Ruling:
    """Return a checked fact. Raises ValueError that says, in words, all that is wrong with it."""
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(json_fault(data, error)) from None
    check_names_once(data)
    if (fault := kind_fault(plain)) is not None:
        raise ValueError(fault)
    if plain["type"] == READS:
        raise ValueError(f"reads_received cannot be sent here; POST reads to /v1/events/{event}/reads")
    resolved, faults = plain, []
    try:
        resolved = with_instants(plain, definition)
        check_instants(resolved, definition)
    except NoDefinition:
        raise
    except ValueError as error:
        faults = [str(error)]
        timeless = {name: value for name, value in resolved.items() if name not in TIMES.values()}
        resolved = timeless | dict.fromkeys(TIMES)  # whatever they are, their fault is said
    if faults := [*faults, *field_faults(resolved)]:
        raise ValueError("; ".join(faults))
    fact = codec.fact_from_json(data if resolved is plain else msgspec.json.encode(resolved))
    assert not isinstance(fact, ReadsReceived)
    if fact.event != event:
        raise ValueError(f"its event is {fact.event!r}, but it was sent to event {event!r}")
    if isinstance(fact, EventDefined):
        check_definition(fact.definition, event)
    return fact


def check_definition(plain: dict[str, Any], event: str) -> None:
    """Raise DefinitionRefused with every fault of a definition that was sent to this event."""
    faults: list[Fault] = []
    if plain.get("event", event) != event:
        faults.append(
            Fault("event", f"is {str(plain['event'])[:80]!r}, but the definition was sent to event {event!r}")
        )
    try:
        parse_definition(plain)
    except DefinitionRefused as refused:
        faults += refused.faults
    if faults:
        raise DefinitionRefused(faults)


def _shortened(error: Exception) -> str:
    return str(error)[:REASON_CHARS]
