"""The models of a training on its page: the best one is protected, another is deleted by itself."""

import pytest

from chromium import Browser
from job_cases import CASES
from live import LiveServer
from roadloop.jobs import queue, run
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def _run(platform: Platform, task_id: str) -> None:
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    run.run(platform, job)


@pytest.fixture(scope="module")
def trained(site: LiveServer) -> str:
    """A task of two epochs, trained here: the server is to start nothing."""
    site.kill()
    platform = open_platform(site.settings)
    CASES["train"].prepare(platform, lambda task_id: _run(platform, task_id))
    task_id = CASES["train"].submit(platform)
    _run(platform, task_id)
    platform.database.close()
    site.start()
    return task_id


@pytest.mark.slow
def test_models__the_best_is_protected_and_another_is_deleted(browser: Browser, trained: str) -> None:
    browser.open(f"/#/training/{trained}")
    best = browser.find("tr", "最好").text.split()[0]
    rows = "return [...document.querySelectorAll('td .mono')].map((e) => e.textContent).filter((t) => t.endsWith('.params'))"
    files = browser.run(rows)
    assert isinstance(files, list)
    assert len(files) == 2
    browser.click("tr", best, within="button")
    browser.shows("以它为最佳模型")
    assert not browser.find("dialog[open] [name=delete]").is_enabled()
    browser.click("dialog[open] button", "取消")
    other = next(name for name in files if name != best)
    browser.click("tr", other, within="button")
    browser.shows("没有别的内容用到它")
    browser.click("dialog[open] [name=delete]")
    browser.until(lambda: browser.run(rows) == [best], "only the best one is left")
    browser.open("/#/trash")
    browser.find("td", "模型")
    assert browser.problems() == []
