"""Ingest's HTTP API over a real socket: every route, and every refusal. Source: docs/http.md."""

import asyncio
import gzip
import io
import json
from typing import Any

import aiohttp
import msgspec
import openpyxl
import pytest
import zstandard
from yarl import URL

from schemas.events import EntriesAdded, EventDefined, GunFired, ReadRow, ReadsLogged
from schemas.rejected import RAW_MAX_BYTES, encode_rejection
from schemas.topics import ENVELOPE_READS_MAX, RECORD_MAX_BYTES
from services.fact_effects.sent_facts import FACTS_MAX
from services.ingest.http import api as http
from services.ingest.http.definitions import TOML_MAX_BYTES
from services.ingest.http.push import READS_MAX
from services.ingest.limits import IngestLimits
from tests.builders import EVENT, definition
from tests.ingest.memory_log import MemoryLog

JSON = {"Content-Type": "application/json"}


def wire(seq: int = 0, **changes: object) -> dict[str, Any]:
    return {"seq": seq, "device": "S1", "chip": "A1", "at_us": 1_767_477_600_000_000, **changes}


def push(*reads: object) -> dict[str, Any]:
    return {"gateway": "g", "session": "s", "reads": list(reads)}


def gun(**changes: object) -> dict[str, Any]:
    return {"type": "gun_fired", "event": EVENT, "race": "hm", "at_us": 1_767_477_600_000_000, **changes}


async def problem(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    """Return the problem of an answer, which must have this status."""
    body = await response.read()
    assert response.status == status, body
    assert response.content_type == "application/problem+json"
    document: dict[str, object] = json.loads(body)
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document


def rows(race_log: MemoryLog) -> list[ReadRow]:
    return [row for fact in race_log.facts() if isinstance(fact, ReadsLogged) for row in fact.reads]


# --- reads


@pytest.mark.parametrize(
    ("content_type", "query", "body"),
    [
        ("application/json", {}, msgspec.json.encode(push(wire(4), wire(5)))),
        ("application/json; charset=utf-8", {}, msgspec.json.encode(push(wire(4), wire(5)))),
        ("application/x-www-form-urlencoded", {}, msgspec.json.encode(push(wire(4), wire(5)))),
        ("application/msgpack", {}, msgspec.msgpack.encode(push(wire(4), wire(5)))),
        (
            "application/x-ndjson",
            {"gateway": "g", "session": "s"},
            msgspec.json.encode(wire(4)) + b"\n" + msgspec.json.encode(wire(5)) + b"\n",
        ),
    ],
)
async def test_reads_are_written_and_the_answer_has_the_next_number(client, race_log, content_type, query, body):
    async with client.post("reads", data=body, params=query, headers={"Content-Type": content_type}) as answer:
        assert answer.status == 200
        assert await answer.json() == {"accepted": 2, "rejected": [], "next_seq": 6, "revision": 0}
    [fact] = race_log.facts()
    assert isinstance(fact, ReadsLogged)
    assert (fact.event, fact.gateway, fact.session, fact.by) == (EVENT, "g", "s", None)
    assert [row.seq for row in fact.reads] == [4, 5]
    assert fact.recorded_at_us is not None


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
async def test_bodies_of_reads_may_be_compressed(client, race_log, coding, pack):
    body = pack(msgspec.json.encode(push(wire())))
    async with client.post("reads", data=body, headers={**JSON, "Content-Encoding": coding}) as answer:
        assert (await answer.json())["accepted"] == 1
    assert len(rows(race_log)) == 1


async def test_many_reads_become_facts_that_fit_an_envelope_in_order(client, race_log):
    reads = [wire(seq) for seq in range(2 * ENVELOPE_READS_MAX + 1)]
    async with client.post("reads", json=push(*reads)) as answer:
        body = await answer.json()
    assert (body["accepted"], body["revision"]) == (1001, 2)
    assert [len(fact.reads) for fact in race_log.facts()] == [500, 500, 1]
    assert [row.seq for row in rows(race_log)] == list(range(1001))


async def test_bad_reads_become_dead_letters_and_do_not_affect_the_others(client, race_log):
    async with client.post("reads", json=push(wire(1), wire(2, chip=""), wire(3))) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert (body["accepted"], body["next_seq"], body["revision"]) == (2, 4, 0)
    assert [bad["index"] for bad in body["rejected"]] == [1]
    [letter] = race_log.dead_letters
    assert (letter.event, letter.source, letter.gateway, letter.index) == (EVENT, "http", "g", 1)
    assert msgspec.json.decode(letter.raw) == wire(2, chip="")
    assert letter.reason == body["rejected"][0]["reason"]


async def test_a_request_of_bad_reads_alone_has_no_revision(client, race_log):
    async with client.post("reads", json=push(wire(1, chip=""))) as answer:
        assert answer.status == 200
        assert (await answer.json())["revision"] is None
    assert race_log.records == []


async def test_a_request_without_reads_is_answered_with_the_next_number(client):
    async with client.post("reads", json=push(wire(7))) as answer:
        assert (await answer.json())["next_seq"] == 8
    async with client.post("reads", json=push()) as answer:
        assert await answer.json() == {"accepted": 0, "rejected": [], "next_seq": 8, "revision": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"gateway":"g","session":"s"}', b"\xff\xfe", b'{"gateway":"\xff","session":"s","reads":[]}'],
)
async def test_reads_that_cannot_be_read_are_refused_and_kept(client, race_log, body):
    async with client.post("reads", data=body, headers=JSON) as answer:
        await problem(answer, 400)
    assert [(letter.raw, letter.size) for letter in race_log.dead_letters] == [(body, len(body))]
    assert race_log.records == []


