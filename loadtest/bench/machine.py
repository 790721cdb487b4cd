"""Which machine the figures are of, and what it had to do besides."""

import os
import platform
import tempfile
from pathlib import Path

from msgspec import Struct


class Machine(Struct, frozen=True, kw_only=True):
    """A machine. `load` is its mean number of runnable programs in the minute before the benchmarks began."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    file_system: str
    python: str
    load: float

    def text(self) -> str:
        """Return a sentence for a person."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, Linux {self.kernel}, files on"
            f" {self.file_system}, Python {self.python}; load {self.load:.1f} when the benchmarks began"
        )


def this_machine() -> Machine:
    """Return this machine, as Linux describes it, with the file system that has temporary files."""
    models = _values(Path("/proc/cpuinfo"), "model name")
    memory_kib = _values(Path("/proc/meminfo"), "MemTotal")[0].split()[0]
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gib=int(memory_kib) / 2**20,
        kernel=platform.release(),
        file_system=file_system(Path(tempfile.gettempdir()), Path("/proc")),
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )


def file_system(folder: Path, proc: Path) -> str:
    """Return the kind of file system that has a folder, and of ext4 whether it has a journal.

    Without one, ext4 becomes slower at creating files the more were deleted in the last minutes, as ClickHouse does.
    `proc` is where Linux tells of itself.
    """
    mounts = [line.split()[:3] for line in (proc / "mounts").read_text().splitlines()]
    around = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    device, _, kind = max(around, key=lambda mount: len(mount[1]))
    if kind != "ext4":
        return kind
    has_journal = any((proc / "fs/jbd2").glob(f"{Path(device).name}-*"))
    return f"ext4 {'with' if has_journal else 'without'} a journal"


def _values(file: Path, key: str) -> list[str]:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return [value.strip() for name, _, value in lines if name.strip() == key]
