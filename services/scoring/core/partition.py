"""All that a worker holds of one partition: the state of its events, and the offset up to which it was folded."""

import sys
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas.codec import Envelope
from schemas.events import EntriesAdded
from schemas.results import AthleteRow, EventRow
from services.scoring.core.event import EventState
from services.scoring.core.event_parts import EventHead, EventReads, EventRulings

FOLD_VERSION = 1  # raise it with every change of what the fold keeps or means: older snapshots are then left aside


class SnapshotUnusable(Exception):
    """A snapshot is of another version of the fold or of another machine; fold the log instead."""


class Refusal(Struct, frozen=True):
    """A fact of a record that has no effect: which one, and why."""

    index: int
    reason: str


class PartitionState:
    """The fold of one partition of `race-log` up to (not including) `next_offset`."""

    def __init__(self, partition: int, next_offset: int = 0) -> None:
        self.partition = partition
        self.next_offset = next_offset
        self.events: dict[str, EventState] = {}
        self._heads: dict[str, int] = {}

    def fold(self, offset: int, envelope: Envelope | None) -> list[Refusal]:
        """Take in the record at `offset`, or pass over one that cannot be read (None)."""
        if offset < self.next_offset:
            raise AssertionError(f"record {offset} of partition {self.partition} was folded: at {self.next_offset}")
        self.next_offset = offset + 1
        if envelope is None:
            return []
        state = self.events.get(envelope.event)
        if state is None:
            state = self.events[envelope.event] = EventState(envelope.event)
        self._heads[envelope.event] = offset
        refusals = []
        ordinal = 0
        for index, fact in enumerate(envelope.facts):
            if fact.event != envelope.event:
                refusals.append(Refusal(index, f"is of event {fact.event} in a record of {envelope.event}"))
                continue
            reason = state.fold(offset, ordinal, fact)
            if reason is not None:
                refusals.append(Refusal(index, reason))
            ordinal += len(fact.entries) if isinstance(fact, EntriesAdded) else 1
        return refusals

    def pending(self) -> int:
        """How many rows are due."""
        return sum(state.pending() for state in self.events.values())

    def take(self, limit: int) -> tuple[list[EventRow], list[AthleteRow]]:
        """Score and hand out up to `limit` athletes that are due, and every event row that is."""
        events = [row for state in self.events.values() if (row := state.take_event()) is not None]
        rows: list[AthleteRow] = []
        for state in self.events.values():
            if len(rows) >= limit:
                break
            rows += state.take(limit - len(rows))
        return events, rows

    def heads(self) -> dict[str, int]:
        """The last offset of each event that was touched since `clear_heads`."""
        return dict(self._heads)

    def clear_heads(self) -> None:
        """Begin a new list of touched events."""
        self._heads.clear()

    def mark_all(self) -> None:
        """Make every row due and every event touched, as after a fill: what was sent of them may have been lost."""
        for state in self.events.values():
            state.mark_all()
            self._heads[state.event] = state.head

    def mark_again(self) -> None:
        """Have every row handed out once more by `take_again`, and touch every event: for a state whose rows were sent,
        but by somebody else, and may have been lost. What is due does not wait for it.
        """
        for state in self.events.values():
            state.mark_again()
            self._heads[state.event] = state.head

    def take_again(self, limit: int) -> list[AthleteRow]:
        """Score and hand out up to `limit` of the rows that are handed out once more; none when all are."""
        rows: list[AthleteRow] = []
        for state in self.events.values():
            if len(rows) >= limit:
                break
            rows += state.take_again(limit - len(rows))
        return rows

    def dump(self) -> Iterator[bytes]:
        """A snapshot, in parts that take little time each. Only with nothing due: what is due is not in it."""
        if self.pending():
            raise AssertionError(f"partition {self.partition} has rows due; a snapshot would lose them")
        yield _packer.encode(_Head(FOLD_VERSION, sys.byteorder, self.partition, self.next_offset))
        for state in self.events.values():
            for part in state.parts():
                yield _packer.encode(part)


class Loading:
    """A snapshot being read, part by part, in the order of `PartitionState.dump`."""

    def __init__(self, first: bytes) -> None:
        """From the first part. Raises SnapshotUnusable."""
        head = _decoded(_head, first)
        if (head.fold, head.byteorder) != (FOLD_VERSION, sys.byteorder):
            raise SnapshotUnusable(f"it is of fold {head.fold}, this release folds as {FOLD_VERSION}")
        self._state = PartitionState(head.partition, head.next_offset)

    def add(self, data: bytes) -> None:
        """Take in the next part. Raises SnapshotUnusable."""
        part = _decoded(_part, data)
        if isinstance(part, EventHead):
            self._state.events[part.event] = EventState.restored(part)
        else:
            self._state.events[part.event].restore(part)

    def finish(self) -> PartitionState:
        """The state, after the last part."""
        for event in self._state.events.values():
            event.settle()
        return self._state


class _Head(Struct, frozen=True):
    fold: int
    byteorder: str
    partition: int
    next_offset: int


_T = TypeVar("_T")
_packer = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(_Head)
_part = msgspec.msgpack.Decoder(EventHead | EventRulings | EventReads)


def _decoded(decoder: msgspec.msgpack.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(f"it cannot be read: {error}") from None
