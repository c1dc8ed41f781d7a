"""Every screen of a workspace that holds something at every stage: for each width, for screen readers, keys and long names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from benchmarks.screens import visit, walk
from chromium import Browser, resize
from filled import fill
from live import LiveServer
from roadloop.demo.cli import settings_of_tour

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.slow, pytest.mark.timeout(900)]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 200)}`))));
"""
#: What no link leads to.
OTHERS = ("#/nowhere", "#/jobs/none", "#/training/compare")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose workspace holds something at every stage."""
    home = tmp_path_factory.mktemp("filled") / "home"
    live = LiveServer(settings_of_tour(home, port=0, min_free_mib=0, torch_threads=1, poll_seconds=0.05))
    live.start()
    fill(live.url, home)
    yield live
    live.close()


def prefer(browser: Browser, language: str, theme: str) -> None:
    browser.run(
        f"localStorage.setItem('roadloop.language', '{language}'); localStorage.setItem('roadloop.theme', '{theme}')"
    )


def screens(driver: webdriver.Chrome, url: str) -> Iterator[str]:
    """Every screen, one after another."""
    yield from walk(driver, url)
    for route in OTHERS:
        visit(driver, route)
        yield route


def too_wide(browser: Browser, widths: tuple[int, ...]) -> list[str]:
    """At which widths the page would have to be scrolled sideways."""
    found = []
    for width in widths:
        resize(browser.driver, width, 900)
        taken = int(str(browser.run("return document.scrollingElement.scrollWidth")))
        found += [f"takes {taken} of {width}"] if taken > width else []
    return found


def complaints(browser: Browser, width: int) -> list[str]:
    """What axe finds serious or critical at a width; what scrolls is made a stop of the keyboard a moment after."""
    resize(browser.driver, width, 900)
    browser.run("return new Promise((done) => setTimeout(done, 400))")
    return [f"{said} at {width}" for said in browser.driver.execute_async_script(RUN_AXE)]


@pytest.mark.parametrize(("language", "theme", "width"), [("zh", "light", 390), ("en", "dark", 1440)])
def test_screens__nothing_serious_for_axe_and_nothing_wider_than_the_screen(
    browser: Browser, site: LiveServer, language: str, theme: str, width: int
) -> None:
    """A large table scrolls in its box, with the keyboard too; the page itself never does so sideways."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci)")
    prefer(browser, language, theme)
    axe = AXE.read_text(encoding="utf-8")
    browser.driver.set_script_timeout(60)
    seen, found = 0, []
    for route in screens(browser.driver, site.url):
        if seen == 0:
            browser.run(axe)
        seen += 1
        found += [f"{route}: {said}" for said in complaints(browser, width) + too_wide(browser, (360, 768, 3840))]
        resize(browser.driver, 1440, 900)
    browser.open("/docs")
    browser.find("h1")
    browser.run(axe)
    found += [f"/docs: {said}" for said in complaints(browser, width) + too_wide(browser, (360, 768, 3840))]
    assert found == []
    assert seen > 50
    assert browser.problems(but="404") == []
