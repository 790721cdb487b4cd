"""The readers of a file at work: started, changed and stopped as the file says, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from loadtest.devices.raceresult import RaceResultDevice
from loadtest.devices.trouble import Trouble
from schemas.events import ReadRow, ReadsLogged
from services.demo.stack import free_port
from services.ingest import app
from services.ingest.http.access import Access
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.supervisor import ReaderSupervisor
from services.ingest.settings import IngestSettings
from services.runtime.faults import StartFault
from services.runtime.tokens import Tokens, new_token, tokens_bytes
from tests.ingest.decoders.test_mylaps import STORE
from tests.ingest.memory_log import MemoryLog

HANG_S = 120.0  # for a hang only


def table(protocol: str, gateway: str, **more: str) -> str:
    """A source in TOML, its values as TOML writes them."""
    fields = {"protocol": f'"{protocol}"', "event": '"e"', "gateway": f'"{gateway}"', "zone": '"+04:00"', **more}
    return "[[sources]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def mylaps(gateway: str, address: str = "127.0.0.1:0", **more: str) -> str:
    return table("mylaps", gateway, address=f'"{address}"', **more)


class Office:
    """The file of readers, and those at work by it."""

    def __init__(self, folder: Path, race_log: MemoryLog) -> None:
        self.path = folder / "matline.toml"
        self.folder = folder
        self.race_log = race_log
        self.metrics = IngestMetrics(CollectorRegistry())
        self.readings: list[ReaderSupervisor] = []

    def reading(
        self, *tables: str, host: str = "127.0.0.1", mylaps_port: int = 0, restart_s: float = 5.0
    ) -> ReaderSupervisor:
        self.write(*tables)
        access = Access(Tokens(self.folder / "tokens.json"), ConnectionLimiter())
        made = ReaderSupervisor(
            self.path,
            host,
            mylaps_port,
            access,
            self.race_log,
            self.metrics,
            lambda: time.time_ns() // 1000,
            self.folder,
            IngestLimits(reader_restart_s=restart_s),
        )
        self.readings.append(made)
        return made

    def write(self, *tables: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(tables))
        fresh.replace(self.path)


@pytest.fixture
async def office(tmp_path: Path, race_log: MemoryLog) -> AsyncIterator[Office]:
    made = Office(tmp_path, race_log)
    yield made
    race_log.answering.set()
    for reading in made.readings:
        await reading.close()


async def sent(port: int, *frames: bytes) -> bytes:
    """What answers these frames until the other end hangs up or an acknowledgement came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(frames))
    answer = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(HANG_S):
            while b"@AckStore@" not in answer and (data := await reader.read(1024)):
                answer += data
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def reads(race_log: MemoryLog) -> dict[str, list[ReadRow]]:
    """The reads on the log by gateway."""
    return {fact.gateway: fact.reads for fact in race_log.facts() if isinstance(fact, ReadsLogged)}


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.01)


async def is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_every_source_of_the_file_is_at_work(office, race_log):
    device = RaceResultDevice(Trouble(1), lambda: datetime.now(UTC).replace(tzinfo=None))
    await device.start()
    try:
        work = office.reading(
            mylaps("tent"),
            table(
                "raceresult",
                "finish",
                address=f'"127.0.0.1:{device.port}"',
                zone='"+00:00"',
                devices='{ "Finish" = "F1" }',
            ),
        )
        await work.start()
        assert b"AckStore" in await sent(work.ports()["mylaps:tent"], STORE)
        await until(lambda: device.connections)
        await device.passes("77")
        await until(lambda: len(reads(race_log)) == 2)
        await work.close()
    finally:
        await device.close()
    assert [row.device for row in reads(race_log)["finish"]] == ["F1"]
    assert [row.chip for row in reads(race_log)["tent"]] == ["SS35073"]


async def test_a_changed_file_stops_and_starts_only_what_differs(office, race_log):
    work = office.reading(mylaps("same"), mylaps("gone"), mylaps("other"))
    await work.start()
    before = work.ports()
    office.write(mylaps("same"), mylaps("other", devices='{ Start = "S9" }'), mylaps("new"))
    await work.look()
    after = work.ports()
    assert set(after) == {"mylaps:same", "mylaps:other", "mylaps:new"}
    assert after["mylaps:same"] == before["mylaps:same"]
    assert not await is_open(before["mylaps:gone"])
    office.write(mylaps("other", devices='{ Start = "S9" }'))
    await work.look()
    await sent(work.ports()["mylaps:other"], STORE)
    assert [row.device for fact in race_log.facts() for row in fact.reads] == ["S9"]


