"""The viewer in a real Chromium: an evaluation of five small pictures by two models, read back pixel by pixel."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from chromium import Browser
from live import LiveServer
from two_models import evaluate_two

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

UInt8 = NDArray[np.uint8]
RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]


@pytest.fixture(scope="module")
def evaluation(site: LiveServer, write_model: Callable[..., Path]) -> str:
    return evaluate_two(site, write_model)


class Eyes:
    """What stands on the viewer's stage."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def open(self, evaluation: str, query: str = "") -> None:
        """The viewer, once everything of the picture is drawn."""
        self.browser.open(f"/#/evaluation/{evaluation}?{query}")
        self.drawn()

    def drawn(self, number: int | None = None) -> None:
        """Wait until a picture is drawn whole."""
        ending = "" if number is None else f" {number}"
        self.browser.until(lambda: str(self.browser.find(".stage").get_attribute("data-drawn") or "?").endswith(ending))

    def keys(self, keys: str) -> None:
        """Press keys, nothing in particular having the focus."""
        self.browser.run("document.activeElement.blur()")
        ActionChains(self.browser.driver).send_keys(keys).perform()

    @property
    def zoom(self) -> float:
        return float(str(self.browser.find(".stage").get_attribute("data-zoom")))

    def stage(self) -> UInt8:
        """uint8 [H, W, 3] of the screen."""
        self.browser.run("document.querySelectorAll('.pane-name, .spot').forEach((e) => { e.style.opacity = 0 })")
        canvas = self.browser.find(".stage canvas")
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", canvas)
        place = self.browser.run(
            "const b = arguments[0].getBoundingClientRect(); return [b.left, b.top, b.width, b.height]", canvas
        )
        assert isinstance(place, list)
        left, top, width, height = (round(value) for value in place)
        shot = np.asarray(Image.open(io.BytesIO(self.browser.driver.get_screenshot_as_png())).convert("RGB"))
        return shot[top : top + height, left : left + width]

    def pane(self, place: int, of: int) -> UInt8:
        """One of equally wide panes in a row."""
        stage = self.stage()
        width = (stage.shape[1] - 4 * (of - 1)) // of
        return stage[:, place * (width + 4) : place * (width + 4) + width]

    def blocks(self, pane: UInt8, side: int, count: int) -> UInt8:
        """The colours of count x count pixels around the middle of the picture, each of which must be one square."""
        height, width = pane.shape[:2]
        top, left = height // 2 - count // 2 * side, width // 2 - count // 2 * side
        squares = pane[top : top + count * side, left : left + count * side].reshape(count, side, count, side, 3)
        inner = squares[:, 1:-1, :, 1:-1]
        assert (inner == inner[:, :1, :, :1]).all(), "a pixel is not one square of one colour"
        return inner[:, 0, :, 0]


@pytest.fixture
def eyes(browser: Browser) -> Eyes:
    return Eyes(browser)


def test_viewer__pixels_are_squares_at_3200_percent_and_panes_are_linked(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation)
    assert [e.text.split()[0] for e in browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name b")] == [
        "图片", "标注", "A", "B",
    ]  # fmt: skip
    Select(browser.find("select.zoom")).select_by_value("32")
    eyes.keys("1]]]]")  # without the picture's pane, at full opacity
    browser.find("output", "100 %")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name")) == 3)
    odd = np.indices((6, 6)).sum(axis=0) % 2 == 1
    above = np.arange(6)[:, None] < 3
    a = np.where(odd[..., None], BLUE, np.where(above[..., None], RED, GREEN))
    b = np.where(odd[..., None], GREEN, np.where(above[..., None], RED, BLUE))
    truth = np.broadcast_to(np.where(above[..., None], RED, GREEN), (6, 6, 3))
    browser.until(lambda: np.array_equal(eyes.blocks(eyes.pane(0, 3), 32, 6), truth), "truth")
    assert np.array_equal(eyes.blocks(eyes.pane(1, 3), 32, 6), a)
    assert np.array_equal(eyes.blocks(eyes.pane(2, 3), 32, 6), b)

    eyes.keys("5")  # only what is wrong, in the colour of its true class
    browser.until(lambda: (eyes.blocks(eyes.pane(1, 3), 32, 6)[~odd] != a[~odd]).any(axis=-1).all())
    wrong = eyes.blocks(eyes.pane(1, 3), 32, 6)
    assert (wrong[odd] == truth[odd]).all()
    assert (wrong[~odd] != a[~odd]).any(axis=-1).all()
    assert browser.problems() == []


