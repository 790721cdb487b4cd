"""Clocks of readers that never report them, over TCP: what is wrong is a notice on the log, and how far, a metric."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.devices.ipico import IpicoDevice
from loadtest.devices.raceresult import RaceResultDevice
from loadtest.devices.trouble import Trouble
from services.ingest.readers.reader_task import start_reader
from tests.ingest.memory_log import MemoryLog
from tests.ingest.readers.rig import GrowingLog, context, metrics, source

HANG_S = 120.0
TURN_S = 0.05  # reads of so long count together


def ahead(hours: int) -> datetime:
    """What a clock in UTC shows that is so far ahead."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)


async def test_an_ipico_in_another_zone_is_noticed_and_measured(tmp_path: Path):
    device, log, measured = IpicoDevice(Trouble(0)), GrowingLog(), metrics()
    await device.start()
    reader_source = source("ipico", device.stream_port, devices={"01": "F1"}, options={"model": "trident"})
    running = await start_reader(reader_source, context(log, tmp_path, measured, clock_turn_s=TURN_S))
    async with asyncio.timeout(HANG_S):
        await device.heard()
        number = 0
        while not log.notices():
            number += 1
            await device.read(f"{number:012x}", ahead(7), "01")
            await asyncio.sleep(0.02)
        gauge = measured.clock_offset_s.labels("e", "tent", "F1")
        while gauge._value.get() == 0:
            await asyncio.sleep(0.02)
    [notice] = log.notices()
    assert (notice.kind, notice.device) == ("clock_off", "F1")
    assert "as if in a zone +7 h away" in notice.text
    assert 7 * 3600 - 5 < gauge._value.get() <= 7 * 3600
    await running.close()
    await device.close()


async def test_of_a_decoder_that_reports_its_clock_its_report_counts(tmp_path: Path):
    device, log, measured = RaceResultDevice(Trouble(0), lambda: ahead(0)), GrowingLog(), metrics()
    await device.start()
    running = await start_reader(
        source("raceresult", device.port), context(log, tmp_path, measured, clock_turn_s=TURN_S)
    )
    async with asyncio.timeout(HANG_S):
        await device.heard()
        gauge = measured.clock_offset_s.labels("e", "tent", "Finish")
        for _ in range(20):
            await device.passes("33", moment=ahead(-3))
            await asyncio.sleep(0.02)
        await log.until(lambda: len(log.reads) == 20)
        while gauge._value.get() == 0:
            await asyncio.sleep(0.02)
    assert log.notices() == []
    assert abs(gauge._value.get()) < 5
    await running.close()
    await device.close()


def passing(number: int, local: datetime, utc: datetime | None = None) -> bytes:
    own = "" if utc is None else f"|utc={int(utc.replace(tzinfo=UTC).timestamp() * 1000)}"
    clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
    return f"5K@Passing@c=0000041|d={local:%y%m%d}|t={clock}{own}@{number}@$".encode()


async def test_an_exporter_whose_clock_is_off_is_noticed_once_the_log_takes_it(tmp_path: Path):
    class Full(MemoryLog):
        """A log that takes nothing at first."""

        async def append(self, event, facts, wait_s=None):
            self.full = self.asked < 4
            return await super().append(event, facts, wait_s)

    log, measured = Full(), metrics()
    reader_source = source("mylaps", 0, devices={"5K": "5K-A"})
    listener = await start_reader(reader_source, context(log, tmp_path, measured, clock_turn_s=TURN_S))
    port = listener.port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(HANG_S):
        number = 0
        while not log.notices():
            number += 1
            writer.write(passing(number, ahead(-24 * 30)))
            await asyncio.sleep(0.02)
    writer.close()
    await listener.close()
    assert {(notice.kind, notice.device) for notice in log.notices()} == {("clock_off", "5K-A")}
    assert len({notice.id for notice in log.notices()}) == 1
    assert "so its date is wrong" in log.notices()[0].text
    assert measured.clock_offset_s.labels("e", "tent", "5K-A")._value.get() == pytest.approx(-30 * 86_400, abs=5)


async def test_a_utc_that_contradicts_the_zone_is_noticed_once_for_each_place_and_again_when_it_changes(tmp_path: Path):
    log, measured = MemoryLog(), metrics()
    listener = await start_reader(source("mylaps", 0), context(log, tmp_path, measured, clock_turn_s=TURN_S))
    port = listener.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begin = datetime(2026, 1, 4, 5, 0)
    async with asyncio.timeout(HANG_S):
        for number, hours in enumerate((0, 4, 4, 0, 2), start=1):
            writer.write(passing(number, begin, begin - timedelta(hours=hours)))
            assert await reader.readuntil(b"$") == f"Matline@AckPassing@{number}@$".encode()
    writer.close()
    await listener.close()
    assert [(notice.kind, notice.device) for notice in log.notices()] == [("utc_differs", "5K")] * 2
    first, second = (notice.text for notice in log.notices())
    assert first == "its UTC and its local time in zone +00:00 differ by -14400 s; check zone and clock"
    assert "-7200 s" in second
