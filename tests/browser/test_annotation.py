"""Annotation by clicks alone: choose, cut, hand over, take back, see what was rejected, send again, publish, next increment."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from selenium.webdriver.common.by import By

from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.labels.table import shipped
from roadloop.packages import manifest
from roadloop.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

VERSION = "路口"
ROAD = shipped().classes[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose packages are handed over to a folder; a drive of five pictures was recorded."""
    home = tmp_path_factory.mktemp("site") / "home"
    live = LiveServer(
        Settings(
            home=home, port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1, annotation_outbox="imports/outbox"
        )
    )
    folder = home / "tracks" / "drive"
    folder.mkdir(parents=True)
    for n in range(5):
        (folder / f"drive_{n}.jpg").write_bytes(encode_jpeg(np.full((40, 60, 3), 60 + 40 * n, np.uint8)))
    live.start()
    yield live
    live.close()


def paint(site: LiveServer, number: int, of: Callable[[str], NDArray[np.uint8]]) -> None:
    """Do what an annotator does: take the package (the first from the outbox), put labels into the inbox."""
    package = site.home / ("imports/outbox" if number == 1 else "packages") / VERSION / str(number)
    inbox = site.home / "imports/annotations" / str(number)
    inbox.mkdir(parents=True, exist_ok=True)
    for one in manifest.read(package).pictures:
        (inbox / one.label).write_bytes(encode_color(of(one.name)))


def road(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    return np.full((height, width, 3), ROAD.color, np.uint8)


def first_labels(name: str) -> NDArray[np.uint8]:
    """All road; one has a patch in a colour of no class, and one has half the size."""
    if name == "ext-drive_1.jpg":
        strange = road()
        strange[10:20, 30:60] = (9, 9, 9)
        return strange
    return road(20, 30) if name == "ext-drive_2.jpg" else road()


def numbers(browser: Browser) -> list[str]:
    """Cut, handed over, labelled, taken back, rejected, published."""
    return [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, ".stages .stage-number")]


def choose(browser: Browser) -> None:
    """Take all of the drive, look at it, and take one picture out again."""
    browser.open("/")
    browser.click(".rail a", "挑图")
    browser.click("a.button", "挑图")
    browser.find(".choices .check", "drive 5 张")
    browser.run(
        "const set = (name, value, kind) => { const e = document.querySelector(`[name=${name}]`); e.value = value;"
        "e.dispatchEvent(new Event(kind, { bubbles: true })) };"
        f"set('how', 'sam', 'change'); set('ratio', '5', 'input'); set('version', '{VERSION}', 'input')"
    )
    browser.click("button.primary", "抽取 5")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".samples figure")) == 5)
    browser.click(".samples figure", "drive_4", within="button")
    browser.find(".samples-head", "已移出 1 张，不会切入任务包")


def cut(browser: Browser) -> None:
    """Count and cut what was chosen, from where the first screen says that it waits."""
    browser.click(".rail a", "总览")
    browser.click(".waiting-list a", "图片已选好，还没有切成任务包")
    browser.find(".hint", "4 张图片，其中 4 张（1 条轨迹）还没有切分")
    browser.click("button.primary", "切成约 1 个任务包")
    browser.find(".stage-name", "切分")
    browser.until(lambda: numbers(browser) == ["4", "0", "0", "0", "0", "0"])


def name(browser: Browser, person: str) -> None:
    """Say who takes packages that are handed over next."""
    browser.run(
        "const e = document.querySelector('[name=person]'); e.value = arguments[0];"
        "e.dispatchEvent(new Event('input', { bubbles: true }))",
        person,
    )


def people(browser: Browser) -> list[list[str]]:
    """Who has packages: name, how many, labelled of all."""
    browser.find(".panel", "各标注员的进度")
    rows = browser.run(
        "return [...[...document.querySelectorAll('.panel')].find((e) => e.textContent.includes('各标注员的进度'))"
        ".querySelectorAll('tbody tr')].map((tr) => [...tr.cells].slice(0, 3).map((td) => td.innerText.trim()))"
    )
    assert isinstance(rows, list)
    return rows


