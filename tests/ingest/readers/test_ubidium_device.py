"""A simulated Ubidium over TCP and TLS, its line cut at random: every passing on the log, from the last known on."""

import random
import ssl
from pathlib import Path

import pytest

from loadtest.devices.trouble import Trouble
from loadtest.devices.ubidium import UbidiumDevice
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from tests.ingest.readers.rig import GrowingLog, context, now_us, source

TLS = Path(__file__).parents[2] / "data" / "tls"
READS = 300


def source_of(device: UbidiumDevice, **options) -> Source:
    return source("ubidium", device.port, options=options, devices={"Finish": "F1"})


async def begin(of: Source, log: GrowingLog, folder: Path) -> RunningReader:
    return await start_reader(of, context(log, folder))


def logged(log: GrowingLog) -> set[str]:
    return {chip for _, _, chip, _ in log.reads}


@pytest.mark.parametrize("seed", range(3))
async def test_every_passing_is_on_the_log_whatever_the_line_does(seed: int, tmp_path: Path):
    device = UbidiumDevice(Trouble(seed, cut=0.01, split=0.2), "Finish", now_us)
    await device.start()
    of, log, chance = source_of(device, tls=False), GrowingLog(), random.Random(seed)
    running = await begin(of, log, tmp_path)
    for number in range(READS):
        await device.passes(f"{number:05d}", now_us())
        if chance.random() < 0.02:
            device.hang_up()
        if chance.random() < 0.01:
            await running.close()
            running = await begin(of, log, tmp_path)
    device.trouble.calm()
    await log.until(lambda: logged(log) == device.codes)
    assert {key[0] for key in log.reads} == {"F1"}
    await running.close()
    await device.close()


async def test_a_box_with_a_certificate_of_its_own_is_asked_from_the_last_passing_on_and_anew_once_cleared(
    tmp_path: Path,
):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    tls.set_alpn_protocols(["h2"])
    device, log = UbidiumDevice(Trouble(0), "Finish", now_us, tls), GrowingLog()
    await device.start()
    await device.passes("A1", now_us())
    running = await begin(source_of(device), log, tmp_path)
    await log.until(lambda: logged(log) == {"A1"})
    await running.close()
    await device.passes("A2", now_us())
    running = await begin(source_of(device), log, tmp_path)
    await log.until(lambda: logged(log) == {"A1", "A2"})
    assert [sorted(request) for request in device.requests] == [[1, 4], [2, 4]]
    assert len(log.reads) == 2
    await running.close()
    device.forget()
    await device.passes("B1", now_us())
    running = await begin(source_of(device), log, tmp_path)
    await log.until(lambda: "B1" in logged(log))
    assert log.kinds() == ["log_cleared"]
    await running.close()
    await device.close()
