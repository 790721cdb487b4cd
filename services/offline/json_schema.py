"""JSON Schemas of the messages that gateways send and broadcasters read, made from the types."""

from typing import Any

import msgspec

from schemas.definition import Definition
from schemas.events import Entry, Fact, Read, ReadsReceived
from schemas.rejected import Rejection
from schemas.results import Frame

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SUBJECTS: dict[str, tuple[Any, str]] = {
    "fact": (Fact, "A fact of the race log; officials POST one, or a list, to /v1/events/{event}/facts."),
    "reads": (ReadsReceived, "Reads as the log holds them; gateways POST its gateway, session and reads."),
    "read": (Read, "One read; a line of an NDJSON body."),
    "entry": (Entry, "One entry; a body of /v1/events/{event}/entries is a list of these."),
    "definition": (Definition, "A race definition; PUT to /v1/events/{event}/definition."),
    "results": (Frame, "A record of the topic results, there in msgpack."),
    "rejected": (Rejection, "A record of the topic rejected."),
}


def document() -> dict[str, Any]:
    """Return one JSON Schema: `$defs` holds every type by name, `subjects` the main ones with a description."""
    kinds = [kind for kind, _ in _SUBJECTS.values()]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    subjects = {
        name: {"description": text, **schema}
        for (name, (_, text)), schema in zip(_SUBJECTS.items(), schemas, strict=True)
    }
    return {"$schema": DIALECT, "title": "Matline", "subjects": subjects, "$defs": components}


def text() -> str:
    """Return `document` as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"
