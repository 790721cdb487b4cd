"""No barriers on pages: axe-core finds none by WCAG 2.2 AA, in both themes and languages, and the keyboard suffices."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.builders import EVENT, board, defined, definition, entries, entry, fact, gun, run
from tests.builders import race as race_of
from tests.live.browsing import browser, on_thread, opened, texts, until
from tests.live.racing import Racing, serving
from tests.live.test_overlay import inside

__all__ = ["browser"]  # the fixture

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
DESKTOP = {"width": 1366, "height": 900, "deviceScaleFactor": 1, "mobile": False}
LOOKS = [("light", "vi", PHONE), ("dark", "en", PHONE), ("dark", "vi", DESKTOP), ("light", "en", DESKTOP)]
GRAPHICS = (
    "leaderboard?theme=light",
    "split?point=10K&theme=dark",
    "clock?theme=light",
    "lower-third?bib=7&theme=dark",
)
SHORTENED = "[...document.querySelectorAll('article, nav li')].slice(20).forEach((part) => part.remove())"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: arguments[0], resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html).slice(0, 3)}`)),
  (error) => done([String(error)]))"""


def axe_source() -> str:
    """Return axe-core. The package around it is for another driver of browsers, so it is not imported."""
    package = find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text()


async def racing(database) -> Racing:
    of = definition(
        name={"vi": "Giải bán marathon", "en": "Half Marathon"},
        races=[race_of(official_time="chip"), race_of("5k", name="5 km")],
        boards=[board("men", rank_by="gun", name={"vi": "Nam", "en": "Men"}), board("short", race="5k")],
        team_boards=[{"id": "teams", "of": "men", "counting": 1, "name": "Teams"}],
    )
    bibs = [entry(bib, team="Huế", club="CLB", nationality="VIE") for bib in ("7", "8", "9", "10")]
    made = Racing(database)
    facts = [run("7", 1, 2000, 4000), run("8", 1, 1900, 4100), run("9", 1, 2100, None)]
    penalty = fact("penalty_set", bib="8", seconds=30, reason="x")
    await made.announce(defined(of), entries(*bibs), gun(0), *facts, penalty)
    return made


async def test_no_page_has_a_barrier_in_any_theme_or_language(database, browser):
    race = await racing(database)
    source = axe_source()
    pages = {
        "/?": "#events li",
        f"/{EVENT}?": "#rows tr.on-course",
        f"/{EVENT}?point=10K&": "#rows tr",
        f"/{EVENT}?q=nobody&": "#empty:not([hidden])",
        f"/{EVENT}?list=start&": "#rows tr",
        f"/{EVENT}?board=teams&": "#rows tr",
        f"/{EVENT}?bib=8&": "dialog[open] tbody tr",
        f"/{EVENT}/athletes/8?": "#favourite",
        f"/{EVENT}/athletes/9?": "#favourite",
        f"/{EVENT}/compare?bibs=7,8&": "#result svg",
        f"/{EVENT}/compare?": "#others",
        "/nowhere?": "#notice",
        "/docs?": "article",
        f"/announce/{EVENT}?": "#done li",
    }
    found = {}
    async with serving(race) as live:
        try:
            for theme, lang, size in LOOKS:
                media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
                await command(browser, "Emulation.setEmulatedMedia", media)
                await command(browser, "Emulation.setDeviceMetricsOverride", size)
                for address, there in pages.items():
                    await opened(browser, f"{live.base}{address}lang={lang}")
                    await until(partial(browser.find_elements, By.CSS_SELECTOR, there))
                    if there == "article":
                        await on_thread(lambda: browser.execute_script(SHORTENED))  # all 14,000 elements take minutes
                    for violation in await on_thread(lambda: violations(browser, source)):
                        found.setdefault(violation, f"{address} {theme} {lang} {size['width']}")
        finally:
            await command(browser, "Emulation.setEmulatedMedia", {"features": []})
            await command(browser, "Emulation.clearDeviceMetricsOverride", {})
    assert found == {}


async def test_no_graphic_for_broadcasts_has_a_barrier(database, browser):
    race = await racing(database)
    source = axe_source()
    wcag = [rule for rule in RULES if rule != "best-practice"]  # which is about pages
    async with serving(race) as live:
        still = [{"name": "prefers-reduced-motion", "value": "reduce"}]  # what fades in is pale until it is there
        await command(browser, "Emulation.setEmulatedMedia", {"features": still})
        try:
            for graphic in GRAPHICS:
                await opened(browser, f"{live.base}/overlay/{EVENT}/{graphic}")
                await until(lambda: inside(browser, "*"))
                assert await on_thread(lambda: violations(browser, source, wcag)) == [], graphic
        finally:
            await command(browser, "Emulation.setEmulatedMedia", {"features": []})


async def command(browser: webdriver.Chrome, name: str, arguments: dict) -> None:
    await on_thread(lambda: browser.execute_cdp_cmd(name, arguments))


def violations(browser: webdriver.Chrome, source: str, rules: list[str] = RULES) -> list[str]:
    browser.execute_script(source)
    return browser.execute_async_script(CHECK, rules)


async def test_a_favourite_is_kept_listed_and_compared_by_keyboard_alone(database, browser):
    race = await racing(database)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}/athletes/7")
        await until(lambda: texts(browser, "#favourite") == ["☆ Keep as favourite"])
        await press_on(browser, "#favourite", Keys.SPACE)
        await until(lambda: texts(browser, "#favourite") == ["★ Favourite"])
        await opened(browser, f"{live.base}/{EVENT}/athletes/8")
        others = "return document.querySelector('#others').value"
        await until(lambda: browser.execute_script(others) == "7")
        await press_on(browser, "#others", Keys.ENTER)
        await until(lambda: texts(browser, ".compared thead .name") == ["No 8 Runner", "No 7 Runner"])
        await opened(browser, f"{live.base}/{EVENT}")
        await until(lambda: "★ Favourites 1" in texts(browser, "#counts a"))
        await press_on(browser, "#counts [data-list=favourites]", Keys.ENTER)
        await until(lambda: texts(browser, "#rows .name") == ["No 7 Runner"])
        await press_on(browser, "#rows .name", Keys.ENTER)
        await until(lambda: texts(browser, "dialog[open] .star") == ["★ Favourite"])
        await press_on(browser, "dialog .star", Keys.ENTER)
        await until(lambda: texts(browser, "dialog[open] .star") == ["☆ Keep as favourite"])


async def press_on(browser: webdriver.Chrome, selector: str, key: str) -> None:
    """Go to an element by the Tab key, then press a key on it."""
    reached = f"return document.activeElement.matches({selector!r})"
    for _ in range(60):
        if await on_thread(lambda: browser.execute_script(reached)):
            break
        await on_thread(lambda: browser.switch_to.active_element.send_keys(Keys.TAB))
    await on_thread(lambda: browser.switch_to.active_element.send_keys(key))


async def test_an_athletes_page_follows_the_race_without_a_reload(database, browser):
    race = await racing(database)
    async with serving(race) as live:
        await opened(browser, f"{live.base}/{EVENT}/athletes/9")
        await until(lambda: texts(browser, "#connection") == ["Connected"])
        assert "On course" in (await on_thread(lambda: texts(browser, "#result")))[0]
        await on_thread(lambda: browser.execute_script("window.untouched = true"))
        await race.announce(fact("status_set", bib="9", status="DNF", reason="x"))
        await until(lambda: "Did not finish" in texts(browser, "#result")[0])
        assert await on_thread(lambda: browser.execute_script("return window.untouched"))
