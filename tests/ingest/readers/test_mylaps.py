"""MYLAPS clients over real TCP: only what the log has is acknowledged, and nothing is lost when the log is slow."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import loadtest
from loadtest.mylaps_replay import client_frames, read_log, replay
from schemas.events import NoticeReceived, ReadRow, ReadsLogged
from services.ingest.decoders.messages import Now
from services.ingest.decoders.mylaps_frames import FRAME_MAX_BYTES
from services.ingest.errors import Unavailable
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.backlog import WAITING_MAX
from services.ingest.readers.connection import CALLERS_MAX
from services.ingest.readers.reader_task import start_reader
from services.ingest.readers.sources import Source
from tests.ingest.decoders.test_mylaps import MARKER, PASSING, STORE
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.rig import context, port_of

DATA = Path(loadtest.__file__).parent / "data"
SOURCE = Source(
    protocol="mylaps",
    event="example-2026",
    gateway="tent",
    zone="+04:00",
    address="127.0.0.1:0",
    devices={"Start": "S1"},
)
HANG_S = 120.0  # for a hang only


def numbered(frame: bytes, number: int) -> bytes:
    """The same message under another number."""
    head, _, _ = frame.removesuffix(b"@$").rpartition(b"@")
    return head + f"@{number}@$".encode()


class Client:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def send_all(self, frames: Iterable[bytes]) -> None:
        """Send frames as the other end takes them."""
        for frame in frames:
            self._writer.write(frame)
            await self._writer.drain()

    async def answer(self) -> bytes:
        async with asyncio.timeout(HANG_S):
            return await self._reader.readuntil(b"$")

    async def nothing_comes(self, within_s: float = 0.1) -> bool:
        try:
            async with asyncio.timeout(within_s):
                return not await self._reader.read(1)
        except TimeoutError:
            return True

    async def rest(self) -> bytes:
        """All that comes until the other end hangs up."""
        async with asyncio.timeout(HANG_S):
            return await self._reader.read()


@pytest.fixture
def metrics() -> IngestMetrics:
    return IngestMetrics(CollectorRegistry())


@pytest.fixture
def moments() -> Iterator[int]:
    return iter(range(1_767_477_600_000_000, 2**60, 1_000_000))


@pytest.fixture
async def port(
    race_log: MemoryLog, metrics: IngestMetrics, moments: Iterator[int], tmp_path: Path
) -> AsyncIterator[int]:
    """Where a listener of `SOURCE` is."""
    listener = await start_reader(SOURCE, context(race_log, tmp_path, metrics, now=lambda: next(moments)))
    assert port_of(listener) is not None
    try:
        yield port_of(listener)
    finally:
        race_log.answering.set()
        await listener.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def rows(race_log: MemoryLog) -> list[ReadRow]:
    return [row for fact in race_log.facts() if isinstance(fact, ReadsLogged) for row in fact.reads]


async def test_questions_are_answered_at_once_even_while_the_log_is_not(port, race_log):
    race_log.answering.clear()
    async with connected(port) as client:
        client.send(STORE, b"Start@Pong@$", b"Start@Ping@$")
        assert (await client.answer()).startswith(b"Matline@AckPong@Version2.1@c|ct|t|")
        assert await client.answer() == b"Matline@AckPing@$"
        assert await client.nothing_comes()


@pytest.mark.parametrize(
    ("frame", "reply", "device", "chip"),
    [
        (STORE, b"Matline@AckStore@1@$", "S1", "SS35073"),
        (PASSING, b"Matline@AckPassing@1016@$", "10KM", "0000041"),
    ],
)
async def test_a_message_is_acknowledged_when_the_log_has_it_and_not_before(port, race_log, frame, reply, device, chip):
    race_log.answering.clear()
    async with connected(port) as client:
        client.send(frame)
        assert await client.nothing_comes()
        race_log.answering.set()
        assert await client.answer() == reply
    [fact] = race_log.facts()
    assert isinstance(fact, ReadsLogged)
    assert (fact.event, fact.gateway) == ("example-2026", "tent")
    assert [(row.device, row.chip) for row in fact.reads] == [(device, chip)]


async def test_a_v1_read_carries_its_decoders_own_count_of_the_day(port, race_log):
    async with connected(port) as client:
        client.send(STORE)
        await client.answer()
    [fact] = race_log.facts()
    assert (fact.session, fact.reads[0].seq) == ("5.0 2025-03-08", 0x1B)


async def test_v2_reads_are_counted_by_connection(port, race_log):
    for _ in range(2):
        async with connected(port) as client:
            for number in (1, 2):
                client.send(numbered(PASSING, number))
                await client.answer()
    facts = race_log.facts()
    assert [row.seq for row in rows(race_log)] == [0, 1, 0, 1]
    assert len({fact.session for fact in facts}) == 2


async def test_a_message_sent_again_after_its_acknowledgement_is_acknowledged_again(port, race_log):
    async with connected(port) as client:
        for _ in range(3):
            client.send(STORE)
            assert await client.answer() == b"Matline@AckStore@1@$"
    assert len(set(rows(race_log))) == 1


async def test_a_message_sent_again_while_the_log_is_away_joins_its_first_copy(port, race_log):
    race_log.answering.clear()
    async with connected(port) as first, connected(port) as two:
        first.send(STORE, STORE)
        two.send(STORE)
        assert await first.nothing_comes()
        assert await two.nothing_comes()
        race_log.answering.set()
        for client in (first, first, two):
            assert await client.answer() == b"Matline@AckStore@1@$"
    assert len(rows(race_log)) == 1


async def test_other_content_under_the_same_number_is_not_taken_for_the_same_message(port, race_log):
    other = b"Start@Store@" + STORE[12:51] + b"@" + STORE[12:51] + b"@1@$"
    async with connected(port) as client:
        client.send(STORE)
        await client.answer()
        client.send(other)
        await client.answer()
    assert len(rows(race_log)) == 3


async def test_a_hung_up_clients_message_is_written_all_the_same(port, race_log):
    race_log.answering.clear()
    async with connected(port) as client:
        client.send(STORE)
        while not race_log.asked:
            await asyncio.sleep(0.005)
    race_log.answering.set()
    while not race_log.records:
        await asyncio.sleep(0.005)
    assert len(rows(race_log)) == 1


async def test_ten_messages_in_flight_are_each_acknowledged_by_number(port, race_log):
    race_log.answering.clear()
    async with connected(port) as client:
        client.send(*[numbered(PASSING, number) for number in range(10)])
        assert await client.nothing_comes()
        race_log.answering.set()
        answers = {await client.answer() for _ in range(10)}
    assert answers == {f"Matline@AckPassing@{number}@$".encode() for number in range(10)}


async def test_reading_stops_while_too_much_is_unacknowledged(port, race_log, metrics):
    """A client that sends far more than it may is not read any more, and loses nothing when the log is back."""
    race_log.answering.clear()
    record = PASSING.split(b"@")[2]
    message = b"10KM@Passing@" + b"@".join([record] * 500) + b"@%d@$"
    wanted = 2 * WAITING_MAX // 500
    async with connected(port) as client:
        sending = asyncio.create_task(client.send_all(message % number for number in range(wanted)))
        taken, before = metrics.bytes_in.labels("mylaps")._value, -1
        while before != taken.get():
            before = taken.get()
            assert await client.nothing_comes(0.5)
        assert taken.get() < wanted * len(message)
        race_log.answering.set()
        assert len({await client.answer() for _ in range(wanted)}) == wanted
        await sending
    assert len(rows(race_log)) == 500 * wanted


async def test_what_the_log_refuses_stays_unacknowledged_and_is_taken_when_it_comes_again(port, race_log):
    race_log.full = True
    async with connected(port) as client:
        client.send(STORE)
        assert await client.nothing_comes()
        race_log.full = False
        client.send(STORE)
        assert await client.answer() == b"Matline@AckStore@1@$"
    assert len(rows(race_log)) == 1


async def test_a_message_without_a_number_that_comes_for_ever_is_read_once(port, race_log):
    frame = STORE.replace(b"@1@$", b"@$")
    async with connected(port) as client:
        client.send(frame, frame, STORE)
        assert await client.answer() == b"Matline@AckStore@1@$"
    async with connected(port) as client:
        client.send(frame, b"Start@Ping@$")
        assert await client.answer() == b"Matline@AckPing@$"
    assert len(rows(race_log)) == 2
    assert [notice.kind for notice in race_log.notices()] == ["unnumbered"]


async def test_a_record_that_cannot_be_read_is_a_dead_letter_and_its_message_acknowledged(port, race_log):
    bad = STORE[12:49] + b"00"
    async with connected(port) as client:
        client.send(b"Start@Store@" + STORE[12:51] + b"@" + bad + b"@4@$")
        assert await client.answer() == b"Matline@AckStore@4@$"
    assert len(rows(race_log)) == 1
    [letter] = race_log.dead_letters
    assert (letter.source, letter.event, letter.gateway, letter.index) == ("mylaps", "example-2026", "tent", 1)
    assert letter.raw == b"Start@Store@" + bad + b"@4@$"


async def test_a_frame_that_is_no_message_is_a_dead_letter_and_the_connection_goes_on(port, race_log):
    async with connected(port) as client:
        client.send(b"GET / HTTP/1.1$", STORE)
        assert await client.answer() == b"Matline@AckStore@1@$"
    assert [letter.raw for letter in race_log.dead_letters] == [b"GET / HTTP/1.1$"]


async def test_markers_are_notices_with_an_id_that_every_copy_has(port, race_log):
    async with connected(port) as client:
        for number in (1, 2):
            client.send(numbered(MARKER, number))
            assert await client.answer() == f"Matline@AckMarker@{number}@$".encode()
    first, second = race_log.facts()
    assert isinstance(first, NoticeReceived)
    assert (first.kind, first.text, first.gateway, first.device) == (
        "ext-gun",
        "Extern gunshot",
        "tent",
        "Start - Finish",
    )
    assert first.is_start_signal()
    assert first.id == second.id


async def test_a_frame_without_end_ends_its_connection_alone(port, race_log):
    async with connected(port) as good, connected(port) as bad:
        bad.send(b"x" * (FRAME_MAX_BYTES + 1))
        assert await bad.rest() == b""
        good.send(STORE)
        assert await good.answer() == b"Matline@AckStore@1@$"


async def test_a_client_too_many_is_refused_and_the_others_stay(port, race_log, metrics):
    async with connected(port) as first:
        first.send(b"Start@Ping@$")
        await first.answer()
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CALLERS_MAX - 1)]
        for reader, writer in opened:
            writer.write(b"Start@Ping@$")
            await reader.readuntil(b"$")
        async with connected(port) as late:
            assert await late.rest() == b""
        assert metrics.connections.labels("example-2026", "tent")._value.get() == CALLERS_MAX
        first.send(STORE)
        assert await first.answer() == b"Matline@AckStore@1@$"
        for _, writer in opened:
            writer.close()


async def test_a_silent_client_is_pinged_and_then_hung_up_on(race_log, tmp_path):
    """By a clock that runs a hundred times as fast."""
    quick = context(race_log, tmp_path, clock=lambda: Now(0, 100 * time.monotonic()))
    listener = await start_reader(SOURCE, quick)
    async with connected(port_of(listener)) as client:
        assert await client.answer() == b"Matline@Ping@$"
        assert (await client.rest()).replace(b"Matline@Ping@$", b"") == b""
    await listener.close()


async def test_closing_lets_what_is_on_its_way_arrive(race_log, tmp_path):
    listener = await start_reader(SOURCE, context(race_log, tmp_path))
    port = port_of(listener)
    race_log.answering.clear()
    async with connected(port) as client:
        client.send(STORE)
        while not race_log.asked:
            await asyncio.sleep(0.005)
        closing = asyncio.create_task(listener.close())
        await asyncio.sleep(0)
        race_log.answering.set()
        await closing
        assert len(rows(race_log)) == 1
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_utc_that_contradicts_the_zone_is_counted(port, metrics):
    async with connected(port) as client:
        client.send(b"Start@Passing@c=1|d=260104|t=05:00:00.000|utc=1767477600000@1@$")
        await client.answer()
    assert metrics.utc_differs.labels("example-2026", "tent")._value.get() == 1


# --- the recorded race


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return client_frames(read_log(DATA / "mylaps-april13-16.log.gz"))


async def test_the_recorded_race_is_taken_whole_message_by_message(port, race_log, frames):
    async with asyncio.timeout(HANG_S):
        replayed = await replay(frames, "127.0.0.1", port)
    assert (replayed.acknowledged, replayed.resent, replayed.connections) == (452, 0, 1)
    read_rows = rows(race_log)
    assert len(read_rows) == 2391
    assert len({row.chip for row in read_rows}) == 913
    assert sorted(row.seq for row in read_rows) == list(range(54_871, 57_262))
    assert {row.device for row in read_rows} == {"5Km"}
    assert {fact.session for fact in race_log.facts() if isinstance(fact, ReadsLogged)} == {"11.0 2025-04-13"}
    assert race_log.dead_letters == []


class Forgetful(MemoryLog):
    """A log whose every third answer is lost, after the facts were written or before."""

    async def append(self, event, facts, wait_s=None):
        turn = self.asked % 6
        if turn == 0:
            self.asked += 1
            raise Unavailable("lost before")
        offset = await super().append(event, facts, wait_s)
        if turn == 3:
            raise Unavailable("lost after")
        return offset


async def test_the_recorded_race_loses_nothing_when_answers_of_the_log_get_lost(frames, tmp_path):
    race_log = Forgetful()
    listener = await start_reader(SOURCE, context(race_log, tmp_path))
    port = port_of(listener)
    try:
        passings = [frame for frame in frames if b"@Store@" in frame]
        async with asyncio.timeout(HANG_S):
            replayed = await replay(passings, "127.0.0.1", port, resend_after_s=0.02)
    finally:
        await listener.close()
    read_rows = rows(race_log)
    assert replayed.acknowledged == 80
    assert replayed.resent > 0
    assert len(read_rows) > 2391
    assert sorted({row.seq for row in read_rows}) == list(range(54_871, 57_262))
    assert len(set(read_rows)) == 2391
