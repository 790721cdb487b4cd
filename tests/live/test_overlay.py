"""Graphics for broadcasts in a real browser: as pages, as OBS and vMix show them, and as an OGraf renderer does."""

import io
import json
import re
import zipfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from selenium import webdriver

from services.live.web.overlay_view import GRAPHICS
from tests.builders import EVENT, board, defined, definition, entries, entry, fact, gun, reads, run
from tests.builders import read as read_at
from tests.live.browsing import browser, on_thread, opened, until
from tests.live.racing import Racing, serving

__all__ = ["browser"]  # the fixture

BIBS = [
    entry("7", family_name="Nguyễn Thị", given_name="Ngọc Ánh", nationality="VIE", club="Hà Nội"),
    entry("8", family_name="Smith", given_name="John", nationality="GBR"),
    entry("9", family_name="Trần", given_name="Văn Đức", nationality="VIE", team="Huế"),
]
BILINGUAL = definition(
    boards=[
        board("men", name={"vi": "Bán marathon nam", "en": "Half marathon men"}, gender="M"),
        board("women", gender="F"),
    ],
    team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": "Đồng đội"}],
)


async def racing(database, *facts) -> Racing:
    made = Racing(database)
    await made.announce(defined(BILINGUAL), entries(*BIBS), gun(0), *facts)
    return made


def inside(browser: webdriver.Chrome, selector: str, host: str = "body > *") -> list[str]:
    """Return the texts of elements within a graphic."""
    script = (
        "const host = document.querySelector(arguments[0]);"
        "return [...(host?.shadowRoot?.querySelectorAll(arguments[1]) ?? [])]"
        ".filter((element) => element.checkVisibility()).map((element) => element.innerText.trim())"
    )
    return [re.sub(r"\n+", "\n", text) for text in browser.execute_script(script, host, selector)]


def lines(browser: webdriver.Chrome) -> list[str]:
    return inside(browser, "li[data-key] .name")


async def test_a_leaderboard_shows_the_furthest_point_then_finishers_and_moves_its_rows(database, browser):
    race = await racing(database, run("7", 1, 2000, None), run("8", 1, 2010, None))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/overlay/{EVENT}/leaderboard?lang=en")
        await until(lambda: lines(browser) == ["Nguyễn Thị Ngọc Ánh", "Smith John"])
        assert await on_thread(lambda: inside(browser, "header")) == ["Half marathon men\n10K · Unofficial"]
        await race.announce(run("9", 1, 1990, None))
        await until(lambda: lines(browser) == ["Trần Văn Đức", "Nguyễn Thị Ngọc Ánh", "Smith John"])
        await race.announce(reads(read_at("F1", "C8", 3900)))
        await until(lambda: lines(browser) == ["Smith John"])
        assert await on_thread(lambda: inside(browser, "header p")) == ["Finish · Unofficial"]
        await race.announce(reads(read_at("F1", "C7", 4000)), fact("status_set", bib="8", status="DQ", reason="x"))
        await until(lambda: lines(browser) == ["Nguyễn Thị Ngọc Ánh"])
        await race.announce(fact("results_published", race="hm", state="provisional"))
        await until(lambda: inside(browser, "header p") == ["Finish · Provisional"])


async def test_a_leaderboard_of_teams_and_in_vietnamese(database, browser):
    race = await racing(database, run("7"), run("9", 1, 2000, 4100))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/overlay/{EVENT}/leaderboard?board=teams&lang=vi")
        await until(lambda: lines(browser) == ["Huế"])
        await opened(browser, f"{live.base}/overlay/{EVENT}/leaderboard?lang=vi&rows=1")
        await until(lambda: lines(browser) == ["Nguyễn Thị Ngọc Ánh"])
        assert await on_thread(lambda: inside(browser, "header")) == ["Bán marathon nam\nVề đích · Chưa chính thức"]


async def test_split_times_have_gaps(database, browser):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 1985, None))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/overlay/{EVENT}/split?point=10K&lang=en")
        await until(lambda: lines(browser) == ["Smith John · GBR", "Nguyễn Thị Ngọc Ánh · VIE"])
        assert await on_thread(lambda: inside(browser, "h1")) == ["10K · 10 km"]
        assert await on_thread(lambda: inside(browser, ".time, .gap")) == ["0:33:05", "", "0:33:20", "+0:15"]


