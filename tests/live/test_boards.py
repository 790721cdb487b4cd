"""Boards over HTTP: rows, places, splits, searches, pages, feeds, and boards as they were."""

import asyncio
import csv
import io
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import quote

import pytest

from services.live.feed.columns import COLUMNS
from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import (
    EVENT,
    START_US,
    at,
    board,
    course,
    defined,
    definition,
    document,
    entries,
    entry,
    fact,
    gun,
    order,
    race,
    read,
    reads,
    run,
    status,
)
from tests.live.racing import Live, Racing, serving

BASE = f"/v1/events/{EVENT}"
BOARDS = f"{BASE}/boards"
MATS = [("start", "S1"), ("10k", "K1"), ("15k", "M1"), ("finish", "F1")]
RACE = race()
NUMBERS = {"place", "km", "time_ms", "gap_ms", "speed_kmh", "move", "revision", "age_grade", "decided", "rank_gap_ms"}


async def racing(database, *facts, definition=None, bibs=("7", "8", "9")) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(0), *facts)
    return made


def column(answer, name: str) -> list:
    return [row[name] for row in answer["rows"]]


async def test_a_board_ranks_its_finishers_with_gaps_paces_and_moves(database):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 2, 1900, 4100.25), run("9", 3, 2100, None))
    async with serving(race) as live:
        answer = await live.json(f"{BOARDS}/men")
    assert {name: answer[name] for name in ("event", "board", "revision", "state", "total")} == {
        "event": EVENT,
        "board": "men",
        "revision": race.revision,
        "state": "live",
        "total": 2,
    }
    first, second = answer["rows"]
    assert (first["bib"], first["place"], first["time"], first["gap"], first["move"]) == ("7", 1, "1:06:40", None, 1)
    assert (second["bib"], second["place"], second["gap"], second["gap_ms"]) == ("8", 2, "+1:41", 100_250)
    assert second["move"] == -1  # led at 10K
    assert (second["time"], second["time_ms"], second["time_s"]) == ("1:08:21", 4_100_250, 4101)
    assert (second["gun_time"], second["chip_time"]) == ("1:08:21", "1:08:19")
    assert (first["pace"], first["speed_kmh"]) == ("3:10", 18.99)  # 4000 s over 21.0975 km
    assert (first["point"], first["km"], first["status"], first["result_state"]) == (
        "FINISH",
        21.0975,
        "FINISHED",
        "live",
    )
    assert first["updated_at"] == "2026-01-04T05:00:15.000000+07:00"  # when the revision with this result was announced


async def test_boards_over_http_equal_the_standings_document_of_the_log(database):
    kept = definition(
        boards=[
            board("all", rank_by="gun_then_chip", gun_places=1),
            board("men", within="all", gender="M"),
            board("young", within="all", born_from=2000),
        ]
    )
    bibs: list[Any] = [
        entry("7", birth_year=1990),
        entry("8", birth_year=2001),
        entry("9", gender="F", birth_year=2002),
        "10",
    ]
    log = [defined(kept), entries(*bibs), gun(0)]
    runs = [run("7", 1, 2000, 4000), run("8", 60, 2000, 4050), run("9", 5, 2100, 4040), run("10", 60, 2100, 4050)]
    race = Racing(database)
    await race.announce(*log, *runs)
    expected = document(*log, *runs)["boards"]
    async with serving(race) as live:
        for name in ("all", "men", "young"):
            rows = (await live.json(f"{BOARDS}/{name}"))["rows"]
            kept_fields = ("place", "bib", "time_s", "gun_us", "chip_us")
            assert [{field: row[field] for field in kept_fields} for row in rows] == expected[name]
        rows = (await live.json(f"{BOARDS}/all"))["rows"]
    assert [row["bib"] for row in rows] == ["7", "8", "10", "9"]
    assert [row["time"] for row in rows] == ["1:06:40", "1:06:30", "1:06:30", "1:07:15"]
    assert rows[1]["gap"] == "-0:10"  # by chip faster than the leader by gun, and printed so


async def test_athletes_who_tie_share_a_place_and_the_place_says_so(database):
    finishes = [run("10", 1, 2000, 4000), run("7", 1, 2000, 4000), run("8", 1, 2000, 3999), run("9", 1, 2000, 4001)]
    race = await racing(database, *finishes, bibs=("7", "8", "9", "10"))
    async with serving(race) as live:
        answer = await live.json(f"{BOARDS}/men")
        assert list(zip(column(answer, "bib"), column(answer, "place_text"), strict=True)) == [
            ("8", "1"),
            ("7", "=2"),
            ("10", "=2"),
            ("9", "4"),
        ]
        await race.announce(order("10", "7"))
        answer = await live.json(f"{BOARDS}/men")
    assert list(zip(column(answer, "bib"), column(answer, "place_text"), strict=True)) == [
        ("8", "1"),
        ("10", "2"),
        ("7", "3"),
        ("9", "4"),
    ]


