"""Facts as live shows them, made of the kinds of facts: officials see them whole, the public a part."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, defstruct

from schemas.events import RULING_KINDS
from services.live.documents.fields import InstantUs


def _fields() -> list[tuple[str, Any, Any]]:
    """Return every field of every kind, each left out where a fact has none; of several types: anything."""
    kinds: dict[str, list[Any]] = {}
    for kind in RULING_KINDS.values():
        for field in msgspec.structs.fields(kind):
            kinds.setdefault(field.encode_name, []).append(field.type)
    # Of `entries` the public sees the number, and beside it the first bibs.
    kinds |= {"entries": [Any], "bibs": [list[str | None]]}
    for own in ("id", "type", "offset", "recorded_at_us"):
        kinds.pop(own, None)
    alike = {name: types[0] if all(kind == types[0] for kind in types) else Any for name, types in kinds.items()}
    return [(name, kind | UnsetType if kind is not Any else Any, UNSET) for name, kind in alike.items()]


class FactStamp(Struct, kw_only=True):
    """What the log says of a fact: its record, its kind, its id, and when it came."""

    offset: int
    type: str
    id: str | None
    recorded_at_us: InstantUs


ShownFact = defstruct(
    "ShownFact",
    _fields(),
    bases=(FactStamp,),
    kw_only=True,
    namespace={"__doc__": "A fact with the fields of its kind (R1), for the public without those for officials alone."},
    module=__name__,
)

WaitingFact = defstruct(
    "WaitingFact",
    [("waits_for", list[str])],
    bases=(ShownFact,),
    kw_only=True,
    namespace={"__doc__": "A fact that waits, and for what, in words."},
    module=__name__,
)
