"""Files out of devices' memories over HTTP, on a log in memory: what is written, shown and refused."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession

from schemas.events import NoticeReceived, ReadRow, ReadsLogged
from services.fact_effects.known_event import KnownEvent
from services.ingest.http.file_imports import known_of
from services.ingest.memory_files.device_reads import ImportedReads
from services.ingest.memory_files.formats import BadLines
from services.ingest.settings import IngestSettings
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT, at, defined, device, entries
from tests.ingest.conftest import serving
from tests.ingest.http.test_api import problem
from tests.ingest.memory_log import MemoryLog
from tests.ingest.test_known_events import facts_of

ULTRA = """\
0,0,1451970000,0,0,0,0,1,7,0000000000000000,0,1
0,C7,1451970005,120,1,-58,0,1,7,0000000000000000,0,2
0,C8,1451970006,250,2,-61,0,1,7,0000000000000000,0,3
0,C8,1451970006,250,2,-59,1,1,7,0000000000000000,0,3
0,C9,oops,0,1,-60,0,1,7,0000000000000000,0,4
"""
ZONE = {"zone": "+07:00"}


async def answer(client, content: str | bytes, **query: Any) -> dict[str, Any]:
    async with client.post("import", data=content, params=query) as response:
        assert response.status == 200, await response.read()
        document: dict[str, Any] = await response.json()
        return document


def rows(race_log) -> list[ReadRow]:
    return [row for fact in race_log.facts() if isinstance(fact, ReadsLogged) for row in fact.reads]


async def test_reads_are_written_in_a_session_of_their_own_and_a_gun_as_a_notice(client, race_log):
    document = await answer(client, ULTRA, device="F1", **ZONE)
    first, second = rows(race_log)
    assert (first.device, first.chip, first.antenna, first.rssi) == ("F1", "C7", 1, -58)
    assert (second.chip, second.rssi) == ("C8", -59)  # the stronger of two that are one
    [fact] = [fact for fact in race_log.facts() if isinstance(fact, ReadsLogged)]
    assert (fact.gateway, fact.session) == ("import", document["session"])
    [notice] = [fact for fact in race_log.facts() if isinstance(fact, NoticeReceived)]
    assert notice.kind == "gun"
    assert (document["format"], document["reads"], document["repeats"], document["written"]) == ("ultra", 2, 1, 2)
    assert document["rejected"] == [{"line": 5, "reason": "'oops' '0' are not seconds since 1980 and milliseconds"}]
    assert document["devices"][0]["places"] == ["7/1", "7/2"]
    assert document["devices"][0]["first"] == "2026-01-04 05:00:05.120+07:00"


async def test_a_file_that_comes_twice_writes_nothing_again(client, race_log):
    first = await answer(client, ULTRA, device="F1", **ZONE)
    second = await answer(client, ULTRA, device="F1", **ZONE)
    assert len(rows(race_log)) == 2
    assert (second["written"], second["on_log"], second["new"], second["session"]) == (0, 2, 0, first["session"])


async def test_a_file_that_comes_twice_at_once_is_written_once(client, race_log):
    race_log.answering.clear()
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(answer(client, ULTRA, device="F1", **ZONE)) for _ in range(2)]
        while not race_log.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # for the other one, were it not to wait
        race_log.answering.set()
    assert sorted(task.result()["written"] for task in both) == [0, 2]
    assert len(rows(race_log)) == 2


async def test_beside_the_live_stream_only_what_it_lacks_is_written(client, race_log):
    live = {"seq": 0, "device": "F1", "chip": "C7", "at_us": 1_767_477_605_120_000, "rssi": -58}
    async with client.post("reads", json={"gateway": "ultra", "session": "s", "reads": [live]}) as response:
        assert response.status == 200
    document = await answer(client, ULTRA, device="F1", **ZONE)
    assert (document["on_log"], document["written"]) == (1, 1)
    assert [row.chip for row in rows(race_log)] == ["C7", "C8"]


async def test_a_stronger_read_of_the_same_instant_is_written(client, race_log):
    live = {"seq": 0, "device": "F1", "chip": "C7", "at_us": 1_767_477_605_120_000, "rssi": -70}
    async with client.post("reads", json={"gateway": "ultra", "session": "s", "reads": [live]}):
        pass
    document = await answer(client, ULTRA, device="F1", **ZONE)
    assert (document["on_log"], document["new"], document["written"]) == (1, 1, 2)


async def test_a_dry_run_writes_nothing_and_says_what_would_be(client, race_log):
    document = await answer(client, ULTRA, device=["7/1=F1", "7=F2"], dry_run="1", **ZONE)
    assert race_log.facts() == []
    assert [(summary["device"], summary["reads"]) for summary in document["devices"]] == [("F1", 1), ("F2", 1)]
    assert (document["dry_run"], document["written"], document["new"], document["revision"]) == (True, 0, 2, None)
    assert document["marks"][0]["at"] == "2026-01-04 05:00:00.000+07:00"
    assert document["known_chips"] is None  # there is no Kafka here, so ingest knows no entries


async def test_a_place_without_a_name_must_be_given_a_device(client, race_log):
    async with client.post("import", data="Chip,Time\nA1,2026-01-04 05:00:00\n", params=ZONE) as response:
        document = await problem(response, 422)
    assert document["detail"].startswith("the file names no device; say which device that is, device=F1 for the")
    assert race_log.facts() == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "zone="),
        ({"zone": "Hanoi"}, "time zone"),
        ({**ZONE, "dryrun": "1"}, "'dryrun' is not known"),
        ({**ZONE, "dry_run": "yes"}, "dry_run="),
        ({**ZONE, "day": "4.1.2026"}, "2026-01-04"),
        ({**ZONE, "shift": "an hour"}, "shift"),
        ({**ZONE, "began": "at five"}, "2026-01-04T05:12:07.250"),
        ({**ZONE, "began": "2026-01-04T05:12:07", "day": "2026-01-04"}, "contradict"),
        ({**ZONE, "device": ["F1", "F2"]}, "PLACE=DEVICE"),
        ({**ZONE, "device": ""}, "device="),
        ({**ZONE, "column": "chips=1"}, "NAME=HEADING"),
        ({**ZONE, "gateway": "g" * 65}, "gateway="),
        ([("zone", "UTC"), ("zone", "UTC")], "comes 2 times"),
    ],
)
async def test_a_wrong_parameter_is_refused_in_words(client, race_log, query, words):
    async with client.post("import", data=ULTRA, params=query) as response:
        document = await problem(response, 400)
    assert words in document["detail"]
    assert race_log.facts() == []


async def test_a_file_of_no_known_format_is_refused(client):
    async with client.post("import", data="hello\nworld\n", params=ZONE) as response:
        document = await problem(response, 400)
    assert "no known format" in document["detail"]


def test_chips_and_devices_are_known_by_the_facts_that_cover_the_read():
    known = KnownEvent(EVENT)
    for offset, fact in enumerate(facts_of(defined(), entries("7"), device("X9", "finish"))):
        known.fold(offset, fact)
    imported = ImportedReads([ReadRow(0, "X9", "C7", at(100)), ReadRow(1, "Z1", "NOBODY", at(101))], {}, 0, BadLines())
    assert known_of(known, imported) == ({"X9": "finish", "Z1": None}, {"C7": "7", "NOBODY": None})


@pytest.mark.parametrize(
    ("role", "gateway", "status"),
    [("gateway", "van", 200), ("gateway", "other", 403), ("official", "other", 200), ("reader", "van", 403)],
)
async def test_officials_import_for_any_gateway_and_gateways_for_their_own(tmp_path, role, gateway, status):
    shown, token = new_token(role, "van", ["*"], ["van"], "2026")
    (tmp_path / "tokens.json").write_bytes(tokens_bytes([token]))
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json")
    headers = {"Authorization": f"Bearer {shown}"}
    query = {**ZONE, "device": "F1", "gateway": gateway}
    async with (
        serving(settings, MemoryLog()) as base,
        ClientSession(base, headers=headers) as client,
        client.post(f"/v1/events/{EVENT}/import", data=ULTRA, params=query) as response,
    ):
        assert response.status == status