async def test_a_point_ranks_all_athletes_who_took_it_with_what_lies_ahead(database):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 2, 1900, None), run("9", 100, None, None))
    async with serving(race) as live:
        answer = await live.json(f"{BOARDS}/men?point=10K")
        assert list(zip(column(answer, "place"), column(answer, "bib"), strict=True)) == [(1, "8"), (2, "7")]
        leader, finisher = answer["rows"]
        assert (answer["point"], answer["total"], leader["km"], leader["time"]) == ("10K", 2, 10.0, "0:31:40")
        # 1,898 s since the start passing for 10 km; at that pace the finish would be at 1:06:47 of gun time
        assert leader["next_eta"] == "2026-01-04T06:07:25+07:00"
        assert [leader[f"projected_{name}"] for name in ("low", "finish", "high")] == ["1:06:28", "1:07:26", "1:10:10"]
        assert (finisher["status"], finisher["next_eta"], finisher["move"]) == ("FINISHED", None, None)
        start = await live.json(f"{BOARDS}/men?point=START")
        assert column(start, "bib") == ["7", "8", "9"]
        assert column(start, "pace") == [None, None, None]
        wrong = await live.json(f"{BOARDS}/men?point=5K", status=422)
    assert "START, 10K, FINISH" in wrong["detail"]


async def test_athletes_on_the_course_are_estimated_by_the_finishers_of_their_race_once_there_are_enough(database):
    field = [str(number) for number in range(100, 235)]
    # 120 who finish an hour after 10 km, much later than fitted, and 15 so late that all others have to be in
    finishes = [run(bib, 1, 2000 + index, 5600 + index) for index, bib in enumerate(field[:120])]
    finishes += [run(bib, 1, 4000 + index, 10_000 + index) for index, bib in enumerate(field[120:])]
    race = await racing(database, *finishes, run("7", 1, 2200, None), bibs=("7", *field))
    early = race.revision
    assert race.announced_at_us(early) < at(300)  # until then the fitted spread holds
    async with serving(race) as live:
        (fitted,) = (await live.json(f"{BOARDS}/men?point=10K&q=7"))["rows"]
        await race.announce(*[gun(0)] * 160)
        assert race.announced_at_us(race.revision) > at(300)
        (own,) = (await live.json(f"{BOARDS}/men?point=10K&q=7"))["rows"]
        athlete = await live.json(f"/v1/events/{EVENT}/athletes/7")
        (before,) = (await live.json(f"{BOARDS}/men?point=10K&q=7&as_of={early}"))["rows"]
    assert own["bib"] == athlete["bib"] == "7"
    assert fitted["projected_finish"] < "1:20:00" < "1:35:00" < own["projected_finish"]
    names = ("next_eta", "projected_low", "projected_finish", "projected_high")
    assert [own[name] for name in names] == [athlete[name] for name in names]
    assert before == fitted


async def test_a_board_by_chip_ranks_its_points_by_chip_too(database):
    by_chip = definition(races=[race(official_time="chip")], boards=[board("men", rank_by="chip")])
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 100, 2050, 4050), definition=by_chip)
    async with serving(made) as live:
        assert column(await live.json(f"{BOARDS}/men"), "bib") == ["8", "7"]
        at_10k = await live.json(f"{BOARDS}/men?point=10K")
    assert column(at_10k, "bib") == ["8", "7"]
    assert column(at_10k, "time") == ["0:32:30", "0:33:19"]


