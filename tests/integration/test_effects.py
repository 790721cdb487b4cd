"""Ingest says what facts change, as it reads them back from Kafka."""

import asyncio
import signal
from itertools import cycle
from pathlib import Path

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer

from schemas import codec
from schemas.results import Case, Frame
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, RESULTS, partition_of
from services.runtime.topics_admin import create_topics
from tests.builders import EVENT, Plain, decided, definition, entries, entry, fact, gun, result, status
from tests.conftest import running_broker
from tests.integration.test_ingest_kafka import HANG_S, client_of, push

FIELD = Path(__file__).parents[1] / "data" / "field"


async def until_known(client: aiohttp.ClientSession) -> None:
    """Return once ingest has read the log."""
    async with asyncio.timeout(HANG_S):
        while True:
            async with client.get("/metrics") as answer:
                if "matline_ingest_follower_up 1.0" in await answer.text():
                    return
            await asyncio.sleep(0.05)


async def until_ready_is(client: aiohttp.ClientSession, status: int) -> None:
    """Return once ingest says that it can (200) or cannot (503) write."""
    async with asyncio.timeout(HANG_S):
        while True:
            async with client.get("/readyz") as ready:
                if ready.status == status:
                    return
            await asyncio.sleep(0.05)


async def send(client: aiohttp.ClientSession, *facts: Plain) -> list[Plain]:
    """Return what is answered for each fact."""
    async with client.post("facts", json=list(facts)) as answer:
        body = await answer.json()
        assert answer.status == 200, body
    assert [fact["index"] for fact in body["facts"]] == list(range(len(facts)))
    given: list[Plain] = body["facts"]
    return given


async def test_every_mistyped_fact_is_answered_with_what_it_waits_for(kafka, tmp_path):
    lines = [msgspec.json.decode(line) for line in (FIELD / "26-mistyped-facts.jsonl").read_bytes().splitlines()]
    facts = [{**line, "event": EVENT} for line in lines if line["type"] != "reads_received"]
    facts[0]["definition"]["event"] = EVENT
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        answers = [(await send(client, fact))[0] for fact in facts]
    assert [answer["effect"] for answer in answers[:3]] == ["applied"] * 3
    mistyped = answers[3:]
    assert [answer["effect"] for answer in mistyped] == ["pending"] * 7 + ["unknown"] + ["pending"] * 4
    why = [str(answer["why"]) for answer in mistyped]
    nearest = {0: "'1'", 2: "'M10'", 3: "'10K'", 4: "'hm'", 6: "'m10'", 9: "'1' and '2'", 10: "'hm'", 11: "'1' and '2'"}
    assert [name in why[index] for index, name in nearest.items()] == [True] * len(nearest)
    assert mistyped[2]["warnings"] == ["no mat lists device 'm10'; did you mean 'M10'?"]


async def test_a_request_that_is_sent_again_is_answered_repeated_and_an_equal_fact_no_change(kafka, tmp_path):
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with client.put("definition", json=definition()) as answer:
            assert (await answer.json())["effect"] == "applied"
        first = await send(client, entries("7"), status("7", id="a"), gun(7 * 3600))
        again = await send(client, status("7", id="a"), status("7"), status("7", "DNF", id="a"))
    assert [answer["effect"] for answer in first] == ["applied"] * 3
    assert "typed as UTC" in first[2]["warnings"][0]
    assert [(answer["id"], answer["effect"]) for answer in again] == [
        ("a", "repeated"),
        (None, "no_change"),
        ("a", "repeated"),
    ]
    assert "by local; that fact says the same" in again[0]["why"]
    assert "that fact says something else" in again[2]["why"]


async def test_what_another_ingest_wrote_is_known_and_a_restart_reads_it_again(kafka, tmp_path):
    async with client_of(kafka, tmp_path / "a") as first, client_of(kafka, tmp_path / "b") as other:
        await asyncio.gather(until_known(first), until_known(other))
        async with first.put("definition", json=definition()) as answer:
            assert answer.status == 200
        await send(first, entries("7"))
        async with first.post("reads", json=push(1, 2)) as answer:
            assert answer.status == 200
        assert [answer["effect"] for answer in await send(other, status("7"))] == ["applied"]
    async with client_of(kafka, tmp_path / "c") as later:
        await until_known(later)
        assert [answer["effect"] for answer in await send(later, status("7"), status("8"))] == ["no_change", "pending"]


async def test_a_time_of_day_is_that_of_the_events_definition(kafka, tmp_path):
    timed = fact("gun_fired", race="hm", at="05:00:01.5")
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with client.post("facts", json=timed) as answer:
            assert answer.status == 400
            assert "send the definition first" in (await answer.json())["detail"]
        async with client.put("definition", json=definition()) as answer:
            assert answer.status == 200
        await send(client, timed)
        assert [answer["effect"] for answer in await send(client, gun("1.5"))] == ["no_change"]


async def test_a_case_is_known_from_the_results(kafka, tmp_path):
    missed = msgspec.structs.replace(result("7"), version=2, cases=[Case("missed:7", "hm", "7")])
    frame = Frame(v=1, partition=0, from_offset=0, through_offset=2, last=True, rows=[missed])
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        (before,) = await send(client, decided("missed:7", "dq"))
        await send(client, {**fact("event_defined", definition=definition())}, entries("7"))
        partition = partition_of(EVENT, PARTITIONS_DEFAULT)
        async with AIOKafkaProducer(**kafka.client()) as producer:
            await producer.send_and_wait(RESULTS.name, codec.encode_frame(frame), partition=partition)
        async with asyncio.timeout(HANG_S):
            outcomes = cycle(("accept", "dnf"))
            while (after := (await send(client, decided("missed:7", next(outcomes))))[0])["effect"] == "pending":
                await asyncio.sleep(0.05)
    assert "bib '7' has no entry" in before["why"]
    assert after["effect"] == "applied"


async def test_effects_of_an_event_that_a_newer_release_wrote_are_unknown_and_facts_are_taken(kafka, tmp_path):
    newer = msgspec.msgpack.encode({"v": 99, "event": EVENT, "facts": []})
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with AIOKafkaProducer(**kafka.client()) as producer:
            await producer.send_and_wait(RACE_LOG.name, newer, partition=partition_of(EVENT, PARTITIONS_DEFAULT))
        answers = await send(client, status("7"))
    assert answers[0]["effect"] == "unknown"
    assert "ingest must be upgraded" in answers[0]["why"]


async def test_reads_are_taken_and_facts_are_known_again_after_kafka_was_away(tmp_path):
    with running_broker(tmp_path) as (kafka, process):
        await create_topics(kafka, PARTITIONS_DEFAULT, 1, {})
        async with client_of(kafka, tmp_path) as client, asyncio.timeout(HANG_S):
            await until_known(client)
            await send(client, {**fact("event_defined", definition=definition())}, entries(entry("7")))
            process.send_signal(signal.SIGSTOP)
            await until_ready_is(client, 503)
            process.send_signal(signal.SIGCONT)
            await until_ready_is(client, 200)
            async with client.post("reads", json=push(1)) as answer:
                assert answer.status == 200
            (given,) = await send(client, status("7"))
            while given["effect"] == "unknown":
                assert given["why"]
                (given,) = await send(client, status("7"))
    assert given["effect"] in ("applied", "no_change")
