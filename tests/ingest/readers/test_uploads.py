"""What readers post over a real socket: OK only after the log, the same body twice is the same reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from schemas.rejected import RAW_MAX_BYTES
from services.ingest.errors import Overloaded
from services.ingest.limits import IngestLimits
from services.ingest.readers.sources import Source
from services.ingest.readers.uploads import BODY_MAX_BYTES, Uploads, may_upload
from tests.ingest.readers.rig import GrowingLog, metrics, now_us, source

AT, AT_US = "2026-01-03T22:31:07.250Z", 1_767_479_467_250_000
LINES = "".join(f"1;{n};2026-01-04;05:00:{n:02d}.250;6692;12;-68;0;;;0;;;;;;;;\n" for n in range(10))


class HaltingLog(GrowingLog):
    """A log whose quota of dead letters is used up."""

    async def put_dead_letters(self, rejections, wait_s: float | None = None) -> None:
        raise Overloaded("too many messages of this sender cannot be read")


@asynccontextmanager
async def serving(
    log: GrowingLog, upload_source: Source, word: str = "raceresult", **limits: Any
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    app = web.Application()
    known = {(upload_source.event, upload_source.gateway): upload_source}
    app.add_routes(Uploads(lambda _, *key: known.get(key), log, metrics(), now_us, IngestLimits(**limits)).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}/v1/events/e/{word}/tent?user=u&device=D-5012"
    finally:
        log.answering.set()
        await runner.cleanup()


def uploads(**more) -> Source:
    return source("raceresult", 1, **more)


async def test_ok_is_said_only_once_the_log_has_the_reads():
    log = GrowingLog()
    async with serving(log, uploads()) as (session, url):
        log.answering.clear()
        asking = asyncio.create_task(session.post(url, data=LINES))
        while not log.asked:
            await asyncio.sleep(0.01)
        assert not asking.done()
        log.answering.set()
        async with await asking as answer:
            assert (answer.status, await answer.text()) == (200, "OK")
    assert len(log.reads) == 10
    assert {key[0] for key in log.reads} == {"D-5012"}


async def test_the_same_body_again_is_the_same_reads_by_session_and_number():
    log = GrowingLog()
    async with serving(log, uploads()) as (session, url):
        for _ in range(2):
            async with session.post(url, data=LINES + "nonsense\n") as answer:
                assert await answer.text() == "OK"
    facts = log.facts()
    assert len(facts) == 2
    assert facts[0].session == facts[1].session
    assert facts[0].reads == facts[1].reads
    assert {letter.raw for letter in log.dead_letters} == {b"nonsense"}


async def test_without_the_log_nothing_is_said_to_be_ok():
    log = GrowingLog()
    async with serving(log, uploads(), ack_wait_s=0.05) as (session, url):
        log.answering.clear()
        async with session.post(url, data=LINES) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        log.answering.set()
        log.full = True
        async with session.post(url, data=LINES) as answer:
            assert answer.status == 429
    assert log.reads == {}


async def test_who_may_not_upload_is_refused_and_nothing_is_written():
    log = GrowingLog()
    async with serving(log, uploads(secret="another")) as (session, url):
        async with session.post(url, data=LINES) as answer:
            assert answer.status == 403
        async with session.post(url.replace("/tent", "/nobody"), data=LINES) as answer:
            assert answer.status == 403
    assert log.asked == 0


async def test_a_body_too_large_is_refused():
    log = GrowingLog()
    body = BytesIO(bytes(BODY_MAX_BYTES + 1))
    async with serving(log, uploads()) as (session, url), session.post(url, data=body) as answer:
        assert answer.status == 413


def test_a_decoder_is_recognized_by_its_secret_or_its_address():
    assert may_upload(uploads(secret="s"), "10.0.0.1", "s")
    assert not may_upload(uploads(secret="s"), "127.0.0.1", "t")
    assert may_upload(uploads(allow=["10.0.0.0/8"]), "10.0.0.1", "")
    assert not may_upload(uploads(allow=["10.0.0.0/8"]), "11.0.0.1", "")
    assert may_upload(uploads(), "127.0.0.1", "")
    assert not may_upload(uploads(), "10.0.0.1", "")


async def test_a_decoder_in_another_zone_is_noted_once():
    log = GrowingLog()
    async with serving(log, uploads(), clock_turn_s=0.02) as (session, url), asyncio.timeout(30):
        while not log.notices() or len(log.reads) < 20:
            local = datetime.now(UTC) + timedelta(hours=7)
            line = f"1;33;{local:%Y-%m-%d};{local:%H:%M:%S}.{local.microsecond // 1000:03d};6692;12;-68;0;;;0;;;;;;;;\n"
            async with session.post(url, data=line) as answer:
                assert await answer.text() == "OK"
    [notice] = log.notices()
    assert (notice.kind, notice.device) == ("clock_off", "D-5012")
    assert "as if in a zone +7 h away" in notice.text


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("impinj", {"timestamp": AT, "eventType": "tagInventory", "tagInventoryEvent": {"epcHex": "A1"}}),
        ("zebra", {"timestamp": AT, "type": "SIMPLE", "data": {"idHex": "A1"}}),
    ],
)
async def test_events_of_other_readers_are_taken_by_their_own_path(word, event):
    log = GrowingLog()
    async with serving(log, source(word, 1), word) as (session, url):
        for _ in range(2):
            async with session.post(url, json=[event, {"timestamp": AT, "data": 7, "eventType": 7}]) as answer:
                assert (answer.status, await answer.text()) == (200, "OK")
    assert {(device, chip, at_us) for device, _, chip, at_us in log.reads} == {("D-5012", "A1", AT_US)}
    assert {letter.source for letter in log.dead_letters} == {word}


async def test_a_body_full_of_events_is_taken_whole():
    log = GrowingLog()
    start = datetime(2026, 1, 3, 22, tzinfo=UTC)
    events = [
        {"timestamp": (start + timedelta(milliseconds=n)).isoformat(), "data": {"idHex": f"{n:024X}"}}
        for n in range(10_001)
    ]
    async with serving(log, source("zebra", 1), "zebra") as (session, url), session.post(url, json=events) as answer:
        assert (answer.status, await answer.text()) == (200, "OK")
    assert len(log.reads) == 10_001
    assert log.dead_letters == []


async def test_an_unreadable_body_of_which_a_dead_letter_cannot_hold_all_is_refused():
    log = GrowingLog()
    broken = b"[" + b'{"data": 1},' * 25_000
    async with serving(log, source("zebra", 1), "zebra") as (session, url):
        async with session.post(url, data=BytesIO(broken)) as answer:
            assert (answer.status, (await answer.json())["title"]) == (400, "Unreadable body")
        async with session.post(url, data=broken[:1_000]) as answer:
            assert answer.status == 200
    assert [len(letter.raw) for letter in log.dead_letters] == [RAW_MAX_BYTES, 1_000]


async def test_good_reads_beside_bad_ones_are_not_written_while_the_sender_is_halted():
    log = HaltingLog()
    async with serving(log, uploads()) as (session, url):
        for _ in range(2):
            async with session.post(url, data=LINES + "nonsense\n") as answer:
                assert answer.status == 429
        assert log.facts() == []
        async with session.post(url, data=LINES) as answer:
            assert answer.status == 200
    assert len(log.reads) == 10
