"""Readers that publish to a real MQTT broker: nothing acknowledged before the log has it, nothing lost by a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from paho.mqtt.publish import single

from loadtest.devices.registry import SIMULATED_PROTOCOLS
from services.ingest.readers.reader_task import RunningReader, start_reader
from services.ingest.readers.sources import Source
from services.operate.gateway_test import TestOrder, run
from tests.ingest.decoders.test_posted_json import IMPINJ, ZEBRA
from tests.ingest.readers.rig import GrowingLog, context, source
from tests.integration.mosquitto import Mosquitto
from tests.loadtest.test_mats import assert_scores_to_its_truth

WITH_BROKER = [name for name, protocol in SIMULATED_PROTOCOLS.items() if protocol.broker]
TOPIC = "readers/finish"


def event(chip: str) -> dict[str, object]:
    return {**IMPINJ, "tagInventoryEvent": {**IMPINJ["tagInventoryEvent"], "epcHex": chip}}


async def publish(broker: Mosquitto, payload: object, qos: int = 1, password: str = "", topic: str = TOPIC) -> None:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    await asyncio.to_thread(
        lambda: single(
            topic,
            text,
            qos=qos,
            hostname="127.0.0.1",
            port=broker.port,
            auth={"username": "timer", "password": password} if password else None,
        )
    )


def source_of(broker: Mosquitto, protocol: str = "impinj_mqtt", topic: str = "readers/#", **more) -> Source:
    return source(protocol, broker.port, options={"topic": topic}, **more)


async def begin(of: Source, log: GrowingLog, folder: Path, **limits) -> RunningReader:
    return await start_reader(of, context(log, folder, **limits))


async def until_subscribed(broker: Mosquitto, log: GrowingLog) -> None:
    """Return once what is published comes to the log."""
    async with asyncio.timeout(60):
        while not log.reads:
            await publish(broker, event("F0"))
            await asyncio.sleep(0.05)


def chips(log: GrowingLog) -> set[str]:
    return {chip for _, _, chip, _ in log.reads}


def received(log: GrowingLog, chip: str) -> bool:
    return chip in chips(log)


@pytest.mark.parametrize("spoken", WITH_BROKER)
async def test_a_day_published_by_readers_scores_as_over_http_and_to_its_truth(
    spoken: str, mosquitto: Mosquitto, tmp_path: Path
):
    await assert_scores_to_its_truth(spoken, tmp_path, ("127.0.0.1", mosquitto.port))


async def test_what_is_published_while_ingest_or_the_broker_is_away_comes_later(mosquitto: Mosquitto, tmp_path: Path):
    log, of = GrowingLog(), source_of(mosquitto)
    running = await begin(of, log, tmp_path)
    await until_subscribed(mosquitto, log)
    await running.close()
    for number in range(50):
        await publish(mosquitto, event(f"A{number}"))
    await mosquitto.stop()
    await mosquitto.start()
    running = await begin(of, log, tmp_path)
    await log.until(lambda: chips(log) == {"F0", *(f"A{number}" for number in range(50))})
    await mosquitto.stop()
    await mosquitto.start()
    await publish(mosquitto, event("B1"))
    await log.until(lambda: "B1" in chips(log))
    await running.close()


async def test_a_message_is_acknowledged_once_the_log_has_it_and_until_then_sent_again(
    mosquitto: Mosquitto, tmp_path: Path
):
    log, of = GrowingLog(), source_of(mosquitto)
    running = await begin(of, log, tmp_path, reader_close_s=0.1)
    await until_subscribed(mosquitto, log)
    log.answering.clear()
    asked = log.asked
    await publish(mosquitto, [event("A1"), event("A2")])
    while log.asked == asked:
        await asyncio.sleep(0.01)
    await running.close()
    after = GrowingLog()
    running = await begin(of, after, tmp_path)
    await after.until(lambda: {"A1", "A2"} <= chips(after))
    await running.close()
    again = GrowingLog()
    running = await begin(of, again, tmp_path)
    await until_subscribed(mosquitto, again)
    assert chips(again) == {"F0"}
    await running.close()


async def test_a_source_whose_topic_changed_gets_what_waited_and_then_nothing_of_the_former_topic(
    mosquitto: Mosquitto, tmp_path: Path
):
    log = GrowingLog()
    running = await begin(source_of(mosquitto), log, tmp_path)
    await until_subscribed(mosquitto, log)
    await running.close()
    await publish(mosquitto, event("A1"))
    for former, present in (("A2", "B1"), ("A3", "B2")):
        running = await begin(source_of(mosquitto, topic="moved/#"), log, tmp_path)
        await log.until(lambda: "A1" in chips(log))
        await publish(mosquitto, event(former))
        await publish(mosquitto, event(present), topic="moved/finish")
        await log.until(partial(received, log, present))
        await running.close()
    assert chips(log) == {"F0", "A1", "B1", "B2"}


async def test_zebra_readers_that_name_themselves_nowhere_are_named_by_their_topic(
    mosquitto: Mosquitto, tmp_path: Path
):
    log = GrowingLog()
    unnamed = {**ZEBRA, "data": {"idHex": "A1", "antenna": 2}}
    of = source_of(mosquitto, "zebra_mqtt", devices={f"{TOPIC}/2": "F1"})
    running = await begin(of, log, tmp_path)
    async with asyncio.timeout(60):
        while not log.reads:
            await publish(mosquitto, unnamed, qos=0)
            await asyncio.sleep(0.05)
    assert {device for device, *_ in log.reads} == {"F1"}
    assert log.kinds() == ["lacks"]
    await publish(mosquitto, "no event")
    await log.until(lambda: log.dead_letters)
    await running.close()


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker that lets in nobody but `timer`, with the password `pa@ss`."""
    async with Mosquitto(tmp_path / "broker", password="pa@ss") as broker:
        yield broker


async def test_a_test_of_the_broker_leaves_the_messages_to_ingest_and_names_a_wrong_password(guarded: Mosquitto):
    lines: list[str] = []
    order = TestOrder(
        protocol="impinj_mqtt",
        address=f"127.0.0.1:{guarded.port}",
        seconds=60.0,
        options=[f"topic={TOPIC}", "user=timer"],
        secret="pa@ss",
    )
    testing = asyncio.create_task(run(order, lines.append))
    async with asyncio.timeout(60):
        while not any("chip A1" in line for line in lines):
            await publish(guarded, event("A1"), password="pa@ss")
            await asyncio.sleep(0.05)
    testing.cancel()
    await asyncio.gather(testing, return_exceptions=True)
    assert not any("kept:" in line or "lacks:" in line for line in lines)
    wrong: list[str] = []
    assert await run(replace(order, secret="wrong"), wrong.append) == 1
    assert any("refuses topic, user or password" in line for line in wrong)
