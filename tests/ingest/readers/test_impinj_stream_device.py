"""An Impinj reader's stream over TCP and TLS: events kept while nobody listens, and what could not be kept is said."""

import asyncio
import ssl
from pathlib import Path

import pytest

from loadtest.devices.impinj_stream import ImpinjStreamDevice
from loadtest.devices.trouble import Trouble
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from tests.ingest.decoders.test_posted_json import IMPINJ
from tests.ingest.readers.rig import GrowingLog, context, source

TLS = Path(__file__).parents[2] / "data" / "tls"
READS = 300


def seen(number: int) -> dict[str, object]:
    return {**IMPINJ, "tagInventoryEvent": {**IMPINJ["tagInventoryEvent"], "epcHex": f"{number:024X}"}}


def source_of(device: ImpinjStreamDevice, secret: str | None = None, **options) -> Source:
    return source("impinj_stream", device.port, secret=secret, options=options)


def logged(log: GrowingLog) -> set[str]:
    return {chip for _, _, chip, _ in log.reads}


async def begin(of: Source, log: GrowingLog, folder: Path) -> RunningReader:
    return await start_reader(of, context(log, folder))


@pytest.mark.parametrize("seed", range(3))
async def test_every_event_is_on_the_log_however_often_the_reader_hangs_up(seed: int, tmp_path: Path):
    device, log = ImpinjStreamDevice(Trouble(seed, cut=0.02, repeat=0.05, split=0.2)), GrowingLog()
    await device.start()
    running = await begin(source_of(device, tls=False), log, tmp_path)
    for number in range(READS):
        device.tell(seen(number))
        if number % 10 == 0:
            await asyncio.sleep(0.005)
    device.trouble.calm()
    await log.until(lambda: len(logged(log)) == READS)
    assert device.connections > 1
    await running.close()
    await device.close()


async def test_a_reader_with_a_certificate_of_its_own_is_asked_with_its_password(tmp_path: Path):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    device, log = ImpinjStreamDevice(Trouble(0), password="impinj", tls=tls), GrowingLog()
    await device.start()
    device.tell(seen(1))
    running = await begin(source_of(device, secret="impinj"), log, tmp_path)
    await log.until(lambda: log.reads)
    assert device.paths == ["/api/v1/system/time", "/api/v1/http-stream", "/api/v1/data/stream"]
    await running.close()
    await device.close()


async def test_what_a_reader_could_not_keep_is_a_notice_on_the_log(tmp_path: Path):
    device, log = ImpinjStreamDevice(Trouble(0)), GrowingLog()
    device.buffer = 10
    await device.start()
    device.tell(*(seen(number) for number in range(15)))
    running = await begin(source_of(device, tls=False), log, tmp_path)
    await log.until(lambda: len(log.reads) == 10 and log.notices())
    [notice] = log.notices()
    assert notice.kind == "overflow"
    assert '"eventsPurged": 5' in notice.text
    await running.close()
    await device.close()


async def test_a_reader_that_knows_nothing_but_the_stream_is_read(tmp_path: Path):
    device, log = ImpinjStreamDevice(Trouble(0)), GrowingLog()
    device.answers = False
    await device.start()
    device.tell(seen(1))
    running = await begin(source_of(device, tls=False), log, tmp_path)
    await log.until(lambda: log.reads)
    device.hang_up()
    device.tell(seen(2))
    await log.until(lambda: len(log.reads) == 2)
    assert log.kinds() == ["gap"]
    await running.close()
    await device.close()