async def test_the_beginning_of_a_long_unreadable_body_is_kept(client, race_log):
    body = b"x" * (RAW_MAX_BYTES + 1)
    async with client.post("reads", data=body, headers=JSON) as answer:
        await problem(answer, 400)
    [letter] = race_log.dead_letters
    assert (len(letter.raw), letter.size) == (RAW_MAX_BYTES, RAW_MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "reads", {**push(), "x" * 2_000_000: 1}, 400),
        ("POST", "reads", push(wire(**{"x" * 2_000_000: 1})), 200),
        ("POST", "facts", gun(**{"x" * 2_000_000: 1}), 400),
        ("POST", "entries", [{"x" * 2_000_000: 1}], 200),
        ("PUT", "definition", {"x" * 500_000: 1}, 422),
    ],
)
async def test_an_answer_does_not_quote_megabytes(client, race_log, method, path, body, status):
    """Its dead letter does not either: the record would be larger than Kafka takes."""
    async with client.request(method, path, data=io.BytesIO(msgspec.json.encode(body))) as answer:
        assert answer.status == status
        assert len(await answer.read()) < 16_384
    assert all(len(encode_rejection(letter)) < RECORD_MAX_BYTES for letter in race_log.dead_letters)


async def test_a_body_nested_without_end_is_refused(client):
    body = b'{"gateway":"g","session":"s","reads":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    async with client.post("reads", data=body, headers=JSON) as answer:
        await problem(answer, 400)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"gateway":"g","session":"s","reads":[' + b"1," * 300_000 + b"1]}"),
        ("application/msgpack", b"\x83\xa7gateway\xa1g\xa7session\xa1s\xa5reads\xdd\x00\x04\x00\x00" + b"\1" * 2**18),
        ("application/x-ndjson", b"1\n" * 300_000),
    ],
)
async def test_too_many_items_are_refused_before_any_is_decoded(client, race_log, kind, body):
    query = {"gateway": "g", "session": "s"}
    async with client.post("reads", data=body, params=query, headers={"Content-Type": kind}) as answer:
        assert (await problem(answer, 413))["limit"] == READS_MAX
    assert race_log.dead_letters == []


async def test_more_reads_than_a_request_takes_are_too_many(client, race_log):
    async with client.post("reads", json=push(*[wire(seq) for seq in range(READS_MAX + 1)])) as answer:
        assert (await problem(answer, 413))["limit"] == READS_MAX
    assert race_log.records == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["reads", "facts", "definition"])
