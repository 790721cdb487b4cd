"""Feeds over HTTP: of boards, teams, delegations; with chosen columns, side by side, for spreadsheets."""

import csv
import io
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from services.live.feed.event_columns import CLOCK_COLUMNS, COUNT_COLUMNS
from services.live.feed.team_columns import DELEGATION_COLUMNS, TEAM_COLUMNS
from tests.builders import EVENT, board, defined, definition, entries, entry, fact, gun, race, run
from tests.live.racing import Racing, serving

BASE = f"/v1/events/{EVENT}"
BOARDS = f"{BASE}/boards"
TEAMS = definition(
    boards=[board("men", gender="M"), board("women", gender="F")],
    team_boards=[
        {"id": "teams-men", "of": "men", "counting": 2, "non_finisher": "none"},
        {"id": "teams-women", "of": "women", "counting": 1},
    ],
    delegations=[{"id": "overall", "sum": ["teams-men", "teams-women"]}],
)


async def racing(database, *facts, definition=None, bibs=("7", "8", "9")) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(0), *facts)
    return made


async def with_teams(database) -> Racing:
    bibs = [entry(bib, team="Huế") for bib in ("1", "2")] + [entry(bib, team="Vinh") for bib in ("3", "4")]
    bibs += [entry("5", team="Huế", gender="F"), entry("6", team="Vinh", gender="F"), entry("7", team="Đà Lạt")]
    runs = [run(bib, 1, 2000, 4000 + index) for index, bib in enumerate(("1", "3", "4", "2", "5", "6"))]
    return await racing(database, *runs, definition=TEAMS, bibs=bibs)


async def table(live, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(await live.text(path))))


# --- Boards.


async def test_a_feed_has_the_columns_that_were_asked_for_in_their_order(database):
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, 4100))
    async with serving(made) as live:
        rows = await live.json(f"{BOARDS}/men.json?cols=Pos:place_text,Bib:bib,Time:time")
        assert rows == [{"Pos": "1", "Bib": "7", "Time": "1:06:40"}, {"Pos": "2", "Bib": "8", "Time": "1:08:20"}]
        assert list((await table(live, f"{BOARDS}/men.csv?cols=bib,place"))[0]) == ["bib", "place"]
        root = ET.fromstring(await live.text(f"{BOARDS}/men.xml?cols=gap"))
        assert [[cell.tag for cell in row] for row in root] == [["gap"], ["gap"]]
        problem = await live.json(f"{BOARDS}/men.json?cols=bib,plaec", status=400)
    assert "'plaec'" in problem["detail"]
    assert {"place", "bib", "decided"} <= set(problem["known"])


async def test_one_row_has_the_first_so_many_side_by_side(database):
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, 4100), run("9", 1, 2000, 4200))
    async with serving(made) as live:
        assert await live.json(f"{BOARDS}/men.json?wide=2&cols=bib,place") == [
            {"bib_1": "7", "place_1": 1, "bib_2": "8", "place_2": 2}
        ]
        (padded,) = await live.json(f"{BOARDS}/men.json?wide=10&offset=2")
        assert (padded["bib_1"], padded["place_1"], padded["bib_10"], padded["place_10"]) == ("9", 3, "", 0)
        async with live.get(f"{BOARDS}/men.csv?wide=2&cols=bib") as response:
            assert response.headers["Link"] == '<?offset=2&wide=2&cols=bib>; rel="next"'
            assert (await response.text()).split() == ["bib_1,bib_2", "7,8"]
        assert "leave `limit` out" in (await live.json(f"{BOARDS}/men.json?wide=2&limit=3", status=400))["detail"]
        assert "1 to 100" in (await live.json(f"{BOARDS}/men.json?wide=101", status=422))["detail"]


@pytest.mark.parametrize("query", ["cols=bib", "wide=3", "bom=1"])
async def test_an_answer_that_is_no_feed_has_no_form(database, query):
    made = await racing(database)
    async with serving(made) as live:
        assert ".csv" in (await live.json(f"{BOARDS}/men?{query}", status=400))["detail"]


