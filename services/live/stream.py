"""Server-sent events: each change is worked out and encoded once, then sent to all viewers of the same subject.

Each viewer is at the revision that was last sent to it. Viewers of a whole event get a new revision at once, from its
notice alone. For viewers of a board or an athlete, a task for the event loads the changes since their revision. A
viewer that does not read its events is disconnected; its client reconnects with `Last-Event-ID`.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Struct

from schemas.definition import Board
from schemas.ids import bib_order
from schemas.notices import RevisionNotice
from schemas.results import AthleteRow
from services.live.async_cache import AsyncCache
from services.live.errors import Refused, TooManyViewers
from services.live.feed.columns import board_row
from services.live.http.answer_cache import AnswerCache
from services.live.http.answers import Answer
from services.live.http.query import BoardQuery, ListQuery
from services.live.limits import LiveLimits
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.off_loop import off_loop
from services.live.pages.athlete_page import boards_of
from services.live.pages.board import LINE_STEPS, build_board
from services.live.revisions import RevisionTracker
from services.live.stream_events import EventKind, StreamEvent, stream_events
from services.live.table_rows import AnnouncedRevision
from services.runtime.clickhouse import DatabaseUnavailable
from services.standings.boards import passes
from services.standings.event_index import EventIndex, in_asked_language

RETRY_MS = (2_000, 6_000)  # a client reconnects after this time, spread so that a crowd does not reconnect at once
SNAPSHOT_ROWS = 100  # of a board
EVENTS_HELD_BYTES = 16 * 1024 * 1024
CHANGES_HELD = 20_000  # results before and after, some 2 KB each
RETRY_S = 1.0  # after ClickHouse did not answer

log = logging.getLogger(__name__)
_json = msgspec.json.Encoder()


class Subject(NamedTuple):
    """The subject of a stream: one board, one athlete, or (both None) a whole event in short.

    `language` is that of names, one of the event's own; None for the first of each name.
    """

    event: str
    board: str | None = None
    bib: str | None = None
    language: str | None = None


class Changes(Struct, frozen=True):
    """The differences between two revisions of an event.

    `bibs` is None when more athletes changed than are sent one by one; then `before` and `after` are empty. `shared`
    are athletes with a case with another that changed: their rows did not, but their flags.
    """

    boards: list[str]
    bibs: list[str] | None
    before: dict[str, AthleteRow]
    after: dict[str, AthleteRow]
    shared: frozenset[str] = frozenset()


def encode_event(kind: EventKind, revision: int, data: bytes) -> bytes:
    """Return an event as it goes over the wire; `data` is JSON in one line."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), revision, data)


class Viewer:
    """One open stream: the events that wait to be sent, and the viewer's revision once they are sent."""

    def __init__(self, subject: Subject, revision: int, waiting_bytes_max: int, disconnect: Callable[[], None]) -> None:
        self.subject = subject
        self.revision = revision
        self._waiting_bytes_max = waiting_bytes_max
        self._disconnect = disconnect
        self._closed = False
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def offer(self, data: bytes) -> bool:
        """Queue events. Return False after disconnecting a viewer with too much in the queue."""
        if self._bytes + len(data) > self._waiting_bytes_max and self._waiting:
            self.close()
            self._disconnect()
            return False
        self._waiting.append(data)
        self._bytes += len(data)
        self._wake.set()
        return True

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        self._wake.set()

    async def take(self) -> bytes:
        """Return all queued events, as soon as there are any; nothing once the viewer is closed."""
        await self._wake.wait()
        if self._closed:
            return b""
        self._wake.clear()
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return data


