"""The page in a real browser: it follows revisions, keeps names text, and works by keyboard and on a phone."""

from functools import partial

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from services.live.limits import LiveLimits
from tests.builders import (
    EVENT,
    at,
    board,
    course,
    defined,
    definition,
    entries,
    entry,
    entry_withdrawn,
    fact,
    gun,
    half,
    reads,
    run,
)
from tests.builders import race as race_of
from tests.builders import read as read_at
from tests.live.browsing import browser, on_thread, opened, texts, until
from tests.live.racing import Racing, serving

__all__ = ["browser"]  # the fixture

TOP = "return document.querySelector('#rows tr').getBoundingClientRect().top"
STRIP = """const strip = document.querySelector('#boards');
return [strip.scrollLeft, strip.clientWidth, strip.querySelector('[aria-current]').offsetLeft]"""
SCROLL = """scrollTo(0, 1500);
document.querySelector('#boards').scrollLeft = 77;
window.row = document.querySelectorAll('#rows tr')[30]"""
POSITION = """return [scrollY, document.querySelector('#boards').scrollLeft,
Math.round(row.getBoundingClientRect().top), row.isConnected]"""


def names(browser: webdriver.Chrome) -> list[str]:
    return texts(browser, "#rows .name")


def connection(browser: webdriver.Chrome) -> str | None:
    return browser.find_element(By.ID, "connection").get_attribute("data-state")


async def racing(database, *facts, definition=None, bibs=("7", "8", "9")) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(0), *facts)
    return made


async def test_a_new_finisher_appears_without_a_reload(database, browser):
    bibs = [
        entry("7", family_name="Nguyễn Thị", given_name="Ngọc Ánh"),
        entry("8", family_name="Smith", given_name="John"),
    ]
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, None), bibs=bibs)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["Nguyễn Thị Ngọc Ánh", "Smith John"])
        assert await on_thread(lambda: texts(browser, "tr.on-course .time")) == ["0:33:20\nat 10K"]
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        assert await on_thread(lambda: texts(browser, "#updated")) == ["Updated 5:00:14"]
        assert await on_thread(lambda: texts(browser, "#counts a")[:2]) == ["On course 1", "Finished 1"]
        await on_thread(lambda: browser.execute_script("window.untouched = true"))
        await race.announce(reads(read_at("F1", "C8", 3900)))
        await until(lambda: names(browser) == ["Smith John", "Nguyễn Thị Ngọc Ánh"])
        await until(lambda: texts(browser, "#counts a")[:2] == ["On course 0", "Finished 2"])
        assert await on_thread(lambda: texts(browser, "#updated")) == ["Updated 5:00:15"]
        assert await on_thread(lambda: texts(browser, "#rows .place")) == ["1", "2"]
        assert await on_thread(lambda: texts(browser, "tr.fresh .name")) == ["Smith John"]
        assert await on_thread(lambda: texts(browser, "#announcement")) == ["1 new on the board"]
        assert await on_thread(lambda: browser.execute_script("return window.untouched"))


