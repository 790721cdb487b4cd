"""Snapshots of a partition's state in files: a cache that saves reading the whole log. None is needed or trusted.

A file is `MAGIC`, then parts, each with its length and checksum. The first part names the log and the offset, and an
empty part ends the file. It is written to a temporary file and then renamed, so that no reader sees half a snapshot.
"""

import asyncio
import logging
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from schemas.topics import RACE_LOG
from services.scoring.core.partition import Loading, PartitionState, SnapshotUnusable
from services.scoring.log_reader import Mark
from services.scoring.time_slice import TimeSlice

MAGIC = b"MATLINE SNAPSHOT 1\n"
_LENGTH = struct.Struct("<II")  # of a part: bytes, CRC-32

log = logging.getLogger(__name__)


class SnapshotHead(Struct, frozen=True, kw_only=True):
    """The log that a snapshot is of: topic, partition, partition count, and the last record that is folded in."""

    topic: str
    partition: int
    partitions: int
    mark: Mark
    written_s: float


_head = msgspec.msgpack.Decoder(SnapshotHead)


class Snapshots:
    """The snapshots in one folder; the temporary files of several workers differ by `worker`."""

    def __init__(self, folder: Path, partitions: int, worker: str, slices: TimeSlice) -> None:
        self._folder = folder
        self._partitions = partitions
        self._worker = worker
        self._slices = slices

    def path(self, partition: int) -> Path:
        """Return the path of a partition's snapshot."""
        return self._folder / f"{RACE_LOG.name}-{partition}.snapshot"

    async def write(self, state: PartitionState, mark: Mark, moved: Callable[[], None]) -> None:
        """Write a snapshot of a state that does not change meanwhile, and call `moved` after each part.

        Raises OSError; the old snapshot then stays.
        """
        path = self.path(state.partition)
        unfinished = path.with_suffix(f".{self._worker}.unfinished")
        head = SnapshotHead(
            topic=RACE_LOG.name,
            partition=state.partition,
            partitions=self._partitions,
            mark=mark,
            written_s=time.time(),
        )
        file = await asyncio.to_thread(_begin, unfinished)
        try:
            await asyncio.to_thread(_put, file, msgspec.msgpack.encode(head))
            parts = state.dump()
            while True:
                async with self._slices:
                    part = next(parts, None)
                await asyncio.to_thread(_put, file, part or b"")
                moved()
                if part is None:
                    break
            await asyncio.to_thread(file.close)
        except BaseException:
            await asyncio.to_thread(_discard, file, unfinished)
            raise
        await asyncio.to_thread(unfinished.replace, path)

    async def head(self, partition: int) -> SnapshotHead | None:
        """Return the head of a partition's snapshot, None without one. Raises SnapshotUnusable."""
        try:
            return await asyncio.to_thread(self._head, partition)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SnapshotUnusable(f"it cannot be read: {error.strerror}") from None

    def _head(self, partition: int) -> SnapshotHead:
        with self.path(partition).open("rb") as file:
            return _read_head(file)

    async def load(self, partition: int, moved: Callable[[], None]) -> PartitionState:
        """Return the state in a partition's snapshot, and call `moved` after each part. Raises SnapshotUnusable."""
        try:
            file = await asyncio.to_thread(self.path(partition).open, "rb")
        except OSError as error:
            raise SnapshotUnusable(f"it cannot be read: {error.strerror}") from None
        try:
            head = await asyncio.to_thread(_read_head, file)
            loading: Loading | None = None
            while part := await asyncio.to_thread(_take, file):
                async with self._slices:
                    if loading is None:
                        loading = Loading(part)
                    else:
                        loading.add(part)
                moved()
        except OSError as error:
            raise SnapshotUnusable(f"it cannot be read: {error.strerror}") from None
        finally:
            await asyncio.to_thread(file.close)
        async with self._slices:
            state = None if loading is None else loading.finish()
        if state is None or (state.partition, state.next_offset) != (partition, head.mark.offset + 1):
            raise SnapshotUnusable("it is not of the partition and offset that it names")
        return state


# --- In a thread.


def _begin(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("wb")
    file.write(MAGIC)
    return file


def _put(file: BinaryIO, part: bytes) -> None:
    file.write(_LENGTH.pack(len(part), zlib.crc32(part)))
    file.write(part)


def _discard(file: BinaryIO, path: Path) -> None:
    """Delete what is written of a snapshot: on a full disk its room is wanted."""
    with suppress(OSError):  # closing writes what is buffered
        file.close()
    path.unlink(missing_ok=True)


def _take(file: BinaryIO) -> bytes:
    """Return the next part, empty at the end. Raises SnapshotUnusable."""
    size = file.read(_LENGTH.size)
    if len(size) < _LENGTH.size:
        raise SnapshotUnusable("it ends too early")
    length, crc = _LENGTH.unpack(size)
    part = file.read(length)
    if len(part) < length or zlib.crc32(part) != crc:
        raise SnapshotUnusable("it is damaged")
    return part


def _read_head(file: BinaryIO) -> SnapshotHead:
    if file.read(len(MAGIC)) != MAGIC:
        raise SnapshotUnusable("it is not a snapshot of this release")
    try:
        return _head.decode(_take(file))
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(f"it is damaged: {error}") from None
