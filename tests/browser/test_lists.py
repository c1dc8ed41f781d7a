"""Lists in a real Chromium: the server pages, sorts, filters and searches, and Back comes to the same place of them."""

import pytest

from chromium import Browser, resize
from live import LiveServer
from roadloop.datasets import store
from roadloop.jobs import queue
from roadloop.storage import search
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROWS = 60


@pytest.fixture(scope="module", autouse=True)
def datasets(site: LiveServer) -> None:
    """Sixty datasets, of which every tenth failed and every third is an increment; the first has most pictures."""
    platform = open_platform(site.settings)
    with platform.database.transaction() as db, search.filling(db):
        for k in range(ROWS):
            state = "failed" if k % 10 == 0 else "succeeded"
            task_id = queue.submit(
                db, queue.Submission("create_data", {}, f"road-{k:02d}", state=queue.JobState.CREATED)
            )
            result = {"counts": {"train": 1000 - k, "val": k, "test": 0}}
            db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(state=state, result=result))
            row = {"name": f"road-{k:02d}", "description": "", "data_type": ("aug", "all", "all")[k % 3]}
            store.insert(db, {"task_id": task_id, **row, "sour_data": "苏州", "train": 0.8, "val": 0.1, "test": 0.1})
    platform.database.close()


def names(browser: Browser) -> list[str]:
    found = browser.run("return [...document.querySelectorAll('tbody .name')].map((e) => e.innerText)")
    assert isinstance(found, list)
    return found


def wait_for(browser: Browser, first: str, rows: int) -> None:
    browser.until(lambda: (found := names(browser))[:1] == [first] and len(found) == rows, f"{first}, {rows}")


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const e = document.querySelector(`[name=${arguments[0]}]`); e.value = arguments[1];"
        "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))",
        name,
        value,
    )


def test_lists__pages_and_order_are_the_servers_and_the_head_stays(browser: Browser) -> None:
    browser.open("/#/datasets")
    wait_for(browser, "road-59", 25)
    browser.shows("第 1–25 行，共 60 行")
    browser.run("scrollTo(0, 400)")  # the head stays below the bar, above the rows
    browser.until(lambda: browser.run("return document.querySelector('th').getBoundingClientRect().top") == 48)
    assert browser.run("return document.elementFromPoint(300, 60).closest('th') !== null")
    browser.click(".pager button", "3")
    wait_for(browser, "road-09", 10)
    browser.click("th button", "train")  # numbers: the largest first, on the first page, over all rows
    wait_for(browser, "road-00", 25)
    assert browser.find("th[aria-sort=descending]").text.startswith("train")
    browser.click("th button", "名称")
    wait_for(browser, "road-00", 25)
    browser.click("th button", "名称")
    wait_for(browser, "road-59", 25)
    assert browser.run("return location.hash") == "#/datasets?order=-data_name"
    browser.open("/#/datasets?page=9&order=data_name")  # rows are gone: the last page there is
    wait_for(browser, "road-50", 10)
    resize(browser.driver, 390, 844)
    browser.until(lambda: browser.run("return document.documentElement.scrollWidth <= innerWidth"))
    assert browser.problems() == []


def test_lists__filters_and_search_stand_in_the_address_and_back_comes_to_them(browser: Browser) -> None:
    browser.open("/#/datasets?order=-data_name")
    wait_for(browser, "road-59", 25)
    choose(browser, "data_type", "aug")
    wait_for(browser, "road-57", 20)
    choose(browser, "state", "failed")
    wait_for(browser, "road-30", 2)
    browser.shows("60 行中的 2 行")
    choose(browser, "state", "")
    wait_for(browser, "road-57", 20)
    choose(browser, "q", "road-1")
    wait_for(browser, "road-18", 3)
    address = str(browser.run("return location.hash"))
    browser.click("tbody a", "road-15")
    browser.find("h1", "road-15")
    browser.driver.back()
    wait_for(browser, "road-18", 3)
    assert browser.run("return location.hash") == address
    assert browser.find("[name=q]").get_attribute("value") == "road-1"
    assert browser.find("[name=data_type]").get_attribute("value") == "aug"
    assert browser.run("return document.activeElement.innerText") == "road-15"
    choose(browser, "q", "nowhere")
    browser.shows("没有符合条件的行。")
    browser.click("button", "显示全部")
    wait_for(browser, "road-59", 25)  # by name still
    assert browser.problems(but="/v1/datasets/road-15") == []  # the row has no folder


def test_lists__all_five_are_this_one(browser: Browser) -> None:
    for place in ("training?", "networks?", "evaluation?", "release?tab=all&"):
        browser.open(f"/#/{place}q=nowhere&state=failed")
        browser.shows("没有符合条件的行。")
        assert browser.find("[name=q]").get_attribute("value") == "nowhere"
        assert browser.find("[name=state]").get_attribute("value") == "failed"
        browser.click("button", "显示全部")
        browser.find(".empty a", "→")
        assert browser.problems() == [], place
