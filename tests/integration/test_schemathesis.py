"""Requests that Schemathesis makes of the OpenAPI documents, good and bad ones: each is answered as these say."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import aiohttp
import msgspec

from services.ingest.limits import IngestLimits
from services.ingest.settings import IngestSettings
from tests.builders import EVENT
from tests.ingest.conftest import serving as serving_ingest
from tests.ingest.memory_log import MemoryLog
from tests.live.racing import Racing, serving
from tests.live.test_openapi import STATES

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = 10  # of each operation, beside those that cover its parameters
BODY_EXAMPLES = 50  # where bodies have so many fields that covering each takes thousands of requests
SEED = 1
HANG_S = 1200.0
IDS = f"""
[parameters]
"path.event" = "{EVENT}"
"path.race" = "hm"

[[operations]]
include-name-regex = "^(POST|PUT) .*/(facts|preview|definition)$"
phases.coverage.enabled = false
phases.fuzzing.generation.max-examples = {BODY_EXAMPLES}

[[operations]]
include-path-regex = '(\\.(csv|xml)|/RRPublish/data/\\w+)$'  # the same request as another but for its answer
phases.coverage.enabled = false
"""
OF_LIVE = "".join(
    f"""
[[operations]]
include-path-regex = "{part}"
parameters = {{ "path.event" = "{EVENT}", "{name}" = "{value}" }}
"""
    for part, name, value in (
        ("/boards/", "path.board", "men"),
        ("/teams/", "path.board", "teams"),
        ("/delegations/", "path.board", "both"),
        ("/athletes/", "path.bib", "7"),
        ("/splits/", "path.point", "10K"),
        ("/list$", "query.listname", "men"),
    )
)


async def schemathesis(folder: Path, document: str, base: str, *more: str, ids: str = IDS) -> tuple[int, str]:
    """Let it test the service at `base` by a document, a URL or a file. Return its exit code and its report."""
    (folder / "ids.toml").write_text(ids)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "ids.toml", "run", document]
    options = [
        *("--url", base, "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing"),
        *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--no-color", *more),
    ]
    process = await asyncio.create_subprocess_exec(*command, *options, cwd=folder, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(HANG_S):
        report, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, report.decode()


async def operation_count(base: str) -> int:
    """How many operations the document of a service has, beside that of itself, which Schemathesis does not try."""
    async with aiohttp.ClientSession() as session, session.get(f"{base}/openapi.json") as response:
        return sum(map(len, (await response.json())["paths"].values())) - 1


async def test_live_answers_every_request_as_its_document_says(database, tmp_path):
    race = Racing(database)
    for facts in STATES["void"]:
        await race.announce(*facts)
    async with serving(race) as live:
        without_streams = ("--exclude-path", "/v1/events/{event}/stream")  # it has no end
        code, report = await schemathesis(
            tmp_path, f"{live.base}/openapi.json", live.base, *without_streams, ids=IDS + OF_LIVE
        )
        operations = await operation_count(live.base) - 1  # the stream
    assert code == 0, report
    assert f"{operations} passed" in report, report


async def test_an_answer_that_is_not_described_would_be_noticed(database, tmp_path):
    race = Racing(database)
    for facts in STATES["void"]:
        await race.announce(*facts)
    async with serving(race) as live:
        document = await live.json("/openapi.json")
        document["components"]["schemas"]["BoardPage"]["properties"]["total"] = {"type": "string"}
        (tmp_path / "wrong.json").write_bytes(msgspec.json.encode(document))
        of_boards = ("--include-path", "/v1/events/{event}/boards/{board}", "--phases", "fuzzing")
        code, report = await schemathesis(tmp_path, "wrong.json", live.base, *of_boards, ids=IDS + OF_LIVE)
    assert code == 1, report
    assert "Response violates schema" in report


async def test_ingest_answers_every_request_as_its_document_says(tmp_path):
    unthrottled = IngestLimits(refusals_a_second=1e6, refusals_at_once=1_000_000)
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json")
    async with serving_ingest(settings, MemoryLog(), unthrottled) as base:
        code, report = await schemathesis(tmp_path, str(base / "openapi.json"), str(base))
        operations = await operation_count(str(base))
    assert code == 0, report
    assert f"{operations} passed" in report, report
