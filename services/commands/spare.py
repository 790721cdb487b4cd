"""Be ready to run a service: `python -m services.commands.spare SERVICE` imports all of it, and waits.

A line on standard input starts the service, the end of input ends the wait. A supervisor keeps such a process beside
each service: importing takes longer than anything else between the end of a service and its first answer.

What is imported only while the service runs comes from the files as they are then. So if a release was installed
meanwhile, all of it is imported again, instead of running half of each.
"""

import importlib
import os
import runpy
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

_MODULES = {
    "ingest": ("services.ingest.command",),
    "scoring": ("services.scoring.command",),
    "projections": ("services.projections.command", "services.live.command"),
    "live": ("services.live.command",),
}


class Stamp(Struct, frozen=True):
    """What tells a file from the one that takes its place."""

    inode: int
    size: int
    changed_ns: int


def stamps(files: Iterable[str]) -> dict[str, Stamp | None]:
    """Return the stamp of each file, None of one that is gone."""
    stamped: dict[str, Stamp | None] = {}
    for file in files:
        try:
            state = Path(file).stat()
        except OSError:
            stamped[file] = None
        else:
            stamped[file] = Stamp(state.st_ino, state.st_size, state.st_mtime_ns)
    return stamped


def _own_files() -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        if name.startswith(("services.", "schemas.")) and module.__file__ is not None:
            yield module.__file__


def main() -> None:
    """Import the service that the first argument names, wait, and run it."""
    service = sys.argv[1]
    for module in _MODULES[service]:
        importlib.import_module(module)
    imported = stamps(_own_files())
    if not sys.stdin.buffer.readline():
        return
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)  # a service has no input
    if stamps(imported) != imported:
        os.execv(sys.executable, [sys.executable, "-m", "services.cli", service])
    runpy.run_module("services.cli", run_name="__main__")


if __name__ == "__main__":
    main()
