"""Facts as the public sees them: what was done, not by whom and why, and nobody's name or birth year. Pure.

Officials see them whole. Source: docs/http.md, as of `explain`.
"""

from typing import Any

import msgspec

from schemas.events import RULING_KINDS
from services.live.store import LoggedLine

BIBS_LISTED_MAX = 1_000  # of one `entries_added`


def public_fact(line: LoggedLine, whole: bool) -> dict[str, Any] | None:
    """A fact with its offset; None where it is the officials' alone."""
    fact: dict[str, Any] = msgspec.json.decode(line.fact)
    head = {"offset": line.offset, "type": line.type, "id": line.id or None, "recorded_at_us": line.recorded_at_us}
    if whole:
        return {**fact, **head}
    kind = RULING_KINDS.get(line.type)
    if kind is None or kind.OFFICIALS_ONLY:
        return None
    public = {name: fact[name] for name in kind.PUBLIC if name in fact}
    if line.type == "entries_added":
        entries = fact.get("entries", [])
        public["entries"] = len(entries)
        public["bibs"] = [entry.get("bib") for entry in entries[:BIBS_LISTED_MAX]]
    return {**head, **public}