async def test_those_on_the_course_follow_the_finishers_by_their_furthest_point(database):
    longer = [
        {"id": "START", "mat": "start", "km": 0},
        {"id": "10K", "mat": "10k", "km": 10},
        {"id": "15K", "mat": "15k", "km": 15},
        {"id": "FINISH", "mat": "finish", "km": 21.0975},
    ]
    mats = [{"id": name, "devices": [device]} for name, device in MATS]
    made = definition(races=[race(points=longer)], boards=[board("men", gender="M")], mats=mats)
    runs = [
        reads(read("S1", "C7", 1), read("K1", "C7", 2000), read("M1", "C7", 2950), read("F1", "C7", 4000)),
        reads(read("S1", "C8", 2), read("K1", "C8", 1990), read("M1", "C8", 3010)),
        reads(read("S1", "C9", 3), read("K1", "C9", 2300), read("M1", "C9", 2990)),
        reads(read("S1", "C10", 1), read("K1", "C10", 1980)),
        reads(read("S1", "C11", 1)),
        reads(read("S1", "C12", 1), read("K1", "C12", 1970)),
    ]
    bibs = ("7", "8", "9", "10", "11", "12")
    stopped = status("12", "DNF")
    race_day = await racing(database, *runs, stopped, definition=made, bibs=bibs)
    async with serving(race_day) as live:
        answer = await live.json(f"{BOARDS}/men?on_course=1")
        plain = await live.json(f"{BOARDS}/men")
        feed = await live.json(f"{BOARDS}/men.json?on_course=1&offset=1&limit=2")
        refused = await live.json(f"{BOARDS}/men?on_course=1&point=10K", 400)
        searched = await live.json(f"{BOARDS}/men?on_course=1&q=10")
    shown = [(row["bib"], row["point"], row["place"], row["gap"], row["status"]) for row in answer["rows"]]
    assert shown == [
        ("7", "FINISH", 1, None, "FINISHED"),
        ("9", "15K", 2, "+0:40", "ON_COURSE"),  # behind 7, who led at 15K
        ("8", "15K", 3, "+1:00", "ON_COURSE"),
        ("10", "10K", 2, "+0:10", "ON_COURSE"),  # 12 led at 10K, and has stopped since
    ]
    assert answer["total"] == 4
    assert [row["bib"] for row in plain["rows"]] == ["7"]
    ahead = answer["rows"][1]
    assert ahead["projected_low"] <= ahead["projected_finish"] <= ahead["projected_high"]
    assert ahead["next_eta"].startswith("2026-01-04T06:")
    assert [row["bib"] for row in feed] == ["9", "8"]
    assert refused["title"] == "One or the other"
    assert [row["bib"] for row in searched["rows"]] == ["10"]


async def test_gaps_are_the_differences_of_the_printed_times(database):
    printed = definition(races=[race(official_time="chip")], boards=[board("men", rank_by="gun")])
    made = await racing(database, run("7", 1, 2000, 4000), run("8", 100, 2050, 4050), definition=printed)
    async with serving(made) as live:
        rows = (await live.json(f"{BOARDS}/men"))["rows"]
    assert [(row["bib"], row["time"], row["gap"]) for row in rows] == [
        ("7", "1:06:39", None),
        ("8", "1:05:50", "-0:49"),
    ]


async def test_a_feed_stays_as_it_is_while_only_others_results_change(database):
    women = entry("9", gender="F")
    race = await racing(database, run("7", 1, 2000, 4000), bibs=("7", "8", women))
    async with serving(race) as live:
        async with live.get(f"{BOARDS}/men.json") as first:
            tag, before = first.headers["ETag"], await first.json()
        await race.announce(run("9", 1, 2000, 4100))
        async with live.get(f"{BOARDS}/men.json", headers={"If-None-Match": tag}) as second:
            assert (second.status, second.headers["X-Revision"]) == (304, str(race.revision))
        await race.announce(run("8", 1, 2000, 4200))
        async with live.get(f"{BOARDS}/men.json", headers={"If-None-Match": tag}) as third:
            assert third.status == 200
            rows = await third.json()
    assert [row["revision"] for row in rows] == [before[0]["revision"], race.revision]


async def test_the_moment_of_a_row_names_a_revision_in_which_it_is_so(database):
    race = await racing(database, run("7", 1, 2000, 4000))
    async with serving(race) as live:
        for finish in (4100, 4050, 4075):
            await race.announce(run("8", 1, 2000, finish), run("9", 1, 2000, finish + 7))
            for row in (await live.json(f"{BOARDS}/men"))["rows"]:
                then = await live.json(f"{BOARDS}/men?as_of={quote(row['updated_at'])}")
                assert then["revision"] == row["revision"]
                (same,) = [other for other in then["rows"] if other["bib"] == row["bib"]]
                kept = ("time", "gun_us", "chip_us", "status", "updated_at")
                assert [same[name] for name in kept] == [row[name] for name in kept]
            event = await live.json(BASE)
            assert (await live.json(f"{BASE}?as_of={quote(event['updated_at'])}"))["revision"] == event["revision"]


