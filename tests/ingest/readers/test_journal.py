"""The journal: on disk before anything else, read back whole, removed once delivered, damage never silent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.ingest.decoders.messages import CursorAdvanced, DecodedRead, Notice, Position, Unreadable
from services.ingest.readers.backlog import BATCH_MAX, Backlog, MemoryBacklog
from services.ingest.readers.journal import REMOVED_FROM_BYTES, Journal


def seen(number: int) -> DecodedRead:
    return DecodedRead("s", number, "reader", f"{number:07d}", 1_767_477_600_000_000 + number, 1, -50.5)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal-*"))


async def taken(backlog: Backlog, count: int) -> list:
    """The next `count` messages, delivered."""
    letters: list = []
    while len(letters) < count:
        letters += await backlog.peek()
        await backlog.done()
    return letters


async def test_what_is_put_is_on_the_disk_and_comes_back_after_a_kill(tmp_path: Path):
    messages: list[Any] = [
        seen(1),
        Notice("reader", "gun", None, "x"),
        Unreadable(b"\xff\0", "why"),
        CursorAdvanced("l", Position("1", 2)),
    ]
    await Journal(tmp_path).put(messages)
    assert await Journal(tmp_path).peek() == messages


async def test_what_is_not_delivered_comes_again(tmp_path: Path):
    journal = Journal(tmp_path)
    await journal.put([seen(1)])
    await journal.put([seen(2)])
    assert await journal.peek() == await journal.peek() == [seen(1), seen(2)]
    await journal.done()
    await journal.put([seen(3)])
    assert await journal.peek() == [seen(3)]


async def test_segments_are_removed_once_delivered_and_not_before(tmp_path: Path):
    journal = Journal(tmp_path, segment_bytes=1000)
    for number in range(100):
        await journal.put([seen(number)])
    many = len(files(tmp_path))
    assert many > 5
    first = await taken(journal, 50)
    assert first == [seen(number) for number in range(len(first))]
    assert 0 < len(files(tmp_path)) < many
    await taken(journal, 100 - len(first))
    journal.close()
    assert files(tmp_path) == []


async def test_a_restart_in_the_middle_loses_nothing(tmp_path: Path):
    journal = Journal(tmp_path, segment_bytes=1000)
    for number in range(60):
        await journal.put([seen(number)])
    delivered = await journal.peek()
    await journal.done()
    journal.close()
    again = Journal(tmp_path, segment_bytes=1000)
    await again.put([seen(60)])
    rest = await taken(again, 61 - len(delivered))
    assert {m.seq for m in delivered} | {m.seq for m in rest} == set(range(61))


async def test_an_end_torn_by_a_kill_is_unreadable_and_what_stands_before_it_delivered(tmp_path: Path):
    journal = Journal(tmp_path)
    await journal.put([seen(1)])
    size = files(tmp_path)[0].stat().st_size
    await journal.put([seen(2)])
    with files(tmp_path)[0].open("rb+") as file:
        file.truncate(size + 11)
    again = Journal(tmp_path)
    await again.put([seen(3)])
    letters = await taken(again, 3)
    assert (letters[0], letters[2]) == (seen(1), seen(3))
    assert isinstance(letters[1], Unreadable)
    assert len(letters[1].raw) == 11


async def test_a_flipped_bit_is_unreadable_with_all_that_follows_it(tmp_path: Path):
    journal = Journal(tmp_path)
    for number in range(3):
        await journal.put([seen(number)])
    data = bytearray(files(tmp_path)[0].read_bytes())
    data[len(data) // 3 + 12] ^= 1
    files(tmp_path)[0].write_bytes(data)
    letters = await Journal(tmp_path).peek()
    assert letters[0] == seen(0)
    assert [type(message) for message in letters[1:]] == [Unreadable]


async def test_a_full_journal_takes_no_more_until_something_is_delivered(tmp_path: Path):
    journal = Journal(tmp_path, limit=4000, segment_bytes=1000)

    async def fill() -> None:
        for number in range(200):
            await journal.put([seen(number)])

    filling = asyncio.create_task(fill())
    letters: list = []
    while not filling.done() or len(letters) < 200:
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 6000
        letters += await journal.peek()
        await journal.done()
    assert letters == [seen(number) for number in range(200)]


async def test_a_put_cut_short_leaves_no_half_entry(tmp_path: Path):
    journal = Journal(tmp_path)
    for number in range(30):
        task = asyncio.create_task(journal.put([seen(number)]))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.put([seen(1000 + number)])
    letters = await taken(journal, 30)
    assert all(isinstance(message, DecodedRead) for message in letters)
    assert [m.seq for m in letters if m.seq >= 1000] == [1000 + number for number in range(30)]


async def test_a_segment_in_use_is_removed_only_when_it_is_worth_a_new_one(tmp_path: Path):
    journal = Journal(tmp_path)
    await journal.put([seen(1)])
    await taken(journal, 1)
    assert len(files(tmp_path)) == 1
    await journal.put([Unreadable(bytes(REMOVED_FROM_BYTES), "long")])
    await taken(journal, 1)
    assert files(tmp_path) == []
    await journal.put([seen(2)])
    assert await journal.peek() == [seen(2)]


async def test_a_disk_that_takes_nothing_is_noticed_and_the_next_entry_is_whole(tmp_path: Path):
    folder = tmp_path / "gone"
    journal = Journal(folder)
    with pytest.raises(OSError):
        await journal.put([seen(1)])
    folder.mkdir()
    await journal.put([seen(2)])
    assert await journal.peek() == [seen(2)]


async def test_memory_waits_too_and_gives_batches():
    backlog = MemoryBacklog(limit=BATCH_MAX + 10)
    await backlog.put([seen(number) for number in range(BATCH_MAX + 10)])
    waiting = asyncio.create_task(backlog.put([seen(-1)]))
    await asyncio.sleep(0)
    assert not waiting.done()
    first = await backlog.peek()
    assert len(first) == BATCH_MAX
    assert await backlog.peek() == first
    await backlog.done()
    await waiting
    assert len(await backlog.peek()) == 11


async def test_memory_counts_what_cannot_be_read_by_its_size():
    backlog = MemoryBacklog(limit=100)
    await backlog.put([Unreadable(bytes(100 * 256), "long")])
    waiting = asyncio.create_task(backlog.put([seen(1)]))
    await asyncio.sleep(0)
    assert not waiting.done()
    await backlog.peek()
    await backlog.done()
    await waiting
