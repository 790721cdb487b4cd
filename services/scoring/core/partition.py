"""A worker's state of one partition: the states of its events, and the offset up to which it was folded."""

import sys
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas.codec import Envelope
from schemas.results import AthleteRow, EventRow
from services.scoring.core.event import EventState
from services.scoring.core.event_parts import EventHead, EventReads, EventRulings

FOLD_VERSION = 4  # raise it with every change to the fold's data or their meaning: older snapshots are then not used


class SnapshotUnusable(Exception):
    """A snapshot is of another version of the fold or of another machine; fold the log instead."""


class Refusal(Struct, frozen=True):
    """A fact that has no effect, by its index in the record, and the reason."""

    index: int
    reason: str


class PartitionState:
    """The fold of one partition of `race-log` up to (not including) `next_offset`.

    Of an archived event only the offsets of its first and its last record stay, in `archived`. `returning` is an
    archived event of which another record came: nothing else may be folded until its state is made again from the log
    (`put_back`).
    """

    def __init__(self, partition: int, next_offset: int = 0) -> None:
        self.partition = partition
        self.next_offset = next_offset
        self.events: dict[str, EventState] = {}
        self.archived: dict[str, tuple[int, int]] = {}
        self.returning: str | None = None
        self._heads: dict[str, int] = {}

    def fold(self, offset: int, envelope: Envelope | None) -> list[Refusal]:
        """Fold the record at `offset`, or skip it if it cannot be read (None).

        The record of an archived event is not folded but named by `returning`.
        """
        if offset < self.next_offset:
            raise AssertionError(
                f"record {offset} of partition {self.partition} is already folded; {self.next_offset} is next"
            )
        if self.returning is not None:
            raise AssertionError(f"event {self.returning!r} has to be put back before record {offset} is folded")
        self.next_offset = offset + 1
        if envelope is None:
            return []
        if envelope.event in self.archived:
            self.returning = envelope.event
            return []
        state = self.events.get(envelope.event)
        if state is None:
            state = self.events[envelope.event] = EventState(envelope.event, offset)
        self._heads[envelope.event] = offset
        return fold_record(state, offset, envelope)

    def put_back(self, state: EventState) -> None:
        """Take the state of an archived event, folded up to `next_offset` again. All its rows are due."""
        del self.archived[state.event]
        self.returning = None
        self.events[state.event] = state
        state.mark_all()
        self._heads[state.event] = state.head

    def drop_archived(self) -> list[str]:
        """Drop the states of archived events, none of whose rows may be due, and return the events."""
        dropped = [state for state in self.events.values() if state.archived]
        for state in dropped:
            if state.pending():
                raise AssertionError(f"rows of event {state.event!r} are due; dropping its state would lose them")
            del self.events[state.event]
            self.archived[state.event] = state.first, state.head
        return [state.event for state in dropped]

    def pending(self) -> int:
        """Return how many rows are due."""
        return sum(state.pending() for state in self.events.values())

    def take(self, limit: int) -> tuple[list[EventRow], list[AthleteRow]]:
        """Score and return up to `limit` athletes who are due, and return every event row that is due."""
        events = [row for state in self.events.values() if (row := state.take_event()) is not None]
        rows: list[AthleteRow] = []
        for state in self.events.values():
            if len(rows) >= limit:
                break
            rows += state.take(limit - len(rows))
        return events, rows

    def heads(self) -> dict[str, int]:
        """Return the last offset of each event with records since `clear_heads`."""
        return dict(self._heads)

    def clear_heads(self) -> None:
        """Begin a new list of events with records."""
        self._heads.clear()

    def mark_all(self) -> None:
        """Make every row of every event due, as after a fill, when rows sent before may have been lost."""
        for state in self.events.values():
            state.mark_all()
            self._heads[state.event] = state.head

    def mark_again(self) -> None:
        """Have `take_again` return every row once more, for a state whose rows another worker sent and may have lost.

        Due rows do not wait for these.
        """
        for state in self.events.values():
            state.mark_again()
            self._heads[state.event] = state.head

    def take_again(self, limit: int) -> list[AthleteRow]:
        """Score and return up to `limit` of the rows that `mark_again` marked; none when all were returned."""
        rows: list[AthleteRow] = []
        for state in self.events.values():
            if len(rows) >= limit:
                break
            rows += state.take_again(limit - len(rows))
        return rows

    def dump(self) -> Iterator[bytes]:
        """Yield a snapshot, in parts that take little time each. No row may be due: a snapshot does not hold them."""
        if self.pending():
            raise AssertionError(f"partition {self.partition} has rows due; a snapshot would lose them")
        yield _packer.encode(_Head(FOLD_VERSION, sys.byteorder, self.partition, self.next_offset, self.archived))
        for state in self.events.values():
            for part in state.parts():
                yield _packer.encode(part)


def fold_record(state: EventState, offset: int, envelope: Envelope) -> list[Refusal]:
    """Fold a record into the state of its event; return the facts of it that have no effect."""
    refusals = []
    ordinal = 0
    for index, fact in enumerate(envelope.facts):
        if fact.event != envelope.event:
            refusals.append(Refusal(index, f"is for event {fact.event!r}, but in a record of {envelope.event!r}"))
            continue
        reason = state.fold(offset, ordinal, fact)
        if reason is not None:
            refusals.append(Refusal(index, reason))
        ordinal += fact.ordinals()
    return refusals


class Loading:
    """A snapshot being read, part by part, in the order of `PartitionState.dump`."""

    def __init__(self, first: bytes) -> None:
        """Begin with the first part. Raises SnapshotUnusable."""
        head = _decoded(_head, first)
        if (head.fold, head.byteorder) != (FOLD_VERSION, sys.byteorder):
            raise SnapshotUnusable(
                f"it was written by version {head.fold} of the fold on a {head.byteorder}-endian machine; this is"
                f" version {FOLD_VERSION} on a {sys.byteorder}-endian one"
            )
        self._state = PartitionState(head.partition, head.next_offset)
        self._state.archived = head.archived

    def add(self, data: bytes) -> None:
        """Add the next part. Raises SnapshotUnusable."""
        part = _decoded(_part, data)
        if isinstance(part, EventHead):
            self._state.events[part.event] = EventState.restored(part)
        else:
            self._state.events[part.event].restore(part)

    def finish(self) -> PartitionState:
        """Return the state, after the last part."""
        for event in self._state.events.values():
            event.settle()
        return self._state


class _Head(Struct, frozen=True):
    fold: int
    byteorder: str
    partition: int
    next_offset: int
    archived: dict[str, tuple[int, int]] = {}  # heads of older folds have none; they are refused by their version


_T = TypeVar("_T")
_packer = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(_Head)
_part = msgspec.msgpack.Decoder(EventHead | EventRulings | EventReads)


def _decoded(decoder: msgspec.msgpack.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(f"it cannot be read: {error}") from None
