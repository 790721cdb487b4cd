"""The announcer's page in a real browser."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.builders import EVENT, fact, reads, run
from tests.builders import read as read_at
from tests.live.browsing import browser, on_thread, opened, texts, until
from tests.live.racing import serving
from tests.live.test_announce import announced

__all__ = ["browser"]  # the fixture


async def test_athletes_move_from_next_to_finished_and_marks_and_notes_stay(database, browser):
    racing = await announced(database, run("7", 1, 2000, None), run("8", 1, 1900, None))
    async with serving(racing) as live:
        await opened(browser, f"{live.base}/announce/{EVENT}?lang=vi")
        await until(lambda: texts(browser, "#next .name") == ["Smith John", "Nguyễn Ngọc Ánh"])
        assert await on_thread(lambda: texts(browser, "#next h2, #done .empty")) == ["Sắp về đích", "Chưa ai về đích"]
        assert "Nữ: 1" in (await on_thread(lambda: texts(browser, "#next .places")))[1]
        await on_thread(lambda: browser.find_element(By.TAG_NAME, "body").send_keys("j", "j", "n"))
        await on_thread(lambda: browser.switch_to.active_element.send_keys("Nguyen Ngock Ang", Keys.ENTER))
        await on_thread(lambda: browser.switch_to.active_element.send_keys(Keys.SPACE))
        await until(lambda: texts(browser, "#next li.said .name") == ["Nguyễn Ngọc Ánh"])
        await racing.announce(reads(read_at("F1", "C8", 4100)))
        await until(lambda: texts(browser, "#done .name") == ["Smith John"])
        assert await on_thread(lambda: texts(browser, "#done .time")) == ["1:08:20"]
        assert await on_thread(lambda: texts(browser, "#next li.said .name")) == ["Nguyễn Ngọc Ánh"]
        await on_thread(browser.refresh)
        await until(lambda: texts(browser, "#next li.said .name") == ["Nguyễn Ngọc Ánh"])
        value = "return document.querySelector('#next input').value"
        assert await on_thread(lambda: browser.execute_script(value)) == "Nguyen Ngock Ang"
        await racing.announce(fact("status_set", bib="8", status="DQ", reason="x"))
        await until(lambda: "Truất quyền" in "".join(texts(browser, "#done .details.warn")))


async def test_help_opens_by_key_and_a_lost_server_is_shown(database, browser):
    racing = await announced(database, run("8", 1, 1900, 4100))
    async with serving(racing) as live:
        await opened(browser, f"{live.base}/announce/{EVENT}?lang=en")
        await until(lambda: texts(browser, "#done .name") == ["Smith John"])
        assert await on_thread(lambda: texts(browser, "#connection")) == ["Connected"]
        await on_thread(lambda: browser.find_element(By.TAG_NAME, "body").send_keys("?"))
        await until(lambda: "estimates" in "".join(texts(browser, "dialog[open] p")))
        await on_thread(lambda: browser.find_element(By.CSS_SELECTOR, "dialog button").click())
    await until(lambda: texts(browser, "#connection") == ["No connection: this is the last state"])
    assert await on_thread(lambda: texts(browser, "#done .name")) == ["Smith John"]