def test_viewer__layers_opacity_and_classes(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation)
    browser.click(".segmented [data-mode=over]")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name")) == 1)
    eyes.keys("]]]]")
    browser.until(lambda: eyes.pane(0, 1)[200, 600].tolist() == RED, "A at full opacity")
    eyes.keys("34")  # B instead of A: what is green is blue
    browser.until(lambda: eyes.pane(0, 1)[-60, 600].tolist() == BLUE)
    browser.click(".legend-item", "蓝")
    browser.until(lambda: eyes.pane(0, 1)[-60, 600].tolist() != BLUE)
    assert eyes.pane(0, 1)[60, 600].tolist() == RED
    browser.click(".legend-item", "蓝")
    eyes.keys("6")  # confidence: 56 % everywhere but in the checks, a shade of purple
    browser.until(lambda: eyes.pane(0, 1)[-60, 600].tolist() == [185, 55, 132])
    browser.find(".ramp", "置信度")
    eyes.keys("6")
    slider = browser.find("input[type=range]")
    browser.run("arguments[0].value = 0; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", slider)
    browser.find("output", "0 %")
    plain = eyes.pane(0, 1)[-60, 600].astype(int)
    assert abs(plain - (10, 250, 10)).max() < 12  # the JPEG's green
    eyes.keys("1")
    browser.until(lambda: eyes.pane(0, 1)[-60, 600].tolist() == [42, 42, 40])  # the ground
    assert browser.problems() == []


def test_viewer__what_is_pointed_at_is_named_in_every_layer(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation, "n=2")
    stage = browser.find(".stage")
    ActionChains(browser.driver).move_to_element_with_offset(stage, -400, -160).perform()
    found = browser.find(".under", "标注：绿").text
    assert "苏州/kd_ep-0005：红 56 % ✕ 错" in found
    assert "苏州/swapped_ep-0006：红 56 % ✕ 错" in found
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".spot")) == 4  # the same place in every pane
    browser.click(".segmented button", "EN")
    browser.until(lambda: not browser.driver.find_elements(By.CSS_SELECTOR, ".spot"))
    eyes.keys("c")  # for who has no pointer: the middle is read out
    browser.find(".under", "Truth: green")
    browser.until(lambda: "Truth green, A 苏州/kd_ep-0005" in str(browser.run(
        "return document.querySelector('[role=status].unseen').textContent")))  # fmt: skip
    assert browser.problems() == []


def test_viewer__wheel_zooms_at_the_pointer_and_drag_and_keys_pan(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation)
    stage = browser.find(".stage")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", stage)
    ActionChains(browser.driver).move_to_element_with_offset(stage, -300, -120).perform()
    at = browser.find(".under .mono", "x").text
    before = eyes.zoom
    wheel = (
        "const b = arguments[0].getBoundingClientRect();"
        "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: arguments[1], bubbles: true, cancelable: true,"
        "clientX: b.left + b.width / 2 - 300, clientY: b.top + b.height / 2 - 120}))"
    )
    browser.run(wheel, stage, -500)
    browser.until(lambda: eyes.zoom > before * 1.5)
    ActionChains(browser.driver).move_to_element_with_offset(stage, -299, -120).perform()
    assert browser.find(".under .mono").text == at  # the pixel under the pointer is the same
    browser.run(wheel, stage, -100000)
    browser.until(lambda: eyes.zoom == 32)
    first = eyes.pane(2, 4) if stage.size["width"] > 1200 else eyes.stage()
    eyes.keys("\ue008\ue014\ue008")  # shift + arrow right
    browser.until(lambda: not np.array_equal(first, eyes.pane(2, 4) if stage.size["width"] > 1200 else eyes.stage()))
    second = eyes.stage()
    ActionChains(browser.driver).move_to_element(stage).click_and_hold().move_by_offset(64, 0).release().perform()
    browser.until(lambda: not np.array_equal(second, eyes.stage()))
    eyes.keys("0")
    browser.until(lambda: eyes.zoom == before)
    eyes.keys("+")
    browser.until(lambda: eyes.zoom == before * 1.5)
    assert browser.problems() == []


