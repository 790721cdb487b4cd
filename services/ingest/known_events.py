"""What ingest knows of each event: the race log and the results folded, and the facts for whose effects requests wait.

`LogFollower` folds and asks one at a time; watches are set and settled in the event loop.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from schemas import codec
from schemas.events import LoggedFact, ReadsLogged, kind_of
from services.fact_effects.effects import FactEffect
from services.fact_effects.known_event import KnownEvent

TAKING_LONG = frozenset({"event_defined", "entries_added", "fact_withdrawn", "gun_fired", "point_waived"})
"""Kinds that take more than a millisecond to judge and fold in a large event."""

READS = kind_of(ReadsLogged(event="", gateway="", session="", reads=[]))


class Watch:
    """Facts that are about to be written: `effects` holds the effect of each once it was read back from the log.

    Facts are recognised by their content, which holds when they were recorded.
    """

    def __init__(self, event: str, facts: Sequence[LoggedFact]) -> None:
        self.event = event
        self.effects: asyncio.Future[list[FactEffect]] = asyncio.get_running_loop().create_future()
        self._facts = facts
        self._judged: list[FactEffect] = []

    def awaits(self, fact: LoggedFact) -> bool:
        """Return whether a fact of the log is the next one that is waited for."""
        return not self.is_complete() and fact == self._facts[len(self._judged)]

    def judge(self, effect: FactEffect) -> None:
        """Take in the effect of that fact."""
        self._judged.append(effect)

    def is_complete(self) -> bool:
        """Return whether all facts were read back."""
        return len(self._judged) == len(self._facts)

    @property
    def count(self) -> int:
        """How many facts there are."""
        return len(self._facts)

    def settle(self) -> None:
        """Hand the effects to the request, in its event loop."""
        if self.is_complete() and not self.effects.done():
            self.effects.set_result(self._judged)


class KnownEvents:
    """All events of the log."""

    def __init__(self) -> None:
        self._events: dict[str, KnownEvent] = {}
        self._watches: dict[str, list[Watch]] = {}

    def clear(self) -> None:
        """Forget all events, before the log is read from its beginning again."""
        self._events.clear()

    def get(self, event: str) -> KnownEvent:
        """Return an event, which knows nothing if the log has nothing of it."""
        return self._events.get(event) or KnownEvent(event)

    def watch(self, watch: Watch) -> None:
        """Judge these facts when they are folded."""
        self._watches.setdefault(watch.event, []).append(watch)

    def unwatch(self, watch: Watch) -> None:
        """Judge them no longer."""
        watches = self._watches[watch.event]
        watches.remove(watch)
        if not watches:
            del self._watches[watch.event]

    def fold_log(self, offset: int, data: bytes) -> None:
        """Fold a record of the race log. Raises UnknownVersion, UnreadableRecord; nothing was folded then."""
        envelope = codec.decode_envelope(data)
        known = self._known(envelope.event)
        watches = self._watches.get(envelope.event, ())
        for fact in envelope.facts:
            if fact.event != envelope.event:
                continue
            for watch in list(watches):
                if watch.awaits(fact):
                    watch.judge(known.effect_of(fact))
                    break
            known.fold(offset, fact)

    def fold_results(self, data: bytes) -> None:
        """Take in a record of the results. Raises UnknownVersion, UnreadableRecord."""
        for row in codec.decode_frame(data).rows:
            self._known(row.event).put(row)

    def _known(self, event: str) -> KnownEvent:
        known = self._events.get(event)
        if known is None:
            known = self._events[event] = KnownEvent(event)
        return known

    def settle(self) -> None:
        """Hand the effects of facts that were read back to their requests."""
        for watches in self._watches.values():
            for watch in watches:
                watch.settle()


def effort_of(data: bytes | None) -> Literal["none", "little", "much"]:
    """Return how much there is to fold in a record of the race log, by its head alone.

    `none`: nothing, since of reads only the ids count, and a deleted record has no facts. `much`: so much that requests
    should not wait for it. A record that cannot be read is little: folding it raises the reason.
    """
    if data is None:
        return "none"
    try:
        facts = codec.envelope_head(data).facts
    except (codec.UnreadableRecord, codec.UnknownVersion):
        return "little"
    if all(fact.type == READS and fact.id is None for fact in facts):
        return "none"
    return "much" if any(fact.type in TAKING_LONG for fact in facts) else "little"