async def test_a_spreadsheet_reads_the_letters_and_takes_nothing_for_a_formula(database):
    bibs = [entry("7", family_name="Đặng"), "8", "9"]
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, 4100), run("9", 1, 2000, 4100), bibs=bibs)
    async with serving(made) as live, live.get(f"{BOARDS}/men.csv?bom=1&cols=place_text,name,gap") as response:
        content = await response.read()
    assert content.startswith(b"\xef\xbb\xbf")
    assert [line.split(",")[::2] for line in content.decode("utf-8-sig").splitlines()[1:]] == [
        ["1", ""],
        ["2=", "1:40"],
        ["2=", "1:40"],
    ]


async def test_the_next_page_is_of_the_same_list(database):
    bibs = [str(number) for number in range(1, 8)]
    made = await racing(database, *(run(bib, 1, 2000 + int(bib), None) for bib in bibs), bibs=bibs)
    async with serving(made) as live:
        for query in ("point=10K&limit=3", "on_course=1&limit=3&q=runner"):
            seen: list[str] = []
            page: Any = f"{live.base}{BOARDS}/men.json?{query}"
            while page:
                async with live.session.get(page) as response:
                    seen += [row["bib"] for row in await response.json()]
                    link = response.links.get("next")
                    page = None if link is None else link["url"]
            assert seen == bibs, query


async def test_a_feed_shows_whose_place_is_under_review_and_what_they_miss(database):
    lapsed = definition(races=[race(missing_mat="review")], boards=[board("men", gender="M")])
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 1, None, 4100), definition=lapsed)
    async with serving(made) as live:
        first, second = await live.json(f"{BOARDS}/men.json")
    assert (first["flags"], first["missed"]) == ("", "")
    assert (second["place"], second["flags"], second["missed"]) == (2, "case review", "10K")


async def test_gaps_in_the_time_that_gives_places_are_never_below_zero(database):
    printed = definition(races=[race(official_time="chip")], boards=[board("men", rank_by="gun")])
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 100, 2050, 4050.5), definition=printed)
    async with serving(made) as live:
        _, second = await live.json(f"{BOARDS}/men.json")
    assert (second["gap"], second["gap_ms"]) == ("-0:48", -48_500)
    assert (second["rank_gap"], second["rank_gap_ms"]) == ("+0:51", 50_500)


async def test_a_row_says_when_its_time_was_taken(database):
    made = await racing(database, run("7", 1, 2000, 4000.25))
    async with serving(made) as live:
        assert (await live.json(f"{BOARDS}/men.json?cols=at"))[0] == {"at": "2026-01-04T06:06:40.250+07:00"}
        assert (await live.json(f"{BOARDS}/men.json?point=10K&cols=at"))[0] == {"at": "2026-01-04T05:33:20.000+07:00"}


# --- Teams and delegations.


async def test_teams_and_delegations_are_feeds_too_each_column_of_one_type(database):
    made = await with_teams(database)
    declared = {"teams/teams-men": TEAM_COLUMNS, "delegations/overall": DELEGATION_COLUMNS}
    async with serving(made) as live:
        for path, columns in declared.items():
            rows = await live.json(f"{BASE}/{path}.json")
            assert len(rows) > 1
            for row in rows:
                assert [type(value) for value in row.values()] == [column.type for column in columns], path
                assert list(row) == [column.name for column in columns]
            assert await table(live, f"{BASE}/{path}.csv") == [
                {name: str(value) for name, value in row.items()} for row in rows
            ]
            root = ET.fromstring(await live.text(f"{BASE}/{path}.xml"))
            assert [{cell.tag: cell.text or "" for cell in row} for row in root] == [
                {name: str(value) for name, value in row.items()} for row in rows
            ]
        first, second, third = await live.json(f"{BASE}/teams/teams-men.json")
        await made.announce(fact("entry_hidden", bib="1", hidden=True))
        _, hidden, _ = await live.json(f"{BASE}/teams/teams-men.json?cols=member_names")
    assert (first["place_text"], first["team"], first["score"], first["members"]) == ("1", "Vinh", 5, "3, 4")
    assert (first["member_scores"], first["result_state"]) == ("2, 3", "live")
    assert (second["place_text"], second["team"], second["members"]) == ("2", "Huế", "1, 2")
    assert (third["place"], third["place_text"], third["score"], third["team"]) == (0, "", 0, "Đà Lạt")
    assert hidden["member_names"].startswith("1, ")