async def test_a_body_over_the_limit_is_too_large_even_in_chunks(client, path, chunked):
    async def pieces():
        for _ in range(http.BODY_MAX_BYTES // 65536 + 1):
            yield b" " * 65536

    method = client.put if path == "definition" else client.post
    body = pieces() if chunked else io.BytesIO(b" " * (http.BODY_MAX_BYTES + 1))
    async with method(path, data=body, headers=JSON) as answer:
        limit = http.DEFINITION_MAX_BYTES if path == "definition" else http.BODY_MAX_BYTES
        assert (await problem(answer, 413))["limit"] == limit


async def test_a_bomb_is_too_large(client):
    body = gzip.compress(b" " * (http.BODY_MAX_BYTES + 1))
    async with client.post("reads", data=body, headers={**JSON, "Content-Encoding": "gzip"}) as answer:
        await problem(answer, 413)


@pytest.mark.parametrize("header", [{"Content-Type": "image/png"}, {**JSON, "Content-Encoding": "br"}])
async def test_an_unknown_form_is_refused_by_name(client, header):
    async with client.post("reads", data=b"x", headers=header) as answer:
        await problem(answer, 415)


# --- Kafka slow or unreachable


async def test_nothing_is_answered_before_the_log_has_acknowledged(client, race_log):
    race_log.answering.clear()
    sending = asyncio.create_task(client.post("reads", json=push(wire())))
    while not race_log.asked:
        await asyncio.sleep(0.005)
    done, _ = await asyncio.wait([sending], timeout=0.2)
    assert not done
    race_log.answering.set()
    async with await sending as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "reads", msgspec.json.encode(push(wire()))),
        ("POST", "reads", msgspec.json.encode(push(wire(chip="")))),
        ("POST", "reads", b"{"),
        ("POST", "facts", msgspec.json.encode(gun())),
        ("PUT", "definition", msgspec.json.encode(definition())),
        ("POST", "entries", b"bib,chips,race,gender,given_name,family_name\n7,A1,hm,M,A,B\n"),
    ],
)
@pytest.mark.parametrize("limits", [IngestLimits(ack_wait_s=0.05)])
async def test_without_an_acknowledgement_the_client_is_asked_to_retry(client, race_log, method, path, body):
    race_log.answering.clear()
    async with client.request(method, path, data=body) as answer:
        await problem(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
    assert race_log.records == []
    race_log.answering.set()
    async with client.request(method, path, data=body) as answer:
        assert answer.status == (400 if body == b"{" else 200)


async def test_a_disk_without_room_is_named_and_the_client_is_asked_to_retry(client, race_log):
    race_log.disk_fault = "the disk of /srv/kafka has 249 MiB free"
    async with client.post("reads", json=push(wire())) as answer:
        refused = await problem(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
    assert refused["title"] == "Disk full"
    assert refused["detail"] == race_log.disk_fault
    assert race_log.records == []
    race_log.disk_fault = None
    async with client.post("reads", json=push(wire())) as answer:
        assert answer.status == 200


async def test_too_much_waiting_for_the_log_is_too_fast(client, race_log):
    race_log.full = True
    async with client.post("reads", json=push(wire())) as answer:
        await problem(answer, 429)
        assert int(answer.headers["Retry-After"]) >= 1


async def test_more_requests_at_once_than_are_worked_on_are_too_fast(client, race_log):
    race_log.answering.clear()
    waiting = [asyncio.create_task(client.post("reads", json=push(wire()))) for _ in range(http.REQUESTS_MAX)]
    while race_log.asked < http.REQUESTS_MAX:
        await asyncio.sleep(0.01)
    async with client.post("reads", json=push(wire())) as answer:
        await problem(answer, 429)
        assert int(answer.headers["Retry-After"]) >= 1
    race_log.answering.set()
    for answer in await asyncio.gather(*waiting):
        assert answer.status == 200
        answer.release()
    async with client.post("reads", json=push(wire())) as answer:
        assert answer.status == 200


# --- definition


TOML = """
event = "example-2026"
name = "Example"
date = 2026-01-04
timezone = "Asia/Ho_Chi_Minh"

[[mats]]
id = "start"
devices = ["S1"]

[[mats]]
id = "finish"
devices = ["F1"]

[[races]]
id = "hm"
name = "Half marathon"
start = 2026-01-04T05:00:00
points = [{ id = "START", mat = "start", km = 0 }, { id = "FINISH", mat = "finish", km = 21.0975 }]
"""


@pytest.mark.parametrize("content_type", ["application/toml", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_definition_in_toml_becomes_a_fact(client, race_log, content_type):
    async with client.put("definition", data=TOML, headers={"Content-Type": content_type}) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert (body["event"], body["revision"], body["effect"]) == (EVENT, 0, "unknown")  # this ingest reads no log
    [fact] = race_log.facts()
    assert isinstance(fact, EventDefined)
    assert fact.definition["races"][0]["start"] == "2026-01-04T05:00:00"
    assert fact.by == "local"


async def test_a_definition_in_json_becomes_a_fact(client, race_log):
    async with client.put("definition", json=definition()) as answer:
        assert answer.status == 200
    [fact] = race_log.facts()
    assert fact.definition == definition()


async def test_a_faulty_definition_is_refused_with_every_fault(client, race_log):
    text = TOML.replace('mat = "finish"', 'mat = "end"').replace("Asia/Ho_Chi_Minh", "Asia/Nowhere")
    async with client.put("definition", data=text.replace('event = "example', 'event = "other')) as answer:
        body = await problem(answer, 422)
    assert [fault["path"] for fault in body["faults"]] == ["event", "timezone", "races[0].points[1].mat"]
    assert all(fault["reason"] for fault in body["faults"])
    assert race_log.records == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/toml", b"= 1"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("text/plain", b"\xff"),
        ("", b""),
    ],
)
async def test_a_body_that_is_no_definition_is_refused(client, content_type, body):
    async with client.put("definition", data=body, headers={"Content-Type": content_type}) as answer:
        refusal = await problem(answer, 422)
    assert refusal["faults"]
    assert refusal["detail"].startswith("the definition is ")
    assert not [word for word in ("$", "codec", "truncated") if word in refusal["detail"]]


@pytest.mark.parametrize(
    "body",
    [
        b"a = " + b"[" * 100_000 + b"]" * 100_000,
        b"a = " + b"{a=" * 20_000 + b"1" + b"}" * 20_000,
        b"a = 1" + b"0" * 6_000,
        b"a." * 20_000 + b"b = 1",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"name":"\xff"}',
        b'{"name":1e999}',
        b'{"name":1' + b"0" * 6_000 + b"}",
    ],
)
async def test_a_definition_that_is_slow_to_parse_is_refused_in_time(client, race_log, body):
    async with asyncio.timeout(10), client.put("definition", data=body) as answer:
        assert (await problem(answer, 422))["faults"]
    assert race_log.records == []


async def test_toml_is_refused_beyond_a_length(client):
    async with client.put("definition", data=b"#" * (TOML_MAX_BYTES + 1)) as answer:
        assert (await problem(answer, 413))["limit"] == TOML_MAX_BYTES


# --- entries


CSV = "bib,chips,race,gender,given_name,family_name\n7,A1,hm,M,Jo,X\n8,A2,hm,Q,Jo,X\n9,A3,hm,F,Jo,X\n"


async def test_entries_of_a_csv_file_are_taken_and_the_bad_ones_named(client, race_log):
    async with client.post("entries", data=CSV, headers={"Content-Type": "text/csv"}) as answer:
        body = await answer.json()
    assert (body["accepted"], body["rejected_total"], body["revision"]) == (2, 1, 0)
    assert body["rejected"] == [
        {"line": 3, "column": "gender", "value": "Q", "reason": "Q is not known; write M, F or X"}
    ]
    assert body["replaced"] is None
    assert "races are taken as they stand" in body["warnings"][0]["reason"]
    [fact] = race_log.facts()
    assert isinstance(fact, EntriesAdded)
    assert [entry.bib for entry in fact.entries] == ["7", "9"]


async def test_a_dry_run_writes_nothing_and_says_what_each_row_would_be(client, race_log):
    async with client.post("entries", params={"dry_run": "1"}, data=CSV) as answer:
        body = await answer.json()
    assert (body["accepted"], body["rejected_total"], body["undo"], body["revision"]) == (2, 1, None, None)
    assert [(row["line"], row["bib"], row["change"]) for row in body["rows"]] == [
        (2, "7", "unknown"),
        (3, None, "rejected"),
        (4, "9", "unknown"),
    ]
    assert race_log.facts() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", *http.XLSX])
async def test_a_workbook_is_known_by_its_content(client, race_log, kind):
    book = openpyxl.Workbook()
    book.active.append(["Số BIB", "Họ và tên", "Giới tính", "Race"])
    book.active.append([7, "Nguyễn Ánh Tuyết", "Nữ", "hm"])
    saved = io.BytesIO()
    book.save(saved)
    async with client.post("entries", data=saved.getvalue(), headers={"Content-Type": kind}) as answer:
        assert (await answer.json())["accepted"] == 1
    [fact] = race_log.facts()
    assert [entry.given_name for entry in fact.entries] == ["Ánh Tuyết"]


@pytest.mark.parametrize(("method", "path"), [("post", "facts"), ("put", "definition")])
async def test_a_dry_run_of_facts_or_a_definition_is_refused_with_where_to_preview_them(client, race_log, method, path):
    async with client.request(method, path, params={"dry_run": "1"}, data=b"{}") as answer:
        assert "/preview" in (await problem(answer, 400))["detail"]
    assert race_log.records == []


async def test_a_misspelt_dry_run_writes_nothing(client, race_log):
    async with client.post("entries", params={"dryrun": "1"}, data=CSV) as answer:
        assert "dry_run" in (await problem(answer, 400))["detail"]
    assert race_log.facts() == []


async def test_a_dry_run_that_is_contradicted_writes_nothing(client, race_log):
    async with client.post("entries?dry_run=0&dry_run=1", data=CSV) as answer:
        assert (await problem(answer, 400))["detail"] == "'dry_run' comes 2 times; write it once"
    assert race_log.facts() == []


async def test_many_entries_become_several_facts_with_the_same_ids_on_a_retry(client, race_log):
    entries = [
        {"bib": str(n), "chips": [f"C{n}"], "race": "hm", "gender": "F", "given_name": "A", "family_name": "B"}
        for n in range(1, 1202)
    ]
    for _ in range(2):
        async with client.post("entries", json=entries, headers={"Idempotency-Key": "list-1"}) as answer:
            assert (await answer.json())["accepted"] == 1201
    facts = race_log.facts()
    assert [len(fact.entries) for fact in facts] == [500, 500, 201] * 2
    assert [fact.id for fact in facts] == ["list-1.0", "list-1.1", "list-1.2"] * 2


async def test_a_long_key_still_gives_ids_that_the_log_takes(client, race_log):
    async with client.post("entries", data=CSV, headers={"Idempotency-Key": "k" * 500}) as answer:
        assert answer.status == 200
    [fact] = race_log.facts()
    assert len(fact.id) <= 64


@pytest.mark.parametrize("body", [b"", b"{}", b"bib,email\n", b"[", b"\xff"])
async def test_a_body_that_is_no_entry_list_is_refused(client, body):
    async with client.post("entries", data=body) as answer:
        await problem(answer, 400)


# --- facts


async def test_a_fact_or_a_list_is_written_with_who_and_when_and_answered_with_the_revision(client, race_log):
    async with client.post("facts", json=gun(by="somebody else", recorded_at_us=1)) as answer:
        assert (await answer.json())["revision"] == 0
    async with client.post("facts", json=[gun(wave="a", id="a"), gun(wave="b")]) as answer:
        body = await answer.json()
    assert body["revision"] == 2
    assert [(fact["index"], fact["id"], fact["effect"]) for fact in body["facts"]] == [
        (0, "a", "unknown"),  # this ingest reads no log
        (1, None, "unknown"),
    ]
    facts = race_log.facts()
    assert all(isinstance(fact, GunFired) for fact in facts)
    assert [fact.wave for fact in facts] == [None, "a", "b"]
    assert {fact.by for fact in facts} == {"local"}
    assert all(fact.recorded_at_us > 1 for fact in facts)


async def test_one_bad_fact_in_a_list_prevents_all_from_being_written(client, race_log):
    bad = [gun(event="other"), gun(at_us="now"), {"type": "nothing"}, gun(typo=1)]
    reads = {"type": "reads_received", "event": EVENT, "gateway": "g", "session": "s", "reads": []}
    async with client.post("facts", json=[gun(), *bad, reads]) as answer:
        body = await problem(answer, 400)
    assert [fault["index"] for fault in body["faults"]] == [1, 2, 3, 4, 5]
    assert race_log.records == []


async def test_a_time_with_its_zone_is_written_in_microseconds(client, race_log):
    timed = {name: value for name, value in gun().items() if name != "at_us"} | {"at": "2026-01-04T05:00:01.5+07:00"}
    async with client.post("facts", json=timed) as answer:
        assert answer.status == 200
    [fact] = race_log.facts()
    assert fact.at_us == 1_767_477_601_500_000


async def test_a_time_of_day_is_to_be_sent_again_while_the_definition_is_not_known(client, race_log):
    timed = {name: value for name, value in gun().items() if name != "at_us"} | {"at": "05:00:01.5"}
    async with client.post("facts", json=timed) as answer:
        body = await problem(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
    assert "ingest has not begun to read the log; until then times of day have no date" in body["detail"]
    assert race_log.records == []


async def test_an_instant_in_seconds_is_malformed_and_the_answer_says_what_was_probably_meant(client, race_log):
    async with client.post("facts", json=gun(at_us=1_767_477_600)) as answer:
        body = await problem(answer, 400)
    assert "looks like seconds" in body["detail"]
    assert "1767477600000000" in body["detail"]
    assert race_log.records == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"[", b"[1]", b"\xff"])
