"""One open stream: its subject, and its connection."""

import asyncio
from collections.abc import Callable, Hashable, Iterable
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

    @property
    def in_short(self) -> bool:
        """Whether this is a whole event."""
        return self.board is None and self.bib is None


class Permission(NamedTuple):
    """Whether a viewer may go on: `check` answers by the current tokens, alike for all who showed the same."""

    shown: Hashable
    check: Callable[[], bool]


class FramedEvents(NamedTuple):
    """Events as they are written to all viewers: as they are, and as HTTP/1.1 frames a body of unknown length."""

    plain: bytes
    chunk: bytes


def framed(data: bytes) -> FramedEvents:
    """Return events framed, once for all who get them."""
    return FramedEvents(data, b"%x\r\n%b\r\n" % (len(data), data))


class Viewer:
    """One open stream, and the viewer's revision once what was offered is sent.

    Events go straight to the connection, which keeps what cannot be sent yet, so that no task has to run for each of
    thousands of viewers. `chunked` is how HTTP/1.1 frames events. `permission` says whether the viewer's token is still
    valid.
    """

    def __init__(
        self,
        subject: Subject,
        revision: int,
        transport: asyncio.Transport,
        chunked: bool,
        waiting_bytes_max: int,
        permission: Permission,
    ) -> None:
        self.subject = subject
        self.revision = revision
        self.permission = permission
        self._transport = transport
        self._chunked = chunked
        self._waiting_bytes_max = waiting_bytes_max
        self._closed = asyncio.Event()

    def offer(self, events: FramedEvents) -> bool:
        """Send events. Return False after disconnecting a viewer that leaves too much unread."""
        data = events.chunk if self._chunked else events.plain
        waiting = self._transport.get_write_buffer_size()
        if waiting and waiting + len(data) > self._waiting_bytes_max:
            self.close()
            self._transport.abort()
            return False
        if not self._closed.is_set():
            self._transport.write(data)
        return True

    def close(self) -> None:
        """End the stream."""
        self._closed.set()

    async def closed(self) -> None:
        """Wait for the end of the stream."""
        await self._closed.wait()


def refused(viewers: Iterable[Viewer]) -> list[Viewer]:
    """Return the viewers who may not go on. Each token is checked once: that reads a file's state and hashes."""
    verdicts: dict[Hashable, bool] = {}
    for_closing = []
    for viewer in viewers:
        shown, check = viewer.permission
        if shown not in verdicts:
            verdicts[shown] = check()
        if not verdicts[shown]:
            for_closing.append(viewer)
    return for_closing
