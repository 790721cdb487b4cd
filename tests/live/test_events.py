"""Events, teams, athletes, searches, changes and cases over HTTP."""

from typing import Any

from schemas.ids import bib_order
from schemas.results import printed_s
from services.live.limits import LiveLimits
from services.live.pages.changes import CHANGES_A_PAGE
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import (
    EVENT,
    START_US,
    at,
    board,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    entry_withdrawn,
    fact,
    gun,
    half,
    read,
    reads,
    run,
    status,
)
from tests.live.racing import Racing, serving

BASE = f"/v1/events/{EVENT}"


async def racing(database, *facts, definition=None, bibs=("7", "8", "9"), gun_s=0) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(gun_s), *facts)
    return made


def published(state: str, at_s: float, **more):
    return fact("results_published", race="hm", state=state, recorded_at_us=at(at_s), **more)


async def test_an_event_says_its_races_guns_boards_and_counts(database):
    grouped = definition(
        boards=[board("men", name="Nam", gender="M"), board("men-vie", within="men", nationality="VIE")]
    )
    race = await racing(database, run("7"), run("8", finish=None), definition=grouped)
    async with serving(race) as live:
        answer = await live.json(BASE)
        (hm,) = answer["races"]
        assert answer["revision"] == race.revision
        assert answer["counts"] == hm["counts"] == {"FINISHED": 1, "NOT_STARTED": 1, "ON_COURSE": 1}
        assert (hm["race"], hm["on_course"], hm["closed"], hm["state"]) == ("hm", 1, False, "live")
        assert hm["guns"] == [{"wave": None, "at_us": START_US, "at": "2026-01-04T05:00:00.000+07:00"}]
        assert [point["point"] for point in hm["points"]] == ["START", "10K", "FINISH"]
        assert [(listed["board"], listed["title"], listed["within"]) for listed in answer["boards"]] == [
            ("men", "Nam", None),
            ("men-vie", "men-vie", "men"),
        ]
        await race.announce(fact("race_closed", race="hm"))
        (hm,) = (await live.json(BASE))["races"]
        assert (hm["closed_at_us"], hm["closed"], hm["counts"]) == (None, True, {"DNF": 1, "DNS": 1, "FINISHED": 1})
        before = await live.json(f"{BASE}?as_of={race.revision - 1}")
        assert before["races"][0]["closed"] is False
        await race.announce(fact("race_closed", race="hm", at_us=START_US))
        assert (await live.json(BASE))["races"][0]["closed_at_us"] == START_US
        assert [case["case"] for case in (await live.json(f"{BASE}/cases"))["cases"]] == ["after_close:7"]


async def test_events_are_listed_the_newest_first(database):
    first = await racing(database, run("7"))
    later = Racing(database, "example-2027")
    kept = {**definition(), "event": "example-2027", "name": "Later", "date": "2027-01-03"}
    await later.announce({**defined(), "event": "example-2027", "definition": kept})
    async with serving(first, later) as live:
        listed = (await live.json("/v1/events"))["events"]
        assert [(event["event"], event["name"], event["revision"]) for event in listed] == [
            ("example-2027", "Later", later.revision),
            (EVENT, "Example Half Marathon", first.revision),
        ]
        await first.announce(run("8"))
        listed = (await live.json("/v1/events"))["events"]
        assert listed[1]["revision"] == first.revision


async def test_the_time_is_this_machines(database):
    async with serving(database=database) as live:
        first = (await live.json("/v1/time"))["now_us"]
        second = await live.json("/v1/time")
    assert first < second["now_us"]
    assert second["now"].endswith("+00:00")


# --- The state of results.


async def state(live) -> tuple[str, str, Any]:
    race = (await live.json(BASE))["races"][0]
    return (await live.json(f"{BASE}/boards/men"))["state"], race["state"], race["official_void"]


