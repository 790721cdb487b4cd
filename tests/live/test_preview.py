"""Previews over HTTP: what facts would change, before they are sent, and exactly that."""

import asyncio
from io import BytesIO

from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT, at, defined, definition, entries, fact, gun, run, status
from tests.live.racing import Racing, serving
from tests.preview.previewed import comparable, differing

BASE = f"/v1/events/{EVENT}"
PATH = f"{BASE}/preview"
LISTS = {"athletes": "bib", "cases": "case"}
TABLES = {"boards": "bib", "team_boards": "team", "delegations": "team"}


async def racing(database, *facts) -> Racing:
    made = Racing(database)
    await made.announce(defined(), entries("7", "8", "9"), gun(0), run("7"), run("8", finish=4100), *facts)
    return made


async def preview(live, *facts, status=200, **more):
    async with live.session.post(live.base + PATH, json=list(facts), **more) as response:
        body = await response.json()
        assert response.status == status, body
        return body


def between(before, after):
    """What two standings documents differ in."""
    made = {part: differing(key, before[part], after[part]) for part, key in LISTS.items()}
    for part, key in TABLES.items():
        tables = {name: differing(key, before[part][name], after[part][name]) for name in before[part]}
        made[part] = {name: lines for name, lines in tables.items() if lines}
    return made


async def test_a_preview_says_what_a_disqualification_changes_and_writes_nothing(database):
    race = await racing(database)
    async with serving(race) as live:
        before = await live.json(f"{BASE}/standings")
        shown = await preview(live, status_fact := status("7", "DQ", id="dq-7"))
        assert await live.json(f"{BASE}/standings") == before
        assert shown["revision"] == race.revision
        assert shown["facts"] == [{"index": 0, "id": "dq-7", "effect": "applied", "why": None, "warnings": []}]
        (athlete,) = shown["athletes"]
        assert (athlete["bib"], athlete["before"]["status"], athlete["after"]["status"]) == ("7", "FINISHED", "DQ")
        places = {line["bib"]: (line["before"], line["after"]) for line in shown["boards"]["men"]}
        assert {bib: [side and side["place"] for side in sides] for bib, sides in places.items()} == {
            "7": [1, None],
            "8": [2, 1],
        }
        assert shown["counts"] == {"hm": {"DQ": {"before": 0, "after": 1}, "FINISHED": {"before": 2, "after": 1}}}
        await race.announce(status_fact)
        made = comparable(shown)
        del made["counts"]
        assert made == between(before, await live.json(f"{BASE}/standings"))


async def test_each_further_preview_is_that_of_the_newest_revision(database):
    race = await racing(database)
    facts = [
        fact("time_set", bib="8", point="FINISH", at_us=at(3999), reason="photo"),
        fact("clock_corrected", device="F1", offset_us=-5_000_000),
        fact("case_decided", case="missed:9", outcome="accept", reason="seen"),
        gun(10),
        fact("fact_withdrawn", fact="clock", reason="was right"),
        definition_fact := defined(definition(passing_gap_s=30)),
    ]
    facts[1]["id"] = "clock"
    async with serving(race) as live:
        for sent in facts:
            before = await live.json(f"{BASE}/standings")
            made = comparable(await preview(live, sent))
            del made["counts"]
            await race.announce(sent)
            assert made == between(before, await live.json(f"{BASE}/standings")), sent
    assert definition_fact["type"] == "event_defined"


async def test_times_as_people_write_them_are_taken_and_malformed_facts_named(database):
    race = await racing(database)
    early = {name: value for name, value in gun(0).items() if name != "at_us"}
    async with serving(race) as live:
        shown = await preview(live, {**early, "at": "05:00:10"})
        assert [line["after"]["gun_us"] - line["before"]["gun_us"] for line in shown["boards"]["men"]] == [
            -10_000_000
        ] * 2
        problem = await preview(live, gun(0), {**early, "at_us": 1_767_477_600}, {**early, "type": "none"}, status=400)
        assert [fault["index"] for fault in problem["faults"]] == [1, 2]
        assert "looks like seconds" in problem["detail"]
        faulty = defined({**definition(), "timezone": "Asia/Nowhere"})
        assert [fault["path"] for fault in (await preview(live, faulty, status=422))["faults"]] == ["timezone"]
        await preview(live, status=400)
        async with live.session.post(live.base + PATH, data=BytesIO(b" " * (4 * 1024 * 1024 + 1))) as response:
            assert response.status == 413


async def test_a_preview_waits_for_the_facts_and_reads_behind_the_results(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(preview_wait_s=0.05)) as live:
        await race.announce(run("9", start=5, finish=4200), audit=False)
        assert (await preview(live, gun(10), status=503))["title"] == "Busy"
        assert await preview(live, status("8", "DQ"))  # all behind this athlete is there
        asked = asyncio.create_task(preview(live, gun(10)))
        await asyncio.sleep(0.2)
        await race.audit()
        assert len((await asked)["athletes"]) == 3


async def test_it_takes_an_officials_token(database, tmp_path):
    race = await racing(database)
    path = tmp_path / "tokens.json"
    official, kept = new_token("official", "jury", [EVENT], [], "2026-01-01")
    other, kept_other = new_token("official", "jury", ["other"], [], "2026-01-01")
    path.write_bytes(tokens_bytes([kept, kept_other]))
    async with serving(race, tokens=path) as live:
        await preview(live, gun(1), status=401)
        await preview(live, gun(1), status=403, headers={"Authorization": f"Bearer {other}"})
        await preview(live, gun(1), headers={"Authorization": f"Bearer {official}"})


async def test_more_previews_at_once_than_wait_their_turn_are_to_come_again(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(previews=1)) as live:
        answers = await asyncio.gather(*(live.session.post(live.base + PATH, json=[gun(1)]) for _ in range(3)))
        assert sorted(answer.status for answer in answers) == [200, 503, 503]
        assert all("Retry-After" in answer.headers for answer in answers if answer.status == 503)


async def test_the_process_that_ended_is_started_again(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(preview_idle_s=0.0)) as live:
        first = await preview(live, gun(1))
        await asyncio.sleep(0.1)
        assert await preview(live, gun(1)) == first


async def test_a_fact_without_effect_changes_nothing(database):
    race = await racing(database)
    async with serving(race) as live:
        shown = await preview(live, status("77", "DNS"))
    assert (shown["facts"][0]["effect"], shown["athletes"], shown["boards"]) == ("pending", [], {})
