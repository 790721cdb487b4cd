"""The list of facts that wait: whole for officials, without reasons and exclusions for the public."""

import json
from pathlib import Path

import pytest

from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.live.racing import Racing, serving
from tests.offline.test_waiting_table import WAITS

MISTYPED = Path(__file__).parents[1] / "data" / "field" / "26-mistyped-facts.jsonl"
PATH = "/v1/events/c26/facts"


def mistyped():
    return [json.loads(line) for line in MISTYPED.read_bytes().splitlines()]


@pytest.fixture
def official(tmp_path):
    """A token file with an official's token, and the header that shows it."""
    shown, kept = new_token("official", "Jury", ["c26"], [], "2026-01-01")
    path = tmp_path / "tokens.json"
    path.write_bytes(tokens_bytes([kept]))
    return path, {"Authorization": f"Bearer {shown}"}


async def test_an_official_sees_every_mistyped_fact_whole_with_the_nearest_known_name(database, official):
    path, header = official
    race = Racing(database, "c26")
    facts = mistyped()
    await race.announce(*facts)
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        answer = await live.json(f"{PATH}?pending=1", headers=header)
    assert (answer["event"], answer["revision"]) == ("c26", race.revision)
    assert [fact["offset"] for fact in answer["facts"]] == list(range(5, 17))
    for fact, sent, (kind, why) in zip(answer["facts"], facts[5:], WAITS, strict=True):
        assert fact["waits_for"][0].startswith(why)
        assert fact["type"] == kind
        assert sent.items() <= fact.items()


async def test_the_public_sees_no_reason_no_exclusion_and_no_other_names(database, official):
    path, _ = official
    race = Racing(database, "c26")
    await race.announce(*mistyped())
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        answer = await live.json(f"{PATH}?pending=1")
    assert [fact["type"] for fact in answer["facts"]] == [kind for kind, _ in WAITS if kind != "read_excluded"]
    assert all("reason" not in fact for fact in answer["facts"])
    assert answer["facts"][0]["waits_for"] == ["bib '11' has no entry"]


async def test_a_fact_is_off_the_list_once_it_is_there_what_it_names(database):
    race = Racing(database, "c26")
    await race.announce(*mistyped())
    entry = {"bib": "99", "chips": [], "race": "hm", "gender": "F", "given_name": "A", "family_name": "B"}
    async with serving(race) as live:
        assert len((await live.json(f"{PATH}?pending=1"))["facts"]) == 12
        await race.announce({"type": "entries_added", "event": "c26", "entries": [entry]}, audit=False)
        problem = await live.json(f"{PATH}?pending=1", status=503)
        assert "have not all arrived yet" in problem["detail"]
        await race.audit()
        assert len((await live.json(f"{PATH}?pending=1"))["facts"]) == 11


async def test_other_lists_of_facts_are_refused_with_where_to_look(database):
    race = Racing(database, "c26")
    await race.announce(*mistyped())
    async with serving(race) as live:
        assert "give `pending=1`" in (await live.json(PATH, status=400))["detail"]