async def test_a_lower_third_follows_its_athlete_and_without_a_bib_the_leader(database, browser):
    race = await racing(database, run("7", 1, 2000, None), run("8", 1, 2010, None))
    async with serving(race) as live:
        await opened(browser, f"{live.base}/overlay/{EVENT}/lower-third?bib=8&lang=en")
        await until(lambda: inside(browser, ".badge") == ["2\nHalf marathon men"])
        assert await on_thread(lambda: inside(browser, ".who")) == ["Smith John\nBib 8 · GBR"]
        shown = await on_thread(lambda: inside(browser, ".result"))
        assert shown[0].startswith("0:33:30\n10K · Estimated time ≈ 1:")
        await race.announce(reads(read_at("F1", "C8", 3900)))
        await until(lambda: inside(browser, ".result") == ["1:05:00\nFinish"])
        await opened(browser, f"{live.base}/overlay/{EVENT}/lower-third?board=men")
        await until(lambda: inside(browser, ".who .name") == ["Smith John"])


async def test_the_clock_counts_from_the_gun_by_the_servers_clock(database, browser):
    race = await racing(database)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/overlay/{EVENT}/clock?lang=vi")
        await until(lambda: inside(browser, ".digits"))
        now_s = (await live.json("/v1/time"))["now_us"] / 1e6
        gun_s = (await live.json(f"/v1/events/{EVENT}"))["races"][0]["guns"][0]["at_us"] / 1e6
        hours, minutes, seconds = map(int, (await on_thread(lambda: inside(browser, ".digits")))[0].split(":"))
        assert 0 <= hours * 3600 + minutes * 60 + seconds - (now_s - gun_s) + 2 < 2 + 30  # however slow the machine is


async def test_the_last_state_stays_when_the_server_is_away_and_news_come_when_it_is_back(database, browser):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        port = int(live.base.rpartition(":")[2])
        await opened(browser, f"{live.base}/overlay/{EVENT}/leaderboard")
        await until(lambda: lines(browser) == ["Nguyễn Thị Ngọc Ánh"])
    await until(lambda: browser.execute_script("return document.body.firstElementChild.dataset.fault"))
    assert await on_thread(lambda: lines(browser)) == ["Nguyễn Thị Ngọc Ánh"]
    await race.announce(run("8", 1, 2000, 3900), tell=False)
    async with serving(race, port=port):
        await until(lambda: lines(browser) == ["Smith John", "Nguyễn Thị Ngọc Ánh"])
        await until(lambda: browser.execute_script("return document.body.firstElementChild.dataset.fault") == "")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (640, 360), (1080, 1920)])
async def test_graphics_stay_within_the_picture_without_scroll_bars_or_background(database, browser, width, height):
    race = Racing(database)
    field = [entry(str(bib), family_name="Nguyễn Hoàng Phương", given_name="Thảo Nguyên") for bib in range(10, 40)]
    finished = [run(str(bib), 1, 2000, 4000 + bib) for bib in range(10, 40)]
    await race.announce(defined(BILINGUAL), entries(*field), gun(0), *finished)
    async with serving(race) as live:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await on_thread(lambda: browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics))
        try:
            for graphic in GRAPHICS:
                await opened(browser, f"{live.base}/overlay/{EVENT}/{graphic}?rows=20&side=right")
                await until(lambda: inside(browser, ".panel"))
                left, top, right, bottom = await on_thread(
                    lambda: browser.execute_script(
                        "const box = document.body.firstElementChild.shadowRoot.querySelector('.panel')"
                        ".getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]"
                    )
                )
                assert 0 <= left < right <= width, graphic
                assert 0 <= top < bottom <= height, graphic
                seen = await on_thread(
                    lambda: browser.execute_script(
                        "const root = document.documentElement; return [root.scrollWidth <= innerWidth,"
                        " root.scrollHeight <= innerHeight, getComputedStyle(root).backgroundColor,"
                        " getComputedStyle(document.body).backgroundColor]"
                    )
                )
                assert seen == [True, True, "rgba(0, 0, 0, 0)", "rgba(0, 0, 0, 0)"], graphic
        finally:
            await on_thread(lambda: browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {}))


async def test_names_and_colours_from_outside_stay_text(database, browser):
    hostile = "<img src=x onerror=\"document.title='taken'\">"
    race = Racing(database)
    await race.announce(defined(), entries(entry("7", family_name=hostile, given_name="")), gun(0), run("7"))
    async with serving(race) as live:
        query = "accent=%23ff0000&panel=red;background:url(x)&rows=abc&side=%3Cb%3E&title=%3Ci%3ETop%3C/i%3E"
        await opened(browser, f"{live.base}/overlay/{EVENT}/leaderboard?{query}")
        await until(lambda: lines(browser) == [hostile])
        assert await on_thread(lambda: inside(browser, "h1")) == ["<i>Top</i>"]
        assert await on_thread(lambda: browser.title) == "Matline overlay"
        host = "document.body.firstElementChild"
        style = await on_thread(lambda: browser.execute_script(f"return {host}.getAttribute('style')"))
        assert "--accent: #ff0000" in style
        assert "url" not in style
        async with live.get(f"/overlay/{EVENT}/nothing") as response:
            assert response.status == 404


