"""Pages as they come from the server, without any script: what they show, where their links lead, and how they fail."""

import re
from html import unescape

from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT, board, course, defined, definition, entries, entry, fact, gun, run
from tests.builders import race as race_of
from tests.live.racing import Racing, serving

HREFS = re.compile(r'href="(/[^"]*)"')


async def racing(database, *facts, definition=None, bibs=("7", "8", "9")) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(0), *facts)
    return made


def shown(html: str) -> str:
    """Return the text of a page, without its head, on one line."""
    text = re.sub(r"<[^>]*>", " ", html.partition("<body>")[2])
    return " ".join(unescape(text).split())


def links(html: str) -> dict[str, str]:
    """Return where the links of a page lead, by their texts."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', html, re.S)
    return {" ".join(re.sub("<[^>]*>", "", text).split()): unescape(href) for href, text in found}


async def test_every_view_of_an_event_is_readable_and_every_link_leads_somewhere(database):
    of = definition(
        races=[race_of(), race_of("5k", name="5 km")],
        boards=[board("men", name="Men"), board("short", race="5k", name="Short")],
        team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": "Teams"}],
        delegations=[{"id": "all", "sum": ["teams"], "tie": "teams", "name": "Delegations"}],
    )
    bibs = [entry("7", team="Huế"), entry("8"), entry("9", race="5k", family_name="Đặng")]
    race = await racing(database, run("7"), run("8", 1, 2000, None), definition=of, bibs=bibs)
    async with serving(race) as live:
        page = await live.text(f"/{EVENT}")
        assert "1 7 No 7 Runner Huế" in shown(page)
        assert "0:33:20 at 10K" in shown(page)  # who is on the course, and where
        seen, wanted = set(), ["/"]
        while wanted:
            address = wanted.pop()
            if address in seen or address.startswith("/static/"):
                continue
            seen.add(address)
            async with live.get(address) as response:
                assert response.status == 200, address
                wanted += map(unescape, HREFS.findall(await response.text()))
        assert {f"/{EVENT}?race=hm&board=all", f"/{EVENT}/athletes/9", f"/{EVENT}?race=hm&board=men&list=start"} <= seen
        assert "Delegations Live" in shown(await live.text(f"/{EVENT}?board=all"))
        assert "Huế" in shown(await live.text(f"/{EVENT}?board=teams"))
        assert "Đặng" in shown(await live.text(f"/{EVENT}?q=dang"))
        assert "No athlete of this event has" in shown(await live.text(f"/{EVENT}?q=nobody"))


async def test_a_long_board_is_read_page_by_page(database):
    bibs = [entry(str(bib)) for bib in range(1000, 1250)]
    race = await racing(database, bibs=bibs)
    async with serving(race) as live:
        page = await live.text(f"/{EVENT}?list=start")
        listed = re.findall(r'data-row="(\d+)"', page)
        while (more := links(page).get(f"Show more ({len(listed)} of 250)")) is not None:
            page = await live.text(more)
            listed += re.findall(r'data-row="(\d+)"', page)
        assert listed == [str(bib) for bib in range(1000, 1250)]
        page = await live.text(links(page)["Show previous"])
        assert re.findall(r'data-row="(\d+)"', page) == listed[100:200]


async def test_pages_are_in_the_language_of_the_browser_unless_the_address_or_a_choice_names_one(database):
    of = definition(name={"vi": "Giải bán marathon", "en": "Half Marathon"}, boards=[board("men")])
    race = await racing(database, run("7"), definition=of)
    async with serving(race) as live:
        for headers, address, title in (
            ({"Accept-Language": "vi-VN,en;q=0.5"}, f"/{EVENT}", "Giải bán marathon – Kết quả trực tiếp"),
            ({"Accept-Language": "vi"}, f"/{EVENT}?lang=en", "Half Marathon – Live results"),
            ({"Accept-Language": "en", "Cookie": "lang=vi"}, f"/{EVENT}", "Giải bán marathon – Kết quả trực tiếp"),
        ):
            async with live.get(address, headers=headers) as response:
                assert f"<title>{title}</title>" in await response.text()
                assert response.headers["Vary"] == "Accept-Encoding, Accept-Language, Cookie"
        page = await live.text(f"/{EVENT}?lang=vi")
        assert 'lang="vi"' in page
        assert "Chủ Nhật, 4 tháng 1, 2026" in page


async def test_a_page_is_answered_once_for_all_and_as_unchanged_while_it_is(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        for address in (f"/{EVENT}", f"/{EVENT}/athletes/7", f"/{EVENT}/compare?bibs=7,8", "/"):
            async with live.get(address) as response:
                tag = response.headers["ETag"]
            async with live.get(address, headers={"If-None-Match": tag}) as again:
                assert again.status == 304, address
        await race.announce(fact("status_set", bib="7", status="DQ", reason="x"))
        async with live.get(f"/{EVENT}/athletes/7", headers={"If-None-Match": tag}) as response:
            assert "Disqualified" in shown(await response.text())


async def test_names_are_escaped_in_every_part_of_a_page(database):
    name = "<script>alert(1)</script>\"'"
    of = definition(name=name, boards=[board("men", name=name)])
    race = await racing(
        database, run("7"), definition=of, bibs=[entry("7", family_name=name, given_name="", club=name)]
    )
    async with serving(race) as live:
        for address in ("/", f"/{EVENT}", f"/{EVENT}?q={name}", f"/{EVENT}/athletes/7", f"/{EVENT}/compare?bibs=7"):
            page = await live.text(address)
            assert "alert(1)" in page
            assert "<script>" not in page, address
            async with live.get(address) as response:
                assert "unsafe" not in response.headers["Content-Security-Policy"]


async def test_an_athletes_page_says_how_the_time_came_about(database):
    race = await racing(
        database,
        run("7", 1.5, 2000, 4000.25),
        run("8", 1, 2000, None),
        fact("penalty_set", bib="7", seconds=30, reason="x"),
    )
    async with serving(race) as live:
        text = shown(await live.text(f"/{EVENT}/athletes/7"))
        for expected in (
            "7 No 7 Runner",
            "Time 1:07:11",
            "men 1 of 1",
            "The official time counts from the gun at 5:00:00 to the finish at 6:06:40.25: 1:06:40.250.",
            "The jury added 30 s.",
            "Results round up to the whole second: 1:07:11.",
            "men: places go by the time since the gun.",
        ):
            assert expected in text, text
        page = await live.text(f"/{EVENT}/athletes/8")
        assert re.search(r"men \d at 10K", shown(page))
        assert re.search(r"Estimated time \d:\d\d:\d\d \(likely \d:\d\d:\d\d–\d:\d\d:\d\d\)", shown(page))
        assert '<meta property="og:title" content="8 No 8 Runner – Example Half Marathon">' in page
        assert re.search('<meta property="og:description" content="[^"]*On course · Estimated time', page)


async def test_a_comparison_has_up_to_four_athletes_with_their_gaps(database):
    race = await racing(
        database, run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), fact("penalty_set", bib="8", seconds=5, reason="x")
    )
    async with serving(race) as live:
        text = shown(await live.text(f"/{EVENT}/compare?bibs=7&bibs=8,77"))
        assert "10K 0:33:20 +1:40 0:31:40" in text
        assert "Finish 1:06:40 1:08:20 +1:40" in text
        assert "Time 1:06:40 1:08:25 penalty +5 s" in text
        assert "This event has no athlete with the bib 77." in text
        assert "Enter up to four bibs" in shown(await live.text(f"/{EVENT}/compare"))


async def test_what_is_not_there_is_said_in_words_and_to_programs_as_a_problem(database):
    race = await racing(database)
    async with serving(race) as live:
        for address, words in (
            ("/nowhere", "There is no event at this address."),
            (f"/{EVENT}/athletes/77", "This event has no athlete with the bib 77."),
            ("/nowhere/athletes/7", "There is no event at this address."),
            ("/a/b/c/d", "There is no page at this address."),
        ):
            async with live.get(address, headers={"Accept": "text/html"}) as response:
                assert response.status == 404
                assert words in shown(await response.text())
        for address in ("/v1/nothing", "/a/b/c/d"):
            async with live.get(address) as response:
                assert (response.status, response.content_type) == (404, "application/problem+json")


async def test_of_an_event_without_a_definition_its_page_says_that_nothing_is_known_yet_and_looks_again(database):
    race = Racing(database)
    await race.announce(entries("7"))
    async with serving(race) as live:
        assert f"/{EVENT}" in links(await live.text("/")).values()
        for language, words in (
            ("en", "Nothing is known of this event yet."),
            ("vi", "Giải này chưa có thông tin."),
        ):
            async with live.get(f"/{EVENT}?lang={language}", headers={"Accept": "text/html"}) as response:
                page = await response.text()
                assert response.status == 404
                assert words in shown(page)
                assert '<meta http-equiv="refresh" content="30">' in page
        async with live.get("/nowhere", headers={"Accept": "text/html"}) as response:
            assert 'http-equiv="refresh"' not in await response.text()


async def test_a_comparison_says_which_athletes_are_in_no_race_of_the_event(database):
    of = definition(races=[race_of(), race_of("5k", name="5 km")])
    race = await racing(database, run("7"), definition=of, bibs=["7", entry("9", race="5k")])
    await race.announce(defined(definition()))
    async with serving(race) as live:
        text = shown(await live.text(f"/{EVENT}/compare?bibs=7,9"))
        assert "This event has no athlete with the bib 9." in text


async def test_point_names_and_orders_at_points_are_shown(database):
    of = definition(races=[race_of(points=course(K10={"name": {"vi": "Mốc 10"}}))], boards=[board("men", name="Men")])
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), definition=of)
    async with serving(race) as live:
        page = await live.text(f"/{EVENT}?point=10K")
        assert "Men – Mốc 10" in shown(page)
        assert re.findall(r'data-row="(\d+)"', page) == ["8", "7"]
        assert re.findall(r'data-row="(\d+)"', await live.text(f"/{EVENT}?point=of-another-race")) == ["7", "8"]


async def test_a_link_to_an_open_sheet_previews_the_athlete(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        page = await live.text(f"/{EVENT}?bib=7")
        assert '<meta property="og:title" content="7 No 7 Runner – Example Half Marathon">' in page
        assert links(page)["7 No 7 Runner"] == f"/{EVENT}/athletes/7"
        assert "<title>Example Half Marathon – Live results</title>" in await live.text(f"/{EVENT}?bib=unknown")


async def test_pages_of_a_private_site_take_a_key_and_keep_it_in_their_links(database, tmp_path):
    race = await racing(database, run("7"))
    path = tmp_path / "tokens.json"
    key, kept = new_token("reader", "tv", [EVENT], [], "2026-01-01")
    path.write_bytes(tokens_bytes([kept]))
    async with serving(race, limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        for address in ("/", f"/{EVENT}", f"/{EVENT}/athletes/7"):
            async with live.get(address) as response:
                assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
                assert "This address needs a key" in shown(await response.text())
            async with live.get(f"{address}?key={key}") as response:
                assert (response.status, response.headers["Cache-Control"]) == (200, "private, max-age=0")
                inner = [href for href in links(await response.text()).values() if not href.startswith("#")]
            assert [href for href in inner if f"key={key}" not in href] == [], address