def hand_over_and_take_back(browser: Browser, site: LiveServer) -> None:
    """Hand over, see labels before they are fetched, fetch them, and open one."""
    browser.find("code", "imports/annotations/<编号>")
    name(browser, "张三")
    browser.click("button", "交付 1 个任务包")
    browser.until(lambda: numbers(browser)[1] == "1")
    assert people(browser) == [["张三", "1", "0 / 4"]]
    name(browser, "李四")
    browser.click("button", "改为 李四")
    browser.until(lambda: people(browser) == [["李四", "1", "0 / 4"]])
    paint(site, 1, first_labels)
    browser.until(lambda: numbers(browser)[2] == "4")  # before anything was fetched
    browser.until(lambda: people(browser) == [["李四", "1", "4 / 4"]])
    browser.find("td", "刚刚")
    browser.click("button", "取回已完成的标注")
    browser.until(lambda: numbers(browser)[3] == "4")
    browser.click("td a", "第 1 包")
    browser.until(lambda: browser.run("return document.querySelectorAll('.samples .label').length") == 4)
    browser.click(".samples a")
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    browser.find(".legend-item", ROAD.name_zh)


def publish_and_send_again(browser: Browser) -> None:
    """Publish what is good; see what is not, why and where; send it out again."""
    browser.click("[data-tab=publish]")
    browser.click("button", "检查并发布取回的 4 张")
    browser.until(lambda: numbers(browser)[4:] == ["2", "2"])
    browser.find("button", "检查取回的 4 张，发布没有发布过的")  # from now on, without a click
    browser.click("[data-tab=rejected]")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".rejected")) == 2)
    browser.find(".rejected .bad", "RGB(9,9,9) x 300")
    browser.find(".rejected .bad", "标注尺寸 30x20")
    boxes = browser.until(
        lambda: browser.run("return [...document.querySelectorAll('.piece')].map((e) => e.style.left)")
    )
    assert boxes == ["50%", "50%"]
    browser.until(
        lambda: browser.run("return [...document.querySelectorAll('.rejected img')].every((e) => e.naturalWidth > 0)")
    )
    browser.click("button", "再次发出这 2 张")
    browser.find(".empty", "没有等待重做的标注")


def take_back_again(browser: Browser, site: LiveServer) -> None:
    """The other annotator does better."""
    browser.click("[data-tab=packages]")
    browser.find("button", "交付 1 个任务包")
    paint(site, 2, lambda _name: road())
    browser.until(lambda: numbers(browser)[2] == "6")
    browser.click("button", "取回已完成的标注")
    browser.until(lambda: numbers(browser)[3] == "6")


def publish_the_rest(browser: Browser) -> None:
    """Publish the rest, and go on to the next dataset."""
    browser.click("[data-tab=publish]")
    browser.click("button", "检查取回的 6 张，发布没有发布过的")
    browser.until(lambda: numbers(browser)[4:] == ["0", "4"])
    browser.find(".run h2 a", "-2")
    browser.find(".run a.button[href$='-2']", "生成数据")
    browser.run("document.querySelector(`.run a.button[href$='-2']`).click()")  # nothing below has found its place yet
    name = str(browser.find("[name=data_name]").get_attribute("value"))
    assert name.startswith("full-aug-")
    assert name.endswith("-2")
    chosen = browser.run("return [...document.querySelectorAll('[name=sour_data]:checked')].map((e) => e.value)")
    assert chosen == [name]
    browser.open("/#/annotation")
    browser.find("td", "✓ 全部已发布")


@pytest.mark.slow
def test_version__goes_round_by_clicks(browser: Browser, site: LiveServer) -> None:
    choose(browser)
    cut(browser)
    hand_over_and_take_back(browser, site)
    publish_and_send_again(browser)
    take_back_again(browser, site)
    publish_the_rest(browser)
    assert browser.problems() == []
