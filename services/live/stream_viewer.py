"""One open stream: its subject, and the events that wait to be sent."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from services.live.http.query import SNAPSHOT_ROWS


class Subject(NamedTuple):
    """The subject of a stream: one board, one athlete, or (both None) a whole event in short.

    `language` is that of names, one of the event's own; None for the first of each name. Of a board, the stream follows
    the first `limit` rows, in the order at `point` or with `on_course` also of those who are still on the course.
    """

    event: str
    board: str | None = None
    bib: str | None = None
    language: str | None = None
    point: str | None = None
    on_course: bool = False
    limit: int = SNAPSHOT_ROWS


class Viewer:
    """One open stream: the events that wait to be sent, and the viewer's revision once they are sent.

    `may_view` says whether the viewer's token is still valid.
    """

    def __init__(
        self,
        subject: Subject,
        revision: int,
        waiting_bytes_max: int,
        disconnect: Callable[[], None],
        may_view: Callable[[], bool],
    ) -> None:
        self.subject = subject
        self.revision = revision
        self.may_view = may_view
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