async def test_what_starts_is_the_present_file_however_long_its_turn_took_to_come(office):
    work = office.reading(mylaps("gone"))
    office.write(mylaps("new"))
    await work.start()
    assert set(work.ports()) == {"mylaps:new"}


async def test_readers_may_change_places(office):
    first_port, two = free_port(), free_port()
    work = office.reading(mylaps("a", f"127.0.0.1:{first_port}"), mylaps("b", f"127.0.0.1:{two}"))
    await work.start()
    office.write(mylaps("a", f"127.0.0.1:{two}"), mylaps("b", f"127.0.0.1:{first_port}"))
    await work.look()
    assert work.ports() == {"mylaps:a": two, "mylaps:b": first_port}


@pytest.mark.parametrize("text", ["", "[[sources", mylaps("tent").replace("+04:00", "+44:00"), None])
async def test_a_file_that_became_faulty_changes_nothing_and_is_named_loudly(office, race_log, caplog, text):
    work = office.reading(mylaps("tent"))
    await work.start()
    before = work.ports()
    office.path.unlink() if text is None else office.write(text)
    await work.look()
    assert work.ports() == before
    assert f"{office.path} has changed but is NOT used" in caplog.text
    assert office.metrics.config_faulty._value.get() == 1
    assert b"AckStore" in await sent(before["mylaps:tent"], STORE)
    office.write("sources = []")
    await work.look()
    assert work.ports() == {}
    assert office.metrics.config_faulty._value.get() == 0
    assert not [
        sample for sample in office.metrics.connections.collect()[0].samples if sample.labels["gateway"] == "tent"
    ]


async def test_a_reader_that_cannot_be_started_is_tried_again_and_the_others_go_on(office, caplog):
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    work = office.reading(mylaps("good"), restart_s=0.0)
    await work.start()
    office.write(mylaps("good"), mylaps("late", f"127.0.0.1:{port}"))
    await work.look()
    assert "cannot be started" in caplog.text
    assert set(work.ports()) == {"mylaps:good"}
    taken.close()
    await work.look()
    assert work.ports()["mylaps:late"] == port
    assert office.metrics.reader_failures.labels("e", "late")._value.get() == 1


async def test_a_reader_that_failed_is_started_again(office, caplog):
    port = free_port()
    work = office.reading(mylaps("tent", f"127.0.0.1:{port}"), restart_s=0.0)
    await work.start()
    [(_, listener)] = work._running.values()
    listener.failed.set_exception(OSError("the disk is full"))
    await work.look()
    assert "the disk is full" in caplog.text
    assert work.ports() == {"mylaps:tent": port}
    assert b"AckStore" in await sent(port, STORE)


async def test_what_cannot_be_started_at_first_keeps_ingest_from_starting(office):
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    work = office.reading(mylaps("good"), mylaps("late", f"127.0.0.1:{port}"))
    with pytest.raises(OSError):
        await work.start()
    assert work.ports() == {}
    taken.close()


async def test_a_source_without_an_address_listens_where_ingest_does(office):
    port = free_port()
    work = office.reading(table("mylaps", "tent"), mylaps_port=port)
    await work.start()
    assert work.ports() == {"mylaps:tent": port}


# --- who may call


def with_token(office: Office) -> None:
    _, token = new_token("gateway", "g", ["e"], ["g"], "2026-01-04T00:00:00+00:00")
    (office.folder / "tokens.json").write_bytes(tokens_bytes([token]))


@pytest.mark.parametrize("more", [{"allow": '["127.0.0.0/8"]'}, {"secret": '"open sesame"'}])
async def test_readers_beyond_this_machine_take_tokens_and_a_word_on_who_may_call(office, more):
    with pytest.raises(StartFault, match=r"sources\[0\]\.address.*token"):
        office.reading(mylaps("tent", "0.0.0.0:0", **more))
    with_token(office)
    with pytest.raises(StartFault, match=r"sources\[0\]\.address.*allow"):
        office.reading(mylaps("tent", "0.0.0.0:0"))
    with pytest.raises(StartFault, match=r"sources\[0\]\.address.*allow"):
        office.reading(table("chronotrack", "tent"), host="0.0.0.0")
    await office.reading(mylaps("tent", "0.0.0.0:0", **more)).start()


