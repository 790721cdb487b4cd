"""Snapshots in files: a written state comes back, and every fault of a file is detected."""

import errno
from pathlib import Path

import pytest

from schemas.codec import Envelope, logged
from services.scoring.core.partition import PartitionState, SnapshotUnusable
from services.scoring.log_reader import Record
from services.scoring.snapshots import Snapshots
from services.scoring.time_slice import TimeSlice
from tests import builders

MARK = Record(3, 1_700_000_000_000, b"alpha", b"value").mark()


def state() -> PartitionState:
    """A partition with a race of three, folded up to offset 3, nothing due."""
    made = PartitionState(2)
    facts = [builders.defined(), builders.entries("1", "2", "3"), builders.gun(), builders.run("1")]
    for offset, fact in enumerate(facts):
        made.fold(offset, Envelope(1, builders.EVENT, [logged(builders.typed(fact))]))
    made.take(100)
    return made


def still() -> None:
    """Do nothing: the callback of tests that do not follow the progress of a write."""


def snapshots(folder: Path, partitions: int = 4) -> Snapshots:
    return Snapshots(folder / "snapshots", partitions, "worker", TimeSlice())


async def test_a_written_state_is_read_back_unchanged(tmp_path: Path) -> None:
    kept, place = state(), snapshots(tmp_path)
    parts: list[int] = []
    await place.write(kept, MARK, lambda: parts.append(1))
    head = await place.head(2)
    assert head is not None
    assert (head.mark, head.partition, head.partitions, head.topic) == (MARK, 2, 4, "race-log")
    back = await place.load(2, still)
    kept.mark_all()
    back.mark_all()
    assert back.next_offset == 4
    assert len(parts) > 3
    assert back.take(100) == kept.take(100)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["race-log-2.snapshot"]


async def test_a_write_that_fails_leaves_the_old_snapshot_and_no_unfinished_file(tmp_path: Path) -> None:
    place = snapshots(tmp_path)
    await place.write(state(), MARK, still)

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await place.write(state(), MARK, full)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["race-log-2.snapshot"]
    assert (await place.load(2, still)).next_offset == 4


async def test_without_a_file_there_is_no_snapshot(tmp_path: Path) -> None:
    assert await snapshots(tmp_path).head(0) is None


async def test_a_changed_byte_or_a_missing_end_is_detected(tmp_path: Path) -> None:
    place = snapshots(tmp_path)
    await place.write(state(), MARK, still)
    path = place.path(2)
    written = path.read_bytes()
    for offset in range(0, len(written), 7):
        path.write_bytes(written[:offset] + bytes([written[offset] ^ 0x20]) + written[offset + 1 :])
        with pytest.raises(SnapshotUnusable):
            await place.load(2, still)
        path.write_bytes(written[:offset])
        with pytest.raises(SnapshotUnusable):
            await place.load(2, still)
    path.write_bytes(written)
    assert (await place.load(2, still)).next_offset == 4


async def test_a_snapshot_of_another_partition_is_not_used(tmp_path: Path) -> None:
    place = snapshots(tmp_path)
    await place.write(state(), MARK, still)
    place.path(2).rename(place.path(1))
    with pytest.raises(SnapshotUnusable):
        await place.load(1, still)


async def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    place = snapshots(tmp_path)
    await place.write(state(), MARK, still)
    (tmp_path / "snapshots" / "race-log-2.worker.unfinished").mkdir()
    with pytest.raises(OSError):
        await place.write(state(), MARK, still)
    assert (await place.load(2, still)).next_offset == 4


async def test_a_state_with_rows_due_is_not_written(tmp_path: Path) -> None:
    due = state()
    due.mark_all()
    with pytest.raises(AssertionError):
        await snapshots(tmp_path).write(due, MARK, still)
    assert await snapshots(tmp_path).head(2) is None


@pytest.mark.parametrize(
    "other",
    [
        Record(4, 1_700_000_000_000, b"alpha", b"value"),
        Record(3, 1_700_000_000_001, b"alpha", b"value"),
        Record(3, 1_700_000_000_000, b"beta", b"value"),
        Record(3, 1_700_000_000_000, b"alpha", b"valuf"),
        Record(3, 1_700_000_000_000, None, None),
    ],
)
def test_a_record_is_recognised_by_offset_time_key_and_value(other: Record) -> None:
    assert other.mark() != MARK