async def test_pages_follow_each_other_and_say_how_many_rows_there_are(database):
    bibs = [str(number) for number in range(1, 8)]
    race = await racing(database, *(run(bib, 1, 2000, 4000 + int(bib)) for bib in bibs), bibs=bibs)
    async with serving(race) as live:
        async with live.get(f"{BOARDS}/men.json?limit=3&offset=3") as response:
            rows = await response.json()
            assert response.headers["X-Total-Count"] == "7"
            assert response.headers["Link"] == '<?offset=6&limit=3>; rel="next"'
        assert [row["place"] for row in rows] == [4, 5, 6]
        last = await live.json(f"{BOARDS}/men?limit=3&offset=6")
        assert (column(last, "bib"), last["total"], last["rows"][0]["gap"]) == (["7"], 7, "+0:06")
        assert (await live.json(f"{BOARDS}/men?offset=100"))["rows"] == []


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("limit=0", 422, "1 to 10000"),
        ("limit=10001", 422, "1 to 10000"),
        ("limit=ten", 400, "whole number"),
        ("offset=-1", 400, "whole number"),
        ("offest=1", 400, "offset, limit, point, on_course, q, as_of"),
        ("limit=1&limit=2", 400, "twice"),
        ("as_of=yesterday", 400, "2026-01-04T09:41:00Z"),
        ("as_of=2026-01-04T09:41:00", 400, "zone"),
        ("q=" + "x" * 101, 422, "100"),
        ("point=a/b", 400, "is no point id"),
        ("q=%00", 400, "NUL"),
    ],
)
async def test_a_wrong_parameter_is_refused_with_what_to_do(database, query, status, said):
    race = await racing(database)
    async with serving(race) as live:
        problem = await live.json(f"{BOARDS}/men?{query}", status=status)
    assert said in problem["detail"]
    assert problem["status"] == status


async def test_an_unknown_id_is_refused_with_the_known_ones(database):
    race = await racing(database)
    async with serving(race) as live:
        assert (await live.json("/v1/events/nowhere/boards/men", status=404))["known"] == [EVENT]
        assert (await live.json(f"{BOARDS}/mne", status=404))["known"] == ["men", "women"]
        assert "/v1/events" in (await live.json("/v2/events", status=404))["detail"]
        async with live.session.post(f"{live.base}{BOARDS}/men") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
            assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/events/x/y/z", f"{BOARDS}/men/rows", "/v1/"])
async def test_a_path_that_is_nowhere_is_not_found_by_any_method(database, path):
    race = await racing(database)
    async with serving(race) as live:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            async with live.session.request(method, live.base + path) as response:
                assert (response.status, response.content_type) == (404, "application/problem+json"), method
        assert "/v1/events" in (await live.json(path, status=404))["detail"]