async def test_results_are_live_then_provisional_then_official_then_withdrawn(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        assert await state(live) == ("live", "live", None)
        await race.announce(published("provisional", 5000))
        assert await state(live) == ("provisional", "provisional", None)
        assert (await live.json(f"{BASE}/boards/men.json"))[0]["result_state"] == "provisional"
        await race.announce(published("official", 5600))
        assert await state(live) == ("official", "official", None)
        await race.announce(published("withdrawn", 6000))
        assert await state(live) == ("withdrawn", "withdrawn", None)


async def test_an_official_publication_within_the_protest_window_is_void(database):
    race = await racing(database, run("7"), published("provisional", 5000), published("official", 5599.999999))
    async with serving(race) as live:
        board_state, race_state, void = await state(live)
    assert (board_state, race_state) == ("provisional", "provisional")
    assert "600 s" in void


async def test_an_official_publication_without_a_provisional_one_is_void_and_leaves_results_live(database):
    race = await racing(database, run("7"), published("official", 5600))
    async with serving(race) as live:
        assert await state(live) == ("live", "live", "no provisional results were published before it")


async def test_an_open_case_or_protest_makes_an_official_publication_void_for_good(database):
    missed = run("8", k10=None)
    race = await racing(database, run("7"), missed, published("provisional", 5000), published("official", 6000))
    async with serving(race) as live:
        assert "case" in (await state(live))[2]
        await race.announce(decided("missed:8", "accept"))
        assert "case" in (await state(live))[2]  # a case was open when it was published
        await race.announce(published("official", 6001))
        assert await state(live) == ("official", "official", None)
        await race.announce(fact("protest_filed", protest="p1", race="hm", text="..."), published("official", 6002))
        assert "p1" in (await state(live))[2]


async def test_a_publication_may_be_of_some_boards_only(database):
    race = await racing(database, run("7"), published("provisional", 5000, boards=["women"]))
    async with serving(race) as live:
        assert await state(live) == ("live", "live", None)
        assert (await live.json(f"{BASE}/boards/women"))["state"] == "provisional"


# --- Teams.

TEAMS = definition(
    boards=[board("men", gender="M"), board("women", gender="F")],
    team_boards=[
        {"id": "teams-men", "of": "men", "counting": 2},
        {"id": "teams-women", "of": "women", "counting": 1, "score": "sum_times"},
    ],
    delegations=[{"id": "overall", "sum": ["teams-men", "teams-women"], "tie": "teams-men"}],
)
MEMBERS = [
    *(entry(bib, team="Ha Noi") for bib in ("1", "2")),
    *(entry(bib, team="Hue") for bib in ("3", "4")),
    entry("5", team="Ha Noi", gender="F"),
    entry("6", team="Hue", gender="F"),
    entry("7", team="Vinh"),
]


async def test_teams_and_delegations_are_as_in_the_standings_document(database):
    runs = [run(bib, 1, 2000, 4000 + int(bib)) for bib in "1234567"]
    race = await racing(database, *runs, definition=TEAMS, bibs=MEMBERS)
    expected = document(defined(TEAMS), entries(*MEMBERS), gun(0), *runs)
    async with serving(race) as live:
        for name, rows in expected["team_boards"].items():
            answer = await live.json(f"{BASE}/teams/{name}")
            assert answer["total"] == len(rows)
            for got, row in zip(answer["rows"], rows, strict=True):
                assert {field: got[field] for field in ("place", "team", "score")} == {
                    field: row[field] for field in ("place", "team", "score")
                }
                assert [{"bib": member["bib"], "score": member["score"]} for member in got["members"]] == row["members"]
        overall = await live.json(f"{BASE}/delegations/overall")
        assert [(row["place"], row["team"], row["score"]) for row in overall["rows"]] == [
            (row["place"], row["team"], row["score"]) for row in expected["delegations"]["overall"]
        ]
        women = await live.json(f"{BASE}/teams/teams-women")
        assert women["rows"][0]["score_text"] == "1:06:45"
        assert women["rows"][0]["members"][0]["name"] == "No 5 Runner"
        men = await live.json(f"{BASE}/teams/teams-men")
        assert [(row["team"], row["place_text"]) for row in men["rows"]] == [
            ("Ha Noi", "1"),
            ("Hue", "2"),
            ("Vinh", None),
        ]
        before = await live.json(f"{BASE}/teams/teams-men?as_of={race.revision}")
        assert before == men
        assert "teams-men, teams-women" in (await live.json(f"{BASE}/teams/x", status=404))["detail"]
        assert "/teams/teams-men" in (await live.json(f"{BASE}/boards/teams-men", status=404))["detail"]
        assert "/boards/men" in (await live.json(f"{BASE}/delegations/men", status=404))["detail"]


# --- Athletes.


async def test_an_athlete_has_splits_ranks_places_and_versions(database):
    of = definition(boards=[board("men", gender="M"), board("all"), board("women", gender="F")])
    bibs = ["7", "8", entry("9", gender="F", club="Runners")]
    race = await racing(database, run("7", 1, 2000, 4000), definition=of, bibs=bibs)
    await race.announce(run("8", 2, 1990, 4100), run("9", 3, 1980, 3900))
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/athletes/7")
        assert (answer["status"], answer["time"], answer["gun_us"], answer["race"]) == (
            "FINISHED",
            "1:06:40",
            4_000_000_000,
            "hm",
        )
        assert [(place["board"], place["place"], place["total"]) for place in answer["boards"]] == [
            ("men", 1, 2),
            ("all", 2, 3),
        ]
        start, ten, finish = answer["points"]
        assert (start["ranks"], ten["ranks"], finish["ranks"]) == ({}, {"men": 2, "all": 3}, {"men": 1, "all": 2})
        assert (ten["gun_time"], ten["chip_time"], ten["source"]) == ("0:33:20", "0:33:19", "main")
        assert (finish["segment_us"], finish["segment_pace"]) == (2_000_000_000, "3:00")
        assert answer["versions"][0]["version"] == answer["version"]
        assert len(answer["versions"]) == 1
        await race.announce(status("7", "DQ"))
        answer = await live.json(f"{BASE}/athletes/7")
        assert [version["status"] for version in answer["versions"]] == ["DQ", "FINISHED"]
        assert [place["place"] for place in answer["boards"]] == [None, None]
        earlier = await live.json(f"{BASE}/athletes/7?as_of={race.revision - 1}")
        assert (earlier["status"], earlier["boards"][0]["place"]) == ("FINISHED", 1)
        assert (await live.json(f"{BASE}/athletes/%207%20"))["bib"] == "7"
        assert "'77'" in (await live.json(f"{BASE}/athletes/77", status=404))["detail"]
        text = await live.text(f"{BASE}/athletes/9")
        assert "C9" not in text  # chips are not public


async def test_an_athletes_next_point_and_finish_are_estimated_with_a_range(database):
    race = await racing(database, run("7", 10, 2010, None), run("8", 10, None, None))
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/athletes/7")
        assert (answer["next_point"], answer["next_eta"]) == ("FINISH", "2026-01-04T06:11:25+07:00")
        assert [answer[f"projected_{name}"] for name in ("low", "finish", "high")] == ["1:10:12", "1:11:26", "1:14:32"]
        assert [printed_s(answer[f"projected_{name}_us"]) for name in ("low", "finish", "high")] == [4212, 4286, 4472]
        assert [answer[name] - at(0) for name in ("next_low_us", "next_eta_us", "next_high_us")] == [
            answer[f"projected_{name}_us"] for name in ("low", "finish", "high")
        ]
        unread = await live.json(f"{BASE}/athletes/8")
        assert {unread[name] for name in unread if name.startswith(("next_", "projected_"))} == {None}
        await race.announce(status("7", "DNF"))
        assert (await live.json(f"{BASE}/athletes/7"))["next_eta"] is None


async def test_a_search_finds_by_the_beginning_of_a_bib_or_by_every_word(database):
    bibs = [
        entry("12", family_name="Đặng Văn", given_name="Hùng"),
        entry("1", family_name="Lê", given_name="Hưng"),
        entry("120", family_name="Smith", given_name="Ann"),
        entry("A1", family_name="Hung", given_name="Dang"),
    ]
    race = await racing(database, bibs=bibs)
    async with serving(race) as live:

        async def search(text: str) -> list[str]:
            answer = await live.json(f"{BASE}/athletes", params={"q": text})
            return [athlete["bib"] for athlete in answer["athletes"]]

        assert await search("1") == ["1", "12", "120"]
        assert await search("12") == ["12", "120"]
        assert await search("a1") == ["A1"]
        assert await search("dang hung") == await search("HÙNG đặng") == ["12", "A1"]
        assert await search("hung") == ["1", "12", "A1"]
        assert await search("ang") == []
        assert await search("%' OR 1=1 --") == []
        page = await live.json(f"{BASE}/athletes?q=hung&limit=1&offset=1")
        assert ([athlete["bib"] for athlete in page["athletes"]], page["total"]) == (["12"], 3)
        assert "q" in (await live.json(f"{BASE}/athletes", status=400))["detail"]


async def test_the_athletes_of_a_race_or_with_a_status_are_listed_by_bib(database):
    race = await racing(database, run("7"), fact("status_set", bib="9", status="DQ", reason="x"), bibs=("10", "9", "7"))
    async with serving(race) as live:

        async def listed(query: str) -> list[str]:
            return [athlete["bib"] for athlete in (await live.json(f"{BASE}/athletes?{query}"))["athletes"]]

        assert await listed("race=hm") == ["7", "9", "10"]
        assert await listed("status=DQ") == ["9"]
        assert await listed("race=hm&status=FINISHED&q=run") == ["7"]
        assert await listed("status=DNF") == []
        assert "it has hm" in (await live.json(f"{BASE}/athletes?race=5k", 404))["detail"]
        assert "NOT_STARTED" in (await live.json(f"{BASE}/athletes?status=LOST", 400))["detail"]


async def test_an_athlete_whose_entry_is_withdrawn_is_gone(database):
    race = Racing(database)
    await race.announce(defined(), entries("7", "8"), entries("9", id="late"), gun(0), run("9"), run("7", finish=4100))
    async with serving(race) as live:
        assert [row["bib"] for row in (await live.json(f"{BASE}/boards/men"))["rows"]] == ["9", "7"]
        await race.announce(fact("fact_withdrawn", fact="late", reason="twice"))
        assert [row["bib"] for row in (await live.json(f"{BASE}/boards/men"))["rows"]] == ["7"]
        await live.json(f"{BASE}/athletes/9", status=404)
        assert (await live.json(f"{BASE}/athletes?q=9"))["total"] == 0


async def test_a_bib_whose_entry_officials_withdrew_is_gone_until_it_is_entered_anew(database):
    teams = {**definition(), "team_boards": [{"id": "teams", "of": "men", "counting": 1}]}
    bibs = [entry("7", team="A"), entry("8", team="B"), entry("9", team="B")]
    race = await racing(database, run("7", finish=4100), run("8", finish=None), run("9"), definition=teams, bibs=bibs)
    await race.announce(fact("race_closed", race="hm"))

    async def seen(live):
        board = [(row["bib"], row["place"]) for row in (await live.json(f"{BASE}/boards/men"))["rows"]]
        scores = {row["team"]: row["score"] for row in (await live.json(f"{BASE}/teams/teams"))["rows"]}
        return board, scores, (await live.json(BASE))["counts"]

    async with serving(race) as live:
        before = await seen(live)
        assert before == ([("9", 1), ("7", 2)], {"A": 2, "B": 1}, {"DNF": 1, "FINISHED": 2})
        await race.announce(entry_withdrawn("9"))
        assert await seen(live) == ([("7", 1)], {"A": 1, "B": 3}, {"DNF": 1, "FINISHED": 1})
        await live.json(f"{BASE}/athletes/9", status=404)
        assert (await live.json(f"{BASE}/athletes?q=9"))["total"] == 0
        gone = await live.json(f"{BASE}/athletes/9/explain")
        assert gone["gone"] == "every entry of bib 9 was withdrawn"
        assert [f["type"] for f in gone["facts"]][-1] == "entry_withdrawn"
        changed = await live.json(f"{BASE}/changes?from={race.revision - 1}")
        assert [(a["bib"], a["before"]["status"], a["after"]) for a in changed["athletes"]] == [("9", "FINISHED", None)]
        assert [row["bib"] for row in (await live.json(f"{BASE}/boards/men?as_of={race.revision - 1}"))["rows"]] == [
            "9",
            "7",
        ]
        await race.announce(entries(bibs[2]))
        assert await seen(live) == before


# --- Changes and cases.


async def test_changes_name_the_rows_that_differ_and_the_facts_between(database):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, 4100), run("9", 1, 2000, 4200))
    before = race.revision
    why = {"reason": "pushed", "by": "Judge"}
    await race.announce(status("7", "DQ", **why), fact("read_excluded", device="F1", chip="C9", at_us=at(4200), **why))
    await race.announce(reads(read("F1", "C9", 4300)))
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/changes?from={before}", headers={"X-Forwarded-For": "192.0.2.1"})
        assert (answer["from"], answer["to"]) == (before, race.revision)
        by_bib = {athlete["bib"]: athlete for athlete in answer["athletes"]}
        assert by_bib["7"]["before"]["status"] == "FINISHED"
        assert by_bib["7"]["after"]["status"] == "DQ"
        assert (by_bib["9"]["before"]["time_s"], by_bib["9"]["after"]["time_s"]) == (4200, 4300)
        assert set(by_bib) == {"7", "9"}
        rows = {row["bib"]: row for row in answer["boards"]["men"]["rows"]}
        assert (rows["8"]["before"]["place"], rows["8"]["after"]["place"]) == (
            2,
            1,
        )  # moved up without a fact about them
        assert rows["7"]["after"] is None
        (public,) = answer["facts"]
        assert (public["type"], public["bib"], public["status"], public["offset"]) == (
            "status_set",
            "7",
            "DQ",
            before + 1,
        )
        assert "reason" not in public
        assert "by" not in public
        official = await live.json(f"{BASE}/changes?from={before}")  # from this machine, as an official
        assert [(fact["type"], fact["reason"], fact["by"]) for fact in official["facts"]] == [
            ("status_set", "pushed", "Judge"),
            ("read_excluded", "pushed", "Judge"),
        ]
        between = await live.json(f"{BASE}/changes?from={before}&to={before + 2}")
        assert {athlete["bib"]: athlete["after"]["status"] for athlete in between["athletes"]} == {
            "7": "DQ",
            "9": "ON_COURSE",
        }
        nothing = await live.json(f"{BASE}/changes?from={race.revision}")
        assert (nothing["athletes"], nothing["boards"], nothing["facts"]) == ([], {}, [])
        await live.json(f"{BASE}/changes", status=400)
        await live.json(f"{BASE}/changes?from=5&to=4", status=422)


