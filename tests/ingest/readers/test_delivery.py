"""What every protocol's messages have in common on their way to the log, whichever reader sent them."""

import asyncio
from pathlib import Path

import pytest

from services.ingest.decoders.messages import Unreadable
from services.ingest.facts import facts_of, rejections_of
from services.ingest.readers.backlog import MemoryBacklog
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import parse_sources
from tests.ingest.readers.rig import GrowingLog, metrics, now_us


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_bytes_that_cannot_be_read_and_come_again_are_one_dead_letter(protocol: str, tmp_path: Path):
    [source] = parse_sources(PROTOCOLS[protocol].sample.encode())
    log, counted = GrowingLog(), metrics()
    delivery = Delivery(source, log, counted, now_us, CursorFile(tmp_path), MemoryBacklog())
    delivering = asyncio.create_task(delivery.run())
    same, other = Unreadable(b"x", "not a line", where="Finish"), Unreadable(b"y", "not a line", where="Finish")
    for messages in ([same, same], [same, other], [other], [same]):
        await delivery.put(messages)
        await delivery.drained()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    assert [letter.raw for letter in log.dead_letters] == [b"x", b"y"]
    assert [letter.where for letter in log.dead_letters] == ["Finish", "Finish"]
    assert facts_of(source, [same], 0) == []
    assert len(rejections_of(source, [same], 0)) == 1
    assert counted.rejected.labels(protocol, "record")._value.get() == 2
