"""Names by language over HTTP: `?lang=` on every request that shows names. Source: R2.10."""

import asyncio
import json

from tests.builders import EVENT, board, course, defined, definition, entries, entry, gun, race, run
from tests.live.racing import Racing, serving

HANG_S = 120.0  # a bound for a hang only
BASE = f"/v1/events/{EVENT}"
OF = definition(
    name={"vi": "Giải bán marathon", "en": "Half Marathon"},
    races=[
        race(
            name={"vi": "Bán marathon", "en": "Half marathon"},
            points=course(K10={"name": {"en": "10 km mark", "vi": "Mốc 10 km"}}),
        )
    ],
    boards=[board("men", name={"vi": "Nam", "en": "Men"}), board("all", name="Open"), board("plain")],
    team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": {"vi": "Đồng đội", "en": "Teams"}}],
    delegations=[{"id": "units", "sum": ["teams"], "name": {"vi": "Toàn đoàn", "en": "Overall"}}],
)


async def racing(database) -> Racing:
    made = Racing(database)
    await made.announce(defined(OF), entries(entry("7", team="Huế")), gun(0), run("7"))
    return made


async def event_of(stream, kind):
    """The data of the next event of a kind."""
    async with asyncio.timeout(HANG_S):
        while True:
            lines = (await stream.content.readuntil(b"\n\n")).decode().splitlines()
            if f"event: {kind}" in lines:
                return json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))


async def test_an_event_shows_the_first_of_each_name_or_the_language_asked_for(database):
    async with serving(await racing(database)) as live:
        first, english = await live.json(BASE), await live.json(f"{BASE}?lang=en")
        assert (first["name"], first["language"], first["languages"]) == ("Giải bán marathon", "vi", ["vi", "en"])
        assert (english["name"], english["language"]) == ("Half Marathon", "en")
        assert [race["name"] for race in (*first["races"], *english["races"])] == ["Bán marathon", "Half marathon"]
        named = [point["name"] for point in first["races"][0]["points"]]
        assert named == ["START", "10 km mark", "FINISH"]
        vietnamese = await live.json(f"{BASE}?lang=vi")
        assert vietnamese["races"][0]["points"][1] == {"point": "10K", "name": "Mốc 10 km", "km": 10.0}
        assert [board["title"] for board in english["boards"]] == ["Men", "Open", "plain"]
        assert [english["team_boards"][0]["title"], english["delegations"][0]["title"]] == ["Teams", "Overall"]


async def test_the_list_of_events_teams_delegations_and_athletes_have_it_too(database):
    async with serving(await racing(database)) as live:
        (listed,) = (await live.json("/v1/events?lang=en"))["events"]
        assert (listed["name"], listed["races"][0]["name"]) == ("Half Marathon", "Half marathon")
        assert (await live.json("/v1/events"))["events"][0]["name"] == "Giải bán marathon"
        assert (await live.json(f"{BASE}/teams/teams?lang=en"))["title"] == "Teams"
        assert (await live.json(f"{BASE}/delegations/units?lang=en"))["title"] == "Overall"
        athlete = await live.json(f"{BASE}/athletes/7?lang=vi")
        assert (athlete["race_name"], [place["title"] for place in athlete["boards"]]) == (
            "Bán marathon",
            ["Nam", "Open", "plain"],
        )
        assert [point["name"] for point in athlete["points"]] == ["START", "Mốc 10 km", "FINISH"]


async def test_an_unknown_language_gets_the_first_names_and_each_language_has_its_etag(database):
    async with serving(await racing(database)) as live:
        tags = {}
        for asked in ("", "vi", "VI", "vi-VN", "fr", "en", "en-GB"):
            async with live.get(f"{BASE}?lang={asked}") as response:
                assert response.status == 200
                tags[asked] = response.headers["ETag"], (await response.json())["name"]
        assert tags["vi"] == tags["VI"] == tags["vi-VN"]
        assert tags["en"] == tags["en-GB"]
        assert tags["fr"] == tags[""]
        assert len({tags["vi"], tags["en"], tags["fr"]}) == 3
        async with live.get(f"{BASE}?lang=en", headers={"If-None-Match": tags["vi"][0]}) as response:
            assert (response.status, (await response.json())["name"]) == (200, "Half Marathon")
        async with live.get(f"{BASE}?lang=en", headers={"If-None-Match": tags["en"][0]}) as response:
            assert response.status == 304


async def test_what_is_no_language_is_refused_and_rows_do_not_depend_on_it(database):
    async with serving(await racing(database)) as live:
        for text in ("x", "9", "en_GB!", "a" * 40):
            refused = await live.json(f"{BASE}?lang={text}", status=400)
            assert "write a code such as vi or en" in refused["detail"]
        assert await live.json(f"{BASE}/boards/men.json?lang=en") == await live.json(f"{BASE}/boards/men.json")
        assert (await live.json(f"{BASE}?lang="))["name"] == "Giải bán marathon"


async def test_a_stream_tells_names_in_its_language_and_the_event_goes_on(database):
    made = await racing(database)
    async with serving(made) as live, live.get(f"{BASE}/stream?lang=en") as stream:
        assert (await event_of(stream, "snapshot"))["name"] == "Half Marathon"
        await made.announce(run("7", finish=4100))
        assert (await event_of(stream, "board"))["bibs"] == ["7"]
