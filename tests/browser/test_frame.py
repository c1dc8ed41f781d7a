"""What lies over every page: search in everything that has a name, the keys, the calls behind the page."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from chromium import Browser
from live import LiveServer
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Submission
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def made(site: LiveServer) -> str:
    """A source set and two examinations of one name, of which the newest is found."""
    (site.home / "sources" / "苏州-one").mkdir(parents=True)
    platform = open_platform(site.settings)
    with platform.database.transaction() as db:
        ids = [queue.submit(db, Submission("health", {}, "苏州 health", state=JobState.SUCCEEDED)) for _ in range(2)]
    platform.database.close()
    return ids[1]


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def search(browser: Browser, *, by_keys: bool = True) -> None:
    """Open the search, once an earlier one is gone, and wait until it is what hears the keys."""
    browser.until(lambda: browser.run("return document.querySelector('dialog') === null"))
    if by_keys:
        ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    else:
        browser.click(".search-button")
    browser.until(lambda: browser.run("return document.activeElement?.matches('.palette input')"))


def shown(browser: Browser) -> list[str]:
    """The names that are found."""
    program = (
        "return [...document.querySelectorAll('.palette li > span:first-child')].map((e) => e.textContent).join('|')"
    )
    return str(browser.run(program)).split("|")


def test_search__finds_pages_sets_and_jobs_by_name_with_the_keyboard_alone(browser: Browser, made: str) -> None:
    browser.open("/")
    browser.find("h1")
    search(browser)
    assert "新训练任务" in shown(browser)
    press(browser, "苏州")
    browser.until(lambda: shown(browser) == ["苏州-one", "苏州 health"])
    press(browser, Keys.ARROW_DOWN, Keys.ENTER)
    browser.find("h1", "苏州 health")
    assert made in str(browser.run("return location.hash"))
    search(browser, by_keys=False)
    press(browser, "训练")
    browser.until(lambda: shown(browser) == ["训练", "新训练任务"])
    press(browser, Keys.ARROW_UP, Keys.ENTER)  # round to the last one
    browser.until(lambda: browser.run("return location.hash") == "#/training/new")
    search(browser)
    press(browser, "没有这样的东西")
    browser.find(".palette p", "没有叫这个名称的东西")
    press(browser, Keys.ESCAPE)
    browser.until(lambda: browser.run("return document.querySelector('dialog') === null"))
    assert browser.problems() == []


def test_keys_and_calls__of_this_page_alone(browser: Browser, made: str) -> None:
    browser.open("/#/jobs")
    browser.click("tbody a.name", "苏州 health")
    browser.find("h1", "苏州 health")
    press(browser, "?")
    browser.find("dialog h2", "按键")
    browser.find("dialog dd", "下一张最差的")
    press(browser, Keys.ESCAPE)
    browser.click("button[aria-label='本页背后的调用']")
    browser.find("dialog code", f"curl -G {browser.url}/v1/jobs --data-urlencode task_id={made}")
    browser.click("dialog button", "Python")
    browser.find("dialog code", f'client.get("/v1/jobs", task_id="{made}")')
    assert "page_size" not in browser.find("dialog ul").text  # the list's call was another page's
    browser.click("dialog button[aria-label='关闭']")
    browser.until(lambda: browser.run("return document.querySelector('dialog') === null"))
    assert browser.problems() == []