async def test_head_answers_like_get_without_a_body(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        for path in (f"{BOARDS}/men", "/v1/events", "/robots.txt"):
            async with live.session.head(live.base + path) as head, live.get(path) as response:
                assert (head.status, await head.read()) == (200, b"")
                assert head.headers["ETag"] == response.headers["ETag"]
        async with live.session.head(f"{live.base}/v1/events/{EVENT}/stream") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, OPTIONS")


async def test_robots_may_visit_the_pages_of_a_public_site_only(database, tmp_path):
    path = tmp_path / "tokens.json"
    race = await racing(database)
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        assert "Disallow: /v1/\n" in await live.text("/robots.txt")
        path.write_bytes(tokens_bytes([new_token("reader", "tv", ["*"], [], "2026-01-01")[1]]))
        assert await live.text("/robots.txt") == "User-agent: *\nDisallow: /\n"


async def test_clients_may_append_a_parameter_to_get_past_caches(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        assert column(await live.json(f"{BOARDS}/men?_=1700000000"), "bib") == ["7"]


async def test_a_search_keeps_places_and_ignores_accents(database):
    bibs = [
        entry("7", family_name="Nguyễn Văn", given_name="Đức"),
        entry("8", family_name="Nguyen", given_name="Duc Anh"),
        entry("71", family_name="Trần", given_name="Bình"),
    ]
    race = await racing(database, run("7", 1, 2000, 4002), run("8", 1, 2000, 4001), run("71", 1, 2000, 4003), bibs=bibs)
    async with serving(race) as live:
        matching = await live.json(f"{BOARDS}/men?q=ĐỨC nguy")
        assert list(zip(column(matching, "place"), column(matching, "bib"), strict=True)) == [(1, "8"), (2, "7")]
        assert matching["total"] == 2
        assert column(await live.json(f"{BOARDS}/men?q=7"), "bib") == ["7", "71"]
        assert column(await live.json(f"{BOARDS}/men?q=uyen"), "bib") == []


async def test_as_of_gives_the_board_at_the_greatest_announced_revision_not_after(database):
    race = await racing(database, run("7", 1, 2000, 4000))
    first = race.revision
    await race.announce(run("8", 1, 2000, 3900), run("9", 1, 2000, 3950))
    second = race.revision
    await race.announce(status("8", "DQ"))
    async with serving(race) as live:

        async def seen(as_of) -> tuple[int, list[str]]:
            answer = await live.json(f"{BOARDS}/men", params={"as_of": as_of})
            return answer["revision"], column(answer, "bib")

        assert await seen(first) == (first, ["7"])
        assert await seen(second - 1) == (first, ["7"])
        assert await seen(second) == (second, ["8", "9", "7"])
        assert await seen(10**15) == (race.revision, ["9", "7"])
        assert await seen("2026-01-04T05:00:13+07:00") == (first, ["7"])  # announced in that second
        assert await seen("2026-01-03T22:00:14.999999Z") == (first, ["7"])
        assert await seen("2026-01-04 05:00:15+07:00") == (second, ["8", "9", "7"])
        assert await seen("2026-01-04T00:00:00Z") == (race.revision, ["9", "7"])
        problem = await live.json(f"{BOARDS}/men?as_of=1", status=404)
        assert problem["first"] == first
        at_10k = await live.json(f"{BOARDS}/men?as_of={first}&point=10K")
        assert (column(at_10k, "bib"), at_10k["revision"]) == (["7"], first)
        async with live.get(f"{BOARDS}/men?as_of={first}") as response:
            assert response.headers["Cache-Control"] == "public, max-age=600"
        async with live.get(f"{BOARDS}/men?as_of={race.revision}") as response:
            assert response.headers["Cache-Control"] == "public, max-age=0, s-maxage=1"


class RacingByTheMicrosecond(Racing):
    """A race whose revisions are announced within the same millisecond."""

    def announced_at_us(self, revision: int) -> int:
        return START_US + 10_000_000 + 7 * revision


async def test_the_instant_of_an_answer_names_its_revision(database):
    race = RacingByTheMicrosecond(database)
    await race.announce(defined(), entries("7", "8", "9"), gun(0))
    answers: list[tuple[str, dict[str, Any]]] = []
    rows: list[dict[str, Any]] = []
    async with serving(race) as live:
        for facts in ([run("7", 1, 2000, 4000)], [run("8", 1, 2000, 3900)], [status("8", "DQ")], [status("7", "DNF")]):
            await race.announce(*facts)
            paths = (f"/v1/events/{EVENT}/athletes/7", f"/v1/events/{EVENT}")
            answers += [(path, await live.json(path)) for path in paths]
            rows += (await live.json(f"{BOARDS}/men"))["rows"]
        for path, answer in answers:
            assert await live.json(path, params={"as_of": answer["updated_at"]}) == answer, path
        assert len(rows) == 4
        for row in rows:
            past = await live.json(f"{BOARDS}/men", params={"as_of": row["updated_at"]})
            assert past["revision"] == row["revision"]


async def test_every_board_of_the_past_equals_a_fold_of_the_log_to_there(database):
    first = definition(
        boards=[board("all", rank_by="gun_then_chip", gun_places=2), board("men", within="all", gender="M")]
    )
    later = definition(boards=[board("all", rank_by="chip"), board("women", within="all", gender="F")])
    steps = [
        [defined(first), entries("7", "8", entry("9", gender="F"), "10"), gun(0)],
        [run("7", 1, 2000, 4000), run("8", 40, 2000, 4010)],
        [run("9", 90, 2100, 4040), run("10", 60, 2100, 4040)],
        [gun(5)],
        [status("7", "DQ")],
        [order("10", "9"), status("7", "OK", id="ok")],
        [defined(later)],
        [fact("fact_withdrawn", fact="ok", reason="no")],
        [defined(first), entries(entry("8", gender="F"))],
    ]
    race = Racing(database)
    revisions = []
    for step in steps:
        await race.announce(*step)
        revisions.append(race.revision)
    fields = ("place", "bib", "time_s", "gun_us", "chip_us")
    async with serving(race) as live:
        for revision in [*revisions, *reversed(revisions)]:
            made = document(*race.facts[: revision + 1])
            assert made["boards"]
            for name, expected in made["boards"].items():
                answer = await live.json(f"{BOARDS}/{name}?as_of={revision}")
                assert answer["revision"] == revision
                assert [{field: row[field] for field in fields} for row in answer["rows"]] == expected, (revision, name)
            gone = {"all", "men", "women"} - set(made["boards"])
            for name in gone:
                await live.json(f"{BOARDS}/{name}?as_of={revision}", status=404)


async def test_a_board_follows_the_announced_revisions(database):
    race = await racing(database, run("7", 1, 2000, 4000))
    async with serving(race) as live:
        assert column(await live.json(f"{BOARDS}/men"), "bib") == ["7"]
        await race.announce(run("8", 1, 2000, 3900))
        assert column(await live.json(f"{BOARDS}/men"), "bib") == ["8", "7"]
        await race.announce(status("8", "DQ"), run("9", 1, 2000, 3990))
        assert column(await live.json(f"{BOARDS}/men"), "bib") == ["9", "7"]
        await race.announce(status("8", "OK"))
        assert column(await live.json(f"{BOARDS}/men"), "bib") == ["8", "9", "7"]


# --- Feeds.


async def feeds(live: Live, query: str = "") -> tuple[list[dict], list[dict], list[dict]]:
    """The rows of the three feeds."""
    array = await live.json(f"{BOARDS}/men.json{query}")
    table = list(csv.DictReader(io.StringIO(await live.text(f"{BOARDS}/men.csv{query}"))))
    root = ET.fromstring(await live.text(f"{BOARDS}/men.xml{query}"))
    return array, table, [{cell.tag: cell.text or "" for cell in row} for row in root]


async def test_feeds_have_exactly_these_columns_each_of_one_type(database):
    columns = (
        "place place_text bib name name_ascii family_name given_name team club nationality gender age_group point km"
        " time time_ms gun_time chip_time gap gap_ms pace speed_kmh move next_eta projected_finish status result_state"
        " flags updated_at revision age_grade projected_low projected_high decided at"
        " rank_gap rank_gap_ms missed"
    )
    declared = " ".join(column.name for column in COLUMNS if column.in_feeds)
    full = entry("7", team="Hà Nội", club="Câu lạc bộ", nationality="VIE", birth_year=1990)
    grouped = definition(boards=[board("men", gender="M"), board("men-30", within="men", born_from=1987, born_to=1996)])
    race = await racing(
        database, run("7"), run("8", 1, 2000, 4100), run("9", 1, 2050, None), definition=grouped, bibs=[full, "8", "9"]
    )
    async with serving(race) as live:
        for query in ("", "?point=10K", "?point=START"):
            array, table, tree = await feeds(live, query)
            assert len(array) == len(table) == len(tree) == (2 if not query else 3)
            for json_row, csv_row, xml_row in zip(array, table, tree, strict=True):
                assert " ".join(json_row) == " ".join(csv_row) == " ".join(xml_row) == declared == columns
                for name, value in json_row.items():
                    assert isinstance(value, (int, float) if name in NUMBERS else str), name
                    assert not isinstance(value, bool)
                    assert csv_row[name] == xml_row[name] == str(value)
        array, _, _ = await feeds(live)
    assert (array[0]["age_group"], array[0]["team"], array[1]["age_group"], array[1]["team"]) == (
        "30-39",
        "Hà Nội",
        "",
        "",
    )


async def test_feeds_carry_hostile_texts_harmlessly(database):
    hostile = entry("7", family_name='=HYPERLINK("http://x")', given_name="<b>&\x07'\"", club="@sum", team="-2+3")
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), bibs=[hostile, "8"])
    async with serving(race) as live:
        array, table, tree = await feeds(live)
    name = '=HYPERLINK("http://x") <b>&\x07\'"'
    assert array[0]["name"] == name
    assert table[0]["name"] == f"'{name}"
    assert (table[0]["club"], table[0]["team"]) == ("'@sum", "'-2+3")
    assert tree[0]["name"] == name.replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert (table[1]["move"], table[1]["gap"]) == ("-1", "+1:40")  # a number and our own text stay as they are