async def test_a_body_that_is_no_fact_is_refused(client, body):
    async with client.post("facts", data=body, headers=JSON) as answer:
        await problem(answer, 400)


async def test_more_facts_than_a_request_takes_are_too_many(client):
    async with client.post("facts", json=[gun()] * (FACTS_MAX + 1)) as answer:
        assert (await problem(answer, 413))["limit"] == FACTS_MAX


async def test_a_definition_among_facts_is_checked_as_by_put(client, race_log):
    faulty = {**definition(), "timezone": "Asia/Nowhere"}
    async with client.post("facts", json={"type": "event_defined", "event": EVENT, "definition": faulty}) as answer:
        body = await problem(answer, 422)
    assert [fault["path"] for fault in body["faults"]] == ["timezone"]
    assert race_log.records == []


async def test_a_fact_that_does_not_fit_into_a_record_is_too_large(client, race_log):
    entry = {"bib": "7", "chips": [], "race": "hm", "gender": "F", "given_name": "ä" * 200, "family_name": "ä" * 200}
    entries = [{**entry, "bib": str(n)} for n in range(1, 1000)]
    body = msgspec.json.encode({"type": "entries_added", "event": EVENT, "entries": entries})
    async with client.post("facts", data=body) as answer:
        await problem(answer, 413)
    assert race_log.records == []


