"""What each role sees: as a viewer every screen is walked and every button that can be pressed is pressed; none is refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from benchmarks.screens import visit, walk
from chromium import Browser
from filled import fill
from live import LiveServer
from roadloop.accounts import service
from roadloop.demo.cli import settings_of_tour
from roadloop.storage.platform import open_platform
from signed_in import PASSWORD, make_each

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.slow, pytest.mark.timeout(1500)]

#: Notes every answer that says no; survives what the page does, not a new document.
WATCH = """
if (!window.refusals) {
  window.refusals = [];
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (answer.status === 401 || answer.status === 403) window.refusals.push(`${asked[1]?.method ?? "GET"} ${asked[0]}`);
    return answer;
  };
}
"""
#: What can be pressed now, by what it says; what leads elsewhere is a link, and walked to.
BUTTONS = """
return [...document.querySelectorAll("main button, main summary, main select, dialog button")]
  .filter((e) => !e.disabled && e.getClientRects().length)
  .map((e) => e.textContent.trim().slice(0, 60) || e.getAttribute("aria-label") || e.title)
"""
PRESS = """
const which = [...document.querySelectorAll("main button, main summary, main select, dialog button")]
  .filter((e) => !e.disabled && e.getClientRects().length)[arguments[0]];
if (!which) return;
if (which.tagName === "SELECT") which.dispatchEvent(new Event("change", { bubbles: true }));
else which.click();
// What asks whether one is sure is answered yes.
return new Promise((done) => setTimeout(() => {
  if (which.isConnected && which.classList.contains("danger")) which.click();
  for (const go of document.querySelectorAll("dialog[open] .danger:not(:disabled)")) go.click();
  setTimeout(done, 50);
}, 50));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose workspace holds something at every stage, and then people of each role."""
    home = tmp_path_factory.mktemp("filled") / "home"
    live = LiveServer(settings_of_tour(home, port=0, min_free_mib=0, torch_threads=1, poll_seconds=0.05))
    live.start()
    fill(live.url, home)
    platform = open_platform(live.settings)
    make_each(platform)
    with platform.database.transaction() as db:
        service.give(db, 1, "annotator")
    platform.database.close()
    yield live
    live.close()


def log_in(browser: Browser, name: str) -> None:
    browser.driver.delete_all_cookies()
    browser.open("/")
    browser.until(
        lambda: (
            browser.run(
                "return fetch('v1/log_in', { method: 'POST', headers: { 'content-type': 'application/json' }, body:"
                " JSON.stringify(arguments[0]) }).then((answer) => answer.status)",
                {"name": name, "password": PASSWORD},
            )
            == 200
        )
    )
    browser.open("/")
    browser.find(".who", name)


def test_calls__that_buttons_name_are_the_server_s(site: LiveServer) -> None:
    """A call that nobody serves would never be refused, and its button always be drawn."""
    root = Path(__file__).parents[2] / "src/roadloop/web/static/js"
    texts = "\n".join(path.read_text(encoding="utf-8") for path in root.rglob("*.js"))
    named = set(re.findall(r'(?:\bcalls=|\bcalls: |\bmayCall\()"([^"]+)"', texts))
    with site.client(check=False) as client:
        paths = client.get("/openapi.json").json()["paths"]
    served = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert len(named) > 25
    assert {call if " " in call else f"POST {call}" for call in named} - served == set()


def test_viewer__sees_no_button_that_would_be_refused(browser: Browser, site: LiveServer) -> None:
    log_in(browser, "viewer")
    screens, pressed, found = 0, 0, list[str]()
    routes = [*walk(browser.driver, site.url), "#/people", "#/jobs", "#/trash", "#/disk", "#/settings", "#/gpus"]
    for route in dict.fromkeys(routes):
        visit(browser.driver, route)
        browser.run(WATCH)
        screens += 1
        labels = browser.run(BUTTONS)
        assert isinstance(labels, list)
        for number, label in enumerate(labels):
            if label in {"退出登录", "Log out"}:
                continue
            browser.run(PRESS, number)
            pressed += 1
            refused: Any = browser.run("return window.refusals?.splice(0) ?? []")
            found += [f"{route}: {label!r}: {call}" for call in refused]
            if str(browser.run("return location.hash")) != route:
                visit(browser.driver, route)
            browser.run("document.querySelectorAll('dialog[open]').forEach((e) => e.close())")
    print(f"\n{screens} screens, {pressed} buttons pressed")
    assert found == []
    assert screens > 40
    assert pressed > 200


def test_viewer__is_led_to_no_form_and_finds_none_by_its_address(browser: Browser, site: LiveServer) -> None:
    log_in(browser, "viewer")
    for stage in ("import", "datasets", "networks", "training", "evaluation", "release", "selection", "annotation"):
        browser.open(f"/#/{stage}")
        browser.find("h1")
        assert browser.driver.find_elements(By.CSS_SELECTOR, "main a[href*='/new']") == []
        browser.open(f"/#/{stage}/new")
        browser.shows("没有这个页面")
    log_in(browser, "engineer")
    browser.open("/#/datasets/new")
    browser.find("form")
    browser.open("/#/trash")
    browser.find("h1")


def test_reference__a_call_that_one_may_not_make_cannot_be_tried(browser: Browser, site: LiveServer) -> None:
    log_in(browser, "viewer")
    browser.open("/docs#create_train")
    browser.find(".try p", "你的角色没有这项权限")
    browser.open("/docs#train_history")
    browser.find(".try form")


def test_annotator__sees_their_packages_and_no_button_that_would_be_refused(
    browser: Browser, chromium: webdriver.Chrome
) -> None:
    log_in(browser, "annotator")
    for route in ("#/mine", "#/people"):
        visit(chromium, route)
        browser.run(WATCH)
        for number in range(len(browser.run(BUTTONS) or [])):  # type: ignore[arg-type]
            if "退出登录" not in browser.run(BUTTONS)[number]:  # type: ignore[index]
                browser.run(PRESS, number)
        assert browser.run("return window.refusals") == []
