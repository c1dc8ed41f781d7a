"""Views whose code comes when they are first needed: nothing flashes meanwhile, and a failure is said."""

import pytest

from chromium import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WATCH = """
window.empty = 0;
new MutationObserver(() => { window.empty += document.querySelector("main h1") ? 0 : 1; })
  .observe(document.querySelector("#app"), { childList: true, subtree: true });
"""
FILES = "return performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname).filter((p) => p.includes('/views/'))"


def test_late__a_stage_comes_when_it_is_opened_and_nothing_flashes(browser: Browser) -> None:
    browser.open("/")
    browser.find("h1", "数据闭环")
    assert browser.run(FILES) == []
    browser.run(WATCH)
    for place, title in (("training", "训练"), ("gpus", "GPU"), ("import", "导入"), ("training", "训练")):
        browser.run(f"document.querySelector('.rail a[href=\"#/{place}\"]').click()")
        browser.find("h1", title)
    assert browser.run("return window.empty") == 0
    files = browser.run(FILES)
    assert isinstance(files, list)
    assert [name.rpartition("/")[2] for name in files] == ["training-list.js", "gpus.js", "import-list.js"]
    assert browser.problems() == []


def test_late__a_link_that_is_pointed_at_is_fetched_before_it_is_opened(browser: Browser) -> None:
    browser.open("/")
    browser.find("h1", "数据闭环")
    browser.run("document.querySelector('.rail a[href=\"#/release\"]').focus()")
    browser.until(lambda: "releases.js" in str(browser.run(FILES)))
    browser.find("h1", "数据闭环")


def test_late__what_does_not_come_is_said_and_comes_when_it_can(browser: Browser) -> None:
    browser.open("/")
    browser.find("h1", "数据闭环")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/views/*"]})
    try:
        browser.run("location.hash = '#/networks'")
        browser.find("main [role=alert]", "服务不可达，或刚刚升级过")
        browser.run("document.querySelector('.rail a[href=\"#/\"]').click()")
        browser.find("h1", "数据闭环")
        browser.run("location.hash = '#/networks'")
        browser.find("main [role=alert]", "重试")
    finally:
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        browser.driver.execute_cdp_cmd("Network.disable", {})
    browser.click("main [role=alert] button")
    browser.find("h1", "网络")
    assert len(browser.problems(but="ERR_BLOCKED_BY_CLIENT")) == 0
