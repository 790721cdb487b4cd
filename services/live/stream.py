"""Server-sent events: what a revision changed, worked out and encoded once, handed to all who watch the same.

Each viewer stands at the revision that was last sent to him. A new revision is told to viewers of everything at once,
from its notice alone; for a board or an athlete the changes between where its viewers stand and the newest are read
first, in a task of the event's own. A viewer who does not take what is sent is cut off and comes again by himself, with
`Last-Event-ID`.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Struct

from schemas.definition import Board
from schemas.notices import RevisionNotice
from schemas.results import AthleteRow
from services.live.async_cache import AsyncCache
from services.live.errors import Refused, TooManyViewers
from services.live.http.answers import Answer
from services.live.metrics import LiveMetrics
from services.live.pages.common import Views, boards_of
from services.live.revisions import RevisionTracker
from services.live.store import CHANGED_MAX, Head
from services.live.stream_events import Kind, StreamEvent, stream_events
from services.runtime.clickhouse import DatabaseUnavailable
from services.standings.boards import passes
from services.standings.event_index import EventIndex

VIEWERS_MAX = 20_000  # streams of one process, some 30 KB each
WAITING_BYTES_MAX = 512 * 1024  # that a viewer may be behind
HEARTBEAT_S = 15.0  # below the idle limits of usual proxies
RETRY_MS = (2_000, 6_000)  # a viewer comes again after so long, spread so that a crowd does not come at once
ROWS_TOLD_MAX = 200  # changed lines of a board in one event
EVENTS_HELD_BYTES = 16 * 1024 * 1024
CHANGED_HELD = 20_000  # results before and after, some 2 KB each
AGAIN_S = 1.0  # after ClickHouse did not answer

log = logging.getLogger(__name__)
_json = msgspec.json.Encoder()


class Subject(NamedTuple):
    """What a stream tells of: one board, one athlete, or (both null) everything of an event in short."""

    event: str
    board: str | None = None
    bib: str | None = None


class Changed(Struct, frozen=True):
    """What differs between two revisions of an event; `bibs` null: more than can be told one by one."""

    boards: list[str]
    bibs: list[str] | None
    before: dict[str, AthleteRow]
    after: dict[str, AthleteRow]


def sse(kind: Kind, revision: int, data: bytes) -> bytes:
    """An event as it goes over the wire; `data` is JSON in one line."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), revision, data)


class Viewer:
    """One open stream: what waits to be sent, and the revision that he stands at once it is."""

    def __init__(self, subject: Subject, revision: int, cut: Callable[[], None]) -> None:
        self.subject = subject
        self.revision = revision
        self._cut = cut
        self._closed = False
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def offer(self, data: bytes) -> bool:
        """Put events behind what waits; false where too much waits: his connection is cut."""
        if self._bytes + len(data) > WAITING_BYTES_MAX and self._waiting:
            self.close()
            self._cut()
            return False
        self._waiting.append(data)
        self._bytes += len(data)
        self._wake.set()
        return True

    def close(self) -> None:
        """Have the stream end."""
        self._closed = True
        self._wake.set()

    async def take(self) -> bytes:
        """All that waits, when something does; empty once he is closed."""
        await self._wake.wait()
        if self._closed:
            return b""
        self._wake.clear()
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return data