async def test_changes_from_nothing_are_everything_without_birth_years(database):
    race = await racing(database, run("7"), bibs=[entry("7", birth_year=1990, family_name="Secret")])
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/changes?from=0", headers={"Origin": "https://elsewhere.example"})
    assert [athlete["before"] for athlete in answer["athletes"]] == [None]
    public = next(fact for fact in answer["facts"] if fact["type"] == "entries_added")
    assert (public["entries"], public["bibs"]) == (1, ["7"])
    assert "Secret" not in str(answer["facts"])
    assert "1990" not in str(answer["facts"])


async def test_changes_come_in_pages_that_lead_from_one_to_the_next(database):
    bibs = [str(number) for number in range(1, CHANGES_A_PAGE + 3)]
    race = await racing(database, run("7", 1, 2000, 4000), bibs=bibs)
    path, seen, facts = f"{BASE}/changes?from=0", [], 0
    async with serving(race) as live:
        for _ in range(2):
            async with live.get(path) as response:
                page = await response.json()
                following = response.links.get("next")
            seen += [athlete["bib"] for athlete in page["athletes"]]
            facts += len(page["facts"])
            assert page["more"] == (following is not None)
            path = "" if following is None else f"{BASE}/changes?{following['url'].raw_query_string}"
        assert (path, seen) == ("", sorted(bibs, key=bib_order))
        assert facts == 2  # the entries and the gun, once each; the definition is revision 0


