"""A lock that keeps a data folder for one process.

A second broker would damage the folder before it refuses, and chDB's refusal does not name the reason. The kernel
releases the lock when the process ends, however it ends.
"""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from services.runtime.faults import StartFault

LOCK_NAME = "matline.lock"


class FolderLock:
    """A data folder locked by this process until `release`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def release(self) -> None:
        """Release the folder."""
        self._file.close()


def take(folder: Path) -> FolderLock:
    """Lock a data folder, which is created if it is missing. Raises StartFault naming the process that holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_NAME).open("a+b")
    except OSError as error:
        raise StartFault(
            f"cannot write to the data folder {folder}: {error.strerror}; choose another by --data"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(32).decode(errors="replace").strip() or "unknown"
        file.close()
        raise StartFault(
            f"the data folder {folder} is in use by process {holder}; stop it, or choose another folder by --data"
        ) from None
    except OSError as error:  # a network file system without locks
        file.close()
        raise StartFault(
            f"the data folder {folder} cannot be locked: {error.strerror}; choose one on a local disk by --data"
        ) from None
    os.set_inheritable(file.fileno(), False)
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return FolderLock(file)