class Streams:
    """All open streams. `start` before the first, `close` at the end. `snapshot` gives all there is of a subject."""

    def __init__(
        self,
        heads: RevisionTracker,
        views: Views,
        snapshot: Callable[[Subject, Head], Awaitable[Answer]],
        metrics: LiveMetrics,
    ) -> None:
        self._heads = heads
        self._views = views
        self._snapshot = snapshot
        self._metrics = metrics
        self._viewers: dict[Subject, set[Viewer]] = {}
        self._told: AsyncCache[bytes] = AsyncCache(EVENTS_HELD_BYTES, lambda data: 100 + len(data))
        self._changes: AsyncCache[Changed] = AsyncCache(CHANGED_HELD, lambda changed: 1 + len(changed.after))
        self._wakes: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._closing = False
        heads.when_learnt(self._learnt)

    def start(self) -> None:
        """Begin to send heartbeats."""
        self._spawn(self._beat())

    async def close(self) -> None:
        """End all streams."""
        self._closing = True
        for viewer in self._all():
            viewer.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._told.close()
        await self._changes.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _all(self) -> list[Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    async def _beat(self) -> None:
        """A comment now and then, so that nothing between us takes the connection for dead."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for viewer in self._all():
                self._offer(viewer, b": alive\n\n")

    # --- one viewer

    async def serve(self, request: web.Request, subject: Subject, last_id: str | None) -> web.StreamResponse:
        """Serve a stream until the viewer leaves or is closed. Raises Refused, TooManyViewers, DatabaseUnavailable."""
        if self._count >= VIEWERS_MAX or self._closing:
            raise TooManyViewers(f"no more than {VIEWERS_MAX} streams are served here")
        self._count += 1
        self._metrics.viewers.set(self._count)
        try:
            first, revision = await self._first(subject, last_id)
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
            viewer = Viewer(subject, revision, lambda: _cut(request))
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

    async def _first(self, subject: Subject, last_id: str | None) -> tuple[bytes, int]:
        """What a viewer gets at once, and the revision that he stands at then."""
        head = self._heads.heads[subject.event]
        since = int(last_id) if last_id is not None and last_id.isascii() and last_id.isdigit() else None
        if since is None or since > head.revision:
            return await self._everything(subject, head), head.revision
        return await self._between(subject, since, head), head.revision

    async def _everything(self, subject: Subject, head: Head) -> bytes:
        return sse("snapshot", head.revision, (await self._snapshot(subject, head)).body)

    def _join(self, viewer: Viewer) -> None:
        event = viewer.subject.event
        self._viewers.setdefault(viewer.subject, set()).add(viewer)
        if event not in self._wakes:
            self._wakes[event] = asyncio.Event()
            self._spawn(self._work(event))
        self._wakes[event].set()  # a revision may have come while his first was on its way

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

    # --- revisions

    def _learnt(self, head: Head, before: Head | None, notice: RevisionNotice | None) -> None:
        """Tell viewers of everything at once; have the event's task tell the others."""
        viewers = self._viewers.get(Subject(head.event))
        if viewers and notice is not None and before is not None:
            data = sse(
                "board",
                head.revision,
                _summary(head, notice.boards, notice.bibs, notice.accepted_us),
            )
            for viewer in [one for one in viewers if one.revision == before.revision]:
                viewer.revision = head.revision
                self._offer(viewer, data)
        if wake := self._wakes.get(head.event):
            wake.set()

    async def _work(self, event: str) -> None:
        """Keep an event's viewers at its newest revision, for as long as there are any."""
        wake = self._wakes[event]
        while True:
            await wake.wait()
            wake.clear()
            if not any(subject.event == event for subject in self._viewers):
                del self._wakes[event]
                return
            try:
                await self._tell(event)
            except DatabaseUnavailable as error:
                log.warning("viewers of %s wait: %s", event, error)
                await asyncio.sleep(AGAIN_S)
                wake.set()

    async def _tell(self, event: str) -> None:
        head = self._heads.heads[event]
        for subject in [one for one in self._viewers if one.event == event]:
            behind = {viewer.revision for viewer in self._viewers.get(subject, ()) if viewer.revision < head.revision}
            for since in behind:
                try:
                    data = await self._between(subject, since, head)
                except Refused:  # a new definition does not have it any more; who comes again is told so
                    for viewer in list(self._viewers.get(subject, ())):
                        viewer.close()
                    break
                for viewer in [one for one in self._viewers.get(subject, ()) if one.revision == since]:
                    viewer.revision = head.revision
                    if data:
                        self._offer(viewer, data)

    async def _between(self, subject: Subject, since: int, head: Head) -> bytes:
        """The events that bring a viewer from one revision to another; empty where nothing concerns him."""
        if since == head.revision:
            return b""
        return await self._told.get((subject, since, head.revision), lambda: self._make(subject, since, head))

    async def _make(self, subject: Subject, since: int, head: Head) -> bytes:
        key = (head.event, since, head.revision)
        changed = await self._changes.get(key, lambda: self._changed(since, head))
        if subject.board is None and subject.bib is None:
            return sse("board", head.revision, _summary(head, changed.boards, changed.bibs, None))
        if changed.bibs is None:
            return await self._everything(subject, head)
        view = await self._views.defined(head)
        if subject.bib is not None:
            told = [one async for one in self._of_athlete(view, head, subject.bib, changed)]
        else:
            told = [one async for one in self._of_board(view, since, head, subject.board or "", changed)]
        common = {"event": head.event, "revision": head.revision}
        return b"".join(sse(one.kind, head.revision, _json.encode({**common, **one.data})) for one in told)

    async def _changed(self, since: int, head: Head) -> Changed:
        store = self._views.store
        boards = await store.boards_changed(head.event, since, head.revision)
        bibs = await store.changed(head.event, since, head.revision)
        if len(bibs) > CHANGED_MAX:
            return Changed(boards, None, {}, {})
        before = await store.athletes(head.event, bibs, since)
        return Changed(boards, bibs, before, await store.athletes(head.event, bibs, head.revision))

    async def _of_athlete(self, view: EventIndex, head: Head, bib: str, changed: Changed) -> AsyncIterator[StreamEvent]:
        row = changed.after.get(bib)
        if row is not None:
            for one in stream_events(view, changed.before.get(bib), row):
                yield one
        else:
            row = (await self._views.store.athletes(head.event, [bib], head.revision)).get(bib)
        if row is not None and not row.gone:
            boards = boards_of(view, row)
            if any(board.id in changed.boards for board in boards):
                places = await self._views.athlete_boards(view, head, row, boards)
                yield StreamEvent("board", {"bib": bib, "boards": [msgspec.structs.asdict(one) for one in places]})

    async def _of_board(
        self, view: EventIndex, since: int, head: Head, name: str, changed: Changed
    ) -> AsyncIterator[StreamEvent]:
        if name in view.team_boards or name in view.delegations:
            if name in changed.boards:
                yield StreamEvent("board", {"board": name, "total": None, "rows": None, "removed": []})
            return
        board = view.boards.get(name)
        if board is None:
            raise Refused(404, "No such board", f"event {head.event!r} has no board {name!r} any more")
        members = list(_members(view, board, changed))
        for before, after, is_member in members:
            if is_member:
                for one in stream_events(view, before, after):
                    yield one
            else:
                yield StreamEvent("retract", {"bib": after.bib, "race": after.race, "point": None})
        bibs = dict.fromkeys(after.bib for _, after, _ in members)
        if name in changed.boards:
            bibs.update(dict.fromkeys(await self._views.store.rows_changed(head.event, name, since, head.revision)))
        if bibs:
            yield StreamEvent("board", await self._board_told(view, head, board, list(bibs)))

    async def _board_told(self, view: EventIndex, head: Head, board: Board, bibs: list[str]) -> dict[str, Any]:
        """The lines of a board that changed, but for those that others have only moved up or down; `rows` null: too
        many to tell, so fetch the board. `removed` have no place (any more).
        """
        listing, order = await self._views.listing(head, view, board)
        page = [line for bib in bibs if (line := order.of(bib)) is not None]
        told = len(bibs) <= ROWS_TOLD_MAX
        return {
            "board": board.id,
            "total": len(order.lines),
            "rows": await self._views.lines(listing, page) if told else None,
            "removed": [bib for bib in bibs if bib not in order.index] if told else [],
        }


def _members(view: EventIndex, board: Board, changed: Changed) -> Iterator[tuple[AthleteRow | None, AthleteRow, bool]]:
    """Who of the changed is on a board or was: his result before (None: he was not on it) and after, and whether he is
    on it now.
    """
    on_board = passes(view.definition, board)
    for bib, after in changed.after.items():
        before = changed.before.get(bib)
        if on_board(after):
            yield before if before is not None and on_board(before) else None, after, True
        elif before is not None and on_board(before):
            yield before, after, False


def _summary(head: Head, boards: list[str], bibs: list[str] | None, accepted_us: int | None) -> bytes:
    """What a viewer of everything is told of a revision."""
    return _json.encode(
        {
            "event": head.event,
            "revision": head.revision,
            "boards": boards,
            "bibs": bibs,
            "announced_at_us": head.announced_at_us,
            "accepted_us": accepted_us,
        }
    )


def _cut(request: web.Request) -> None:
    """Drop the connection with all that waits in it: a write that is stuck ends."""
    if request.transport is not None:
        request.transport.abort()