async def test_protests_are_listed_for_officials_with_their_outcomes(database):
    filed = fact("protest_filed", protest="p1", race="hm", text="bib 7 cut a corner", bib="7", recorded_at_us=at(5000))
    race = await racing(database, filed)
    async with serving(race) as live:
        expected = {"protest": "p1", "race": "hm", "bib": "7", "text": "bib 7 cut a corner"}
        (protest,) = (await live.json(f"{BASE}/cases"))["protests"]
        assert protest == {**expected, "filed_at_us": at(5000), "outcome": None}
        await race.announce(fact("protest_decided", protest="p1", outcome="rejected", reason="seen on video"))
        (protest,) = (await live.json(f"{BASE}/cases"))["protests"]
        assert protest["outcome"] == "rejected"


async def test_cases_are_listed_open_and_decided_with_those_of_teams(database):
    crowded = {**half(missing_mat="review"), **{key: TEAMS[key] for key in ("boards", "team_boards", "delegations")}}
    crowded["team_boards"] = [{"id": "teams-men", "of": "men", "counting": 1, "max_members": 1}]
    crowded["delegations"] = []
    facts = [run("1", k10=None), run("2", k10=None), decided("missed:2", "accept")]
    race = await racing(database, *facts, definition=crowded, bibs=MEMBERS)
    expected = document(defined(crowded), entries(*MEMBERS), gun(0), *facts)["cases"]
    async with serving(race) as live:
        answer = await live.json(f"{BASE}/cases")
        keys = ("case", "bib", "race", "open")
        assert [{key: case[key] for key in keys} for case in answer["cases"]] == [
            {key: case[key] for key in keys} for case in expected
        ]
        details = [(case["outcome"], case["points"], case["missed"]) for case in answer["cases"]]
        assert details == [
            (None, ["START", "FINISH"], ["10K"]),
            ("accept", ["START", "FINISH"], ["10K"]),
            (None, [], []),
            (None, [], []),
        ]
        assert [(case["case"], case["open"]) for case in answer["cases"]] == [
            ("missed:1", True),
            ("missed:2", False),
            ("team:teams-men:Ha Noi", True),
            ("team:teams-men:Hue", True),
        ]
        assert answer["open"] == 3


