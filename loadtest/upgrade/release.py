"""Releases to upgrade from and to: a revision of the repository built in a folder of its own, or this working tree."""

import asyncio
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from loadtest.stack import MATLINE

REPOSITORY = Path(__file__).parents[2]


class Release(Struct, frozen=True, kw_only=True):
    """A release that can be run: its name, the folder of its code, and its command `matline`."""

    name: str
    folder: Path
    matline: Sequence[str]

    @property
    def has_leases(self) -> bool:
        """Whether a second process of its projections waits until the first has ended."""
        return (self.folder / "services/runtime/lease.py").exists()


def this_release() -> Release:
    """Return the release of this working tree."""
    return Release(name="this", folder=REPOSITORY, matline=MATLINE)


async def newest_tag() -> str | None:
    """Return the newest tag before this revision, None if there is none."""
    code, tag = await _output("git", "-C", str(REPOSITORY), "describe", "--tags", "--abbrev=0")
    return tag if code == 0 else None


async def build(revision: str, folder: Path) -> Release:
    """Build a revision in a folder, with an environment by its own locks. Raises RuntimeError."""
    code, commit = await _output("git", "-C", str(REPOSITORY), "rev-parse", "--short", f"{revision}^{{commit}}")
    if code != 0:
        raise RuntimeError(f"the repository has no revision {revision!r}")
    archive = folder.with_suffix(".tar")
    for command in (
        ("git", "-C", str(REPOSITORY), "archive", "--output", str(archive), commit),
        ("tar", "--extract", "--file", str(archive), f"--one-top-level={folder}"),
        ("make", "--silent", "-C", str(folder), "env"),
    ):
        code, said = await _output(*command)
        if code != 0:
            raise RuntimeError(f"{commit} cannot be built, `{' '.join(command)}` says: {said}")
    return Release(name=commit, folder=folder, matline=(str(folder / ".venv/bin/matline"),))


async def _output(*command: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode(errors="replace").strip()
