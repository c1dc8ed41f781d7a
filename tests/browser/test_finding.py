"""Labelled pictures that are found on the page, and listed track points that become selections."""

from pathlib import Path

import numpy as np
import pytest

from chromium import Browser
from live import LiveServer
from mining_data import write_drives, write_network
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TABLE = ClassTable(
    "town", (LabelClass(0, "road", "道路", (128, 64, 128), 0), LabelClass(3, "car", "车", (0, 0, 142), 1))
)


def write_set(home: Path, name: str, pictures: int, cars: int) -> None:
    """So many pictures of road, the first ones with a car."""
    with writing_set(Workspace(home), name, TABLE) as writer:
        for n in range(pictures):
            ids = np.zeros((24, 32), np.uint8)
            ids[:8, :8] = 3 if n < cars else 0
            image = encode_jpeg(np.full((24, 32, 3), 10 * n, np.uint8))
            city = "苏州" if n % 2 else "北京"
            writer.add(NewSample("1", f"t_{n:03d}", image, encode_label(ids), city=city, time="2026-07-31 08:00:00"))


def names(browser: Browser) -> object:
    return browser.run(
        "return [...document.querySelectorAll('.samples figcaption')].map((one) => one.innerText.split('\\n')[0].trim())"
    )


def test_find__sets_are_read_filtered_paged_and_opened(browser: Browser, site: LiveServer) -> None:
    write_set(site.home, "镇", 17, 3)
    browser.open("/#/import")
    browser.click(".head a", "查找已标注图片")
    browser.find("h1", "查找已标注图片")
    assert browser.find(".rail a[aria-current]").text == "导入"
    browser.shows("1 份源数据的标注还没有读取，或之后有改动：镇。")
    assert browser.run("return document.querySelector('.samples') === null") is True
    browser.click("button", "读取标注")
    browser.shows("17 张图片")
    browser.until(lambda: "还没有读取" not in browser.text())
    assert names(browser) == [f"t_{n:03d}" for n in range(15)]
    browser.click("nav[aria-label=分页] button", "下一页")
    browser.until(lambda: names(browser) == ["t_015", "t_016"])
    browser.click(".legend-chip", "车")
    browser.until(lambda: names(browser) == ["t_000", "t_001", "t_002"])
    browser.run(
        "const city = document.querySelector('select[name=city]'); city.value = '北京';"
        "city.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    browser.until(lambda: names(browser) == ["t_000", "t_002"])
    browser.until(
        lambda: browser.run("return [...document.querySelectorAll('.samples img')].every((one) => one.naturalWidth)")
    )
    set_fields(browser, package="2")
    browser.shows("没有符合条件的图片。")
    set_fields(browser, package="1")
    browser.until(lambda: names(browser) == ["t_000", "t_002"])
    browser.click(".samples a")
    browser.find(".viewer-name", "t_000")
    browser.shows("镇 · 1 · 北京 · 2026-07-31 08:00:00 · 32 × 24")
    browser.click("button[aria-label=下一张]")
    browser.find(".viewer-name", "t_002")
    browser.click("button", "全部图片")
    browser.until(lambda: names(browser) == ["t_000", "t_002"])
    assert browser.problems() == []


def set_fields(browser: Browser, **values: str) -> None:
    for name, value in values.items():
        browser.run(
            "const field = document.querySelector(`[name=${arguments[0]}]`); field.value = arguments[1];"
            "field.dispatchEvent(new Event(field.matches('select, [type=search]') ? 'change' : 'input', { bubbles: true }))",
            name,
            value,
        )


@pytest.mark.slow
def test_selection__around_and_of_listed_track_points(browser: Browser, site: LiveServer) -> None:
    platform = open_platform(site.settings)
    write_drives(platform, tracks=2)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")
    platform.database.close()
    browser.open("/#/selection/new")
    browser.find("select[name=how]")
    set_fields(browser, how="around")
    browser.find("textarea[name=points]")
    assert browser.run("return document.querySelector('[name=ratio]') === null") is True
    assert browser.run("return document.querySelector('[name=labelled]').value") == "none"
    set_fields(browser, points="d0_003\nnowhere_9", reach="1", classes="blue", version="around")
    browser.click("form button.primary", "前后各 1 点")
    browser.shows("images/around")
    browser.until(lambda: "下一步" in browser.text())
    browser.shows("nowhere_9")
    browser.shows("列出的轨迹点 d0_003")
    browser.click("a", "用模型评估")
    browser.find("input[name=sour_dir]")
    assert browser.run("return document.querySelector('[name=sour_dir]').value") == "images/around"
    browser.click("a", "取出列出的轨迹点的图片")
    browser.find("textarea[name=points]")
    set_fields(browser, points="../x", version="points")
    browser.click("form button.primary", "取出这些图片")
    browser.find(".field.wrong [role=alert]", "points")
    set_fields(browser, points="d1_004,d0_000")
    browser.click("form button.primary", "取出这些图片")
    browser.until(lambda: "下一步" in browser.text())
    browser.open("/#/selection")
    browser.find("td", "2 个列出的轨迹点")
    assert browser.problems(but="422") == []
