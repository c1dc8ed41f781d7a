"""Samples of a dataset in the viewer, in a real Chromium."""

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TABLE = ClassTable(
    "colours",
    (
        LabelClass(10, "red", "红", (255, 0, 0), 0),
        LabelClass(20, "green", "绿", (0, 255, 0), 1),
        LabelClass(30, "blue", "蓝", (0, 0, 255), 2),
    ),
)


@pytest.fixture(scope="module")
def dataset(site: LiveServer) -> str:
    """Four pictures of two tracks, grey, labelled red above green; nothing is blue. The task id."""
    platform = open_platform(site.settings)
    with writing_set(platform.workspace, "灰", TABLE) as writer:
        for n in range(4):
            image = np.full((40, 60, 3), 50 + 40 * n, np.uint8)
            label = np.full((40, 60), 20, np.uint8)
            label[:20] = 10
            writer.add(NewSample("1", f"{'ab'[n // 2]}_{n}", encode_color(image), encode_label(label)))
    platform.database.close()
    values = {"data_name": "d", "sour_data": "灰", "train": 0.5, "val": 0.5, "test": 0, "l_value": 1, "thread": 1}
    task_id = str(site.client().post("/create_data", json=values).json()["data"])
    assert site.wait("/data_history", task_id)["state"] == "succeeded"
    return task_id


def test_samples__open_in_the_viewer_and_back_leads_to_all_of_them(browser: Browser, dataset: str) -> None:
    browser.open(f"/#/datasets/{dataset}?tab=pictures")
    browser.find(".samples figure")
    pictures = browser.driver.find_elements(By.CSS_SELECTOR, ".samples img:not(.label)")
    first, second = (str(e.get_attribute("alt")) for e in pictures)
    browser.click(".samples a")
    browser.find(".viewer-name b", first)
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    assert [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name")] == ["图片", "标注"]
    assert [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, ".legend-item")] == ["红", "绿"]
    ActionChains(browser.driver).move_to_element_with_offset(browser.find(".stage"), 200, -100).perform()
    browser.find(".under", "标注：红")
    ActionChains(browser.driver).send_keys("\ue014").perform()  # arrow right
    browser.find(".viewer-name b", second)
    browser.driver.back()
    browser.find(".samples figure")
    assert browser.run("return document.activeElement.matches('.samples a')")
    assert browser.problems() == []


def put(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const e = document.querySelector(`[name=${arguments[0]}]`); e.value = arguments[1];"
        "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))",
        name,
        value,
    )


def split(browser: Browser) -> list[str]:
    """The preview's first table: pictures, share, tracks and classes of each split."""
    rows = browser.run(
        "return [...(document.querySelector('.ahead table')?.rows ?? [])].slice(1)"
        ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()).join(' '))"
    )
    assert isinstance(rows, list)
    return rows


def test_form__shows_the_split_before_anything_is_built(browser: Browser, dataset: str, site: LiveServer) -> None:
    browser.open("/#/datasets/new")
    browser.find(".choices label", "4 张 · 2 条轨迹")
    browser.until(lambda: split(browser) == ["train 2 50.0 % 1 2", "val 2 50.0 % 1 2", "test 0 0.0 % 0 0"])
    browser.find(".ahead .warnings", "test 没有图片")
    browser.find(".ahead .warnings", "val 只有 2 张图片")
    browser.find(".ahead .hint", "查看了全部 4 个标注。")
    put(browser, "mode", "picture")
    put(browser, "train", "0.5")
    put(browser, "val", "0.25")
    put(browser, "test", "0.25")
    browser.until(lambda: [row[:7] for row in split(browser)] == ["train 2", "val 1 2", "test 1 "])
    put(browser, "data_name", "e")
    browser.find("button", "生成数据 e (train 2 · val 1 · test 1)")
    put(browser, "train", "0")
    put(browser, "val", "0")
    put(browser, "test", "0")
    browser.find(".ahead .failure", "比例都是 0")
    put(browser, "train", "1")
    put(browser, "data_type", "aug")
    browser.find(".ahead .warnings", "中没有 d 以外的新图片")
    browser.find(".field .hint", "实际基于 d")
    assert browser.problems(but="422") == []  # of shares that are all 0
    assert not (site.home / "datasets" / "e").exists()


def test_pictures__by_split_and_class_and_none_is_doubled(browser: Browser, dataset: str) -> None:
    browser.open(f"/#/datasets/{dataset}?tab=pictures")
    browser.click(".segmented button", "val 2")
    browser.until(lambda: "s=val" in str(browser.run("return location.hash")))
    browser.click(".legend-chip", "红")
    browser.find(".legend-chip[aria-pressed=true]", "红")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".samples figure")) == 2)
    assert "蓝" not in browser.find(".legend-row").text
    browser.click(".samples a")
    browser.find(".viewer-name", "val")
    browser.click(".viewer a, a.button", "全部图片")
    browser.find(".legend-chip[aria-pressed=true]", "红")
    browser.click("[data-tab=doubles]")
    browser.shows("没有内容完全相同的图片")
    browser.click("[data-tab=problems]")
    browser.shows("所有文件都可用")
    assert browser.problems() == []
