"""Be ready to run a service: `python -m services.commands.spare SERVICE` imports all of it, and waits.

A line on standard input starts the service, the end of input ends the wait. A supervisor keeps such a process beside
each service: importing takes longer than anything else between the end of a service and its first answer.
"""

import importlib
import os
import runpy
import sys
from pathlib import Path

_MODULES = {
    "ingest": ("services.ingest.command",),
    "scoring": ("services.scoring.command",),
    "projections": ("services.projections.command", "services.live.command"),
    "live": ("services.live.command",),
}


def main() -> None:
    """Import the service that the first argument names, wait, and run it."""
    service = sys.argv[1]
    for module in _MODULES[service]:
        importlib.import_module(module)
    if not sys.stdin.buffer.readline():
        return
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)  # a service has no input
    runpy.run_module("services.cli", run_name="__main__")


if __name__ == "__main__":
    main()
