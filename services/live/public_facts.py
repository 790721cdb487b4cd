"""Facts as the public sees them: without officials and their reasons, without names and birth years. Pure.

Officials see the facts whole. Source: docs/http.md.
"""

from typing import Any

import msgspec

from schemas.events import RULING_KINDS
from services.live.table_rows import LoggedLine

BIBS_LISTED_MAX = 1_000  # of one `entries_added`


def public_fact(line: LoggedLine, official: bool) -> dict[str, Any] | None:
    """Return a fact with its offset, whole for an official; None for the public when only officials may see it."""
    fact: dict[str, Any] = msgspec.json.decode(line.fact)
    stamp = {"offset": line.offset, "type": line.type, "id": line.id or None, "recorded_at_us": line.recorded_at_us}
    if official:
        return {**fact, **stamp}
    kind = RULING_KINDS.get(line.type)
    if kind is None or kind.OFFICIALS_ONLY:
        return None
    public = {name: fact[name] for name in kind.PUBLIC if name in fact}
    if line.type == "entries_added":
        entries = fact.get("entries", [])
        public["entries"] = len(entries)
        public["bibs"] = [entry.get("bib") for entry in entries[:BIBS_LISTED_MAX]]
    return {**stamp, **public}
