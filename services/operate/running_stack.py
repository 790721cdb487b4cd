"""Where a running `matline up` listens: it notes that in its data folder, and other commands look there.

So a command of the same folder finds the stack whatever ports it runs with. The note has no secret; one that a killed
stack has left behind names a process that is gone, and is not used.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from services.runtime.environment import folder
from services.runtime.faults import StartFault

FILE_NAME = "stack.json"


class RunningStack(Struct, frozen=True):
    """The process of `matline up`, and the MATLINE_ variables by which clients on this machine reach its parts."""

    pid: int
    variables: dict[str, str]


def note(data: Path, variables: Mapping[str, str]) -> None:
    """Note that this process runs a stack. Raises OSError."""
    made = RunningStack(os.getpid(), dict(variables))
    new = data / f"{FILE_NAME}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    new.replace(data / FILE_NAME)


def forget(data: Path) -> None:
    """Remove the note."""
    with suppress(OSError):
        (data / FILE_NAME).unlink()


def running(data: Path) -> RunningStack | None:
    """Return the stack that runs on a data folder, None if there is none, or its note cannot be read."""
    try:
        noted = msgspec.json.decode((data / FILE_NAME).read_bytes(), type=RunningStack)
    except (OSError, msgspec.DecodeError):
        return None
    try:
        os.kill(noted.pid, 0)
    except PermissionError:  # it runs under another user
        return noted
    except OSError:
        return None
    return noted


def client_environment(environment: Mapping[str, str], data: Path | None) -> dict[str, str]:
    """Return the environment for a client of a stack.

    `data` is the folder of a running `matline up`, whose addresses hold; None means that of MATLINE_DATA (.matline),
    and variables that are set then hold, also without a running stack. Raises StartFault.
    """
    stack = running(folder(environment, "MATLINE_DATA", ".matline") if data is None else data)
    if stack is None:
        if data is not None:
            raise StartFault(f"no `matline up` is running on {data}; start it, or name its folder by --stack")
        return dict(environment)
    return {**stack.variables, **environment} if data is None else {**environment, **stack.variables}