async def test_the_script_goes_on_from_what_the_server_made_without_changing_or_moving_anything(database, browser):
    of = definition(
        races=[race_of(official_time="chip"), race_of("5k", name="5 km")],
        boards=[board("men", rank_by="gun", name={"vi": "Nam"}), board("short", race="5k")],
        team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": "Teams"}],
        delegations=[{"id": "all", "sum": ["teams"], "tie": "teams"}],
    )
    bibs = [entry(str(bib), team="Huế", club="CLB", nationality="VIE") for bib in range(1, 131)]
    finished = [run(str(bib), 1, 2000 - bib, 4000 + bib) for bib in range(1, 120)]
    ahead = [run(str(bib), 1, 1900 + bib, None) for bib in range(120, 128)]
    out = [fact("status_set", bib="5", status="DQ", reason="x"), fact("penalty_set", bib="6", seconds=5, reason="x")]
    race = await racing(database, *finished, *ahead, *out, definition=of, bibs=bibs)
    made = "return [...document.querySelectorAll('#event, #date, title')].map((shown) => shown.innerText)"
    taken_over = "return document.querySelectorAll('.paging a[href]').length === 2"  # of which the server gives one
    views = (
        "",
        "point=10K",
        "from=100",
        "list=start&from=100",
        "q=12",
        "board=teams",
        "board=all",
        "race=5k",
    )
    scripts = {"urls": ["*/static/*.js"]}
    async with serving(race) as live:
        await on_thread(lambda: browser.execute_cdp_cmd("Network.enable", {}))
        for view in views:
            address = f"{live.base}/{EVENT}?{view}"
            await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", scripts))
            try:
                await opened(browser, address)
                assert not await on_thread(lambda: browser.execute_script(taken_over))
                by_server = await on_thread(lambda: browser.execute_script(made))
                top = await on_thread(lambda: browser.execute_script(TOP)) if view != "race=5k" else None
            finally:
                await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []}))
            await opened(browser, address)
            await until(lambda: texts(browser, "#connection") == ["Connected"])
            await until(lambda: browser.execute_script(taken_over))
            assert await on_thread(lambda: browser.execute_script(made)) == by_server, view
            assert top is None or await on_thread(lambda: browser.execute_script(TOP)) == top, view


async def test_a_refresh_moves_nothing_that_somebody_has_scrolled(database, browser):
    boards = [board(f"b{number}", name=f"Board number {number}") for number in range(30)]
    bibs = [entry(str(bib)) for bib in range(100, 160)]
    runs = [run(str(bib), 1, 2000, 4000 + bib) for bib in range(100, 159)]
    race = await racing(database, *runs, definition=definition(boards=boards), bibs=bibs)
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    async with serving(race) as live:
        await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone))
        try:
            await opened(browser, f"{live.base}/{EVENT}?board=b20")
            await until(lambda: len(names(browser)) == 59)
            top = await on_thread(lambda: browser.execute_script(TOP))
            assert top <= 300
            left, width, chosen = await on_thread(lambda: browser.execute_script(STRIP))
            assert left < chosen < left + width  # the chosen board is in sight
            await on_thread(lambda: browser.execute_script(SCROLL))
            before = await on_thread(lambda: browser.execute_script(POSITION))
            await race.announce(run("159", 1, 2000, 5000))
            await until(lambda: len(names(browser)) == 60)
            await until(lambda: texts(browser, "#counts a")[1] == "Finished 60")
            assert await on_thread(lambda: browser.execute_script(POSITION)) == before
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {}))


async def test_a_search_is_over_the_whole_event_and_statuses_have_lists(database, browser):
    of = definition(races=[race_of(), race_of("5k", name="5 km")], boards=[board("men"), board("short", race="5k")])
    bibs = [entry("7"), entry("8"), entry("9", race="5k", family_name="Đặng")]
    stopped = fact("status_set", bib="8", status="DQ", reason="x")
    race = await racing(database, run("7"), run("8"), stopped, definition=of, bibs=bibs)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner"])
        await on_thread(lambda: browser.find_element(By.ID, "search").send_keys("dang"))
        await until(lambda: len(names(browser)) == 1 and names(browser)[0].startswith("Đặng"))
        await on_thread(lambda: browser.find_element(By.ID, "search").clear())
        await on_thread(lambda: browser.find_element(By.ID, "search").send_keys("8"))
        await until(lambda: "Disqualified" in texts(browser, "#rows td"))
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "[data-list=dq]").click())
        await until(lambda: names(browser) == ["No 8 Runner"])
        assert "list=dq" in await on_thread(lambda: browser.current_url)
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "[data-list=start]").click())
        await until(lambda: names(browser) == ["No 7 Runner", "No 8 Runner"])
        await on_thread(browser.back)
        await until(lambda: names(browser) == ["No 8 Runner"])


async def test_a_long_list_is_shown_to_its_end(database, browser):
    race = await racing(database, bibs=[entry(str(bib)) for bib in range(1000, 1250)])
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}?list=start")
        await until(lambda: len(names(browser)) == 100)
        await on_thread(lambda: browser.find_element(By.ID, "more").click())
        await until(lambda: len(names(browser)) == 200)
        await on_thread(lambda: browser.find_element(By.ID, "more").click())
        await until(lambda: len(names(browser)) == 250)
        assert not await on_thread(lambda: browser.find_element(By.ID, "more").is_displayed())
        assert await on_thread(lambda: names(browser)[-1]) == "No 1249 Runner"


