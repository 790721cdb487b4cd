"""A race watched on a phone, and on a desktop beside it, from its start to a late disqualification, while its server is
frozen, killed and back.
"""

import os
import signal
from functools import partial
from itertools import count
from typing import Any

import aiohttp
from selenium import webdriver
from selenium.webdriver.common.by import By

from services.demo.stack import Stack
from tests.builders import (
    EVENT,
    at,
    closed,
    defined,
    definition,
    entries,
    entry,
    fact,
    gun,
    read,
    status,
)
from tests.live.browsing import browser, on_thread, texts, until

__all__ = ["browser"]  # the fixture

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
DESKTOP = {"width": 1366, "height": 900, "deviceScaleFactor": 1, "mobile": False}
FIELD = [str(number) for number in range(1, 61)]
FOLLOWED = "30"
SERVICES = ("ingest", "scoring", "projections", "live")
SERVING = "projections"  # the process of an embedded stack that also serves live


class Office:
    """Whoever sends facts and reads to a stack; reads are numbered on."""

    def __init__(self, stack: Stack) -> None:
        self._address = f"{stack.ingest}/v1/events/{EVENT}"
        self._seq = count(1)

    async def rule(self, *facts: dict[str, Any]) -> None:
        await self._post("facts", facts)

    async def read(self, device: str, bibs: list[str], first_s: int) -> None:
        """Send the reads of bibs that cross a mat second by second."""
        passed = [
            {**read(device, f"C{bib}", first_s + index), "seq": next(self._seq)} for index, bib in enumerate(bibs)
        ]
        await self._post("reads", {"gateway": "van", "session": "1", "reads": passed})

    async def _post(self, what: str, body: object) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self._address}/{what}", json=body) as answer:
            assert answer.status == 200, await answer.text()


def names(browser: webdriver.Chrome) -> list[str]:
    return texts(browser, "#rows .name")


def connection(browser: webdriver.Chrome) -> str | None:
    return browser.find_element(By.ID, "connection").get_attribute("data-state")


def shows(browser: webdriver.Chrome, address: str) -> bool:
    """Open a page; return whether its event is there yet."""
    browser.get(address)
    return bool(browser.find_elements(By.ID, "connection"))


def top_of(browser: webdriver.Chrome, bib: str) -> float:
    """Where the row of a bib is on the screen."""
    row = "document.querySelector(`#rows [data-bib='${arguments[0]}']`).closest('tr')"
    top: float = browser.execute_script(f"return {row}.getBoundingClientRect().top", bib)
    return top


def caption(browser: webdriver.Chrome) -> str:
    return texts(browser, "#caption")[0]


def opened_on_a_desktop(browser: webdriver.Chrome, address: str) -> str:
    """Open a page in a window as large as a desktop's beside the one in use; return the window."""
    phone = browser.current_window_handle
    browser.switch_to.new_window("window")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", DESKTOP)
    browser.get(address)
    browser.execute_script("window.sameDocument = true")
    desktop = browser.current_window_handle
    browser.switch_to.window(phone)
    return desktop


def overflow(browser: webdriver.Chrome) -> int:
    """How many pixels the page is wider than its window."""
    root = "document.documentElement"
    wider: int = browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth")
    return wider


async def operations(stack: Stack) -> dict[str, Any]:
    """What an official sees of the stack itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{stack.live}/v1/ops") as answer:
        assert answer.status == 200, await answer.text()
        shown: dict[str, Any] = await answer.json()
        return shown


def published(state: str) -> dict[str, Any]:
    return fact("results_published", race="hm", state=state)


async def test_a_race_is_watched_on_a_phone_and_a_desktop_through_a_frozen_and_a_killed_server(
    stack: Stack, browser: webdriver.Chrome
) -> None:
    await stack.start()
    office = Office(stack)
    await office.rule(defined(definition(protest_window_s=0)), entries(*map(entry, FIELD)), gun(0))
    await office.read("S1", FIELD, 1)
    await on_thread(partial(browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", PHONE))
    try:
        await until(lambda: shows(browser, f"{stack.live}/{EVENT}?board=men"))
        await on_thread(lambda: browser.execute_script("window.sameDocument = true"))
        phone = browser.current_window_handle
        desktop = await on_thread(lambda: opened_on_a_desktop(browser, f"{stack.live}/{EVENT}?board=men"))

        await office.read("K1", FIELD, 2000)
        await until(lambda: len(names(browser)) == len(FIELD) and names(browser)[0] == "No 1 Runner")
        script = f"document.querySelector(\"#rows [data-bib='{FOLLOWED}']\").scrollIntoView({{block: 'center'}})"
        await on_thread(lambda: browser.execute_script(script))
        seen_at = await on_thread(lambda: top_of(browser, FOLLOWED))

        await office.read("F1", FIELD[:10], 4000)  # they stay above, in the same order
        await until(lambda: texts(browser, "#rows .place")[:10] == [str(place) for place in range(1, 11)])
        assert abs(await on_thread(lambda: top_of(browser, FOLLOWED)) - seen_at) <= 1

        serving = stack.processes[SERVING]
        os.kill(serving, signal.SIGSTOP)
        try:
            await until(lambda: connection(browser) == "offline")
        finally:
            os.kill(serving, signal.SIGCONT)
        await until(lambda: connection(browser) == "live")

        os.kill(serving, signal.SIGKILL)
        await office.read("F1", FIELD[10:20], 4100)
        await until(lambda: texts(browser, "#rows .place")[:20] == [str(place) for place in range(1, 21)])
        await until(lambda: connection(browser) == "live")

        await office.read("F1", ["60"], 4300)
        await office.rule(fact("read_excluded", device="F1", chip="C20", at_us=at(4109), reason="passed on"))
        await until(lambda: names(browser)[19] == "No 60 Runner")  # and 20 is on the course again

        await office.rule(closed(), published("provisional"))
        await until(lambda: "Provisional" in caption(browser))
        await office.rule(published("official"))
        await until(lambda: "Official" in caption(browser))
        await office.rule(status("1", "DQ"))
        await until(lambda: names(browser)[0] == "No 2 Runner" and "Changed since official" in caption(browser))
        assert await on_thread(lambda: browser.execute_script("return window.sameDocument")) is True
        assert await on_thread(lambda: overflow(browser)) <= 0

        shown = await operations(stack)
        assert {service["name"]: service["fault"] for service in shown["services"]} == dict.fromkeys(SERVICES)
        (event,) = shown["events"]
        assert [mat["mat"] for mat in event["mats"]] == ["start", "10k", "finish"]
        assert event["mats"][1]["devices"][0]["reads"] == len(FIELD)

        await on_thread(lambda: browser.switch_to.window(desktop))
        await until(lambda: names(browser)[0] == "No 2 Runner" and "Changed since official" in caption(browser))
        await until(lambda: connection(browser) == "live")
        assert len(await on_thread(lambda: names(browser))) == 19  # of twenty finishers, without the disqualified one
        assert await on_thread(lambda: browser.execute_script("return window.sameDocument")) is True
        assert await on_thread(lambda: overflow(browser)) <= 0
        await on_thread(browser.close)
        await on_thread(lambda: browser.switch_to.window(phone))
    finally:
        await on_thread(lambda: browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {}))
