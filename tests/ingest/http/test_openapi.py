"""Ingest's own description: every route is in it, and real answers and bodies are as it says."""

from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

from services.ingest.app import create_app
from services.ingest.settings import IngestSettings
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import (
    EVENT,
    chip,
    clock,
    closed,
    decided,
    defined,
    definition,
    device,
    entries,
    entry,
    entry_withdrawn,
    excluded,
    fact,
    gun,
    order,
    reopened,
    status,
    time_set,
    waived,
    withdrawn,
)
from tests.documented import Documented
from tests.ingest.conftest import serving
from tests.ingest.memory_log import MemoryLog

EVENTS = "/v1/events/{event}"
JSON = "application/json"
READ = {"seq": 1, "device": "S1", "chip": "C7", "at_us": 1_767_477_600_120_000, "rssi": -58, "antenna": 1, "battery": 3}
PUSH = {"gateway": "tent", "session": "1", "reads": [READ]}
FACTS: list[dict[str, Any]] = [
    defined(id="d"),
    entries("7", "8"),
    entry_withdrawn("8"),
    gun(),
    clock("S1", 1.5, 0, 10),
    device("X1", "start"),
    chip("C9", "7"),
    time_set("7", "10K", 2000),
    time_set("7", "10K", None),
    excluded("S1", "C7", 1),
    status("7", "DQ", at_s=10, rule="4.2"),
    fact("penalty_set", bib="7", seconds=-1.5, reason="held up"),
    waived("10K", 0, 100),
    order("7", "8"),
    decided("missed:7", "accept"),
    closed(at_s=9000),
    reopened(),
    fact("protest_filed", protest="p1", race="hm", text="short cut", bib="7"),
    fact("protest_decided", protest="p1", outcome="rejected", reason="jury"),
    fact("results_published", race="hm", state="provisional", boards=["men"]),
    fact("entry_hidden", bib="7", hidden=True),
    withdrawn("d"),
    fact("notice_received", gateway="tent", device="S1", kind="gunshot"),
    fact("event_archived"),
    fact("event_reopened"),
    {"type": "gun_fired", "event": EVENT, "race": "hm", "at": "2026-01-04T05:00:00+07:00"},
    {**waived("10K"), "from": None, "until": None},
]
REQUESTS: list[tuple[str, str, str, Any, int]] = [
    ("POST", "reads", JSON, PUSH, 200),
    ("POST", "reads", JSON, {**PUSH, "reads": [READ, {"seq": 2}]}, 200),
    ("POST", "reads", JSON, {**PUSH, "reads": [{}]}, 200),
    ("POST", "reads?gateway=tent&session=1", "application/x-ndjson", msgspec.json.encode(READ), 200),
    ("POST", "reads", "application/msgpack", msgspec.msgpack.encode(PUSH), 200),
    ("POST", "reads", JSON, [], 400),
    ("POST", "reads", JSON, {**PUSH, "reads": [READ] * 10_001}, 413),
    ("POST", "reads", "image/png", PUSH, 415),
    ("PUT", "definition", JSON, definition(), 200),
    ("PUT", "definition", "application/toml", b"event = 1", 422),
    ("PUT", "definition", JSON, {}, 422),
    ("PUT", "definition?dry_run=1", JSON, definition(), 400),
    ("POST", "entries", JSON, [entry("7"), entry("8"), {"bib": "9"}], 200),
    ("POST", "entries?dry_run=1", JSON, [entry("7"), {"bib": "9"}], 200),
    ("POST", "entries?dry_run=1&repeat=last&names=given_first", "text/csv", b"bib,race,gender,name\n7,hm,M,A B\n", 200),
    ("POST", "entries", "text/csv", b'bib,"race\n', 400),
    ("POST", "entries", JSON, [], 200),
    *(("POST", "facts", JSON, sent, 200) for sent in FACTS),
    ("POST", "facts", JSON, FACTS, 200),
    ("POST", "facts", JSON, [{"type": "gun_fired"}, 3], 400),
    ("POST", "facts", JSON, [], 400),
    ("POST", "facts", JSON, [gun()] * 1_001, 413),
    ("POST", "facts", JSON, {"type": "gun_fired", "event": EVENT, "race": "hm", "at": "05:00"}, 503),
    ("POST", "facts", JSON, {**defined(), "definition": {}}, 422),
    ("POST", "import?zone=UTC&device=F1&dry_run=1", "text/csv", b"Chip,Time\nA1,2026-01-04 05:00:00\nA2,x\n", 200),
    ("POST", "import?zone=UTC&device=F1", "application/octet-stream", b"Chip,Time\nA1,2026-01-04 05:00:00\n", 200),
    ("POST", "import?zone=UTC", "text/csv", b"Chip,Time\nA1,2026-01-04 05:00:00\n", 422),
    ("POST", "import?zone=UTC", "text/csv", b"", 400),
    ("POST", "raceresult/tent", "text/plain", b"", 403),
    ("POST", "impinj/tent", "application/json", b"[]", 403),
    ("POST", "zebra/tent", "application/json", b"[]", 403),
    ("GET", "/metrics", JSON, b"", 200),
    ("GET", "/healthz", JSON, b"", 200),
    ("GET", "/readyz", JSON, b"", 200),
    ("GET", "/openapi.json", JSON, b"", 200),
    ("GET", "/docs", JSON, b"", 200),
]


