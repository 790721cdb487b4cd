"""The page and the answer about the operation of the stack, by services that show what a test lets them show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from services.live.limits import LiveLimits
from services.runtime.tokens import Token, new_token, tokens_bytes
from services.watch.stack_state import EVENTS_SHOWN
from tests.builders import EVENT, at, defined, definition, entries, fact, gun, run
from tests.live.browsing import browser, on_thread, opened, texts, until
from tests.live.racing import Racing, serving
from tests.live.test_accessibility import LOOKS, axe_source, command, violations
from tests.watch.showing import metrics

__all__ = ["browser"]  # the fixture

PROJECTIONS = f"""
    matline_projections_event_changed_timestamp_seconds{{event="{EVENT}"}} 1767480000
    matline_projections_event_lag_seconds{{event="{EVENT}"}} 0.3
    matline_projections_unknown_chips{{event="{EVENT}"}} 0
    matline_projections_open_cases{{event="{EVENT}",race="hm"}} 1
    matline_projections_race_closed{{event="{EVENT}",race="hm"}} 0
    matline_projections_athletes{{event="{EVENT}",race="hm",status="FINISHED"}} 1
    matline_projections_device_reads{{event="{EVENT}",mat="10k",device="K1"}} 2
    matline_projections_device_last_read_timestamp_seconds{{event="{EVENT}",mat="10k",device="K1"}} 1767479600
    matline_projections_event_changed_timestamp_seconds{{event="other-2026"}} 1767470000
"""
HALTED = "matline_scoring_rejections_halted 1"


class Shown:
    """What the services show; `addresses` are those of one server that stands for all four."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {"projections": PROJECTIONS, "scoring": "", "ingest": "", "live": ""}
        self.addresses: dict[str, list[str]] = {}

    def app(self) -> web.Application:
        async def shows(request: web.Request) -> web.Response:
            name = request.match_info["service"]
            return web.Response(text=metrics(name, self.lines[name]))

        async def ready(_: web.Request) -> web.Response:
            return web.Response(text="ready\n")

        app = web.Application()
        app.add_routes([web.get("/{service}/metrics", shows), web.get("/{service}/readyz", ready)])
        return app