def test_viewer__two_fingers_zoom(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation)
    before = eyes.zoom
    place = browser.run(
        "const e = document.querySelector('.stage'); e.scrollIntoView({block: 'center'});"
        "const b = e.getBoundingClientRect(); return [b.left + b.width / 4, b.top + b.height / 4]"
    )
    assert isinstance(place, list)

    def touch(kind: str, apart: float) -> None:
        points = [] if kind == "touchEnd" else [
            {"x": place[0] - apart, "y": place[1], "id": 1}, {"x": place[0] + apart, "y": place[1], "id": 2},
        ]  # fmt: skip
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for apart in (25, 30, 35, 40):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    browser.until(lambda: 1.8 * before < eyes.zoom < 2.2 * before, f"{before} {eyes.zoom}")
    assert browser.problems() == []


def test_viewer__next_worst_of_a_class_and_film(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation, "n=5")
    browser.find(".viewer-name", "没有标注")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, "[data-layer=truth], [data-layer=errors]")
    order = []
    for _ in range(4):  # mIoU of A: t_3 and u_1 have nothing right but the red above or below
        eyes.keys("w")
        eyes.drawn()
        order.append(browser.find(".viewer-name b").text)
    assert order == ["u_1", "t_2", "t_3", "t_1"]
    assert browser.find("[data-worst]").get_attribute("disabled")
    eyes.keys("W")
    browser.find(".viewer-name b", "t_3")

    Select(browser.find("[data-order]")).select_by_value("1")  # IoU of green: t_3 and u_1 0, t_2 0.493, t_1 0.987
    browser.find(".viewer-name", "绿：最差第 1 张，共 4 张 · IoU 0.000")
    eyes.keys("ww")
    browser.find(".viewer-name b", "t_2")
    browser.find(".viewer-name", "最差第 3 张")
    frames = browser.driver.find_elements(By.CSS_SELECTOR, ".film button")
    assert [str(f.get_attribute("aria-label")).split("，")[0] for f in frames] == ["t_1", "t_2", "t_3"]
    heights = browser.run(
        "return [...document.querySelectorAll('.film button .of-0')].map((e) => parseFloat(e.style.height))"
    )
    assert heights == pytest.approx([98.7, 49.3, 3], abs=0.1)
    frames[0].click()
    browser.find(".viewer-name b", "t_1")
    eyes.keys("\ue014\ue014\ue014")  # arrow right, into the other track
    browser.find(".viewer-name b", "u_1")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".film button")) == 2)
    eyes.drawn(4)
    assert browser.problems() == []


def test_viewer__swipe_and_full_window(eyes: Eyes, evaluation: str) -> None:
    browser = eyes.browser
    eyes.open(evaluation)
    eyes.keys("oo]]]]")
    divider = browser.find(".divider")
    browser.until(lambda: eyes.pane(0, 1)[-60, [500, 640]].tolist() == [GREEN, BLUE])  # A on the left, B on the right
    divider.send_keys("\ue012" * 20)  # arrow left: from 50 % to 10 %, and the picture stays the same
    browser.until(lambda: eyes.pane(0, 1)[-60, [500, 640]].tolist() == [BLUE, BLUE])
    assert browser.find(".divider").get_attribute("aria-valuenow") == "10"
    browser.find(".viewer-name b", "t_1")
    browser.click("[data-full]")
    browser.until(lambda: browser.run("return document.querySelector('.stage').getBoundingClientRect().width > 1400"))
    assert browser.run("return [...document.querySelectorAll('.rail, .topbar')].every((e) => e.closest('[inert]'))")
    eyes.keys("\ue00c")
    browser.until(lambda: browser.run("return !document.querySelector('[inert]')"))
    assert browser.problems() == []


def test_viewer__a_file_that_is_gone_is_named_and_asked_for_again(
    eyes: Eyes, evaluation: str, site: LiveServer
) -> None:
    browser = eyes.browser
    path = site.home / "evaluations" / evaluation / "苏州/kd_ep-0005/id/t_2.png"
    path.rename(path.with_suffix(".away"))
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    try:
        browser.open(f"/#/evaluation/{evaluation}?n=2")
        browser.find(".stage-failure", "读不到：A 苏州/kd_ep-0005")
    finally:
        path.with_suffix(".away").rename(path)
    browser.click(".stage-failure button")
    eyes.drawn(2)
    assert not browser.driver.find_elements(By.CSS_SELECTOR, ".stage-failure")
    assert browser.problems(but="404") == []
