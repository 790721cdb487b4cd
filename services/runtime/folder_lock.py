"""One process a data folder: a second broker damages it before it refuses, and chDB's refusal says nothing useful.

The lock is the kernel's, so it goes with the process that holds it, however that ends.
"""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from services.runtime.faults import StartFault

LOCK_NAME = "matline.lock"


class FolderLock:
    """A data folder held by this process until `release`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def release(self) -> None:
        """Let the folder go."""
        self._file.close()


def take(folder: Path) -> FolderLock:
    """Hold a data folder, made first where it is missing. Raises StartFault naming who holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_NAME).open("a+b")
    except OSError as error:
        raise StartFault(
            f"cannot write to the data folder {folder}: {error.strerror}; name another by --data"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(32).decode(errors="replace").strip() or "unknown"
        file.close()
        raise StartFault(
            f"the data folder {folder} is in use by process {holder}; stop that one, or name another folder by --data"
        ) from None
    except OSError as error:  # a network's file system without locks
        file.close()
        raise StartFault(
            f"the data folder {folder} cannot be locked: {error.strerror}; name one on a disk of this machine by --data"
        ) from None
    os.set_inheritable(file.fileno(), False)
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return FolderLock(file)
