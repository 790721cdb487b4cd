"""A real browser for tests of pages, and how they wait for what it shows."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from selenium import webdriver

HANG_S = 120.0
T = TypeVar("T")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    profile = tmp_path_factory.mktemp("browser")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--window-size=1200,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(HANG_S)
    yield driver
    driver.quit()


async def on_thread(work: Callable[[], T]) -> T:
    """Return what a blocking call of the browser returns, while the event loop goes on serving."""
    return await asyncio.to_thread(work)


async def until(check: Callable[[], object]) -> None:
    """Wait until a check of the page is true."""
    async with asyncio.timeout(HANG_S):
        while not await on_thread(check):
            await asyncio.sleep(0.05)


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((element) => element.innerText.trim())"
    return browser.execute_script(script, selector)


async def opened(browser: webdriver.Chrome, address: str) -> None:
    await on_thread(lambda: browser.get(address))
