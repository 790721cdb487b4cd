"""Messages of readers become facts that an export can hold, and dead letters."""

import asyncio

import pytest

from schemas.codec import decode_envelope, encode_envelope, fact_from_json, to_json
from schemas.events import ReadsLogged
from schemas.ids import INSTANT_MAX_US
from services.ingest.decoders.messages import DecodedRead, Message, Notice, Unreadable
from services.ingest.facts import facts_of, rejections_of, with_times_in_range
from services.ingest.readers.backlog import MemoryBacklog
from services.ingest.readers.cursor import CursorFile
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.journal import Journal
from services.ingest.readers.sources import Source
from tests.ingest.readers.rig import GrowingLog, metrics

SOURCE = Source(protocol="ultra", event="e", gateway="tent", zone="+00:00")
AT_US = 1_767_477_600_000_000
TOO_LATE = (INSTANT_MAX_US + 1, 2**63, 10**30)


def read(at_us: int, seq: int = 1) -> DecodedRead:
    return DecodedRead("s", seq, "box", f"{seq:07d}", at_us)


@pytest.mark.parametrize("at_us", [*TOO_LATE, *(-at_us for at_us in TOO_LATE)])
def test_a_read_out_of_range_is_a_dead_letter_and_no_fact(at_us):
    messages = [read(AT_US, 1), read(at_us, 2), read(AT_US, 3)]
    [fact] = facts_of(SOURCE, messages, AT_US)
    assert isinstance(fact, ReadsLogged)
    assert [row.seq for row in fact.reads] == [1, 3]
    [dead_letter] = rejections_of(SOURCE, messages, AT_US)
    assert dead_letter.reason == f"its time is out of range: {at_us} microseconds since 1970"
    assert b'"chip":"0000002"' in dead_letter.raw
    assert str(at_us).encode() in dead_letter.raw


@pytest.mark.parametrize("at_us", [INSTANT_MAX_US, -INSTANT_MAX_US])
def test_reads_up_to_the_bound_survive_the_log_and_its_export(at_us):
    facts = facts_of(SOURCE, [read(at_us)], AT_US)
    assert rejections_of(SOURCE, [read(at_us)], AT_US) == []
    [logged] = decode_envelope(encode_envelope("e", facts)).facts
    exported = to_json(logged)
    assert to_json(fact_from_json(exported)) == exported


def test_other_messages_keep_their_order_and_their_content():
    unreadable = Unreadable(b"x", "why")
    messages: list[Message] = [unreadable, read(TOO_LATE[0]), Notice("box", "gun", None, "")]
    checked = with_times_in_range(messages)
    assert checked[::2] == messages[::2]
    assert isinstance(checked[1], Unreadable)
    assert with_times_in_range(checked) == checked


def test_a_notice_out_of_range_is_kept_with_its_time_as_text():
    [fact] = facts_of(SOURCE, [Notice("box", "gun", TOO_LATE[0], "channel 1")], AT_US)
    assert fact.at_us is None
    assert fact.text == f"its time is out of range: {TOO_LATE[0]} microseconds since 1970; channel 1"
    assert fact_from_json(to_json(fact)) == fact


@pytest.mark.parametrize("journalled", [False, True])
async def test_a_reader_with_a_read_out_of_range_is_delivered_to_the_end(tmp_path, journalled):
    log, counted = GrowingLog(), metrics()
    backlog = Journal(tmp_path) if journalled else MemoryBacklog()
    delivery = Delivery(SOURCE, log, counted, lambda: AT_US, CursorFile(tmp_path), backlog)
    running = asyncio.create_task(delivery.run())
    await delivery.put([read(10**30, 1), read(AT_US, 2)])
    await log.until(lambda: log.dead_letters)
    await delivery.drained()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {key[1] for key in log.reads} == {2}
    assert counted.registry.get_sample_value("matline_ingest_reads_total", {"source": "ultra"}) == 1
