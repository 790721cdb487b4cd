"""One partition on this worker: its state, and the one task that does everything with it, in order.

Exactness comes from position: the state knows the offset up to which it is folded. A record before that offset is
acknowledged and skipped; the record at that offset is folded. Before a later record, and without a state, the gap is
first filled from the log by a consumer outside the group. That covers a cold start, a rebalance, a redelivery and any
commit of the group. The order is always: fold, publish, Kafka's acknowledgement of the results, then our
acknowledgement of the records. An exception ends the process, since the state has moved on without publishing its
results; the next process begins without a state.

A partition's state has one owner, this task, so there is nothing to lock. A partition that scores 55,000 athletes
again, or is filled, does not delay the others.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka.errors import KafkaError
from faust.types import EventT, Message

from schemas.codec import Envelope, UnknownVersion, UnreadableRecord, decode_envelope, pack
from schemas.events import EventArchived, ReadsLogged, ResultsPublished
from schemas.results import AthleteRow, EventRow, Frame
from schemas.topics import FRAME_VERSION, partition_of
from services.scoring.core.event import EventState
from services.scoring.core.partition import PartitionState, Refusal, SnapshotUnusable, fold_record
from services.scoring.dead_letter import DeadLetter, DeadLetters, Unfit
from services.scoring.errors import LogDisagrees, NewerRecord
from services.scoring.log_reader import LogReader, Mark, Record
from services.scoring.metrics import ScoringMetrics
from services.scoring.publisher import Publisher
from services.scoring.result_records import records_of
from services.scoring.snapshots import Snapshots
from services.scoring.time_slice import TimeSlice
from services.scoring.unknown_chips_sender import UnknownChipsSender

ARRIVED_MAX = 2_000  # records that wait while the partition is filled or scored again; some 40 MB of full envelopes
TOGETHER_MAX = 256  # records folded before their rows go out: more delay the rows, fewer score athletes more often
ROWS_A_SLICE = 200  # athletes scored without a pause, fewer when the time slice is over sooner
NEAR_RECORDS = 64  # a fill ends so close to the end of the log: the group delivers the rest
IDLE_S = 1.0
EMPTY_FRAME_S = 1.0  # how often a frame says that nothing changed, while records arrive
COMPARE_LOG_S = 30.0
COMPARE_SOON_S = 1.0  # after a record that was delivered again: a re-created log starts again, too
COMPARE_PATIENCE_S = 5.0
SNAPSHOT_RECORDS = 20_000  # ten million reads; a snapshot is then due earlier than by time
SNAPSHOT_SHARE = 50  # a snapshot that took a second is written at most every 50 seconds

log = logging.getLogger(__name__)


class Shared(NamedTuple):
    """Everything that the partitions of a worker share; `generation` returns the group's current generation."""

    partitions: int
    reader: LogReader
    publisher: Publisher
    snapshots: Snapshots
    snapshot_every_s: float
    slices: TimeSlice
    metrics: ScoringMetrics
    generation: Callable[[], int]