TOGETHER = {**definition(), "together": {"points": 2}}
CARRIED = [run("7", 1, "2000.5", "4000.5"), run("12", 2, "2000.6", "4000.4"), run("8", 1, "2000.5", "4100.5")]


async def test_chips_carried_together_are_a_case_of_both_athletes_until_it_is_decided(database):
    race = await racing(database, definition=TOGETHER, bibs=("7", "8", "12"))
    await race.announce(CARRIED[0])
    await race.announce(*CARRIED[1:])
    async with serving(race) as live:
        (case,) = (await live.json(f"{BASE}/cases"))["cases"]
        assert (case["name"], case["open"], case["outcome"]) == ("No 7 Runner", True, None)
        (plain,) = (await live.json(f"{BASE}/standings"))["cases"]
        assert plain == {"case": "together:7:12", "bib": "7", "race": "hm", "open": True}
        assert {name: case[name] for name in plain} == plain
        flags = {row["bib"]: row["flags"] for row in await live.json(f"{BASE}/boards/men.json")}
        assert flags == {"7": "case", "12": "case", "8": ""}
        assert (await live.json(f"{BASE}/athletes/12"))["case_open"] is True
        (explained,) = (await live.json(f"{BASE}/athletes/12/explain"))["cases"]
        assert (explained["case"], explained["open"], explained["other"]) == ("together:7:12", True, "7")
        assert [(seen["point"], seen["apart_us"]) for seen in explained["side_by_side"]] == [
            ("10K", 100_000),
            ("FINISH", 100_000),
        ]
        await race.announce(decided("together:7:12", "accept"))
        (case,) = (await live.json(f"{BASE}/cases"))["cases"]
        assert (case["case"], case["open"], case["outcome"]) == ("together:7:12", False, "accept")
        assert {row["flags"] for row in await live.json(f"{BASE}/boards/men.json")} == {""}
        await race.announce(
            fact("read_excluded", device="F1", chip="C12", at_us=at("4000.4"), reason="not the athlete")
        )
        assert (await live.json(f"{BASE}/cases"))["cases"] == []


