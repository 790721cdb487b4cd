"""How much room there is on the disk of a folder, and how much has to stay."""

import shutil
from pathlib import Path
from typing import NamedTuple

KAFKA_ROOM_BYTES = 300 * 1024 * 1024
"""With less, nothing new is taken for a Kafka on this disk: what it has taken still has to be scored and shown."""


class DiskRoom(NamedTuple):
    """The size of a disk and what is free of it, in bytes."""

    size: int
    free: int


def disk_room(folder: Path) -> DiskRoom:
    """Return the room on the disk of a folder, which may be still to be made. Raises OSError."""
    usage = shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists()))
    return DiskRoom(usage.total, usage.free)


def mib(size: int) -> str:
    """Return a number of bytes for a person, in whole MiB, rounded down."""
    return f"{size // 2**20} MiB"
