"""Which rows of the tables count: those of a writer that lost its lease and wrote on do not.

`services/projections/migrations/0006_fences.sql` says what a fence is. Readers need the fences of an event from the
first revision on that was announced in their epoch; older revisions read the same with and without them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Fence(NamedTuple):
    """Rows of an epoch below `epoch` count up to the revision `kept` (-1: none does)."""

    epoch: int
    kept: int


FENCES = "SELECT epoch, max(kept) FROM fences WHERE event IN ('', {event:String}) GROUP BY epoch ORDER BY epoch"
"""The query for the fences of an event. A row without event is of every event, and keeps nothing."""


def effective(fences: Iterable[Fence]) -> list[Fence]:
    """Return the fences that exclude anything: an older one that keeps no less than a newer one does not."""
    chosen: list[Fence] = []
    for fence in sorted(fences, reverse=True):
        if not chosen or fence.kept < chosen[-1].kept:
            chosen.append(fence)
    return chosen


def counting(fences: Sequence[Fence], column: str) -> str:
    """Return the condition that a row counts, to be appended to others; `column` has its revision or version."""
    if not fences:
        return ""
    return (
        f" AND arrayAll((fence, kept) -> epoch >= fence OR {column} <= kept,"
        " {fence_epochs:Array(Int64)}, {fence_kept:Array(Int64)})"
    )


def parameters(fences: Sequence[Fence]) -> dict[str, Any]:
    """Return the parameters of the condition."""
    if not fences:
        return {}
    return {
        "fence_epochs": [fence.epoch for fence in fences],
        "fence_kept": [fence.kept for fence in fences],
    }