class Streams:
    """All open streams. Call `start` before the first and `close` at the end."""

    def __init__(
        self,
        tracker: RevisionTracker,
        loader: Loader,
        answers: AnswerCache,
        metrics: LiveMetrics,
        limits: LiveLimits,
    ) -> None:
        self._tracker = tracker
        self._loader = loader
        self._answers = answers
        self._metrics = metrics
        self._limits = limits
        self._viewers: dict[Subject, set[Viewer]] = {}
        self._languages: set[str | None] = set()  # in which names were ever asked for: few, those of the events
        self._events: AsyncCache[bytes] = AsyncCache(EVENTS_HELD_BYTES, lambda data: 100 + len(data))
        self._changes: AsyncCache[Changes] = AsyncCache(CHANGES_HELD, lambda changes: 1 + len(changes.after))
        self._wakes: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._closing = False
        tracker.subscribe(self._on_revision)

    def start(self) -> None:
        """Begin to send heartbeats."""
        self._spawn(self._send_heartbeats())

    async def close(self) -> None:
        """End all streams."""
        self._closing = True
        for viewer in self._all_viewers():
            viewer.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._events.close()
        await self._changes.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _all_viewers(self) -> list[Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    async def _send_heartbeats(self) -> None:
        """Send an event at intervals: a page sees by it that the server is alive, and no proxy cuts a quiet stream.

        It has no id, so it does not change where a client that comes back goes on.
        """
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            for viewer in self._all_viewers():
                beat = {"now_us": time.time_ns() // 1000, "event": viewer.subject.event, "revision": viewer.revision}
                self._offer(viewer, b"event: heartbeat\ndata: %s\n\n" % _json.encode(beat))

    # --- One viewer

    async def serve(self, request: web.Request, subject: Subject, last_id: str | None) -> web.StreamResponse:
        """Serve a stream until the viewer leaves or is closed. Raises Refused, TooManyViewers, DatabaseUnavailable."""
        if self._count >= self._limits.viewers or self._closing:
            raise TooManyViewers(
                f"all {self._limits.viewers} streams that this process serves are open; try again later"
            )
        self._count += 1
        self._metrics.viewers.set(self._count)
        try:
            first, revision = await self._first_events(subject, last_id)
            response = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream; charset=utf-8",
                    "Cache-Control": "no-store",
                    "Access-Control-Allow-Origin": "*",
                    "X-Accel-Buffering": "no",
                    "X-Revision": str(revision),
                }
            )
            await response.prepare(request)
            await response.write(b"retry: %d\n\n" % random.randint(*RETRY_MS) + first)
            viewer = Viewer(subject, revision, self._limits.waiting_bytes, lambda: _disconnect(request))
            self._join(viewer)
            try:
                with suppress(ConnectionError):
                    while data := await viewer.take():
                        await response.write(data)
            finally:
                self._leave(viewer)
            return response
        finally:
            self._count -= 1
            self._metrics.viewers.set(self._count)

    async def _first_events(self, subject: Subject, last_id: str | None) -> tuple[bytes, int]:
        """Return the events that a viewer gets at once, and its revision after them."""
        newest = self._tracker.newest[subject.event]
        since = int(last_id) if last_id is not None and last_id.isascii() and last_id.isdigit() else None
        if since is None or since > newest.revision:
            return await self._snapshot_event(subject, newest), newest.revision
        return await self._events_between(subject, since, newest), newest.revision

    async def _snapshot_event(self, subject: Subject, newest: AnnouncedRevision) -> bytes:
        return encode_event("snapshot", newest.revision, (await self._snapshot(subject, newest)).body)

    async def _snapshot(self, subject: Subject, newest: AnnouncedRevision) -> Answer:
        """Return the answer that an HTTP request for the subject gets."""
        if subject.bib is not None:
            return await self._answers.athlete(newest, subject.bib, subject.language)
        if subject.board is None:
            return await self._answers.event_snapshot(newest, subject.language)
        event = await self._loader.events.defined(newest)
        if subject.board in event.team_boards:
            return await self._answers.team_board(newest, subject.board, ListQuery(language=subject.language))
        if subject.board in event.delegations:
            return await self._answers.delegation(newest, subject.board, ListQuery(language=subject.language))
        return await self._answers.board(newest, subject.board, BoardQuery(limit=SNAPSHOT_ROWS))

    def _join(self, viewer: Viewer) -> None:
        event = viewer.subject.event
        self._viewers.setdefault(viewer.subject, set()).add(viewer)
        self._languages.add(viewer.subject.language)
        if event not in self._wakes:
            self._wakes[event] = asyncio.Event()
            self._spawn(self._serve_event(event))
        self._wakes[event].set()  # a revision may have arrived while the first events were sent

    def _leave(self, viewer: Viewer) -> None:
        viewers = self._viewers[viewer.subject]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[viewer.subject]
            if wake := self._wakes.get(viewer.subject.event):
                wake.set()

    def _offer(self, viewer: Viewer, data: bytes) -> None:
        if viewer.offer(data):
            self._metrics.events.inc()
        else:
            self._metrics.dropped.inc()

    # --- Revisions

    def _on_revision(
        self, newest: AnnouncedRevision, before: AnnouncedRevision | None, notice: RevisionNotice | None
    ) -> None:
        """Send a revision to viewers of the whole event at once, and wake the task that serves the others."""
        subjects = [Subject(newest.event, language=language) for language in self._languages]
        viewers = [viewer for subject in subjects for viewer in self._viewers.get(subject, ())]
        if viewers and notice is not None and before is not None:
            data = _summary_event(newest, notice.boards, notice.bibs, notice.accepted_us)
            for viewer in [viewer for viewer in viewers if viewer.revision == before.revision]:
                viewer.revision = newest.revision
                self._offer(viewer, data)
        if wake := self._wakes.get(newest.event):
            wake.set()

    async def _serve_event(self, event: str) -> None:
        """Keep an event's viewers at its newest revision, until there are none."""
        wake = self._wakes[event]
        while True:
            await wake.wait()
            wake.clear()
            if not any(subject.event == event for subject in self._viewers):
                del self._wakes[event]
                return
            try:
                await self._catch_up(event)
            except DatabaseUnavailable as error:
                log.warning("streams of event %s are waiting: %s", event, error)
                await asyncio.sleep(RETRY_S)
                wake.set()

    async def _catch_up(self, event: str) -> None:
        """Send all viewers of an event the changes since their revisions."""
        newest = self._tracker.newest[event]
        for subject in [subject for subject in self._viewers if subject.event == event]:
            viewers = self._viewers.get(subject, ())
            for since in {viewer.revision for viewer in viewers if viewer.revision < newest.revision}:
                try:
                    data = await self._events_between(subject, since, newest)
                except Refused:  # a new definition does not have the subject any more; clients that come again learn it
                    for viewer in list(self._viewers.get(subject, ())):
                        viewer.close()
                    break
                for viewer in [viewer for viewer in self._viewers.get(subject, ()) if viewer.revision == since]:
                    viewer.revision = newest.revision
                    if data:
                        self._offer(viewer, data)

    async def _events_between(self, subject: Subject, since: int, newest: AnnouncedRevision) -> bytes:
        """Return the events that bring a viewer from one revision to the newest; empty when none concerns it."""
        if since == newest.revision:
            return b""
        key = (subject, since, newest.revision)
        return await self._events.get(key, lambda: self._make_events(subject, since, newest))

    async def _make_events(self, subject: Subject, since: int, newest: AnnouncedRevision) -> bytes:
        key = (newest.event, since, newest.revision)
        changes = await self._changes.get(key, lambda: self._load_changes(since, newest))
        if subject.board is None and subject.bib is None:
            return _summary_event(newest, changes.boards, changes.bibs, None)
        if changes.bibs is None:
            return await self._snapshot_event(subject, newest)
        event = in_asked_language(await self._loader.events.defined(newest), subject.language)
        if subject.bib is not None:
            events = await self._athlete_events(event, newest, subject.bib, changes)
        else:
            events = await self._board_events(event, since, newest, subject.board or "", changes)
        common = {"event": newest.event, "revision": newest.revision}
        return b"".join(
            encode_event(event.kind, newest.revision, _json.encode({**common, **event.data})) for event in events
        )

    async def _load_changes(self, since: int, newest: AnnouncedRevision) -> Changes:
        store = self._loader.store
        boards = await store.boards_changed(newest.event, since, newest.revision)
        bibs = await store.changed(newest.event, since, newest.revision)
        if len(bibs) > self._limits.athletes_of_change:
            return Changes(boards, None, {}, {})
        before, after, shared = await asyncio.gather(
            store.athletes(newest.event, bibs, since),
            store.athletes(newest.event, bibs, newest.revision),
            self._loader.together_changed(newest, since),
        )
        return Changes(boards, bibs, before, after, shared)

    async def _athlete_events(
        self, event: EventIndex, newest: AnnouncedRevision, bib: str, changes: Changes
    ) -> list[StreamEvent]:
        row = changes.after.get(bib)
        events = [] if row is None else stream_events(event, changes.before.get(bib), row)
        if row is None:
            row = (await self._loader.store.athletes(newest.event, [bib], newest.revision)).get(bib)
        if row is not None and not row.gone:
            boards = boards_of(event, row)
            if any(board.id in changes.boards for board in boards):
                places = await self._loader.athlete_boards(event, newest, bib, boards)
                listed = [msgspec.structs.asdict(place) for place in places]
                events.append(StreamEvent("board", {"bib": bib, "boards": listed}))
        return events

    async def _board_events(
        self, event: EventIndex, since: int, newest: AnnouncedRevision, name: str, changes: Changes
    ) -> list[StreamEvent]:
        if name in event.team_boards or name in event.delegations:
            refetch: dict[str, Any] = {"board": name, "total": None, "rows": None, "removed": []}
            return [StreamEvent("board", refetch)] if name in changes.boards else []
        board = event.boards.get(name)
        if board is None:
            raise Refused(404, "No such board", f"event {newest.event!r} has no board {name!r} any more")
        members = list(_changed_members(event, board, changes))
        events: list[StreamEvent] = []
        for before, after, is_member in members:
            if is_member:
                events += stream_events(event, before, after)
            else:
                events.append(StreamEvent("retract", {"bib": after.bib, "race": after.race, "point": None}))
        bibs = dict.fromkeys(after.bib for _, after, _ in members)
        if name in changes.boards:
            changed_rows = await self._loader.store.rows_changed(newest.event, name, since, newest.revision)
            bibs.update(dict.fromkeys(changed_rows))
        if changes.shared:
            ranking = await self._loader.rankings.board(event, board, newest.revision)
            bibs.update(dict.fromkeys(bib for bib in sorted(changes.shared, key=bib_order) if bib in ranking.index))
        if bibs:
            events.append(await self._rows_event(event, newest, board, list(bibs)))
        return events

    async def _rows_event(
        self, event: EventIndex, newest: AnnouncedRevision, board: Board, bibs: list[str]
    ) -> StreamEvent:
        """Return the lines of these bibs on a board; `rows` is null when there are too many, so fetch the board.

        `removed` are bibs without a place.
        """
        ranking = await self._loader.rankings.board(event, board, newest.revision)
        total = len(ranking.lines)
        if len(bibs) > self._limits.rows_of_event:
            return StreamEvent("board", {"board": board.id, "total": total, "rows": None, "removed": []})
        data = await self._loader.board_lines(event, newest, board, bibs)
        rows = await off_loop(LINE_STEPS * len(bibs), lambda: list(map(board_row, build_board(data).lines)))
        removed = [bib for bib in bibs if bib not in ranking.index]
        return StreamEvent("board", {"board": board.id, "total": total, "rows": rows, "removed": removed})


def _changed_members(
    event: EventIndex, board: Board, changes: Changes
) -> Iterator[tuple[AthleteRow | None, AthleteRow, bool]]:
    """Yield the changed athletes who are or were on a board: the result before (None when they were not on it), the
    result after, and whether they are on it now.
    """
    on_board = passes(event.definition, board)
    for bib, after in changes.after.items():
        before = changes.before.get(bib)
        if on_board(after):
            yield before if before is not None and on_board(before) else None, after, True
        elif before is not None and on_board(before):
            yield before, after, False


def _summary_event(
    newest: AnnouncedRevision, boards: list[str], bibs: list[str] | None, accepted_us: int | None
) -> bytes:
    """Return the event that viewers of a whole event get for a revision."""
    summary = {
        "event": newest.event,
        "revision": newest.revision,
        "boards": boards,
        "bibs": bibs,
        "announced_at_us": newest.at_us,
        "accepted_us": accepted_us,
    }
    return encode_event("board", newest.revision, _json.encode(summary))


def _disconnect(request: web.Request) -> None:
    """Drop a connection with everything in its buffer, so that a blocked write ends."""
    if request.transport is not None:
        request.transport.abort()
