"""Server-sent events: each change is worked out and encoded once, then sent to all viewers of the same subject.

Each viewer is at the revision that was last sent to it. A task for the viewers of a whole event sends them what the
notices say, if that is all there is. Another, for those of its boards and athletes, loads the changes since their
revisions. A viewer that does not read its events is disconnected; its client reconnects with `Last-Event-ID`.
"""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web

from schemas.notices import RevisionNotice
from services.live.errors import Refused, TooManyViewers
from services.live.limits import LiveLimits
from services.live.metrics import LiveMetrics
from services.live.recent_notices import RecentNotices
from services.live.revisions import RevisionTracker
from services.live.stream_changes import ChangeEvents, encoded, summary_of
from services.live.stream_viewer import Permission, Subject, Viewer, framed, refused
from services.live.table_rows import AnnouncedRevision
from services.runtime.clickhouse import DatabaseUnavailable

RETRY_MS = (2_000, 6_000)  # a client reconnects after this time, spread so that a crowd does not reconnect at once
SENT_AT_ONCE = 50  # viewers; about a millisecond of the event loop
TURNS_BETWEEN = 5  # of the event loop after each millisecond: making the events of a board takes several
PAUSE_MAX_S = 0.25  # after a turn; longer ones waited for ClickHouse, which a pause does not help
RETRY_S = 1.0  # after ClickHouse did not answer

_REVISION = re.compile(r"[0-9]{1,18}")  # `Last-Event-ID` is what a client says; more digits are no revision of ours

log = logging.getLogger(__name__)


