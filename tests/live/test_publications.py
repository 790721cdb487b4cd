"""Publications over HTTP: served as they were kept, with the difference of results from them."""

import hashlib
import json

import msgspec

from services.offline.export.publications import PublishingLog, results_of
from services.offline.scored_log import scored
from services.standings.publication import difference, race_document
from tests.builders import (
    EVENT,
    at,
    board,
    course,
    decided,
    defined,
    definition,
    entries,
    entry,
    entry_withdrawn,
    fact,
    gun,
    run,
    status,
)
from tests.live.racing import Racing, serving

BASE = f"/v1/events/{EVENT}"
TEAMS = definition(
    boards=[board("men", gender="M"), board("women", gender="F"), board("men-30", within="men", born_to=1996)],
    team_boards=[{"id": "teams", "of": "men", "counting": 1}],
    delegations=[{"id": "all", "sum": ["teams"]}],
)
FIELD = (
    entry("7", team="Huế", birth_year=1976),
    entry("8", team="Vinh", birth_year=1990),
    entry("9", gender="F"),
    entry("12"),
)


def published(state: str, at_s: float, race: str = "hm", **more):
    return fact("results_published", race=race, state=state, recorded_at_us=at(at_s), **more)


async def racing(database, *facts, definition=TEAMS, bibs=FIELD) -> Racing:
    made = Racing(database)
    finishes = [run("7"), run("8", 1, 2000, 4100), run("9", 1, 2000, 4200)]
    await made.announce(defined(definition), entries(*bibs), gun(), *finishes, *facts)
    return made


async def official(database, **more) -> Racing:
    race = await racing(database)
    await race.announce(published("provisional", 5000, **more))
    await race.announce(published("official", 5600, **more))
    return race


async def hm(live):
    return (await live.json(BASE))["races"][0]


async def test_provisional_results_say_from_when_they_may_be_official_and_what_is_in_the_way(database):
    protest = fact("protest_filed", protest="p1", race="hm", text="...")
    race = await racing(database, run("12", k10=None), protest, published("provisional", 5000))
    async with serving(race) as live:
        race_now = await hm(live)
        assert (race_now["official_from_us"], race_now["official_from"]) == (at(5600), "2026-01-04T06:33:20.000+07:00")
        assert [ground.get("case") or ground.get("protest") for ground in race_now["in_the_way"]] == ["missed:12", "p1"]
        assert (race_now["publication"]["state"], race_now["void"]) == ("provisional", [])
        await race.announce(published("official", 5100))
        race_now = await hm(live)
        assert [ground["reason"] for ground in race_now["void"]] == ["protest_window", "open_case", "open_protest"]
        assert race_now["void"][0]["until_us"] == at(5600)
        assert (race_now["state"], race_now["changed_since_official"]) == ("provisional", False)


async def test_each_board_says_why_its_own_official_publication_is_void(database):
    race = await racing(database, published("provisional", 5000), published("official", 5100))
    await race.announce(published("official", 5600, boards=["men", "teams"]))

    async def void(live):
        answer = await live.json(BASE)
        ranked = [*answer["boards"], *answer["team_boards"], await live.json(f"{BASE}/delegations/all")]
        return {board["board"]: [ground["reason"] for ground in board["void"]] for board in ranked}

    async def is_void_on_the_page(live, board):
        return "The official publication is void" in await live.text(f"/{EVENT}?board={board}&lang=en")

    async with serving(race) as live:
        early = ["protest_window"]
        assert await void(live) == {"men": [], "women": early, "men-30": early, "teams": [], "all": []}
        boards = ["men", "women", "teams", "all"]
        assert [await is_void_on_the_page(live, board) for board in boards] == [False, True, False, False]
        await race.announce(published("provisional", 5700, boards=["all"]), published("official", 5800, boards=["all"]))
        assert (await void(live))["all"] == early
        assert await is_void_on_the_page(live, "all")