# --- OGraf


@asynccontextmanager
async def hosting(folder: Path):
    """Serve a folder on an origin of its own, as an OGraf renderer does, with an empty page at `/renderer`."""

    async def renderer(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/renderer", renderer), web.static("/graphics", folder)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


RENDER = """
const [main, data, done] = arguments;
(async () => {
  const { default: Graphic } = await import(main);
  customElements.define("graphic-" + crypto.randomUUID(), Graphic);
  window.graphic = new Graphic();
  document.body.append(graphic);
  const loaded = await graphic.load({ data, renderType: "realtime", renderCharacteristics: {} });
  const before = graphic.checkVisibility();
  const played = await graphic.playAction({ skipAnimation: true });
  return [loaded, before, played, graphic.checkVisibility()];
})().then(done, (error) => done(String(error)));
"""


def defaults(manifest: dict) -> dict:
    return {name: field["default"] for name, field in manifest["schema"]["properties"].items() if "default" in field}


@pytest.mark.parametrize("graphic", GRAPHICS)
async def test_an_ograf_renderer_loads_plays_updates_and_stops_each_graphic(database, browser, tmp_path, graphic):
    race = await racing(database, run("7"), run("8", 1, 2000, 4100))
    async with serving(race) as live, hosting(tmp_path) as host:
        async with live.get(f"/overlay/{EVENT}/ograf.zip") as response:
            assert response.headers["Content-Type"] == "application/zip"
            package = zipfile.ZipFile(io.BytesIO(await response.read()))
        package.extractall(tmp_path)
        manifest = json.loads((tmp_path / f"{graphic}.ograf.json").read_text())
        await opened(browser, f"{host}/renderer")
        main, data = f"{host}/graphics/{manifest['main']}", defaults(manifest)
        loaded, before, played, after = await on_thread(lambda: browser.execute_async_script(RENDER, main, data))
        assert loaded == {"statusCode": 200}
        assert not before  # nothing is painted before it is played
        assert played == {"statusCode": 200, "currentStep": 0}
        assert after
        await until(lambda: inside(browser, ".panel", "body > *"))
        update = "const done = arguments[0]; graphic.updateAction({data: {title: 'Chung kết'}}).then(done)"
        assert await on_thread(lambda: browser.execute_async_script(update)) == {"statusCode": 200}
        if graphic != "lower-third":
            assert "Chung kết" in (await on_thread(lambda: inside(browser, ".panel")))[0]
        call = "const done = arguments[0]; graphic.{}.then(done)"
        custom = await on_thread(lambda: browser.execute_async_script(call.format("customAction({id: 'none'})")))
        assert custom["statusCode"] == 404
        again = await on_thread(lambda: browser.execute_async_script(call.format("playAction({})")))
        assert again == {"statusCode": 200, "currentStep": None}  # past the last step: to the end
        assert not await on_thread(lambda: browser.execute_script("return graphic.checkVisibility()"))
        await on_thread(lambda: browser.execute_async_script(call.format("playAction({goto: 0})")))
        stopped = await on_thread(lambda: browser.execute_async_script(call.format("stopAction({})")))
        assert stopped == {"statusCode": 200}
        assert not await on_thread(lambda: browser.execute_script("return graphic.checkVisibility()"))
        disposed = await on_thread(lambda: browser.execute_async_script(call.format("dispose({})")))
        assert disposed == {"statusCode": 200}


async def test_the_package_takes_another_address_of_the_server_and_refuses_what_is_none(database):
    race = await racing(database)
    async with serving(race) as live:
        async with live.get(f"/overlay/{EVENT}/ograf.zip?server=https://results.example.org/") as response:
            package = zipfile.ZipFile(io.BytesIO(await response.read()))
        manifest = json.loads(package.read("leaderboard.ograf.json"))
        assert defaults(manifest)["server"] == "https://results.example.org"
        refused = await live.json(f"/overlay/{EVENT}/ograf.zip?server=ftp://x", status=400)
        assert refused["title"] == "No address"
        await live.json("/overlay/nowhere/ograf.zip", status=404)