@asynccontextmanager
async def showing() -> AsyncIterator[Shown]:
    shown = Shown()
    runner = web.AppRunner(shown.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        shown.addresses = {name: [f"http://{host}:{port}/{name}"] for name in shown.lines}
        yield shown
    finally:
        await runner.cleanup()


async def racing(database) -> Racing:
    race = Racing(database)
    name = {"vi": "Giải bán marathon", "en": "Half Marathon"}
    shot = fact("notice_received", gateway="van", device="BOX", kind="gunshot", at_us=at(3), id="n1")
    facts = [defined(definition(name=name)), entries("7", "8"), gun(0), run("7"), run("8", 1, 2000, None), shot]
    await race.announce(*facts)
    return race


def token_file(folder: Path, *tokens: Token) -> Path:
    path = folder / "tokens.json"
    path.write_bytes(tokens_bytes(list(tokens)))
    return path


async def test_the_answer_has_mats_along_the_course_and_only_the_events_of_the_token(database, tmp_path):
    race = await racing(database)
    official, kept_official = new_token("official", "jury", [EVENT], [], "2026-01-01")
    gateway, kept_gateway = new_token("gateway", "van", ["*"], ["*"], "2026-01-01")
    path = token_file(tmp_path, kept_official, kept_gateway)
    async with showing() as shown, serving(race, tokens=path, services=shown.addresses) as live:
        for later in range(EVENTS_SHOWN):
            changed = f'matline_projections_event_changed_timestamp_seconds{{event="later{later}"}} 1767490000'
            shown.lines["projections"] += changed + "\n"
        await live.json("/v1/ops", status=401)
        await live.json("/v1/ops", status=403, headers={"Authorization": f"Bearer {gateway}"})
        headers = {"Authorization": f"Bearer {official}"}
        answer = await live.json("/v1/ops?lang=en", headers=headers)
        (event,) = answer["events"]
        assert (event["event"], event["name"], event["lag_s"]) == (EVENT, "Half Marathon", 0.3)
        assert [mat["mat"] for mat in event["mats"]] == ["start", "10k", "finish"]
        ten_km = event["mats"][1]
        assert ten_km["points"] == [{"race": "hm", "point": "10K", "km": 10.0, "expected": 2, "seen": 2, "missed": 0}]
        assert [(device["device"], device["backup"], device["reads"]) for device in ten_km["devices"]] == [
            ("K1", False, 2),
            ("KB", True, 0),
        ]
        assert event["signals"] == [{"at_us": at(3), "gun_us": at(0), "devices": ["BOX"], "starts": [{"race": "hm"}]}]
        assert {service["fault"] for service in answer["services"]} == {None}
        assert answer["alerts"] == []


async def test_the_page_takes_a_token_shows_what_needs_somebody_and_follows_without_a_reload(
    database, tmp_path, browser
):
    race = await racing(database)
    official, kept = new_token("official", "jury", ["*"], [], "2026-01-01")
    path = token_file(tmp_path, kept)
    limits = LiveLimits(check_tokens_s=0.0)
    async with showing() as shown, serving(race, tokens=path, limits=limits, services=shown.addresses) as live:
        await opened(browser, f"{live.base}/ops?lang=vi")
        await on_thread(lambda: browser.find_element(By.ID, "token").send_keys("wrong", Keys.ENTER))
        await until(lambda: texts(browser, "#refused") == ["Đây không phải mã truy cập của ban tổ chức."])
        await on_thread(lambda: browser.find_element(By.ID, "token").clear())
        await on_thread(lambda: browser.find_element(By.ID, "token").send_keys(official, Keys.ENTER))
        await until(lambda: texts(browser, "#alerts-now") == ["Hiện không có việc gì cần xử lý."])
        assert official not in await on_thread(lambda: browser.current_url)
        headings = await on_thread(lambda: texts(browser, "#ops-events h2"))
        assert headings == [f"Giải bán marathon {EVENT}", "other-2026"]
        shown_facts = await on_thread(lambda: texts(browser, "#ops-events .facts dd"))
        assert "5:00:03 từ BOX; giờ súng của hm đã nhập là 5:00:00" in shown_facts
        await on_thread(lambda: browser.execute_script("window.untouched = true"))

        shown.lines["scoring"] = HALTED
        await until(lambda: len(texts(browser, "#alerts-now .alert.act")) == 1)
        assert "SenderHalted.md" in (await on_thread(lambda: texts(browser, "#alerts-now")))[0]
        assert await on_thread(lambda: browser.execute_script("return window.untouched"))
        path.write_bytes(tokens_bytes([new_token("official", "new", ["*"], [], "2026-01-01")[1]]))
        await until(partial(browser.find_elements, By.ID, "sign-in"))


async def test_the_page_has_no_barrier_in_any_theme_or_language(database, browser):
    race = await racing(database)
    source = axe_source()
    found: dict[str, str] = {}
    async with showing() as shown, serving(race, services=shown.addresses) as live:
        shown.lines["scoring"] = HALTED
        try:
            for theme, lang, size in LOOKS:
                await command(
                    browser,
                    "Emulation.setEmulatedMedia",
                    {"features": [{"name": "prefers-color-scheme", "value": theme}]},
                )
                await command(browser, "Emulation.setDeviceMetricsOverride", size)
                await opened(browser, f"{live.base}/ops?lang={lang}")
                await until(partial(browser.find_elements, By.CSS_SELECTOR, ".alert.act"))
                for violation in await on_thread(lambda: violations(browser, source)):
                    found.setdefault(violation, f"{theme} {lang} {size['width']}")
                assert await on_thread(lambda: overflow(browser)) <= 0, (theme, lang, size)
        finally:
            await command(browser, "Emulation.setEmulatedMedia", {"features": []})
            await command(browser, "Emulation.clearDeviceMetricsOverride", {})
    assert found == {}


def overflow(browser: webdriver.Chrome) -> int:
    """How many pixels the page is wider than the screen."""
    root = "document.documentElement"
    wider: int = browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth")
    return wider