async def test_the_published_document_is_served_with_its_hash_and_stays_what_it_was(database):
    race = await official(database)
    async with serving(race) as live:
        before = await live.json(f"{BASE}/published/hm")
        assert (before["state"], before["changed_since_official"]) == ("official", False)
        standings = await live.json(f"{BASE}/standings")
        assert before["document"] == {
            "athletes": standings["athletes"],
            "boards": standings["boards"],
            "team_boards": standings["team_boards"],
        }
        text = json.dumps(before["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert before["publication"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        await race.announce(status("7", "DQ"))
        after = await live.json(f"{BASE}/published/hm")
        assert (after["document"], after["publication"]) == (before["document"], before["publication"])
        assert after["changed_since_official"] is True
        async with live.get(f"{BASE}/published/hm/document") as answer:
            body = await answer.read()
            assert answer.headers["X-SHA256"] == hashlib.sha256(body).hexdigest() == before["publication"]["sha256"]
        assert msgspec.json.decode(body) == before["document"]


async def test_a_change_marks_race_and_boards_and_rows_until_a_new_publication(database):
    race = await official(database)

    async def marks(live):
        answer = await live.json(BASE)
        ranked = [*answer["boards"], *answer["team_boards"]]
        return answer["races"][0]["changed_since_official"], [
            board["board"] for board in ranked if board["changed_since_official"]
        ]

    async with serving(race) as live:
        assert await marks(live) == (False, [])
        await race.announce(status("7", "DQ"))
        assert await marks(live) == (True, ["men", "men-30", "teams"])
        men = await live.json(f"{BASE}/boards/men")
        assert (men["state"], men["changed_since_official"]) == ("official", True)
        assert [(row["bib"], row["place"], row["result_state"]) for row in men["rows"]] == [
            ("8", 1, "changed_since_official")
        ]
        women = await live.json(f"{BASE}/boards/women")
        assert (women["changed_since_official"], women["rows"][0]["result_state"]) == (False, "official")
        assert (await live.json(f"{BASE}/teams/teams"))["changed_since_official"] is True
        as_it_was = await live.json(f"{BASE}/boards/men?as_of={race.revision - 1}")
        assert (as_it_was["changed_since_official"], as_it_was["rows"][0]["bib"]) == (False, "7")
        await race.announce(published("official", 6000))
        assert await marks(live) == (False, [])
        assert (await live.json(f"{BASE}/boards/men"))["rows"][0]["result_state"] == "official"


async def test_the_difference_equals_that_of_two_folds_of_the_log_in_any_order_of_requests(database):
    """Compare the pure difference of whole documents with the one that is kept up from changed rows."""
    race = await official(database)
    expected = {}
    async with serving(race) as live:
        for facts in (
            [status("7", "DQ")],
            [run("12", 1, 2000, 3900)],
            [entries(entry("12", race="none"), entry("30"))],
            [status("7", "OK")],
            [entry_withdrawn("7")],
            [entries("7")],
            [defined({**TEAMS, "boards": [board("men", gender="M", rank_by="chip"), board("all")]})],
            [entries(entry("12"))],
        ):
            await race.announce(*facts)
            live_now = (await live.json(f"{BASE}/published/hm"))["difference"]
            log = PublishingLog()
            for offset, logged in enumerate(race.facts):
                log.add(msgspec.json.encode({"offset": offset, "fact": logged}))
            held = [kept for kept in log.kept.values() if kept.published.state == "official"][-1]
            now = race_document(results_of(scored(log.state), "hm"))
            expected[race.revision] = msgspec.to_builtins(difference(held.document, now, None))
            assert live_now == expected[race.revision]
        assert all(expected.values())
        for revision in sorted(expected, reverse=True):
            asked = await live.json(f"{BASE}/published/hm?as_of={revision}")
            assert asked["difference"] == expected[revision]


async def test_boards_are_published_and_change_independently(database):
    race = await official(database, boards=["women"])
    async with serving(race) as live:
        await race.announce(status("7", "DQ"))
        women = await live.json(f"{BASE}/published/hm?board=women")
        assert (women["state"], women["changed_since_official"]) == ("official", False)
        refused = await live.json(f"{BASE}/published/hm?board=men", status=404)
        assert refused["title"] == "Nothing is published"
        await race.announce(status("9", "DQ"))
        women = await live.json(f"{BASE}/published/hm?board=women")
        assert [row["bib"] for row in women["difference"]["athletes"]] == ["9"]
        assert (await hm(live))["changed_since_official"] is True


async def test_a_delegation_has_the_state_of_its_own_publication(database):
    race = await official(database, boards=["all"])
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/delegations/all")
        assert (answer["state"], answer["changed_since_official"]) == ("official", False)
        await race.announce(status("7", "DQ"))
        assert (await live.json(f"{BASE}/delegations/all"))["changed_since_official"] is True


async def test_unpublished_withdrawn_and_unknown_results_are_refused(database):
    race = await racing(database)
    async with serving(race) as live:
        assert (await live.json(f"{BASE}/published/hm", status=404))["title"] == "Nothing is published"
        assert (await live.json(f"{BASE}/published/10k", status=404))["title"] == "No such race"
        await race.announce(published("provisional", 5000), published("withdrawn", 5100))
        for path in ("hm", "hm/document"):
            assert (await live.json(f"{BASE}/published/{path}", status=404))["title"] == "Withdrawn"
        assert (await live.json(f"{BASE}/published/hm?board=none", status=404))["title"] == "No such board"


async def test_rows_carry_an_age_grade_at_the_finish_and_none_where_the_age_is_not_known_or_hidden(database):
    """M50 half marathon: 3,895 s by the table; 389,500 / 4,000 = 97.375."""
    race = await racing(database)
    async with serving(race) as live:
        rows = {row["bib"]: row for row in (await live.json(f"{BASE}/boards/men"))["rows"]}
        assert rows["7"]["age_grade"] == 97.38
        women = await live.json(f"{BASE}/boards/women")
        assert women["rows"][0]["age_grade"] is None
        split = await live.json(f"{BASE}/boards/men?point=10K")
        assert {row["age_grade"] for row in split["rows"]} == {None}
        await race.announce(fact("entry_hidden", bib="7", hidden=True))
        rows = {row["bib"]: row for row in (await live.json(f"{BASE}/boards/men"))["rows"]}
        assert rows["7"]["age_grade"] is None
        feed = await live.json(f"{BASE}/boards/men.json")
        assert [row["age_grade"] == 0.0 for row in feed] == [True, False]


SHARED = [{"id": id, "name": id, "start": "2026-01-04T05:00:00", "points": course()} for id in ("hm", "fun")]
TWO_RACES = definition(races=SHARED, boards=[board("men"), board("fun-men", race="fun")], together={"points": 2})


async def test_a_case_of_athletes_of_two_races_stands_in_the_way_of_official_results_of_both(database):
    made = Racing(database)
    pair = [run("7", 1, "2000.5", "4000.5"), run("8", 1, "2000.6", "4000.6")]
    await made.announce(defined(TWO_RACES), entries("7", entry("8", race="fun")), gun(), gun(race="fun"), *pair)
    for race in ("hm", "fun"):
        await made.announce(published("provisional", 5000, race), published("official", 5600, race))
    async with serving(made) as live:
        for race in (await live.json(BASE))["races"]:
            assert race["official_void"] == "case together:7:8 is open"
            assert [ground["case"] for ground in race["in_the_way"]] == ["together:7:8"]
        await made.announce(decided("together:7:8", "dq"))
        for race in ("hm", "fun"):
            await made.announce(published("official", 6200, race))
        answer = await live.json(BASE)
        assert [race["state"] for race in answer["races"]] == ["official", "official"]
        assert answer["counts"] == {"FINISHED": 2}