async def test_teams_have_pages(database):
    made = await with_teams(database)
    async with serving(made) as live:
        async with live.get(f"{BASE}/teams/teams-men?limit=1") as response:
            answer = await response.json()
            assert (response.headers["X-Total-Count"], response.headers["X-State"]) == ("3", "live")
            assert response.headers["Link"] == '<?offset=1&limit=1>; rel="next"'
        assert (answer["total"], answer["offset"], [row["team"] for row in answer["rows"]]) == (3, 0, ["Vinh"])
        later = await live.json(f"{BASE}/teams/teams-men?offset=1")
        assert ([row["team"] for row in later["rows"]], later["rows"][0]["place_text"]) == (["Huế", "Đà Lạt"], "2")
        overall = await live.json(f"{BASE}/delegations/overall?limit=1&offset=1")
        assert (overall["total"], len(overall["rows"])) == (3, 1)
        assert ".json" in (await live.json(f"{BASE}/teams/teams-men?cols=team", status=400))["detail"]
        assert "teams-men" in (await live.json(f"{BASE}/teams/none.csv", status=404))["detail"]


# --- Splits, counts and clocks.


async def test_a_split_has_everybody_who_took_the_point_in_the_order_of_their_times(database):
    bibs = ["7", entry("8", gender="F"), entry("9", gender="X"), entry("10", ranked=False), "11"]
    made = await racing(
        database,
        run("7", 1, 2000, 4000),
        run("8", 2, 1900, None),
        run("9", 3, 2100, None),
        run("10", 3, 1800, None),
        run("11", 3, None, None),
        bibs=bibs,
    )
    async with serving(made) as live:
        rows = await live.json(f"{BASE}/splits/hm/10K.json")
        answer = await live.json(f"{BASE}/splits/hm/10K")
        assert [row["bib"] for row in await live.json(f"{BASE}/splits/hm/FINISH.json")] == ["7"]
        assert (await table(live, f"{BASE}/splits/hm/10K.csv?cols=bib,gap"))[1] == {"bib": "7", "gap": "+1:40"}
        assert ET.fromstring(await live.text(f"{BASE}/splits/hm/10K.xml")).tag == "split"
        page = await live.json(f"{BASE}/splits/hm/10K.json?offset=1&limit=1&cols=bib,place")
        found = await live.json(f"{BASE}/splits/hm/10K.json?q=9&cols=bib,place")
        first = made.revision
        await made.announce(run("11", 3, 1950, None))
        before = await live.json(f"{BASE}/splits/hm/10K?as_of={first}")
        assert (await live.json(f"{BASE}/splits/hm/10K"))["total"] == 4
        unknown_point = await live.json(f"{BASE}/splits/hm/5K.json", status=404)
        unknown_race = await live.json(f"{BASE}/splits/10k/10K", status=404)
        board_row = (await live.json(f"{BOARDS}/men.json?point=10K"))[0]
    assert [(row["place"], row["bib"], row["time"], row["gap"]) for row in rows] == [
        (1, "8", "0:31:40", ""),
        (2, "7", "0:33:20", "+1:40"),
        (3, "9", "0:35:00", "+3:20"),
    ]
    assert list(rows[0]) == list(board_row)
    assert [type(value) for value in rows[0].values()] == [type(value) for value in board_row.values()]
    assert (rows[0]["status"], rows[0]["next_eta"] > "", rows[1]["status"]) == ("ON_COURSE", True, "FINISHED")
    assert {name: answer[name] for name in ("event", "race", "point", "state", "total", "offset")} == {
        "event": EVENT,
        "race": "hm",
        "point": "10K",
        "state": "live",
        "total": 3,
        "offset": 0,
    }
    assert page == [{"bib": "7", "place": 2}]
    assert found == [{"bib": "9", "place": 3}]
    assert before["total"] == 3
    assert unknown_point["known"] == ["START", "10K", "FINISH"]
    assert unknown_race["known"] == ["hm"]