async def test_feeds_are_utf8_and_declare_their_type(database):
    race = await racing(database, run("7"), bibs=[entry("7", family_name="Đặng", given_name="Thị Ngọc")])
    async with serving(race) as live:
        for suffix, kind in ((".json", "application/json"), (".csv", "text/csv"), (".xml", "application/xml")):
            async with live.get(f"{BOARDS}/men{suffix}") as response:
                assert (response.content_type, response.charset) == (kind, "utf-8")
                assert "Đặng Thị Ngọc" in (await response.read()).decode()
        (row,) = await live.json(f"{BOARDS}/men.json")
    assert row["name_ascii"] == "Dang Thi Ngoc"


async def test_a_board_whose_id_ends_like_a_suffix_is_found(database):
    dotted = definition(boards=[board("top.csv"), board("top")])
    race = await racing(database, run("7"), definition=dotted)
    async with serving(race) as live:
        assert (await live.json(f"{BOARDS}/top.csv"))["board"] == "top.csv"
        assert (await live.text(f"{BOARDS}/top.csv.csv")).startswith("place,place_text")
        assert (await live.json(f"{BOARDS}/top.json"))[0]["bib"] == "7"


async def test_a_hidden_athlete_is_shown_as_the_bib_everywhere(database):
    race = await racing(database, run("7"), bibs=[entry("7", family_name="Phạm", given_name="Ẩn"), "8"])
    async with serving(race) as live:
        assert (await live.json(f"{BOARDS}/men"))["rows"][0]["name"] == "Phạm Ẩn"
        open_to_all = race.revision
        await race.announce(run("8", finish=4100))
        assert "Phạm" in await live.text(f"{BOARDS}/men?as_of={open_to_all}")
        await race.announce({"type": "entry_hidden", "event": EVENT, "bib": "7", "hidden": True})
        row = (await live.json(f"{BOARDS}/men"))["rows"][0]
        assert (row["name"], row["name_ascii"], row["family_name"], row["given_name"]) == ("7", "7", "7", "")
        assert (await live.json(f"/v1/events/{EVENT}/athletes?q=pham"))["total"] == 0
        assert (await live.json(f"/v1/events/{EVENT}/athletes/7"))["name"] == "7"
        for suffix in (".csv", ".xml", ".json", ""):
            assert "Phạm" not in await live.text(f"{BOARDS}/men{suffix}")
        base = f"/v1/events/{EVENT}"
        for past in (
            f"boards/men?as_of={open_to_all}",
            f"athletes/7?as_of={open_to_all}",
            f"changes?from={open_to_all}",
        ):
            assert "Phạm" not in await live.text(f"{base}/{past}"), past  # nor in what was public then


