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
    browser.find(".samples a").click()
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