# --- Access.


async def test_cases_without_tokens_are_for_this_machine_only(database):
    race = await racing(database)
    async with serving(race) as live:
        await live.json(f"{BASE}/cases")
        for headers in (
            {"Origin": "https://elsewhere.example"},
            {"Host": "rebound.example"},
            {"X-Forwarded-For": "192.0.2.1"},
        ):
            assert (await live.json(f"{BASE}/cases", status=403, headers=headers))["title"] == "Not from here"
        await live.json(f"{BASE}/boards/men", headers={"Origin": "https://elsewhere.example"})


async def test_with_a_readers_token_every_request_takes_one(database, tmp_path):
    race = await racing(database, run("7"))
    path = tmp_path / "tokens.json"
    reader, kept_reader = new_token("reader", "tv", [EVENT], [], "2026-01-01")
    other, kept_other = new_token("reader", "radio", ["other"], [], "2026-01-01")
    official, kept_official = new_token("official", "jury", [EVENT], [], "2026-01-01")
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        await live.json(f"{BASE}/boards/men")
        path.write_bytes(tokens_bytes([kept_official]))
        await live.json(f"{BASE}/boards/men")  # officials have tokens, looking is still free
        await live.json(f"{BASE}/cases", status=401)
        path.write_bytes(tokens_bytes([kept_official, kept_reader, kept_other]))
        for wrong in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {reader[:-1]}"}):
            async with live.get(f"{BASE}/boards/men", headers=wrong) as response:
                assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        async with live.get(f"{BASE}/boards/men?key={reader}") as response:
            assert (response.status, response.headers["Cache-Control"]) == (200, "private, max-age=0")
        await live.json(f"{BASE}/boards/men", headers={"Authorization": f"Bearer {official}"})
        await live.json(f"{BASE}/boards/men?key={other}", status=403)
        await live.json(f"{BASE}/boards/men?key={official}", status=403)
        await live.json(f"{BASE}/cases?key={reader}", status=403)
        await live.json(f"{BASE}/cases", headers={"Authorization": f"Bearer {official}"})
        await live.json(f"{BASE}/stream?key={other}", status=403)


