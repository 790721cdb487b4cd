"""The reference pages are whole: every kind of fact, field, reason, column and request of the code is in them."""

import re
from pathlib import Path
from typing import get_args
from unittest.mock import MagicMock

import msgspec
import pytest

from schemas import definition, office
from schemas.events import Entry, Fact, FactBase, Read
from services.ingest.http.api import IngestApi
from services.live.documents import announce, athlete, board, changes, event, officials, publication, stream
from services.live.feed.columns import COLUMNS
from services.live.feed.event_columns import CLOCK_COLUMNS, COUNT_COLUMNS
from services.live.feed.team_columns import DELEGATION_COLUMNS, TEAM_COLUMNS
from services.live.http.api import LiveApi
from services.live.pages.raceresult import CELLS
from services.scoring.core.classify_reads import Reason

DOCS = Path(__file__).parents[2] / "docs"
RULES = (DOCS / "rules.md").read_text()
HTTP = (DOCS / "http.md").read_text()
BROADCAST = (DOCS / "broadcast.md").read_text()
KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(Fact)}
COMMON = {field.encode_name for field in msgspec.structs.fields(FactBase)}


def names(struct):
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def words(text):
    return set(re.findall(r"\w+", text))


def rule(name):
    """What the rulebook says under a rule's anchor, up to the next one."""
    rule = re.search(rf'<a id="{re.escape(name)}"></a>(.*?)(?=\n\n<a id="|\n#|\Z)', RULES, re.DOTALL)
    return "" if rule is None else rule[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fact_has_a_rule_that_names_its_fields(kind):
    assert names(KINDS[kind]) - COMMON <= words(rule(f"R1.{kind}"))


def test_every_kind_in_the_rulebook_is_one():
    assert set(re.findall(r'<a id="R1\.([a-z]\w+)">', RULES)) == set(KINDS)


def test_entries_and_reads_have_every_field_in_the_rulebook():
    assert names(Entry) <= words(rule("R1.entries_added"))
    assert names(Read) <= words(rule("R1.reads_received"))


TABLES = [definition.Definition, definition.Mat, definition.Race, definition.Point, definition.Limit, definition.Board]
TABLES += [definition.TeamBoard, definition.Delegation, *office.TABLES.values(), office.Role]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_field_of_a_definition_is_in_the_rulebook(table):
    section = RULES[RULES.index('<a id="R2">') : RULES.index('<a id="R3">')]
    assert names(table) <= words(section)


def test_every_reason_of_an_unused_read_is_in_the_rulebook():
    assert {"repeat", *get_args(Reason)} == set(re.findall(r"^\| `(\w+)` \|", rule("R3.1"), re.MULTILINE))


def test_every_column_of_a_board_is_in_the_reference():
    boards = HTTP[HTTP.index("### Boards") : HTTP.index("### Feeds")]
    assert {column.name for column in COLUMNS} <= set(re.findall(r"`(\w+)`", boards))


DESCRIBED = [announce, athlete, board, changes, event, officials, publication, stream]
BY_RULES = {athlete.ExplainedAthlete}  # its fields are those of the rules that decided


@pytest.mark.parametrize("documents", DESCRIBED, ids=lambda documents: documents.__name__.rpartition(".")[2])
def test_every_field_of_an_answer_is_in_the_reference(documents):
    answers = [
        kind
        for kind in vars(documents).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == documents.__name__
    ]
    live = words(HTTP[HTTP.index("## Live") :])
    missing = {kind.__name__: names(kind) - live for kind in answers if kind not in BY_RULES}
    assert not {name: fields for name, fields in missing.items() if fields}


@pytest.mark.parametrize("columns", [TEAM_COLUMNS, DELEGATION_COLUMNS, COUNT_COLUMNS, CLOCK_COLUMNS])
def test_every_column_of_other_feeds_is_in_the_reference(columns):
    feeds = HTTP[HTTP.index("### Feeds") : HTTP.index("### Health")]
    assert {column.name for column in columns} <= set(re.findall(r"`(\w+)`", feeds))


def test_every_column_for_sites_made_for_race_result_is_in_the_guide():
    assert [cell.expression for cell in CELLS if f"`{cell.expression}`" not in BROADCAST] == []


@pytest.mark.parametrize("api", [IngestApi, LiveApi])
def test_every_request_is_in_the_reference(api):
    routes = api.routes(MagicMock())  # of the handlers only the paths matter here
    requests = {(route.method, route.path) for route in routes if route.method != "OPTIONS"}
    documented = {tuple(request) for request in re.findall(r"`(GET|POST|PUT) (/[^`?]*)", HTTP)}
    assert requests <= documented
