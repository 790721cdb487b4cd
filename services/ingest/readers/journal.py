"""A backlog on disk, for protocols that never send again: the first durable copy of a read is ours.

Entries are written to numbered segment files, each with its length and checksum. `put` returns when they are synced.
They are read back in order, and a segment is removed once all of it is on the race log. Entries of an earlier run are
delivered first, some of them perhaps a second time, which changes nothing. From a damaged or incomplete entry on, the
rest of a segment becomes a dead letter; it is never dropped. While the journal is full `put` waits, and the socket is
not read.
"""

import asyncio
import logging
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.ingest.decoders.messages import Message, Unreadable
from services.ingest.readers.backlog import BATCH_MAX
from services.ingest.readers.cursor import sync_folder

JOURNAL_MAX_BYTES = 1 << 30  # some ten million reads: a day of one reader while Kafka is down
SEGMENT_MAX_BYTES = 4 << 20
REMOVED_FROM_BYTES = 64 << 10  # a delivered segment smaller than this is written on: a new one costs syncs

_HEAD = struct.Struct("<II")  # length and CRC-32 of what follows
_PREFIX = "journal-"
_decoder = msgspec.msgpack.Decoder(list[Message])

log = logging.getLogger(__name__)


class Journal:
    """The journal in a source's own folder, which has to exist and be locked by this process. Implements `Backlog`."""

    def __init__(self, folder: Path, limit: int = JOURNAL_MAX_BYTES, segment_bytes: int = SEGMENT_MAX_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._sizes = {path: path.stat().st_size for path in sorted(folder.glob(f"{_PREFIX}*"))}  # oldest first
        self._next = int(max(self._sizes).name.removeprefix(_PREFIX)) + 1 if self._sizes else 1
        # Always a new segment after a start: the last one may end within an entry.
        self._current: Path | None = None
        self._being_written: Path | None = None
        self._delivered_to = self._peeked_to = 0  # bytes of the oldest segment
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()
        if self._waiting():
            log.info("%s: %d bytes of an earlier run are waiting and are delivered first", folder, self._waiting())

    async def put(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        body = msgspec.msgpack.encode(messages)
        entry = _HEAD.pack(len(body), zlib.crc32(body)) + body
        async with self._turn:
            await self._room(len(entry))
            await self._write(entry)

    async def _room(self, size: int) -> None:
        async with self._changed:
            if self._waiting() and self._waiting() + size > self._limit:
                log.error(
                    "the journal %s is full (%d bytes): nothing more is read until Kafka takes some of it",
                    self._folder,
                    self._limit,
                )
            await self._changed.wait_for(lambda: not self._waiting() or self._waiting() + size <= self._limit)

    async def _write(self, entry: bytes) -> None:
        path = self._current
        if path is None:
            path = self._current = self._folder / f"{_PREFIX}{self._next:012d}"
            self._next += 1
            self._sizes[path] = 0
        self._being_written = path
        writing = asyncio.ensure_future(asyncio.to_thread(_append, path, entry))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing  # a thread cannot be stopped, and nothing else may write while it does
            raise
        except OSError:
            self._current = None  # how much of the entry was written is not known, so nothing is appended to it
            raise
        finally:
            self._being_written = None
            if not writing.cancelled() and writing.exception() is None:
                await self._written(path, len(entry))

    async def _written(self, path: Path, size: int) -> None:
        async with self._changed:
            self._sizes[path] += size
            if self._sizes[path] >= self._segment_bytes:
                self._current = None
            self._changed.notify_all()

    def _waiting(self) -> int:
        """Return how many bytes are not delivered yet."""
        return sum(self._sizes.values()) - self._delivered_to

    async def peek(self) -> list[Message]:
        async with self._changed:
            while True:
                await self._changed.wait_for(self._waiting)
                self._remove_delivered()
                path = next(iter(self._sizes))
                if self._delivered_to < self._sizes[path]:
                    messages, self._peeked_to = _entries(path, self._delivered_to, self._sizes[path])
                    return messages

    async def done(self) -> None:
        async with self._changed:
            self._delivered_to = self._peeked_to
            self._remove_delivered()
            self._changed.notify_all()

    def _remove_delivered(self) -> None:
        """Remove delivered segments; the one being written only when it is large enough."""
        for path, size in list(self._sizes.items()):
            kept = path == self._current and size < REMOVED_FROM_BYTES
            if self._delivered_to < size or path == self._being_written or kept:
                return
            if path == self._current:
                self._current = None
            path.unlink(missing_ok=True)
            del self._sizes[path]
            self._delivered_to = self._peeked_to = 0

    async def emptied(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._waiting())

    def close(self) -> None:
        if not self._waiting():
            for path in self._sizes:
                path.unlink(missing_ok=True)
            self._sizes.clear()


def _append(path: Path, entry: bytes) -> None:
    new = not path.exists()
    with path.open("ab") as file:
        file.write(entry)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)


def _entries(path: Path, start: int, end: int) -> tuple[list[Message], int]:
    """Return the messages of a batch of entries from byte `start` on, and where the next one begins."""
    messages: list[Message] = []
    with path.open("rb") as file:
        file.seek(start)
        while start < end and len(messages) < BATCH_MAX:
            head = file.read(_HEAD.size)
            length, checksum = _HEAD.unpack(head) if len(head) == _HEAD.size else (end, 0)
            complete = start + _HEAD.size + length <= end
            body = file.read(length) if complete else b""
            if not complete or zlib.crc32(body) != checksum:
                file.seek(start)
                messages.append(Unreadable(file.read(end - start), f"{path.name} is damaged from byte {start} on"))
                log.error("%s is damaged from byte %d on: %d bytes become a dead letter", path, start, end - start)
                return messages, end
            messages += _decoder.decode(body)
            start += _HEAD.size + length
    return messages, start
