"""What ingest knows of each event: the race log and the results folded, and the facts for whose effects requests wait.

`LogFollower` folds and asks one at a time; watches are set and settled in the event loop.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from schemas import codec
from schemas.codec import Envelope
from schemas.events import EventReopened, LoggedFact, ReadsLogged, kind_of
from services.fact_effects.effects import FactEffect
from services.fact_effects.known_event import KnownEvent

TAKING_LONG = frozenset({"event_defined", "entries_added", "fact_withdrawn", "gun_fired", "point_waived"})
"""Kinds that take more than a millisecond to judge and fold in a large event."""

READS = kind_of(ReadsLogged(event="", gateway="", session="", reads=[]))


Effort = Literal["none", "little", "much"]
"""How much there is to fold in a record; see `effort_of`."""

_NOT_HERE = FactEffect("unknown", "the event was archived when the fact came; ingest reads its log again")


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
    """All events of the log.

    Of an archived event only the offset of its first fact stays, in `archived`. When something follows, it moves to
    `returning` until `LogFollower` has read its log again: `fold_again` for each record, then `put_back`.
    """

    def __init__(self) -> None:
        self.archived: dict[str, int] = {}
        self.returning: dict[str, int] = {}
        self._events: dict[str, KnownEvent] = {}
        self._first: dict[str, int] = {}
        self._watches: dict[str, list[Watch]] = {}

    def clear(self) -> None:
        """Forget all events, before the log is read from its beginning again."""
        for known in (self._events, self._first, self.archived, self.returning):
            known.clear()

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
        event = envelope.event
        if event in self.archived:
            self.returning[event] = self.archived.pop(event)
        if event in self.returning:
            for fact in envelope.facts:
                if (watch := self._watch_of(fact)) is not None:
                    watch.judge(FactEffect("applied") if isinstance(fact, EventReopened) else _NOT_HERE)
            return
        self._first.setdefault(event, offset)
        known = self._known(event)
        for fact in _own_facts(envelope):
            if (watch := self._watch_of(fact)) is not None:
                watch.judge(known.effect_of(fact))
            known.fold(offset, fact)
        self._drop_if_archived(event)

    def _watch_of(self, fact: LoggedFact) -> Watch | None:
        """Return the watch that waits for a fact of the log next, None if none does."""
        return next((watch for watch in list(self._watches.get(fact.event, ())) if watch.awaits(fact)), None)

    def _drop_if_archived(self, event: str) -> None:
        if self._known(event).is_archived:
            del self._events[event]
            self.archived[event] = self._first.pop(event)

    def ends_archive(self, data: bytes) -> bool:
        """Return whether a record of the race log, of which nothing else has to be folded, is of an archived event."""
        return bool(self.archived) and codec.envelope_head(data).event in self.archived

    def begin_again(self, event: str) -> None:
        """Forget what is known of an event that returns, before its log is read again."""
        self._events.pop(event, None)

    def fold_again(self, event: str, offset: int, data: bytes) -> None:
        """Fold a record of the race log if it is of an event that returns. Raises as `fold_log`."""
        envelope = codec.decode_envelope(data)
        if envelope.event == event:
            for fact in _own_facts(envelope):
                self._known(event).fold(offset, fact)

    def put_back(self, event: str) -> None:
        """Know an event again, of which everything has been folded."""
        self._first[event] = self.returning.pop(event)
        self._drop_if_archived(event)

    def fold_results(self, data: bytes, only: str | None = None) -> None:
        """Take in a record of the results, or what it has of one event. Raises UnknownVersion, UnreadableRecord."""
        for row in codec.decode_frame(data).rows:
            if row.event not in self.archived and only in (None, row.event):
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


def _own_facts(envelope: Envelope) -> list[LoggedFact]:
    return [fact for fact in envelope.facts if fact.event == envelope.event]


def effort_of(data: bytes | None) -> Effort:
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
