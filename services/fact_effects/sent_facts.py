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
from services.fact_effects.fact_times import check_instants, with_instants

FACTS_MAX = 1_000  # of one request
FAULTS_IN_TEXT = 10  # malformed facts in a message; the list for machines has all of them


class MalformedFacts(Exception):
    """Facts of a request are malformed; `faults` has the index and the reason of each, and is empty for a bad body."""

    def __init__(self, text: str, faults: list[dict[str, Any]] | None = None) -> None:
        super().__init__(text)
        self.faults = faults or []


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
    try:
        is_list = data.lstrip()[:1] == b"["
        items = msgspec.json.decode(data, type=list[Raw]) if is_list else [Raw(data)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedFacts(f"{_shortened(error)}; send one fact as a JSON object, or a list of them") from None
    if not 1 <= len(items) <= FACTS_MAX:
        raise WrongNumber(len(items))
    facts: list[Ruling] = []
    bad: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            facts.append(_fact(bytes(item), event, definition))
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
            bad.append({"index": index, "reason": _shortened(error)})
    if bad:
        text = "; ".join(f"fact {fault['index']}: {fault['reason']}" for fault in bad[:FAULTS_IN_TEXT])
        raise MalformedFacts(text, bad)
    return facts


def _fact(data: bytes, event: str, definition: Definition | None) -> Ruling:
    fact = codec.fact_from_json(_in_microseconds(data, definition))
    if isinstance(fact, ReadsReceived):
        raise ValueError(f"reads_received cannot be sent here; POST reads to /v1/events/{event}/reads")
    if fact.event != event:
        raise ValueError(f"its event is {fact.event!r}, but it was sent to event {event!r}")
    if isinstance(fact, EventDefined):
        check_definition(fact.definition, event)
    return fact


def _in_microseconds(data: bytes, definition: Definition | None) -> bytes:
    """Return a fact with its times in microseconds. Raises ValueError for times that are malformed."""
    plain = msgspec.json.decode(data)
    if not isinstance(plain, dict):
        return data  # the decoder of facts says what is wrong
    resolved = with_instants(plain, definition)
    check_instants(resolved, definition)
    return data if resolved is plain else msgspec.json.encode(resolved)


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
