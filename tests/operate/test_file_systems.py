"""File systems on which a data folder is slow or not safe, by what Linux tells of mounts."""

from pathlib import Path, PurePosixPath

import pytest

from services.operate.file_systems import hazard, hazard_of, mount_of

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
25 24 0:23 / /dev/shm rw,relatime shared:3 - tmpfs tmpfs rw,size=24684092k
50 27 8:1 / /data rw,relatime - ext4 /dev/sda1 rw
51 27 8:2 / /data rw,relatime - xfs /dev/sdb1 rw
52 50 0:44 / /data/old\040races rw,relatime - nfs4 nas:/races rw
53 27 7:0 / /van rw,relatime - ext4 /dev/loop0 rw
54 27 0:9 / /share rw,relatime - cifs //nas/share rw
"""
EXT4, JOURNALS = {"vda", "sda1", "loop0"}, {"loop0-8", "sda1-8"}


@pytest.mark.parametrize(
    ("folder", "point", "kind"),
    [
        ("/home/race/.matline", "/", "ext4"),
        ("/dev/shm/trial", "/dev/shm", "tmpfs"),
        ("/data/matline", "/data", "xfs"),  # it covers the ext4 below it
        ("/data/old races/2024", "/data/old races", "nfs4"),
        ("/database", "/", "ext4"),  # no part of /data
        ("/van", "/van", "ext4"),
    ],
)
def test_the_longest_mount_point_holds_a_folder(folder, point, kind):
    mount = mount_of(PurePosixPath(folder), MOUNTS)
    assert mount is not None
    assert (mount.point, mount.kind) == (PurePosixPath(point), kind)


@pytest.mark.parametrize(
    ("folder", "words", "forbidden"),
    [
        ("/home/race/.matline", "ext4 without a journal (/dev/vda)", False),
        ("/dev/shm/trial", "lost when the machine restarts", False),
        ("/data/old races/2024", "nfs4, a network file system", True),
        ("/share/matline", "cifs, a network file system", True),
    ],
)
def test_a_file_system_that_loses_or_slows_is_named(folder, words, forbidden):
    mount = mount_of(PurePosixPath(folder), MOUNTS)
    assert mount is not None
    found = hazard_of(mount, EXT4, JOURNALS)
    assert found is not None
    assert words in found.state
    assert found.remedy
    assert found.forbidden is forbidden


@pytest.mark.parametrize("folder", ["/van/matline", "/data/matline"])
def test_nothing_is_said_of_a_journal_or_another_file_system(folder):
    mount = mount_of(PurePosixPath(folder), MOUNTS)
    assert mount is not None
    assert hazard_of(mount, EXT4, JOURNALS) is None


def test_nothing_is_said_where_the_kernel_does_not_name_the_device():
    """In a container the device of / is often another name, or /proc/fs is hidden."""
    mount = mount_of(PurePosixPath("/"), MOUNTS)
    assert mount is not None
    assert hazard_of(mount, (), ()) is None


def test_a_folder_that_is_still_to_be_made_has_a_file_system(tmp_path: Path):
    assert hazard(tmp_path / "to" / "be" / "made") == hazard(tmp_path)


def test_no_mounts_say_nothing():
    assert mount_of(PurePosixPath("/data"), "") is None
