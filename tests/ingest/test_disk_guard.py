"""The disk of this machine's Kafka: nothing new is taken while it is nearly full, and it goes on by itself."""

from pathlib import Path

import pytest

from services.ingest.disk_guard import LOOK_EVERY_S, DiskGuard
from services.ingest.errors import DiskFull
from services.runtime.disk_room import KAFKA_ROOM_BYTES

FOLDER = Path("/srv/race day/kafka")


class Disk:
    """A disk whose room and whose clock the test sets."""

    def __init__(self) -> None:
        self.free: int | None = KAFKA_ROOM_BYTES
        self.now_s = 0.0
        self.guard = DiskGuard(FOLDER, self._free_bytes, lambda: self.now_s)

    def _free_bytes(self, folder: Path) -> int:
        assert folder == FOLDER
        if self.free is None:
            raise OSError("the disk does not answer")
        return self.free

    def later(self, free: int | None) -> None:
        self.free = free
        self.now_s += LOOK_EVERY_S


def test_nothing_is_taken_without_room_and_the_message_names_the_folder_and_what_is_left():
    disk = Disk()
    disk.guard.check()
    disk.later(250 * 2**20 - 1)
    with pytest.raises(DiskFull, match=r"/srv/race day/kafka has 249 MiB free, and 300 MiB have .*again unchanged"):
        disk.guard.check()


def test_it_goes_on_when_there_is_room_again_and_says_both_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    disk = Disk()
    for free in (0, 0, 1, KAFKA_ROOM_BYTES - 1, KAFKA_ROOM_BYTES, KAFKA_ROOM_BYTES):
        disk.later(free)
        disk.guard.fault()
    disk.guard.check()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_a_disk_that_does_not_answer_changes_nothing():
    disk = Disk()
    disk.later(0)
    fault = disk.guard.fault()
    disk.later(None)
    assert disk.guard.fault() == fault is not None


def test_the_disk_is_not_asked_for_each_read():
    disk = Disk()
    disk.guard.check()
    disk.free = 0
    disk.guard.check()
    disk.later(0)
    with pytest.raises(DiskFull):
        disk.guard.check()
