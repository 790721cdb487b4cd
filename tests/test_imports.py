"""The pure parts stand by themselves: importing them brings in no Kafka, no HTTP, no event loop."""

import json
import subprocess
import sys

import pytest

SHELL = ["faust", "aiokafka", "asyncio", "aiohttp", "chdb", "clickhouse_connect", "prometheus_client", "socket", "ssl"]


def loaded_by(statement):
    """The modules that a fresh interpreter has after a statement."""
    code = f"import json, sys\n{statement}\njson.dump(sorted(sys.modules), sys.stdout)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "schemas.codec",
        "schemas.rejected",
        "services.scoring.core.partition",
        "services.standings",
        "services.standings.document",
        "services.offline.scored_log",
        "services.offline.json_schema",
        "services.entry_lists.reading",
    ],
)
def test_a_pure_module_brings_in_no_shell(module):
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert loaded.isdisjoint(SHELL)


def test_schemas_bring_in_nothing_of_ours_and_of_others_msgspec_alone():
    loaded = loaded_by("import schemas.codec, schemas.definition_parse, schemas.rejected, schemas.topics")
    ours = {name for name in loaded if name.split(".")[0] in ("services", "loadtest", "races", "tests")}
    assert ours == set()
    outside = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"schemas", "__main__"}
    by_msgspec = {"msgspec", "typing_extensions"}  # the latter by msgspec itself, where it is installed
    assert {name for name in outside if not name.startswith("_")} <= by_msgspec | {"sitecustomize"}


def test_help_brings_in_no_service():
    """So that it answers at once."""
    loaded = loaded_by("import services.cli")
    ours = {name for name in loaded if name.startswith("services.")}
    assert {name for name in ours if not name.startswith("services.commands")} == {"services.cli"}
    assert loaded.isdisjoint(["faust", "aiokafka", "aiohttp", "chdb"])


@pytest.mark.parametrize("module", ["services.offline.score_command", "services.offline.export.command"])
def test_scoring_or_exporting_a_log_brings_in_no_broker(module):
    loaded = loaded_by(f"import {module}")
    assert loaded.isdisjoint(["faust", "aiokafka", "aiohttp", "chdb", "clickhouse_connect"])
