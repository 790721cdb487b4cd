"""Server-sent events: each change is worked out and encoded once, then sent to all viewers of the same subject.

Each viewer is at the revision that was last sent to it. Viewers of a whole event get a new revision at once, from its
notice alone, if that says all there is. For the others, a task for the event loads the changes since their revision. A
viewer that does not read its events is disconnected; its client reconnects with `Last-Event-ID`.
"""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from schemas.notices import RevisionNotice
from services.live.errors import Refused, TooManyViewers
from services.live.limits import LiveLimits
from services.live.metrics import LiveMetrics
from services.live.revisions import RevisionTracker
from services.live.stream_changes import ChangeEvents, encoded, summary_of
from services.live.stream_viewer import Subject, Viewer
from services.live.table_rows import AnnouncedRevision
from services.runtime.clickhouse import DatabaseUnavailable

RETRY_MS = (2_000, 6_000)  # a client reconnects after this time, spread so that a crowd does not reconnect at once
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
        self._languages: set[str | None] = set()  # in which names were ever asked for: few, those of the events
        self._notices: dict[str, tuple[int, RevisionNotice]] = {}  # the last of each event, with the revision before
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
            beats: dict[tuple[str, int], bytes] = {}
            for viewer in self._all_viewers():
                if not viewer.may_view():  # its token was revoked, or viewers need one by now
                    viewer.close()
                    continue
                key = viewer.subject.event, viewer.revision
                if key not in beats:
                    beats[key] = _heartbeat(self._now_us(), *key)
                self._offer(viewer, beats[key])

    # --- One viewer

    async def serve(
        self, request: web.Request, subject: Subject, last_id: str | None, may_view: Callable[[], bool]
    ) -> web.StreamResponse:
        """Serve a stream until the viewer leaves, is closed, or by `may_view` may no longer see it.

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
            viewer = Viewer(subject, revision, self._limits.waiting_bytes, lambda: _disconnect(request), may_view)
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
        since = int(last_id) if last_id is not None and _REVISION.fullmatch(last_id) else None
        if since is None or since > newest.revision:
            return await self._changes.snapshot(subject, newest), newest.revision
        return await self._changes.between(subject, since, newest), newest.revision

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
        """Send a revision to viewers of the whole event at once if its notice is enough, and wake the event's task."""
        if notice is None or before is None:
            self._notices.pop(newest.event, None)
        else:
            self._notices[newest.event] = before.revision, notice
            if notice.results_only:
                self._send_summary(newest, before, notice)
        if wake := self._wakes.get(newest.event):
            wake.set()

    def _send_summary(self, newest: AnnouncedRevision, before: AnnouncedRevision, notice: RevisionNotice) -> None:
        subjects = [Subject(newest.event, language=language) for language in self._languages]
        viewers = [viewer for subject in subjects for viewer in self._viewers.get(subject, ())]
        if not viewers:
            return
        data = encoded(newest, summary_of(newest, notice.boards, notice.bibs, notice.accepted_us))
        for viewer in [viewer for viewer in viewers if viewer.revision == before.revision]:
            viewer.revision = newest.revision
            self._offer(viewer, data)

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
                    data = await self._changes.between(subject, since, newest, self._accepted_us(since, newest))
                except Refused:  # a new definition does not have the subject any more; clients that come again learn it
                    for viewer in list(self._viewers.get(subject, ())):
                        viewer.close()
                    break
                for viewer in [viewer for viewer in self._viewers.get(subject, ()) if viewer.revision == since]:
                    viewer.revision = newest.revision
                    if data:
                        self._offer(viewer, data)

    def _accepted_us(self, since: int, newest: AnnouncedRevision) -> int | None:
        """Return when the facts of the newest revision were accepted, if that follows on `since` at once."""
        before, notice = self._notices.get(newest.event, (None, None))
        if notice is None or before != since or notice.revision != newest.revision:
            return None
        return notice.accepted_us


def _heartbeat(now_us: int, event: str, revision: int) -> bytes:
    data = msgspec.json.encode({"now_us": now_us, "event": event, "revision": revision})
    return b"event: heartbeat\ndata: %s\n\n" % data


def _disconnect(request: web.Request) -> None:
    """Drop a connection with everything in its buffer, so that a blocked write ends."""
    if request.transport is not None:
        request.transport.abort()