async def test_a_split_is_by_chip_time_where_that_is_official(database):
    by_chip = definition(races=[race(official_time="chip")])
    made = await racing(database, run("7", 1, 2000, None), run("8", 100, 2050, None), definition=by_chip)
    async with serving(made) as live:
        rows = await live.json(f"{BASE}/splits/hm/10K.json?cols=bib,time,rank_gap")
    assert rows == [
        {"bib": "8", "time": "0:32:30", "rank_gap": ""},
        {"bib": "7", "time": "0:33:19", "rank_gap": "+0:49"},
    ]


async def test_counts_are_by_status_and_point_also_where_there_is_nobody(database):
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, None), bibs=("7", "8", "9"))
    async with serving(made) as live:
        rows = await live.json(f"{BASE}/counts.json")
        assert await table(live, f"{BASE}/counts.csv") == [
            {name: str(value) for name, value in row.items()} for row in rows
        ]
        assert len(ET.fromstring(await live.text(f"{BASE}/counts.xml"))) == len(rows)
        wide = await live.json(f"{BASE}/counts.json?wide=2&cols=name,count")
        first = made.revision
        await made.announce(entries("10"))
        now, *_ = await live.json(f"{BASE}/counts.json?cols=name,count")
        before, *_ = await live.json(f"{BASE}/counts.json?cols=name,count&as_of={first}")
        assert "json, csv, xml" in (await live.json(f"{BASE}/counts.txt", status=404))["detail"]
    assert [(row["kind"], row["name"], row["km"], row["count"]) for row in rows] == [
        ("total", "ENTERED", 0.0, 3),
        ("status", "NOT_STARTED", 0.0, 1),
        ("status", "ON_COURSE", 0.0, 1),
        ("status", "FINISHED", 0.0, 1),
        ("status", "OTL", 0.0, 0),
        ("status", "DNF", 0.0, 0),
        ("status", "DNS", 0.0, 0),
        ("status", "DQ", 0.0, 0),
        ("point", "START", 0.0, 2),
        ("point", "10K", 10.0, 2),
        ("point", "FINISH", 21.0975, 1),
    ]
    assert all(type(row[column.name]) is column.type for row in rows for column in COUNT_COLUMNS)
    assert wide == [{"name_1": "ENTERED", "count_1": 3, "name_2": "NOT_STARTED", "count_2": 1}]
    assert (now["count"], before["count"]) == (4, 3)


async def test_a_clock_runs_from_the_gun_until_the_race_is_closed(database):
    made = Racing(database)
    await made.announce(defined(), entries("7"))
    async with serving(made) as live:
        (waiting,) = await live.json(f"{BASE}/clock.json")
        fired_us = time.time_ns() // 1000 - 90_000_000
        await made.announce(fact("gun_fired", race="hm", at_us=fired_us))
        async with live.get(f"{BASE}/clock.json") as response:
            assert response.headers["Cache-Control"] == "no-store"
            (running,) = await response.json()
        (shown,) = await table(live, f"{BASE}/clock.csv?cols=race,time")
        await made.announce(fact("race_closed", race="hm"))
        (closed,) = await live.json(f"{BASE}/clock.json")
    assert [type(value) for value in waiting.values()] == [column.type for column in CLOCK_COLUMNS]
    assert list(waiting) == list(running) == list(closed) == [column.name for column in CLOCK_COLUMNS]
    assert [waiting[name] for name in ("state", "time", "time_s", "gun", "gun_us")] == ["before", "", 0, "", 0]
    assert (waiting["scheduled"], waiting["result_state"]) == ("2026-01-04T05:00:00+07:00", "live")
    assert (running["state"], running["gun_us"]) == ("running", fired_us)
    assert running["time_s"] == (running["now_us"] - fired_us) // 1_000_000 >= 90
    assert running["time"] == f"0:{running['time_s'] // 60:02}:{running['time_s'] % 60:02}"
    assert shown["race"] == "hm"
    assert shown["time"] >= running["time"]
    assert (closed["state"], closed["time"], closed["time_s"], closed["gun_us"]) == ("closed", "", 0, fired_us)