# --- Tags, and answers made once.


async def test_every_answer_has_a_strong_tag_and_honours_it(database):
    race = await racing(database, run("7"))
    base = f"/v1/events/{EVENT}"
    paths = [
        "/v1/events",
        base,
        f"{base}/boards/men",
        f"{base}/boards/men.csv",
        f"{base}/athletes/7",
        f"{base}/athletes?q=7",
        f"{base}/changes?from=2",
        f"{base}/cases",
        "/",
        "/static/app.js",
    ]
    async with serving(race) as live:
        for path in paths:
            async with live.get(path) as response:
                assert response.status == 200, path
                tag = response.headers["ETag"]
                assert tag.startswith('"'), path
                assert tag.endswith('"')
                body = await response.read()
            for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                async with live.get(path, headers={"If-None-Match": sent}) as again:
                    assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b""), path
            async with live.get(path, headers={"If-None-Match": '"other"'}) as other:
                assert (other.status, await other.read()) == (200, body)
        async with live.get(f"{base}/boards/men") as response:
            before = response.headers["ETag"]
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers["X-Revision"] == str(race.revision)
        await race.announce(run("8", 1, 2000, 4100))
        async with live.get(f"{base}/boards/men", headers={"If-None-Match": before}) as response:
            assert (response.status, (await response.json())["total"]) == (200, 2)
        async with live.get("/v1/time") as response:
            assert response.headers["ETag"].startswith('"')
            assert (await response.json())["revision"] == race.revision


async def test_a_page_of_another_site_may_read(database):
    race = await racing(database)
    async with serving(race) as live, live.session.options(f"{live.base}{BOARDS}/men") as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "If-None-Match" in response.headers["Access-Control-Allow-Headers"]


