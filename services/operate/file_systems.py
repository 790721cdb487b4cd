"""What the file system of a data folder means for Kafka's log and for ClickHouse. Pure; Linux tells by `mountinfo`."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs"})
MEMORY = frozenset({"tmpfs", "ramfs"})
_ESCAPED = re.compile(r"\\([0-7]{3})")  # spaces and backslashes in paths; see proc_pid_mountinfo(5)


class Mount(NamedTuple):
    """Where a file system is mounted, its type such as ext4, and its source such as /dev/sda1."""

    point: PurePosixPath
    kind: str
    source: str


class Hazard(NamedTuple):
    """Why a file system is wrong for a data folder, what to do, and whether it must not stay so."""

    state: str
    remedy: str
    forbidden: bool


def mount_of(folder: PurePosixPath, mountinfo: str) -> Mount | None:
    """Return the mount that holds an absolute path without links, by the text of /proc/self/mountinfo.

    Of several at one point the last counts: it covers the others.
    """
    holding = [mount for mount in _mounts(mountinfo) if folder.is_relative_to(mount.point)]
    longest = max((len(mount.point.parts) for mount in holding), default=0)
    return next((mount for mount in reversed(holding) if len(mount.point.parts) == longest), None)


def _mounts(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, described = before.split(" "), after.split(" ")
        if separator and len(fields) > 4 and len(described) > 1:
            yield Mount(PurePosixPath(_plain(fields[4])), described[0], _plain(described[1]))


def _plain(field: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)


def hazard_of(mount: Mount, ext4: Collection[str], journals: Collection[str]) -> Hazard | None:
    """Return what is wrong with a mount, None if nothing is known to be.

    `ext4` holds the devices in /proc/fs/ext4, `journals` the names in /proc/fs/jbd2, such as sda1-8.
    """
    if mount.kind in NETWORK:
        return Hazard(
            f"is on {mount.kind}, a network file system, on which neither Kafka nor ClickHouse keeps its files safe",
            "move it to a disk of this machine",
            forbidden=True,
        )
    if mount.kind in MEMORY:
        return Hazard(
            f"is on {mount.kind}, in memory: everything in it is lost when the machine restarts",
            "move it to a disk, unless it is for a trial only",
            forbidden=False,
        )
    device = PurePosixPath(mount.source).name
    if mount.kind == "ext4" and device in ext4 and not any(name.rpartition("-")[0] == device for name in journals):
        return Hazard(
            f"is on ext4 without a journal ({mount.source}): a power cut may lose files, and new files become several"
            " times slower the more were deleted lately, which delays boards",
            f"unmount it and run `tune2fs -O has_journal {mount.source}`, or move it to another disk",
            forbidden=False,
        )
    return None


def hazard(folder: Path) -> Hazard | None:
    """Return what is wrong with the file system of a folder, which may be still to be made; None where nothing tells.

    Only Linux tells.
    """
    try:
        mount = mount_of(PurePosixPath(folder.resolve()), Path("/proc/self/mountinfo").read_text())
    except OSError:
        return None
    if mount is None:
        return None
    return hazard_of(mount, _names(Path("/proc/fs/ext4")), _names(Path("/proc/fs/jbd2")))


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()