class Streams:
    """All open streams. Call `start` before the first and `close` at the end."""

    def __init__(
        self,
        tracker: RevisionTracker,
        changes: ChangeEvents,
        metrics: LiveMetrics,
        limits: LiveLimits,
        now_us: Callable[[], int],
    ) -> None:
        self._tracker = tracker
        self._changes = changes
        self._metrics = metrics
        self._limits = limits
        self._now_us = now_us
        self._viewers: dict[Subject, set[Viewer]] = {}
        self._notices: dict[str, RecentNotices] = {}
        self._wakes: dict[tuple[str, bool], asyncio.Event] = {}  # by event, and whether for viewers of the whole of it
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
            alike: dict[tuple[str, int], list[Viewer]] = {}
            everyone = self._all_viewers()
            closing = set(refused(everyone))  # whose token was revoked, or who need one by now
            for viewer in everyone:
                if viewer in closing:
                    viewer.close()
                    continue
                alike.setdefault((viewer.subject.event, viewer.revision), []).append(viewer)
            for (event, revision), viewers in alike.items():
                await self._send(viewers, _heartbeat(self._now_us(), event, revision))

    # --- One viewer

    async def serve(
        self, request: web.Request, subject: Subject, last_id: str | None, permission: Permission
    ) -> web.StreamResponse:
        """Serve a stream until the viewer leaves, is closed, or by `permission` may no longer see it.

        Raises Refused, TooManyViewers, DatabaseUnavailable.
        """
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
            if request.transport is None:  # the client has left meanwhile
                return response
            chunked = request.version >= HttpVersion11
            viewer = Viewer(subject, revision, request.transport, chunked, self._limits.waiting_bytes, permission)
            self._join(viewer)
            try:
                await viewer.closed()
            finally:
                self._leave(viewer)
            return response
        finally:
            self._count -= 1
            self._metrics.viewers.set(self._count)

    async def _first_events(self, subject: Subject, last_id: str | None) -> tuple[bytes, int]:
        """Return the events that a viewer gets at once, and its revision after them."""
        newest = self._tracker.newest[subject.event]
        since = int(last_id) if last_id is not None and _REVISION.fullmatch(last_id) else None
        if since is None or since > newest.revision:
            return await self._changes.snapshot(subject, newest), newest.revision
        return await self._changes.returning(subject, since, newest), newest.revision

    def _join(self, viewer: Viewer) -> None:
        served = viewer.subject.event, viewer.subject.in_short
        self._viewers.setdefault(viewer.subject, set()).add(viewer)
        if served not in self._wakes:
            self._wakes[served] = asyncio.Event()
            self._spawn(self._serve_event(*served))
        self._wakes[served].set()  # a revision may have arrived while the first events were sent

    def _leave(self, viewer: Viewer) -> None:
        viewers = self._viewers[viewer.subject]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[viewer.subject]
            if wake := self._wakes.get((viewer.subject.event, viewer.subject.in_short)):
                wake.set()

    # --- Revisions

    def _on_revision(
        self, newest: AnnouncedRevision, before: AnnouncedRevision | None, notice: RevisionNotice | None
    ) -> None:
        """Keep the notice of a revision and wake the tasks of its event."""
        if notice is None or before is None:
            self._notices.pop(newest.event, None)
        else:
            self._notices.setdefault(newest.event, RecentNotices()).add(before.revision, notice)
        for wake in (self._wakes.get((newest.event, in_short)) for in_short in (True, False)):
            if wake is not None:
                wake.set()

    async def _serve_event(self, event: str, in_short: bool) -> None:
        """Keep the viewers of a whole event, or those of its boards and athletes, at its newest revision.

        With many viewers a turn takes long, and the event loop has more to do: the pause after it is as long. Until
        then revisions add up, so that the more there is to do, the fewer events are made of it.
        """
        wake = self._wakes[event, in_short]
        loop = asyncio.get_running_loop()
        while True:
            await wake.wait()
            wake.clear()
            subjects = [subject for subject in self._viewers if (subject.event, subject.in_short) == (event, in_short)]
            subjects.sort(key=lambda subject: len(self._viewers[subject]), reverse=True)
            if not subjects:
                del self._wakes[event, in_short]
                return
            began_s = loop.time()
            try:
                await self._catch_up(self._tracker.newest[event], subjects)
            except DatabaseUnavailable as error:
                log.warning("streams of event %s are waiting: %s", event, error)
                await asyncio.sleep(RETRY_S)
                wake.set()
            except Exception:  # a fault of ours in one event must not leave its viewers connected and without news
                log.exception("streams of event %s are closed, so that their clients come again", event)
                for subject in subjects:
                    for viewer in list(self._viewers.get(subject, ())):
                        viewer.close()
            await asyncio.sleep(min(loop.time() - began_s, PAUSE_MAX_S))

    async def _catch_up(self, newest: AnnouncedRevision, subjects: Collection[Subject]) -> None:
        """Send the viewers of some subjects the changes since their revisions."""
        await self._changes.prepare(subjects, newest)
        for subject in subjects:
            viewers = self._viewers.get(subject, ())
            for since in {viewer.revision for viewer in viewers if viewer.revision < newest.revision}:
                try:
                    data = await self._events_since(subject, since, newest)
                except Refused:  # a new definition does not have the subject any more; clients that come again learn it
                    for viewer in list(self._viewers.get(subject, ())):
                        viewer.close()
                    break
                waiting = [viewer for viewer in self._viewers.get(subject, ()) if viewer.revision == since]
                for viewer in waiting:
                    viewer.revision = newest.revision
                if data:
                    await self._send(waiting, data)

    async def _events_since(self, subject: Subject, since: int, newest: AnnouncedRevision) -> bytes:
        """Return the events that bring a viewer to a revision: from notices alone, if they say all there is."""
        notices = self._notices.get(newest.event)
        notice = None if notices is None else notices.since(since)
        if notice is None or notice.revision != newest.revision:
            return await self._changes.between(subject, since, newest)
        if subject.in_short and notice.results_only:
            return encoded(newest, summary_of(newest, notice.boards, notice.bibs, notice.accepted_us))
        return await self._changes.between(subject, since, newest, notice.accepted_us)

    async def _send(self, viewers: list[Viewer], data: bytes) -> None:
        """Send events to viewers, some at a time, so that other work is not held up."""
        events = framed(data)
        for first in range(0, len(viewers), SENT_AT_ONCE):
            some = viewers[first : first + SENT_AT_ONCE]
            sent = sum(viewer.offer(events) for viewer in some)
            self._metrics.events.inc(sent)
            self._metrics.dropped.inc(len(some) - sent)
            for _ in range(TURNS_BETWEEN):
                await asyncio.sleep(0)


def _heartbeat(now_us: int, event: str, revision: int) -> bytes:
    data = msgspec.json.encode({"now_us": now_us, "event": event, "revision": revision})
    return b"event: heartbeat\ndata: %s\n\n" % data