async def test_a_page_of_a_revision_is_made_once_for_all_clients(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:

        async def made() -> float:
            text = await live.text("/metrics")
            lines = [
                line for line in text.splitlines() if line.startswith('matline_live_answers_made_total{route="board"}')
            ]
            return float(lines[0].split()[1]) if lines else 0

        answers = await asyncio.gather(*(live.text(f"{BOARDS}/men") for _ in range(20)))
        assert len(set(answers)) == 1
        assert await made() == 1
        await live.text(f"{BOARDS}/men?limit=3")
        assert await made() == 2
        await live.text(f"{BOARDS}/men?limit=3")
        assert await made() == 2
        await race.announce(run("8", 1, 2000, 4100))
        await live.text(f"{BOARDS}/men")
        assert await made() == 3


async def test_age_groups_are_those_of_the_narrowest_board_by_birth_year(database):
    grouped = definition(
        boards=[
            board("men", gender="M"),
            board("senior", within="men", born_to=2010),
            board("men-60", within="men", born_to=1966),
            board("men-30", within="men", born_from=1987, born_to=1996),
            board("u20", within="men", born_from=2007),
        ]
    )
    born = {"1": 1990, "2": 1950, "3": 2009, "4": 1980, "5": None}
    years: dict[str, dict[str, Any]] = {bib: {} if year is None else {"birth_year": year} for bib, year in born.items()}
    bibs = [entry(bib, **years[bib]) for bib in born]
    race = await racing(database, *(run(bib, 1, 2000, 4000 + int(bib)) for bib in born), definition=grouped, bibs=bibs)
    async with serving(race) as live:
        answer = await live.json(f"{BOARDS}/men")
        assert column(answer, "age_group") == ["30-39", "60+", "U20", "16+", None]
        assert "birth_year" not in await live.text(f"/v1/events/{EVENT}/athletes/1")


async def test_moves_are_from_the_point_that_the_athlete_took_before(database):
    lapped = definition(races=[race(points=course(), missing_mat="ignore")])
    made = await racing(
        database, run("7", 1, 2000, 4000), run("8", 2, None, 3900), run("9", 3, 1990, 4100), definition=lapped
    )
    async with serving(made) as live:
        rows = (await live.json(f"{BOARDS}/men"))["rows"]
    assert [(row["bib"], row["move"]) for row in rows] == [("8", None), ("7", 0), ("9", -2)]


async def test_a_board_says_who_can_still_take_its_first_places_and_until_when(database):
    late = [run("8", 1700, 3200, None), run("9", 2, 3000, 5500)]
    chip = definition(boards=[board("men", rank_by="chip")])
    race = await racing(database, run("7", 1, 2000, 4000), *late, definition=chip)
    async with serving(race) as live:
        first, second = (await live.json(f"{BOARDS}/men"))["podium"]
        assert first == {
            "place": 1,
            "bib": "7",
            "decided": False,
            "result_open": False,
            "rivals": [{"bib": "8", "name": "No 8 Runner", "until": "2026-01-04T06:34:59+07:00", "until_us": at(5699)}],
            "rivals_left_out": 0,
        }
        assert (second["bib"], second["decided"]) == ("9", False)
        assert [row["decided"] for row in await live.json(f"{BOARDS}/men.json")] == [0, 0]
        open_at_10k = (await live.json(f"{BOARDS}/men?point=10K&limit=1"))["podium"]
        assert [place["bib"] for place in open_at_10k] == ["8", "7", "9"]
        await race.announce(status("8", "DNF"))
        answer = await live.json(f"{BOARDS}/men")
        assert [place["decided"] for place in answer["podium"]] == [True, True]
        assert column(answer, "decided") == [1, 1]
        await race.announce(fact("entry_hidden", bib="8", hidden=True), status("8", "OK"))
        (rival,) = (await live.json(f"{BOARDS}/men"))["podium"][0]["rivals"]
        assert (rival["bib"], rival["name"]) == ("8", "8")


async def test_the_podium_follows_results_and_definitions_as_the_past_does(database):
    race = await racing(database, run("7", 1, 2000, 4000), bibs=("7", "8"))
    before = race.revision
    async with serving(race) as live:
        assert (await live.json(f"{BOARDS}/men"))["podium"][0]["decided"] is True  # bib 8 is not at 10K by now
        await race.announce(defined(definition(races=[{**RACE, "missing_mat": "ignore"}])))
        (place,) = (await live.json(f"{BOARDS}/men"))["podium"]
        assert (place["decided"], [rival["bib"] for rival in place["rivals"]]) == (False, ["8"])
        await race.announce(run("8", 3, 2000, 3900))
        answer = await live.json(f"{BOARDS}/men")
        assert [(place["bib"], place["result_open"]) for place in answer["podium"]] == [("8", False), ("7", False)]
        assert (await live.json(f"{BOARDS}/men?as_of={before}"))["podium"][0]["decided"] is True
        assert (await live.json(f"{BOARDS}/women"))["podium"] == []


async def test_the_podium_follows_how_a_board_ranks_when_no_result_changes(database):
    def ranked(**ranking: Any) -> dict[str, Any]:
        return definition(boards=[board("men", gender="M", **ranking)])

    gun_first = ranked(rank_by="gun_then_chip", gun_places=1)
    late = run("8", 1700, 3200, None)
    race = await racing(database, run("7", 1, 2000, 4000), late, run("9", 2, 3000, 5500), definition=gun_first)
    async with serving(race) as live:
        assert (await live.json(f"{BOARDS}/men"))["podium"][0]["decided"] is True  # nobody can have a better gun time
        await race.announce(defined(ranked(rank_by="chip")))
        first = (await live.json(f"{BOARDS}/men"))["podium"][0]
        assert (first["decided"], [rival["bib"] for rival in first["rivals"]]) == (False, ["8"])
