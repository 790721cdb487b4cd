"""The cursor file: up to which position the logs of a source's devices are on the race log.

The file may be behind the race log, and is never ahead of it. Asking a device for reads that we have only repeats them,
which changes nothing; not asking for reads that we lack would lose them. So a file that cannot be read is renamed, and
everything is asked for again. The file is always replaced as a whole.
"""

import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from services.ingest.decoders.messages import Cursor, Position

CURSOR_NAME = "cursor.json"
CURSOR_VERSION = 1
LOGS_MAX = 1_000  # device logs of one source; beyond it, the one that moved longest ago is forgotten

log = logging.getLogger(__name__)


class _Row(Struct, frozen=True):
    log: str
    position: Position


class _File(Struct, frozen=True):
    v: int
    rows: list[_Row]


class CursorFile:
    """The cursor file in a source's own folder, which has to exist."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CURSOR_NAME

    def load(self) -> dict[str, Position]:
        """Return the positions, in the order in which they moved; none without a readable file."""
        try:
            file = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return {}
        except (msgspec.DecodeError, RecursionError) as error:
            damaged = self._path.with_suffix(".damaged")
            log.warning(
                "%s cannot be read (%s): it is kept as %s, and all reads are asked for again",
                self._path,
                error,
                damaged.name,
            )
            self._path.replace(damaged)
            return {}
        if file.v != CURSOR_VERSION:
            log.warning(
                "%s is of version %d, not %d: all reads are asked for again", self._path, file.v, CURSOR_VERSION
            )
            return {}
        return {row.log: row.position for row in file.rows}

    def save(self, cursor: Cursor) -> None:
        """Replace the file, and return when it is on disk. Raises OSError."""
        rows = [_Row(name, position) for name, position in cursor.items()][-LOGS_MAX:]
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(_File(CURSOR_VERSION, rows)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        sync_folder(self._path.parent)


def moved(cursor: dict[str, Position], name: str, position: Position) -> None:
    """Set a log's position and put it at the end."""
    cursor.pop(name, None)
    cursor[name] = position
    if len(cursor) > LOGS_MAX:
        cursor.pop(next(iter(cursor)))


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that files created, renamed or removed in it stay so after a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
