"""The kinds of facts as officials send them: made of the kinds of the log, with times as people write them too.

They describe the bodies of requests to readers of the API; `sent_facts` reads bodies and puts each fault into words.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from schemas.events import Ruling, RulingBase
from services.fact_effects.fact_faults import ADDED_BY_THE_LOG
from services.fact_effects.fact_times import TIMES
from services.fact_effects.sent_facts import FACTS_MAX

_PEOPLE = {stands_for: name for name, stands_for in TIMES.items()}


def _sent_kind(kind: type[RulingBase]) -> type[Struct]:
    """Return a kind as it is sent: without what the log adds, and with texts in the place of microseconds."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name in ADDED_BY_THE_LOG:
            continue
        if name in _PEOPLE:
            text = Annotated[
                str | None,
                Meta(description=f"The same as `{name}`, as a local time of day or an instant with its zone (R1.9)."),
            ]
            fields += [(name, field.type | UnsetType, UNSET), (_PEOPLE[name], text | UnsetType, UNSET)]
        elif field.required:
            fields.append((name, field.type))
        else:
            fields.append((name, field.type, field.default))
    return defstruct(
        kind.__name__,
        fields,
        namespace={"__doc__": kind.__doc__},
        module=__name__,
        kw_only=True,
        forbid_unknown_fields=True,
        tag_field=kind.__struct_config__.tag_field,
        tag=kind.__struct_config__.tag,
    )


SentFact = reduce(or_, map(_sent_kind, get_args(Ruling)))
"""One fact of any kind that is sent."""

_Facts = Annotated[list[SentFact], Meta(min_length=1, max_length=FACTS_MAX)]  # type: ignore[valid-type]  # made above
SENT_FACTS: tuple[Any, ...] = (SentFact, _Facts)
"""What a body of facts is: one fact, or a list."""