async def test_an_athlete_who_is_chosen_before_the_event_is_there_opens_once_it_is(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await on_thread(lambda: browser.execute_cdp_cmd("Network.enable", {}))
        await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/v1/*"]}))
        try:
            await opened(browser, f"{live.base}/{EVENT}")
            await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#rows .name").click())
            await until(lambda: texts(browser, "dialog[open] #athlete-name") == ["7"])
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []}))
        await until(lambda: texts(browser, "dialog[open] tbody th") == ["Start", "10K", "Finish"])


async def test_back_closes_an_athlete_and_a_click_beside_the_sheet_does(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner"])
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#rows .name").click())
        await until(lambda: texts(browser, "dialog[open] tbody th"))
        await on_thread(browser.back)
        await until(lambda: texts(browser, "dialog[open]") == [])
        assert EVENT in await on_thread(lambda: browser.current_url)
        await on_thread(browser.forward)
        await until(lambda: texts(browser, "dialog[open] tbody th"))
        outside = "document.querySelector('#athlete').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
        await on_thread(lambda: browser.execute_script(outside))
        await until(lambda: texts(browser, "dialog[open]") == [])


async def test_an_event_without_boards_still_has_its_lists(database, browser):
    race = await racing(database, run("7"), definition=definition(boards=[]))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: connection(browser) == "live")
        await opened(browser, f"{live.base}/{EVENT}?list=start")
        await until(lambda: names(browser) == ["No 7 Runner", "No 8 Runner", "No 9 Runner"])
        await until(lambda: connection(browser) == "live")


async def test_an_open_page_says_that_results_are_official_and_that_they_changed_since(database, browser):
    def published(state: str, at_s: float):
        return fact("results_published", race="hm", state=state, recorded_at_us=at(at_s))

    race = await racing(database, run("7"), run("8", finish=4100), run("9", finish=4200))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: texts(browser, "caption .badge") == ["Live"])
        await race.announce(published("provisional", 5000))
        await until(lambda: texts(browser, "caption .badge") == ["Provisional"])
        await race.announce(published("official", 5100))
        await until(lambda: "is void: the protest window was not over." in texts(browser, "caption")[0])
        by_script = await on_thread(lambda: texts(browser, "caption"))
        await on_thread(lambda: browser.execute_cdp_cmd("Network.enable", {}))
        await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/static/*.js"]}))
        await on_thread(browser.refresh)
        assert await on_thread(lambda: texts(browser, "caption")) == by_script
        await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []}))
        await on_thread(browser.refresh)
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await race.announce(published("official", 5600))
        await until(lambda: texts(browser, "caption .badge") == ["Official"])
        assert "void" not in (await on_thread(lambda: texts(browser, "caption")))[0]
        await race.announce(fact("status_set", bib="7", status="DQ", reason="x"))
        await until(lambda: texts(browser, "caption .badge") == ["Changed since official"])


async def test_pages_that_were_left_hold_no_connection_and_go_on_when_back_shows_them(database, browser):
    races = [Racing(database, f"event-{number}") for number in range(8)]  # a browser opens six connections to a host
    for race in races:
        await race.announce({**defined(definition(event=race.event)), "event": race.event})
    async with serving(*races) as live:
        await opened(browser, live.base)  # a page of its own in the history, whatever the test before left
        for race in races:
            await opened(browser, f"{live.base}/{race.event}")
            await until(lambda: texts(browser, "#connection") == ["Connected"])
        await on_thread(browser.back)
        await until(lambda: browser.current_url.endswith("/event-6"))
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await races[6].announce({**fact("results_published", race="hm", state="provisional"), "event": "event-6"})
        await until(lambda: "Provisional" in texts(browser, "#caption")[0])


async def test_back_leaves_a_page_that_began_with_an_athlete(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await opened(browser, live.base)
        await opened(browser, f"{live.base}/{EVENT}?bib=7")
        await until(lambda: texts(browser, "dialog[open] tbody th"))
        await on_thread(browser.back)
        await until(lambda: texts(browser, "#events strong") == ["Example Half Marathon"])


async def test_a_server_that_says_nothing_is_shown_as_lost(database, browser):
    race = await racing(database, run("7"))
    async with serving(race, limits=LiveLimits(heartbeat_s=600)) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await until(lambda: texts(browser, "#connection") == ["No connection"])  # no beat comes
        await race.announce(run("8"))
        await until(lambda: texts(browser, "#connection") == ["Connected"])


async def test_hostile_names_stay_text_and_no_foreign_script_runs(database, browser):
    name = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    of = definition(name="<b>Race</b>", boards=[board("men", name="<i>Men</i>")])
    race = await racing(
        database, run("7"), definition=of, bibs=[entry("7", family_name=name, given_name="", club="</td><h1>")]
    )
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == [name])
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#rows .name").click())
        await until(lambda: texts(browser, "dialog[open] #athlete-name") == [f"7 {name}"])
        assert await on_thread(lambda: browser.title) == "<b>Race</b> – Live results"
        assert await on_thread(lambda: texts(browser, "main img, main script, main i, dialog img, td h1")) == []
        async with live.get(f"/{EVENT}") as response:
            policy = response.headers["Content-Security-Policy"]
            assert "<script>" not in await response.text()
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    logged = await on_thread(lambda: browser.get_log("browser"))
    assert [entry for entry in logged if "Content Security Policy" in entry["message"]] == []


async def test_boards_points_and_searches_are_chosen_and_remembered(database, browser):
    of = definition(
        boards=[board("men", name="Nam", gender="M"), board("women", name="Nữ", gender="F")],
        team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": "Đồng đội"}],
    )
    bibs = [
        entry("7", team="Huế"),
        entry("8", family_name="Đặng", given_name="Hùng", team="Vinh"),
        entry("9", gender="F"),
    ]
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), run("9"), definition=of, bibs=bibs)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner", "Đặng Hùng"])
        await on_thread(lambda: Select(browser.find_element(By.ID, "point")).select_by_value("10K"))
        await until(lambda: names(browser) == ["Đặng Hùng", "No 7 Runner"])
        await on_thread(lambda: browser.find_element(By.ID, "search").send_keys("dang h"))
        await until(lambda: names(browser) == ["Đặng Hùng"])
        await on_thread(browser.refresh)
        await until(lambda: names(browser) == ["Đặng Hùng"])
        assert "q=dang+h" in await on_thread(lambda: browser.current_url)
        await on_thread(lambda: browser.find_element(By.ID, "search").clear())
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#boards [data-id=teams]").click())
        await until(lambda: texts(browser, "#rows th") == ["Huế", "Vinh"])
        assert await on_thread(lambda: texts(browser, ".tabs [aria-current=true]")) == ["Half marathon", "Đồng đội"]
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#boards [data-id=men]").click())
        await until(lambda: names(browser) == ["Đặng Hùng", "No 7 Runner"])  # still at 10K
        assert len(await on_thread(lambda: texts(browser, "#rows tr"))) == 2  # and no team any more
        await opened(browser, live.base)
        await until(lambda: texts(browser, "#events strong") == ["Example Half Marathon"])
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#events a").click())
        await until(lambda: names(browser) == ["No 7 Runner", "Đặng Hùng"])


async def test_a_board_without_anybody_shows_the_first_on_the_course_without_a_reload(database, browser):
    race = await racing(database, reads(read_at("S1", "C7", 1)))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await until(lambda: "No athletes here yet" in texts(browser, "#empty")[0])
        await race.announce(reads(read_at("K1", "C7", 2000)))
        await until(lambda: names(browser) == ["No 7 Runner"])
        await race.announce(reads(read_at("K1", "C8", 1900)), reads(read_at("S1", "C8", 1)))
        await until(lambda: names(browser) == ["No 8 Runner", "No 7 Runner"])


async def test_an_athlete_opens_by_keyboard_follows_revisions_and_closes(database, browser):
    race = await racing(database, run("7", 1, 2000, 4000))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner"])
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#rows .name").send_keys(Keys.ENTER))
        await until(lambda: texts(browser, "dialog[open] tbody th") == ["Start", "10K", "Finish"])
        assert "0:33:20" in await on_thread(lambda: texts(browser, "dialog tbody td"))
        assert "bib=7" in await on_thread(lambda: browser.current_url)
        await race.announce(fact("status_set", bib="7", status="DQ", reason="short cut"))
        await until(lambda: "Disqualified" in texts(browser, "dialog dd"))
        await on_thread(lambda: browser.switch_to.active_element.send_keys(Keys.ESCAPE))
        await until(lambda: texts(browser, "dialog[open]") == [])
        await until(lambda: "bib=" not in browser.current_url)
        await until(lambda: texts(browser, "#empty") == ["No athletes here yet. Start list (3)"])


async def test_flags_are_words_and_are_explained_on_the_page(database, browser):
    of = half(missing_mat="review")
    rested = (run("7", None, 2000, 4000), run("8", 1, None, 4100), run("9", 1, 2000, 4200))
    race = await racing(database, *rested, fact("penalty_set", bib="9", seconds=30, reason="x"), definition=of)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser))
        shown = await on_thread(lambda: texts(browser, "#rows .flags"))
        assert [text.split("\n") for text in shown] == [["start assumed"], ["open case", "under review"], ["penalty"]]
        assert await on_thread(lambda: texts(browser, "#legend dt")) == [
            "open case",
            "penalty",
            "under review",
            "start assumed",
        ]
        await opened(browser, f"{live.base}/{EVENT}?bib=9")
        await until(lambda: texts(browser, "dialog[open] .legend dt") == ["penalty"])
        assert (await on_thread(lambda: texts(browser, "dialog .legend dd")))[0].startswith("+30 s. ")


async def test_on_a_day_whose_offset_changes_times_of_day_have_their_offset(database, browser):
    """The clocks of Berlin go back at 01:00 UTC on 2026-10-25: 02:30 comes twice."""
    half_past_one_us = 1_792_884_600_000_000  # local time, UTC+02:00
    of = half(start="2026-10-25T01:30:00", max_speed_mps=7.5) | {"date": "2026-10-25", "timezone": "Europe/Berlin"}
    crossed = [
        {"seq": seq, "device": device, "chip": "C7", "at_us": half_past_one_us + after_s * 1_000_000}
        for seq, (device, after_s) in enumerate((("S1", 1), ("K1", 3600), ("F1", 7200)), start=1)
    ]
    race = Racing(database)
    await race.announce(
        defined(of),
        entries("7"),
        fact("gun_fired", race="hm", at_us=half_past_one_us),
        fact("reads_received", gateway="van", session="1", reads=crossed),
    )
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}?bib=7")
        await until(lambda: texts(browser, "dialog[open] tbody tr"))
        times = await on_thread(lambda: texts(browser, "dialog[open] tbody td:nth-of-type(1)"))
        assert times == ["1:30:01 UTC+02:00", "2:30:00 UTC+02:00", "2:30:00 UTC+01:00"]
        assert "UTC" not in (await on_thread(lambda: texts(browser, "#updated")))[0]  # announced on another day


async def test_a_lost_connection_is_shown_and_comes_back(database, browser):
    race = await racing(database)
    async with serving(race) as live:
        port = int(live.base.rpartition(":")[2])
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: texts(browser, "#connection") == ["Connected"])
    await until(lambda: texts(browser, "#connection")[0] in ("Connecting…", "No connection"))
    await race.announce(run("7"), tell=False)
    async with serving(race, port=port):
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await until(lambda: names(browser) == ["No 7 Runner"])  # what came meanwhile


async def test_the_page_speaks_vietnamese_when_asked(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser))
        await on_thread(lambda: browser.find_element(By.ID, "language").click())
        await until(lambda: "Họ tên" in texts(browser, "#head th"))
        assert await on_thread(lambda: browser.execute_script("return document.documentElement.lang")) == "vi"
        await on_thread(browser.refresh)
        await until(lambda: "Họ tên" in texts(browser, "#head th"))
        await on_thread(lambda: browser.find_element(By.ID, "language").click())
        await until(lambda: "Name" in texts(browser, "#head th"))


async def test_names_of_the_definition_are_in_the_language_of_the_page(database, browser):
    of = definition(
        name={"vi": "Giải bán marathon", "en": "Half Marathon"},
        races=[race_of(name={"vi": "Bán marathon", "en": "Half"}, points=course(K10={"name": {"vi": "Mốc 10"}}))],
        boards=[board("men", name={"vi": "Nam", "en": "Men"})],
    )
    race = await racing(database, run("7"), definition=of)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}?lang=vi&bib=7")
        await until(lambda: texts(browser, "dialog[open] tbody th") == ["Xuất phát", "Mốc 10", "Về đích"])
        assert await on_thread(lambda: texts(browser, "#name")) == ["Giải bán marathon"]
        await on_thread(lambda: browser.switch_to.active_element.send_keys(Keys.ESCAPE))
        await until(lambda: texts(browser, "dialog[open]") == [])
        await on_thread(lambda: browser.find_element(By.ID, "language").click())
        await until(lambda: texts(browser, ".tabs [aria-current=true]") == ["Half", "Men"])
        assert await on_thread(lambda: texts(browser, "#name")) == ["Half Marathon"]
        assert "lang=" not in await on_thread(lambda: browser.current_url)


@pytest.mark.parametrize("width", [320, 390, 768, 1160, 2560])
async def test_nothing_is_wider_than_the_screen(database, browser, width):
    bibs = [entry("7", family_name="Nguyễn Hoàng Phương", given_name="Thảo Nguyên", club="Câu lạc bộ điền kinh")]
    of = definition(name="Giải bán marathon Hà Nội mở rộng lần thứ nhất")
    overtaken = (run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), run("9", 1, 1800, None))
    race = await racing(database, *overtaken, definition=of, bibs=[*bibs, "8", "9"])
    async with serving(race) as live:
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics))
        try:
            await opened(browser, f"{live.base}/{EVENT}?bib=7")
            await until(lambda: texts(browser, "dialog[open] tbody th"))
            script = "return document.documentElement.scrollWidth - window.innerWidth"
            assert await on_thread(lambda: browser.execute_script(script)) <= 0
            inner = "const d = document.querySelector('#athlete'); return d.scrollWidth - d.clientWidth"
            assert await on_thread(lambda: browser.execute_script(inner)) <= 0
            framed = "const f = document.querySelector('#frame'); return f.scrollWidth - f.clientWidth"
            assert await on_thread(lambda: browser.execute_script(framed)) <= 0
            bibs_shown = (
                "return [...document.querySelectorAll('#rows :is(.phone, .roomy)')].map((of) => of.checkVisibility())"
            )
            in_column = width > 700
            assert await on_thread(lambda: browser.execute_script(bibs_shown)) == [in_column, not in_column] * 3
            await opened(browser, f"{live.base}/{EVENT}/athletes/7")
            beside = "const home = document.querySelector('.home'); return home.scrollWidth - home.clientWidth"
            assert await on_thread(lambda: browser.execute_script(beside)) <= 0
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {}))


async def test_paper_shows_results_without_controls_and_of_an_open_sheet_only_that(database, browser):
    of = definition(team_boards=[{"id": "teams", "of": "men", "counting": 1}])
    race = await racing(database, run("7"), run("8"), definition=of, bibs=[entry("7", team="Huế"), "8"])
    small = {"width": 690, "height": 900, "deviceScaleFactor": 1, "mobile": False}  # A4 within half an inch
    members = "return [...document.querySelectorAll('#rows tr > *')].map((shown) => shown.innerText)"
    controls = """
        return [...document.querySelectorAll('.top a.home, .state, button, input, select, form, .sheet-links a')]
        .filter((control) => control.checkVisibility()).map((control) => control.outerHTML)"""
    async with serving(race) as live:
        try:
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"}))
            for address in (f"/{EVENT}", f"/{EVENT}/athletes/7", f"/{EVENT}/compare?bibs=7,8", f"/{EVENT}?bib=7"):
                await opened(browser, live.base + address)
                await until(lambda: texts(browser, "#connection") == ["Connected"])
                assert await on_thread(lambda: browser.execute_script(controls)) == [], address
            await until(lambda: texts(browser, "dialog[open] tbody th"))
            rows = "return document.querySelector('#rows').checkVisibility()"
            assert await on_thread(lambda: browser.execute_script(rows)) is False
            sheet = "const d = document.querySelector('dialog'); return [d.getBoundingClientRect().left, d.clientWidth]"
            assert await on_thread(lambda: browser.execute_script(sheet)) == [0, 1200]
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small))
            await opened(browser, f"{live.base}/{EVENT}?board=teams")
            await until(lambda: texts(browser, "#connection") == ["Connected"])
            shown_once = ["1", "Huế", "1", "No 7 Runner (1)"]
            assert await on_thread(lambda: browser.execute_script(members)) == shown_once
            dated = "return document.querySelector('#date').checkVisibility()"
            assert await on_thread(lambda: browser.execute_script(dated)) is True
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {}))
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""}))


@pytest.mark.parametrize(("lang", "words"), [("en", "There is no event at"), ("vi", "Không có giải nào ở địa chỉ này")])
async def test_an_unknown_event_is_explained_in_words(database, browser, lang, words):
    async with serving(database=database) as live:
        await opened(browser, f"{live.base}/nowhere?lang={lang}")
        await until(lambda: texts(browser, "#notice")[0].startswith(words))
        assert await on_thread(lambda: texts(browser, "#connection")) == []  # none is lost


async def test_a_page_opened_while_the_server_restarts_shows_its_event_once_it_answers(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner"])
        refuse = {"urls": ["*/v1/*"]}
        await on_thread(lambda: browser.execute_cdp_cmd("Network.enable", {}))
        await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", refuse))
        try:
            await on_thread(browser.refresh)
            await until(
                lambda: texts(browser, "#notice") == ["The server cannot answer now. This page tries again by itself."]
            )
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []}))
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        assert await on_thread(lambda: names(browser)) == ["No 7 Runner"]
        assert await on_thread(lambda: texts(browser, "#notice")) == [""]


async def test_the_skip_link_leads_past_the_boards_to_the_first_athlete(database, browser):
    boards = [board(f"b{number}", name=f"Board {number}") for number in range(30)]
    race = await racing(database, run("7"), definition=definition(boards=boards))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: names(browser) == ["No 7 Runner"])
        for pressed in (Keys.TAB, Keys.ENTER, Keys.TAB, Keys.TAB):
            await on_thread(partial(browser.switch_to.active_element.send_keys, pressed))
        assert await on_thread(lambda: browser.switch_to.active_element.text) == "No 7 Runner"


async def test_a_board_says_where_its_places_go_by_another_time_than_it_shows(database, browser):
    boards = [board("gun", rank_by="gun"), board("chip", rank_by="chip")]
    of = definition(races=[race_of(official_time="chip")], boards=boards)
    race = await racing(database, run("7"), definition=of)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}?board=gun")
        await until(lambda: names(browser) == ["No 7 Runner"])
        assert "Places by gun, times by chip" in (await on_thread(lambda: texts(browser, "#caption")))[0]
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "#boards [data-id=chip]").click())
        await until(lambda: texts(browser, "#caption") == ["chip Live"])


async def test_the_open_page_of_an_athlete_whose_entry_is_withdrawn_says_so_until_they_are_back(database, browser):
    race = await racing(database, run("7"), bibs=["7", "8"])
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}/athletes/7")
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        await race.announce(entry_withdrawn("7"))
        await until(lambda: texts(browser, "#main") == ["This event has no athlete with the bib 7."])
        await race.announce(entries("7"))
        await until(lambda: texts(browser, "#name") == ["7 No 7 Runner"])