async def test_a_caller_of_another_network_is_hung_up_on(office, race_log):
    work = office.reading(
        mylaps("tent", allow='["192.0.2.0/24"]'),
        table("chronotrack", "c", address='"127.0.0.1:0"', allow='["192.0.2.0/24"]'),
    )
    await work.start()
    for port in work.ports().values():
        assert await sent(port, STORE) == b""
    assert race_log.records == []


async def test_a_password_is_asked_for_where_the_source_has_one(office, race_log):
    work = office.reading(mylaps("tent", secret='"open sesame"'))
    await work.start()
    port = work.ports()["mylaps:tent"]
    assert await sent(port, STORE) == b""
    assert await sent(port, b"T@AckAuth@user@wrong@$", STORE) == b"Matline@AuthFailed@$"
    assert await sent(port, b"T@AckAuth@$", STORE) == b"Matline@AuthFailed@$"
    assert race_log.records == []
    assert await sent(port, b"T@AckAuth@user@open sesame@$", STORE) == b"Matline@AuthOk@$Matline@AckStore@1@$"
    assert len(race_log.records) == 1


async def test_a_password_is_in_no_log(office, caplog):
    caplog.set_level("DEBUG")
    work = office.reading(mylaps("tent", secret='"open sesame"'))
    await work.start()
    await sent(work.ports()["mylaps:tent"], b"T@AckAuth@user@not sesame@$")
    office.write(mylaps("tent", secret='"open sesame 2"', devices='{ a = "b" }'))
    await work.look()
    assert "tent" in caplog.text
    assert "sesame" not in caplog.text


# --- within ingest


async def test_ingest_takes_up_a_changed_file_by_itself(tmp_path, race_log):
    path = tmp_path / "matline.toml"
    settings = IngestSettings(port=0, config=path, tokens=tmp_path / "tokens.json", data=tmp_path)
    made = app.create_app(settings, race_log, IngestLimits(watch_files_s=0.01))
    async with app.serving(made, settings):
        assert made[app.SUPERVISOR].ports() == {}
        path.write_text(mylaps("tent"))
        await until(lambda: made[app.SUPERVISOR].ports())
        assert b"AckStore" in await sent(made[app.SUPERVISOR].ports()["mylaps:tent"], STORE)
    assert len(race_log.records) == 1


async def test_decoders_may_upload_once_the_file_names_them(tmp_path, race_log):
    path = tmp_path / "matline.toml"
    settings = IngestSettings(port=0, config=path, tokens=tmp_path / "tokens.json", data=tmp_path)
    made = app.create_app(settings, race_log, IngestLimits(watch_files_s=0.01))
    line = "1;77;2026-01-04;05:00:00.250;6692;12;-68;0;;;0;;;;;;;;\n"
    async with app.serving(made, settings) as port, aiohttp.ClientSession() as client:
        address = f"http://127.0.0.1:{port}/v1/events/e/raceresult/tent?user=box&device=D-1"
        async with client.post(address, data=line) as answer:
            assert answer.status == 403
        path.write_text(table("raceresult_http", "tent", secret='"box"'))
        await until(lambda: made[app.SUPERVISOR].uploading("raceresult_http", "e", "tent"))
        async with client.post(address, data=line) as answer:
            assert (answer.status, await answer.text()) == (200, "OK")
        async with client.post(address.replace("box", "xob"), data=line) as answer:
            assert answer.status == 403
        posted = {"custId": "box", "boxId": "T-1", "boxTime": "26-01-04T05:00:10"}
        async with client.post(address.partition("?")[0], params=posted, data="77;9.750;-68;12;;;;;;;6692\r") as answer:
            assert (answer.status, await answer.text()) == (200, "OK")
    decoder, track_box = [row for fact in race_log.facts() if isinstance(fact, ReadsLogged) for row in fact.reads]
    assert (decoder.device, track_box.device) == ("D-1", "T-1")
    assert (track_box.chip, track_box.at_us) == (decoder.chip, decoder.at_us)


def test_a_faulty_file_keeps_ingest_from_starting(tmp_path, race_log):
    path = tmp_path / "matline.toml"
    path.write_text(mylaps("tent", zone='"Mars"') + mylaps("tent", event='"a b"'))
    with pytest.raises(StartFault) as fault:
        app.create_app(IngestSettings(config=path, tokens=tmp_path / "none"), race_log)
    lines = str(fault.value).splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == ["sources[0].zone", "sources[1].event"]
    assert all(line.startswith(str(path)) for line in lines)
