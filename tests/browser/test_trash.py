"""The trash and the disk page in a real Chromium: what protects a thing is said, it goes, and comes back."""

import pytest

from chromium import Browser
from job_cases import CASES, build_dataset
from live import LiveServer
from roadloop.jobs import queue, run
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DIALOG = "const d = document.querySelector('dialog[open]');"


def _run(platform: Platform, task_id: str) -> None:
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    run.run(platform, job)


@pytest.fixture(scope="module", autouse=True)
def made(site: LiveServer) -> str:
    """A source set and a dataset of it, made here: the server is to start none."""
    site.kill()
    platform = open_platform(site.settings)
    CASES["create_data"].prepare(platform, lambda _task_id: None)
    task_id = build_dataset(platform)
    _run(platform, task_id)
    platform.database.close()
    site.start()
    return task_id


def _click(browser: Browser, selector: str, words: str = "") -> None:
    found = (
        "const b = [...document.querySelectorAll(arguments[0])].find((e) => e.innerText.includes(arguments[1]));"
        "b?.click(); return Boolean(b)"
    )
    browser.until(lambda: browser.run(found, selector, words), f"{selector} {words}")


def _says(browser: Browser, words: str) -> None:
    browser.until(lambda: words in str(browser.run("return document.body.innerText")), words)


@pytest.mark.slow
def test_delete__says_what_uses_it_then_goes_and_comes_back(browser: Browser, made: str) -> None:
    browser.open("/#/sources/镇")
    _click(browser, ".page-head button, button", "删除…")
    _says(browser, "数据 d 由它生成")
    assert browser.run(f"{DIALOG} return d.querySelector('[name=delete]').disabled") is True
    _click(browser, "dialog[open] a", "数据 d 由它生成")
    browser.open(f"/#/datasets/{made}")
    _click(browser, "button", "删除…")
    _says(browser, "没有别的内容用到它")
    _says(browser, "30 天内可在回收站里还原")
    _click(browser, "dialog[open] [name=delete]")
    browser.until(lambda: browser.run("return location.hash") == "#/datasets", "back in the list")
    _says(browser, "还没有")
    browser.open("/#/trash")
    _says(browser, "保留到")
    _click(browser, "tbody button", "还原")
    _says(browser, "回收站是空的")
    browser.open("/#/datasets")
    browser.until(lambda: browser.run("return document.querySelector('tbody .name')?.innerText") == "d", "d is back")
    assert browser.problems() == []


def test_archive__leaves_the_list_and_is_put_back(browser: Browser, made: str) -> None:
    browser.open(f"/#/datasets/{made}")
    _click(browser, "button", "删除…")
    _click(browser, "dialog[open] [name=archive]")
    browser.until(lambda: browser.run("return location.hash") == "#/datasets", "back in the list")
    browser.open("/#/trash")
    _click(browser, "tbody button", "放回列表")
    _says(browser, "没有归档的内容")
    assert browser.problems() == []


def test_disk__is_counted_and_cleared_up(browser: Browser) -> None:
    browser.open("/#/disk")
    _says(browser, "还没有统计过")
    _click(browser, "button", "重新统计")
    _says(browser, "数据库")
    rows = browser.run("return [...document.querySelectorAll('tbody tr')].map((e) => e.innerText)")
    assert isinstance(rows, list)
    assert any("源数据" in row and "KiB" in row for row in rows)
    assert any("trash_keep_days" in row and "30 天" in row for row in rows)
    _click(browser, "button", "现在清理")
    browser.until(lambda: browser.run("return Boolean(document.querySelector('.course'))"), "the job")
    assert browser.problems() == []
