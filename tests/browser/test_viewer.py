"""The evaluation viewer in a real Chromium: a finished evaluation of two small pictures with labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

RED, GREEN = (250, 10, 10), (10, 250, 10)


@pytest.fixture
def evaluation(site: LiveServer, write_model: Callable[..., Path]) -> str:
    """Two pictures whose top half is red and bottom half green; the second one's label calls all of it green."""
    write_model(site.home / "tasks" / "苏州" / "output" / "models", "kd", 5)
    folder = site.home / "imports" / "照片"
    folder.mkdir(parents=True)
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20], image[20:] = RED, GREEN
    for stem, top in (("t_1", 10), ("t_2", 20)):
        label = np.full((40, 60), 20, np.uint8)
        label[:20] = top
        (folder / f"{stem}.png").write_bytes(encode_color(image))
        colors = {10: (255, 0, 0), 20: (0, 255, 0)}
        painted = np.zeros((40, 60, 3), np.uint8)
        for raw, color in colors.items():
            painted[label == raw] = color
        (folder / f"label-{stem}.png").write_bytes(encode_color(painted))
    request = {"dicts": {"苏州": ["kd_ep-0005.params"]}, "sour_dir": "imports/照片"}
    task_id = str(site.client().post("/starteva", json=request).json()["data"])
    assert site.wait("/eva_rate", task_id)["state"] == "succeeded"
    return task_id


def test_viewer__pictures_layers_report(browser: Browser, evaluation: str) -> None:
    browser.open(f"/#/evaluation/{evaluation}")
    browser.find(".panes canvas")
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".pane")) == 3  # picture, truth, prediction
    slider = browser.find("input[type=range]")
    browser.run("arguments[0].value = 0.25; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", slider)
    browser.until(
        lambda: (
            browser.run("return [...document.querySelectorAll('canvas.layer')].map((c) => c.style.opacity)")
            == ["0.25", "0.25"]
        )
    )

    pane = browser.driver.find_elements(By.CSS_SELECTOR, ".pane .stacked")[2]
    ActionChains(browser.driver).move_to_element_with_offset(pane, 0, -20).perform()
    browser.find(".under", "标注: 红")
    assert pixel(browser, 2, 30, 5) == [255, 0, 0, 255]
    browser.find(".legend-item", "红").click()
    browser.until(lambda: pixel(browser, 2, 30, 5) == [0, 0, 0, 0])

    browser.driver.find_element(By.TAG_NAME, "body").send_keys("]")
    browser.find("output", "35 %")
    ActionChains(browser.driver).send_keys("\ue014").perform()  # arrow right
    browser.find(".viewer-name", "t_2")
    ActionChains(browser.driver).send_keys("e").perform()  # only the wrong half is left: the red one, which is hidden
    browser.until(lambda: pixel(browser, 2, 30, 30) == [0, 0, 0, 0])
    browser.find("button[data-mode=over]").click()
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".pane")) == 1)

    browser.find("[data-tab=report]").click()
    browser.find(".headline", "mIoU")
    browser.find(".stack p", "4 个类别的编号与名称都相同")
    browser.find("[data-tab=about]").click()
    browser.find(".facts", "0（只预测，不计入成绩）")
    browser.find("[data-tab=confusion]").click()
    browser.find(".matrix td[title*='绿 → 红']")
    browser.find("button.as-link", "t_2").click()
    browser.find(".viewer-name", "t_2")
    assert browser.problems(but="willReadFrequently") == []  # this test's own reading of pixels


def pixel(browser: Browser, pane: int, x: int, y: int) -> object:
    """RGBA of the mask over a pane."""
    program = (
        "const canvas = document.querySelectorAll('.pane')[arguments[0]]?.querySelector('canvas');"
        "return canvas && [...canvas.getContext('2d').getImageData(arguments[1], arguments[2], 1, 1).data]"
    )
    return browser.run(program, pane, x, y)
