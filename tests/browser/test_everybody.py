"""Every screen of a workspace that holds something at every stage: for each width, for screen readers, keys and long names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from benchmarks.screens import visit, walk
from chromium import Browser, resize
from filled import fill
from live import LiveServer
from package_data import write_images
from roadloop.demo.cli import settings_of_tour
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform
from roadloop.web.rights import Role
from signed_in import make, token_of

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

#: Makes all that a screen keeps shut stand open; answers whether there was something.
UNFOLD = """
const shut = [...document.querySelectorAll("main details:not([open])")];
shut.forEach((details) => { details.open = true; });
return shut.length > 0;
"""
#: Buttons of a screen that ask something before they do it: what each says, and whether in a dialogue.
ASKING = """
return location.hash.startsWith("#/trash") ? [] : [...document.querySelectorAll("main button")]
  .filter((e) => e.closest(".confirm") || /^(删除|Delete)…$/.test(e.textContent.trim()))
  .map((e) => [e.textContent.trim(), e.closest(".confirm") === null]);
"""
PRESS = """
const e = [...document.querySelectorAll("main button")].find((e) => e.textContent.trim() === arguments[0]);
e.scrollIntoView({ block: "center" });
e.click();
e.focus();
"""
#: What stands over every screen: how somebody opens it, what is there then, and how it is closed.
CLICK = "document.querySelector(arguments[0]).click()"
SHUT = "document.querySelector('dialog')?.close(); document.activeElement?.blur()"
TYPE = """
document.querySelector(".search-button").click();
setTimeout(() => {
  const input = document.querySelector("dialog input");
  input.value = "e";
  input.dispatchEvent(new Event("input", { bubbles: true }));
});
"""
PYTHON = """
document.querySelector(".calls-button").click();
setTimeout(() => document.querySelector("dialog .segmented button:last-child").click());
"""
QUESTION = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }))"
ESCAPE = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))"
OVER = (
    ("document.querySelector('.search-button').click()", "#palette-list li", SHUT),
    (TYPE, "#palette-list .chip", SHUT),
    (QUESTION, "dialog .key-list", SHUT),
    ("document.querySelector('.calls-button').click()", "dialog.calls li", SHUT),
    (PYTHON, "dialog.calls pre", SHUT),
    ("document.querySelector('.tray-button').click()", ".tray-list", ESCAPE),
    ("document.getElementById('rail').showPopover?.()", ".rail nav", "document.getElementById('rail').hidePopover?.()"),
)


PEOPLE: dict[str, Role] = {"li": "admin", "王工": "engineer", "anna": "annotator"}
PASSWORD = "a sentence that is long enough"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on which people have accounts, and the annotator a package."""
    live = LiveServer(
        Settings(home=tmp_path_factory.mktemp("team") / "home", port=0, poll_seconds=0.05, min_free_mib=0)
    )
    live.start()
    platform = open_platform(live.settings)
    write_images(platform, "v1", [f"t/{n:04d}.jpg" for n in range(4)])
    for name, role in PEOPLE.items():
        make(platform, name, role, PASSWORD)
    token = token_of(platform, "王工", "engineer")
    platform.database.close()
    program = live.client()
    program.headers["authorization"] = f"Bearer {token}"
    task = program.post("/task_divide", json={"version": "v1", "step": 4}).json()["data"]
    live.wait("/v1/jobs", task, client=program)
    assert program.post("/v1/packages/v1/1/give", json={"person": "anna"}).json()["data"] == "anna"
    yield live
    live.close()


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
        "sessionStorage.clear();"  # the drafts of an earlier visit
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


class Opener:
    """Opens what the screens keep shut, each kind once, and hears what axe says meanwhile."""

    def __init__(self, browser: Browser, width: int) -> None:
        self._browser = browser
        self._width = width
        self.seen: list[str] = []

    def over(self) -> list[str]:
        """What is opened from every screen."""
        found = []
        for opens, there, closes in OVER:
            self._browser.run(opens)
            self._browser.find(there)
            found += self._said(there)
            self._browser.run(closes)
            # The page hears of it a moment later, and would shut what is opened meanwhile.
            self._browser.until(lambda: not self._browser.run("return document.querySelector('dialog')"))
        return found

    def screen(self, route: str) -> list[str]:
        """What this screen keeps shut, asks before it is done, or shows over the whole window."""
        browser, found = self._browser, []
        place = route.partition("?")[0].removeprefix("#/").partition("/")[0]
        if browser.run(UNFOLD):
            found += self._said(f"{route} unfolded")
        asking = browser.run(ASKING)
        assert isinstance(asking, list)
        for text, dialogue in asking:
            if f"{place}: {text}" in self.seen:
                continue
            browser.run(PRESS, text)
            if dialogue:
                browser.find("dialog .dialog-foot")
            found += self._said(f"{place}: {text}")
            browser.run(SHUT)
        if "full window" not in self.seen and browser.run("return !!document.querySelector('[data-full]')"):
            browser.run(CLICK, "[data-full]")
            browser.find(".viewer.full")
            found += self._said("full window")
            browser.run(CLICK, "[data-full]")
        return found

    def _said(self, what: str) -> list[str]:
        self.seen.append(what)
        return [f"{what}: {said}" for said in complaints(self._browser, self._width)]