async def test_a_token_file_that_vanishes_locks_out_officials_but_nobody_who_watches(database, tmp_path):
    race = await racing(database, run("7"))
    path = tmp_path / "tokens.json"
    reader, kept_reader = new_token("reader", "tv", [EVENT], [], "2026-01-01")
    official, kept_official = new_token("official", "jury", [EVENT], [], "2026-01-01")
    as_official = {"Authorization": f"Bearer {official}"}
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        for kept, watching in (([kept_official], ""), ([kept_official, kept_reader], f"?key={reader}")):
            path.write_bytes(tokens_bytes(kept))
            await live.json(f"{BASE}/cases", headers=as_official)
            path.unlink()
            await live.json(f"{BASE}/boards/men{watching}")
            await live.json(f"{BASE}/cases", status=401, headers=as_official)
            await live.json(f"{BASE}/cases", status=401)  # not even from this machine
        await live.json(f"{BASE}/boards/men", status=401)  # private it stays


async def test_a_key_for_one_event_learns_nothing_of_the_others(database, tmp_path):
    first = await racing(database, run("7"))
    later = Racing(database, "example-2027")
    for _ in range(9):
        kept = {**definition(), "event": "example-2027"}
        await later.announce({**defined(), "event": "example-2027", "definition": kept})
    path = tmp_path / "tokens.json"
    reader, kept_reader = new_token("reader", "tv", [EVENT, "planned"], [], "2026-01-01")
    everyone, kept_everyone = new_token("reader", "wall", ["*"], [], "2026-01-01")
    async with serving(first, later, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        assert len((await live.json("/v1/events"))["events"]) == 2  # while live is public
        path.write_bytes(tokens_bytes([kept_reader, kept_everyone]))
        for shown, events in ((everyone, {EVENT, "example-2027"}), (reader, {EVENT})):
            headers = {"Authorization": f"Bearer {shown}"}
            listed = await live.json("/v1/events", headers=headers)
            assert {event["event"] for event in listed["events"]} == events
            revision = max(race.revision for race in (first, later) if race.event in events)
            assert listed["revision"] == (await live.json("/v1/time", headers=headers))["revision"] == revision
        assert (await live.json("/v1/events/planned", status=404, headers=headers))["known"] == [EVENT]


async def test_live_that_other_machines_can_reach_warns_that_it_is_public(database, caplog):
    async with serving(database=database, host="0.0.0.0"):
        pass
    assert "public and read-only" in caplog.text


async def test_it_is_ready_once_clickhouse_answers(database):
    async with serving(database=database) as live:
        assert await live.text("/readyz") == "ready\n"
        assert await live.text("/healthz") == "ok\n"
        assert "matline_live_clickhouse_up 1.0" in await live.text("/metrics")
        await database.command("RENAME TABLE revisions TO revisions_away")
        try:
            status_seen = 200
            while status_seen == 200:
                async with live.get("/readyz") as response:
                    status_seen = response.status
            assert status_seen == 503
        finally:
            await database.command("RENAME TABLE revisions_away TO revisions")