async def documented(client: aiohttp.ClientSession) -> Documented:
    async with client.get("/openapi.json") as response:
        return Documented(await response.json())


@pytest.fixture
async def client(ingest: URL):
    async with aiohttp.ClientSession(ingest) as session:
        yield session


def address(path: str) -> str:
    return path if path.startswith("/") else f"/v1/events/{EVENT}/{path}"


async def test_every_answer_is_as_the_document_says(client):
    described = await documented(client)
    for method, path, media, content, status_wanted in REQUESTS:
        template = described.template(address(path).partition("?")[0])
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        headers = {"Content-Type": media}
        async with client.request(method, address(path), data=body, headers=headers) as response:
            answer = await response.read()
            assert response.status == status_wanted, (path, content, answer)
            described.check(method, template, response.status, response.headers, answer)
    answered = {(method, path) for method, path, status_seen in described.checked if status_seen == 200}
    assert described.operations().keys() - answered == {
        ("POST", f"{EVENTS}/{word}/{{gateway}}") for word in ("raceresult", "impinj", "zebra")
    }


async def test_good_bodies_are_as_the_document_says(client):
    described = await documented(client)
    bodies: dict[tuple[str, str], list[Any]] = {
        ("POST", "reads"): [PUSH],
        ("PUT", "definition"): [definition()],
        ("POST", "entries"): [[entry("7")]],
    }
    bodies["POST", "facts"] = [*FACTS, FACTS]
    for (method, path), good in bodies.items():
        taken = described.operations()[method, f"{EVENTS}/{path}"]["requestBody"]["content"][JSON]["schema"]
        for content in good:
            described.validate(taken, content)


async def test_a_fact_that_the_document_does_not_describe_is_refused_by_it_as_by_ingest(client):
    described = await documented(client)
    taken = described.operations()["POST", f"{EVENTS}/facts"]["requestBody"]["content"][JSON]["schema"]
    for bad in ({"type": "gun"}, gun(ra="hm"), gun(by="An"), {**gun(), "at_us": "noon"}, 7, []):
        with pytest.raises(AssertionError):
            described.validate(taken, bad)


@pytest.mark.parametrize(("role", "refusal"), [(None, 401), ("gateway", 403)])
async def test_refusals_of_tokens_are_as_the_document_says(tmp_path, role, refusal):
    shown, token = new_token(role or "official", "an", ["*"], ["tent"], "2026")
    (tmp_path / "tokens.json").write_bytes(tokens_bytes([token]))
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json")
    async with serving(settings, MemoryLog()) as base, aiohttp.ClientSession(base) as client:
        described = await documented(client)
        headers = {} if role is None else {"Authorization": f"Bearer {shown}"}
        for path in ("definition", "entries", "facts"):
            method = "PUT" if path == "definition" else "POST"
            async with client.request(method, address(path), json=[], headers=headers) as response:
                assert response.status == refusal
                body = await response.read()
                described.check(method, f"{EVENTS}/{path}", refusal, response.headers, body)


async def test_every_route_is_in_the_document_and_nothing_else(client, tmp_path):
    described = await documented(client)
    app = create_app(IngestSettings(port=0, tokens=tmp_path / "none.json"), MemoryLog())
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.method != "HEAD"}
    assert routes - {("GET", "/docs/style.css")} == described.operations().keys()