def unsaved_edits(browser: Browser, site: LiveServer) -> None:
    """Ask for the start of a training whose other tab holds edits."""
    rows = site.client().post("/train_history").json()["data"]
    task = next(row["task_id"] for row in rows if row["state"] == "created")
    visit(browser.driver, f"#/training/{task}?tab=config")
    browser.run(
        "const e = document.querySelector('main [name=optimizer]');"
        "e.value = [...e.options].map((o) => o.value).find((value) => value !== e.value);"
        "e.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    visit(browser.driver, f"#/training/{task}?tab=start")
    browser.click("main form button.primary")
    browser.find(".ask")


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
    opener = Opener(browser, width)
    for route in screens(browser.driver, site.url):
        if seen == 0:
            browser.run(axe)
            found += opener.over()
        seen += 1
        found += [f"{route}: {said}" for said in complaints(browser, width) + too_wide(browser, (360, 768, 3840))]
        resize(browser.driver, width, 900)
        found += opener.screen(route)
        resize(browser.driver, 1440, 900)
    resize(browser.driver, width, 900)
    unsaved_edits(browser, site)
    found += [f"unsaved edits: {said}" for said in complaints(browser, width)]
    browser.open("/docs")
    browser.find("h1")
    browser.run(axe)
    found += [f"/docs: {said}" for said in complaints(browser, width) + too_wide(browser, (360, 768, 3840))]
    assert found == []
    assert seen > 50
    assert "full window" in opener.seen
    assert len([what for what in opener.seen if what.endswith("…")]) >= 7  # dialogues before something is deleted
    assert browser.problems(but="404") == []


#: What each of the people sees that others do not.
THEIRS = {
    "li": ("#/people?tab=people", "#/people?tab=record", "#/people?tab=own"),
    "王工": ("#/annotation/v1?tab=packages", "#/people?tab=tokens", "#/jobs"),
    "anna": ("#/", "#/mine?version=v1&n=1", "#/people?tab=own"),
}


@pytest.mark.parametrize(("language", "theme", "width"), [("zh", "light", 390), ("en", "dark", 1440)])
def test_people__nothing_serious_for_axe_at_the_log_in_and_behind_it(
    chromium: webdriver.Chrome, team: LiveServer, language: str, theme: str, width: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci)")
    browser = Browser(chromium, team.url)
    browser.open("/")
    prefer(browser, language, theme)
    axe = AXE.read_text(encoding="utf-8")
    browser.driver.set_script_timeout(60)
    found = []
    for name, routes in THEIRS.items():
        browser.driver.delete_all_cookies()
        browser.open("/")
        browser.find(".log-in form")
        browser.run(axe)
        log_in(browser, name, "wrong")
        browser.find("[role=alert]")
        found += [f"log-in of {name}: {said}" for said in complaints(browser, width)]
        log_in(browser, name, PASSWORD)
        browser.find("#content h1")
        for route in routes:
            visit(browser.driver, route)
            if route.endswith("tokens"):
                fill_in(browser, name="夜间脚本")
                browser.find(".token-made code")
            found += [f"{name} {route}: {said}" for said in complaints(browser, width)]
            found += [f"{name} {route}: {said}" for said in too_wide(browser, (360, 768, 3840))]
    browser.driver.delete_all_cookies()
    assert found == []


def fill_in(browser: Browser, **values: str) -> None:
    """Type into fields by name, and send the form."""
    browser.find("form button.primary")
    browser.run(
        """
        for (const [name, value] of Object.entries(arguments[0])) {
          const field = document.querySelector(`main [name="${name}"]`);
          field.value = value;
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }
        setTimeout(() => document.querySelector("main form button.primary").click(), 50);
        """,
        values,
    )


def log_in(browser: Browser, name: str, password: str) -> None:
    """At the log-in."""
    fill_in(browser, name=name, password=password)


@pytest.mark.parametrize("place", ["datasets", "training", "evaluation", "selection", "sources", "annotation"])
def test_tabs__an_address_that_asks_for_one_that_is_not_there_shows_the_first(
    browser: Browser, site: LiveServer, place: str
) -> None:
    """As the address of a training's start does once somebody has started it."""
    browser.open(f"/#/{place}")
    browser.find("main tbody a")
    links = browser.run("return [...document.querySelectorAll('main tbody a')].map((e) => e.getAttribute('href'))")
    assert isinstance(links, list)
    one = next(link for link in links if link.startswith(f"#/{place}/"))
    visit(browser.driver, f"{one.partition('?')[0]}?tab=nothing")
    browser.find("main [role=tab]:first-child[aria-selected=true]")
    assert browser.run("return document.querySelectorAll('main .tabs')[0].nextElementSibling !== null")