class PartitionWorker:
    """A partition. `run` is its task; `deliver` gives it the records that arrive."""

    def __init__(self, partition: int, shared: Shared) -> None:
        self.partition = partition
        self.filled = False
        self.progress = 0
        self.folded_ms = 0
        self.dead_letters = DeadLetters(partition, shared.publisher.put_dead_letters, shared.metrics)
        self._shared = shared
        self._metrics = shared.metrics
        self._outlet = shared.publisher.outlet(partition)
        self._unknown_chips = UnknownChipsSender(partition, self._outlet, shared.slices)
        self._state = PartitionState(partition)
        self._mark: Mark | None = None
        self._arrived: deque[EventT[bytes]] = deque()
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._again = False
        self._archived_again: list[str] = []
        self._unreadable: int | None = None
        self._answered: int | None = None
        self._resends_all = False
        self._from_offset = 0
        self._accepted_us: int | None = None
        self._publishes = False
        self._framed_s = self._compared_s = time.monotonic()
        self._snapshot_s = time.monotonic()
        self._unsaved_since_s: float | None = None
        self._snapshot_offset = 0
        self._snapshot_took_s = 0.0

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to fold."""
        return self._state.next_offset

    def unsaved_s(self, now_s: float) -> float:
        """Return how long the oldest record that is in no snapshot has been folded; 0 if all are in one."""
        return 0.0 if self._unsaved_since_s is None else now_s - self._unsaved_since_s

    def _moved(self) -> None:
        self.progress += 1

    # --- Records in.

    async def deliver(self, delivery: EventT[bytes]) -> None:
        """Accept a record, in the order of the log; wait while too many records are waiting."""
        while len(self._arrived) >= ARRIVED_MAX and not self._closed:
            self._room.clear()
            await self._room.wait()
        if not self._closed:
            self._arrived.append(delivery)
            self._something.set()

    def send_all(self, unreadable: int) -> None:
        """Send every row, since the record of `results` at the offset `unreadable` cannot be read.

        The projections ask until they see the rows, so a record that was answered already is left out.
        """
        if unreadable != self._answered:
            self._unreadable = unreadable
            self._something.set()

    def close(self) -> None:
        """Drop the waiting records without acknowledging them: another worker has the partition."""
        self._closed = True
        self._arrived.clear()
        self._room.set()

    async def run(self) -> None:
        """Score the partition until cancelled. Raises ScoringStopped, KafkaError or the error of a broken invariant."""
        await self._load()
        await self._fill()
        await self._publish()
        while True:
            arrived = await self._next_arrived()
            taken = await self._take_in(arrived)
            self._mark_all_if_asked()
            await self._publish()
            await self.dead_letters.write()
            generation = self._shared.generation()
            for delivery in taken:
                if delivery.message.generation_id == generation:  # another worker may have it by now
                    delivery.ack()
            await self._use_idle_time()

    def _mark_all_if_asked(self) -> None:
        """Make all rows due if a record of `results` cannot be read; archived events follow in idle time."""
        if self._unreadable is None:
            return
        log.warning(
            "record %d of `results` partition %d cannot be read; all results are sent again",
            self._unreadable,
            self.partition,
        )
        self._state.mark_all()
        self._resends_all = True
        self._unreadable, self._answered = None, self._unreadable
        self._archived_again = list(self._state.archived)

    async def _next_arrived(self) -> list[EventT[bytes]]:
        """Return waiting records, at most TOGETHER_MAX. Return none after IDLE_S without records, or while there are
        rows to send again.
        """
        if not (self._arrived or self._again or self._archived_again) and self._unreadable is None:
            self._something.clear()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._something.wait()
            except TimeoutError:
                return []
        arrived = [self._arrived.popleft() for _ in range(min(len(self._arrived), TOGETHER_MAX))]
        self._room.set()
        return arrived

    async def _take_in(self, arrived: Sequence[EventT[bytes]]) -> list[EventT[bytes]]:
        """Fold the records of this generation; return those that may be acknowledged after publishing.

        A record that publishes results is the last of its revision, so that it publishes these results; later records
        wait. So is one that archives an event.
        """
        generation = self._shared.generation()
        taken = [delivery for delivery in arrived if delivery.message.generation_id == generation]
        done, worked_s, folded = 0, 0.0, False
        while done < len(taken) and not self._publishes:
            if taken[done].message.offset > self.next_offset:
                await self._fill_to(taken[done].message.offset)
            async with self._shared.slices as slice_:
                began_s = time.monotonic()
                while done < len(taken) and taken[done].message.offset <= self.next_offset and not self._pauses(slice_):
                    folded |= self._take_record(taken[done].message)
                    done += 1
                worked_s += time.monotonic() - began_s
            if self._state.returning is not None:
                self.dead_letters.add(await self._bring_back(self._state.returning))
        if folded:
            self._metrics.fold_s.observe(worked_s)
        self._arrived.extendleft(reversed(taken[done:]))
        return taken[:done]

    def _pauses(self, slice_: TimeSlice) -> bool:
        """Return whether folding pauses: the slice is over, a revision has to be completed, or an event comes back."""
        return slice_.over() or self._publishes or self._state.returning is not None

    def _take_record(self, message: Message) -> bool:
        """Fold the record at the position and return True; for an earlier record, queue its kept dead letters."""
        if message.offset < self.next_offset:
            self._compared_s = min(self._compared_s, time.monotonic() - COMPARE_LOG_S + COMPARE_SOON_S)
            self.dead_letters.add_kept(message.offset)
            return False
        record = Record(message.offset, round(message.timestamp * 1000), message.key, message.value)
        envelope, letters = self._fold(record, "live")
        self.dead_letters.add(letters)
        self._mark = record.mark()
        if envelope is not None:
            known = [fact.recorded_at_us for fact in envelope.facts if fact.recorded_at_us is not None]
            if known:
                self._accepted_us = min(known) if self._accepted_us is None else min(self._accepted_us, *known)
        return True

    def _fold(self, record: Record, way: str) -> tuple[Envelope | None, list[DeadLetter]]:
        """Fold a record; return its envelope and the dead letters in it. Raises NewerRecord."""
        envelope: Envelope | None = None
        letters: list[DeadLetter] = []
        try:
            envelope = self._envelope(record)
        except Unfit as unfit:
            event = (record.key or b"").decode(errors="replace")
            letters = [self.dead_letters.make(event, unfit, record.value or b"", record.offset)]
        repeats_before = self._repeats(envelope)
        refusals = self._state.fold(record.offset, envelope)
        self.folded_ms = record.timestamp_ms
        if self._unsaved_since_s is None:
            self._unsaved_since_s = time.monotonic()
        self.progress += 1
        self._metrics.records.labels(way).inc()
        if envelope is not None:
            self._publishes |= any(isinstance(fact, ResultsPublished | EventArchived) for fact in envelope.facts)
            reads = sum(len(fact.reads) for fact in envelope.facts if isinstance(fact, ReadsLogged))
            self._metrics.reads.labels(way).inc(reads)
            self._metrics.repeated_reads.labels(way).inc(self._repeats(envelope) - repeats_before)
            letters += [self._refused(envelope, refusal, record.offset) for refusal in refusals]
        return envelope, letters

    def _repeats(self, envelope: Envelope | None) -> int:
        state = None if envelope is None else self._state.events.get(envelope.event)
        return 0 if state is None else state.repeats

    def _envelope(self, record: Record) -> Envelope:
        """Return the envelope in a record. Raises Unfit, NewerRecord."""
        try:
            envelope = decode_envelope(record.value)
        except UnknownVersion as error:
            raise NewerRecord(self.partition, record.offset, str(error)) from None
        except UnreadableRecord as error:
            raise Unfit("unreadable", str(error)) from None
        if envelope.event not in self._state.events:
            home = partition_of(envelope.event, self._shared.partitions)
            if home != self.partition:  # an event in two partitions would have two orders
                raise Unfit("misplaced", f"event {envelope.event!r} belongs to partition {home}")
        return envelope

    def _refused(self, envelope: Envelope, refusal: Refusal, offset: int) -> DeadLetter:
        raw = bytes(pack(envelope.facts[refusal.index]))
        return self.dead_letters.make(envelope.event, Unfit("refused", refusal.reason), raw, offset, refusal.index)

    # --- Filling from the log.

    async def _load(self) -> None:
        """Load the snapshot, if there is one that agrees with the log."""
        snapshots = self._shared.snapshots
        try:
            head = await snapshots.head(self.partition)
            if head is None:
                return
            if head.partitions != self._shared.partitions:
                raise SnapshotUnusable(f"race-log had {head.partitions} partitions when it was written")
            if await self._shared.reader.mark_at(self.partition, head.mark.offset) != head.mark:
                raise SnapshotUnusable("it does not agree with the log")
            self._state = await snapshots.load(self.partition, self._moved)
        except SnapshotUnusable as unusable:
            log.warning(
                "the snapshot of partition %d is not used, so the whole log is read: %s", self.partition, unusable
            )
            return
        self._mark = head.mark
        self.folded_ms = head.mark.timestamp_ms
        self._snapshot_offset = self.next_offset
        log.info("partition %d: snapshot up to offset %d loaded", self.partition, self.next_offset)

    async def _fill_to(self, offset: int) -> None:
        """Fill the gap before a delivered record, and on to the end. Raises LogDisagrees if the log ends before it."""
        log.warning(
            "partition %d: offset %d was delivered, but %d is next; filling the gap from the log",
            self.partition,
            offset,
            self.next_offset,
        )
        await self._fill()
        if self.next_offset < offset:
            raise LogDisagrees(self.partition, f"offset {offset} was delivered, but the log ends at {self.next_offset}")

    async def _fill(self) -> None:
        """Fold the log to its end, and send on the way only the revisions that publish results.

        After that every athlete's row is sent, since rows sent before may have been lost: first the rows that are due,
        which complete the revision; then, in idle time, the others.
        """
        self.filled = False
        first, end = await self._bounds()
        if self.next_offset < first:
            if self._state.next_offset:
                raise LogDisagrees(self.partition, f"it begins at {first}, but was scored up to {self.next_offset}")
            log.warning("partition %d begins at offset %d: earlier records are not scored", self.partition, first)
            self._state.next_offset = first
        elif self.next_offset > end:
            raise LogDisagrees(self.partition, f"it ends at {end}, but was scored up to {self.next_offset}")
        began, began_s = self.next_offset, time.monotonic()
        self._resends_all |= began == first < end
        while self.next_offset < end:
            log.info("partition %d: reading the log from offset %d to %d", self.partition, self.next_offset, end)
            with self._shared.reader.reading(self.partition, self.next_offset) as reading:
                elsewhere = False
                while self.next_offset < end and not elsewhere:
                    elsewhere = await self._fold_old(await reading.some())
                    self._metrics.replay.labels(self.partition).set((self.next_offset - began) / (end - began))
            if elsewhere:
                continue  # from the next record on
            _, end = await self._bounds()
            if end - self.next_offset <= NEAR_RECORDS:
                break
        self._metrics.replay.labels(self.partition).set(1)
        if began > first:  # otherwise the fold itself has made every row due
            self._state.mark_again()
            self._again = True
        self._from_offset, self._accepted_us = first, None
        took_s = time.monotonic() - began_s
        log.info(
            "partition %d is at offset %d, %d records in %.1f s",
            self.partition,
            self.next_offset,
            self.next_offset - began,
            took_s,
        )

    async def _bounds(self) -> tuple[int, int]:
        """Return the log's first offset and its end; wait as long as Kafka takes."""
        said = False
        while True:
            try:
                return await self._shared.reader.bounds(self.partition)
            except KafkaError as error:
                if not said:
                    log.warning("partition %d: cannot read the log's bounds from Kafka yet: %r", self.partition, error)
                said = True
                await asyncio.sleep(IDLE_S)

    async def _fold_old(self, records: Sequence[Record]) -> bool:
        """Fold records of a fill, and complete each revision that publishes results or archives an event on the way.

        Return whether the partition was read elsewhere meanwhile, for an event that was archived.
        """
        done, worked_s, elsewhere = 0, 0.0, False
        while done < len(records):
            async with self._shared.slices as slice_:
                began_s = time.monotonic()
                while done < len(records) and not self._pauses(slice_):
                    _, letters = self._fold(records[done], "fill")
                    self.dead_letters.keep(records[done].offset, letters)
                    done += 1
                worked_s += time.monotonic() - began_s
            if self._state.returning is not None:
                self.dead_letters.keep(self.next_offset - 1, await self._bring_back(self._state.returning))
                elsewhere = True
            if self._publishes:
                await self._complete(self.next_offset - 1)
                self._publishes = False
        if records:
            self._mark = records[-1].mark()
            self._metrics.fold_s.observe(worked_s)
        return elsewhere

    async def _bring_back(self, event: str) -> list[DeadLetter]:
        """Fold an archived event again, and the record that ends its archive, if one does; all its rows are due then.

        Return the dead letters of the last record that was folded: those of earlier ones are written.
        """
        began_s = time.monotonic()
        first, last = self._state.archived[event]
        state = EventState(event, first)
        letters = await self._fold_between(state, first, last + 1)
        if self._state.returning == event:
            letters = await self._fold_between(state, self.next_offset - 1, self.next_offset)
        self._state.put_back(state)
        took_s = time.monotonic() - began_s
        log.info("was archived; its log is read again, in %.1f s", took_s, extra={"event": event})
        return letters

    async def _fold_between(self, state: EventState, offset: int, end: int) -> list[DeadLetter]:
        """Fold an event's records from an offset to another, not including it; return the last one's dead letters."""
        letters: list[DeadLetter] = []
        with self._shared.reader.reading(self.partition, offset) as reading:
            while offset < end:
                records = [record for record in await reading.some() if record.offset < end]
                done = 0
                while done < len(records):
                    async with self._shared.slices as slice_:
                        while done < len(records) and not slice_.over():
                            letters = self._fold_again(state, records[done])
                            offset = records[done].offset + 1
                            done += 1
                self._moved()
        return letters

    def _fold_again(self, state: EventState, record: Record) -> list[DeadLetter]:
        """Fold a record that may be one of an event's; return the dead letters in it."""
        if record.key != state.event.encode():
            return []
        try:
            envelope = self._envelope(record)
        except Unfit:  # it is a dead letter since it came
            return []
        refusals = fold_record(state, record.offset, envelope)
        return [self._refused(envelope, refusal, record.offset) for refusal in refusals]

    # --- Rows out.

    async def _publish(self) -> None:
        """Complete the revision if anything changed, if an empty frame is due, or after a fill."""
        through = self.next_offset - 1
        empty = time.monotonic() - self._framed_s >= EMPTY_FRAME_S
        news = through >= self._from_offset and (not self.filled or self._state.pending() or empty)
        if news or self._resends_all:
            await self._complete(through)
        self._publishes = False
        self.filled = True

    async def _complete(self, through: int) -> None:
        """Score the athletes who are due, and send the rows; return when Kafka has acknowledged the last row."""
        state, began_s = self._state, time.monotonic()
        last = False
        while not last:
            async with self._shared.slices as slice_:
                events, rows = self._due(slice_)
                last = not state.pending()
                heads = state.heads() if last else {}
                records = self._records(through, last, heads, events, rows)
            await self._put(records, len(rows))
        await self._outlet.settle()
        self._metrics.publish_s.observe(time.monotonic() - began_s)
        if self._accepted_us is not None:
            self._metrics.accepted_s.observe(max(0.0, time.time() - self._accepted_us / 1e6))
        state.clear_heads()
        await self._unknown_chips.send_last(state)
        for event in state.drop_archived():
            log.info("is archived: its state is dropped, its boards stay", extra={"event": event})
        self._accepted_us, self._from_offset = None, through + 1
        self._framed_s = time.monotonic()

    async def _send_again(self) -> None:
        """Send again some rows that an earlier worker has sent, in a frame that completes no revision."""
        async with self._shared.slices as slice_:
            rows: list[AthleteRow] = []
            while len(rows) < ROWS_A_SLICE and not slice_.over() and (scored := self._state.take_again(1)):
                rows += scored
            records = self._records(self.next_offset - 1, True, {}, [], rows) if rows else []
        await self._put(records, len(rows))
        await self._outlet.settle()
        self._again = bool(rows)

    async def _send_archived(self, event: str) -> None:
        """Send all rows of an archived event again. One at a time, since its log is read for them and records wait."""
        if event in self._state.archived:  # it may be open again
            await self._bring_back(event)
            await self._complete(self.next_offset - 1)

    def _records(
        self, through: int, last: bool, heads: dict[str, int], events: list[EventRow], rows: list[AthleteRow]
    ) -> list[bytes]:
        frame = Frame(
            v=FRAME_VERSION,
            partition=self.partition,
            from_offset=min(self._from_offset, through),
            through_offset=through,
            last=last,
            accepted_us=self._accepted_us,
            heads=heads,
            events=events,
            rows=rows,
            resends_all=self._resends_all,
        )
        self._resends_all = False
        return records_of(frame)

    async def _put(self, records: Sequence[bytes], rows: int) -> None:
        for record in records:
            await self._outlet.put(record)
        self._metrics.rows.inc(rows)
        self._metrics.frames.inc(len(records))
        self.progress += 1

    def _due(self, slice_: TimeSlice) -> tuple[list[EventRow], list[AthleteRow]]:
        """Score and return the next rows that are due. An athlete with a great many reads ends the slice."""
        events: list[EventRow] = []
        rows: list[AthleteRow] = []
        for event in self._state.events.values():
            if len(rows) >= ROWS_A_SLICE or slice_.over():
                break
            if (row := event.take_event()) is not None:
                events.append(row)
            while len(rows) < ROWS_A_SLICE and not slice_.over() and (scored := event.take(1)):
                rows += scored
        return events, rows

    # --- Idle time.

    async def _use_idle_time(self) -> None:
        """Send rows again and unknown chips, write a snapshot, and check that the log is still the same."""
        if self._again:
            await self._send_again()
        if self._archived_again:
            await self._send_archived(self._archived_again.pop())
        await self._unknown_chips.send(self._state)
        now_s = time.monotonic()
        if self._snapshot_is_due(now_s) and self._mark is not None:
            await self._snapshot(self._mark)
        if now_s - self._compared_s >= COMPARE_LOG_S and self._mark is not None:
            self._compared_s = now_s
            await self._compare(self._mark)

    def _snapshot_is_due(self, now_s: float) -> bool:
        new = self.next_offset - self._snapshot_offset
        waited_s = now_s - self._snapshot_s
        if not new or waited_s < self._snapshot_took_s * SNAPSHOT_SHARE:
            return False
        return waited_s >= self._shared.snapshot_every_s or new >= SNAPSHOT_RECORDS

    async def _snapshot(self, mark: Mark) -> None:
        began_s = time.monotonic()
        try:
            await self._shared.snapshots.write(self._state, mark, self._moved)
        except OSError as error:
            log.warning(
                "cannot write a snapshot of partition %d: %s; the next restart reads more of the log",
                self.partition,
                error,
            )
        else:
            self._unsaved_since_s = None
        self._snapshot_offset = self.next_offset
        self._snapshot_s = time.monotonic()
        self._snapshot_took_s = self._snapshot_s - began_s

    async def _compare(self, mark: Mark) -> None:
        try:
            async with asyncio.timeout(COMPARE_PATIENCE_S):
                logged_mark = await self._shared.reader.mark_at(self.partition, mark.offset)
        except (TimeoutError, KafkaError):
            return  # Kafka is down; the watch logs that
        if logged_mark is not None and logged_mark != mark:  # the watch checks, several times, for a log that is short
            raise LogDisagrees(self.partition, f"it has a different record at offset {mark.offset}")