# --- paths, methods, health


@pytest.mark.parametrize("event", ["a b", "-x", "x" * 65, "ä"])
async def test_an_event_is_an_id(ingest: URL, event):
    address = ingest / "v1/events" / event / "reads"
    async with aiohttp.ClientSession() as client, client.post(address, json=push()) as answer:
        await problem(answer, 400)


async def test_an_unknown_path_is_answered_with_a_problem(client, ingest: URL):
    async with client.post("nothing") as answer:
        await problem(answer, 404)
    async with client.get("reads") as answer:
        await problem(answer, 405)
        assert answer.headers["Allow"] == "POST"
    async with client.get(ingest / "nothing") as answer:
        await problem(answer, 404)


async def test_health_and_metrics_are_served(client, race_log, ingest: URL):
    async with client.post("reads", json=push(wire(5), wire(5), wire(8), wire(9, chip=""))) as answer:
        assert answer.status == 200
    async with client.get(ingest / "metrics") as answer:
        text = await answer.text()
    for line in (
        'matline_ingest_reads_total{source="http"} 3.0',
        "matline_ingest_reads_repeated_total 1.0",
        'matline_ingest_rejected_total{reason="read",source="http"} 1.0',
        'matline_ingest_requests_total{route="reads",status="200"} 1.0',
    ):
        assert line in text.splitlines()
    async with client.get(ingest / "healthz") as answer:
        assert answer.status == 200
    async with client.get(ingest / "readyz") as answer:
        assert answer.status == 200
    race_log.answering.clear()
    async with client.get(ingest / "readyz") as answer:
        assert answer.status == 503


async def test_an_internal_error_is_answered_with_a_problem_and_logged(client, race_log, monkeypatch, caplog):
    async def broken(*_: object) -> int:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(race_log, "append", broken)
    async with client.post("facts", json=gun()) as answer:
        await problem(answer, 500)
    assert "made up" in caplog.text


# --- without tokens: this machine only


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "timing.example"},
        {"Host": "192.168.1.5:8701"},
        {"Origin": "https://elsewhere.example"},
        {"X-Forwarded-For": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[::"},
        {"Host": "[::"},
        {"Host": ""},
    ],
)
async def test_a_page_of_another_site_cannot_write(client, race_log, headers):
    async with client.post("facts", json=gun(), headers=headers) as answer:
        await problem(answer, 403)
    assert race_log.records == []


async def test_a_page_of_ingest_itself_can_write(client, ingest: URL):
    async with client.post("facts", json=gun(), headers={"Origin": str(ingest.origin())}) as answer:
        assert answer.status == 200
