"""A small disk for a stack, which can be filled: a file system in memory, which only root may mount."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MIB = 1000  # 300 MiB have to stay free; the rest is for the log and the tables of a run
FILL_EVERY_S = 0.2  # what is freed meanwhile is taken, too
BLOCK_BYTES = 4096


def can_mount() -> bool:
    """Return whether this process may mount file systems."""
    return os.geteuid() == 0


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a disk of SIZE_MIB and yield its folder; unmount it when the context is left."""
    with tempfile.TemporaryDirectory(prefix="matline-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


async def fill(folder: Path, for_s: float) -> None:
    """Leave no room on the disk of a folder for some seconds, whatever is deleted there meanwhile."""
    with tempfile.TemporaryFile(dir=folder) as filler:
        end_s = asyncio.get_running_loop().time() + for_s
        while asyncio.get_running_loop().time() < end_s:
            _take_all(filler.fileno(), folder)
            await asyncio.sleep(FILL_EVERY_S)


def _take_all(filler: int, folder: Path) -> None:
    free = os.statvfs(folder).f_bavail
    while free:
        try:
            os.posix_fallocate(filler, os.fstat(filler).st_size, free * BLOCK_BYTES)
        except OSError:  # others were faster
            free //= 2
        else:
            return
