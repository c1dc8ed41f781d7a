"""Converting a model on the page, in a real Chromium; how sure a model was; more of a rare class."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from browser.test_samples import dataset
from chromium import Browser
from live import LiveServer
from two_models import evaluate_two

__all__ = ["dataset"]  # a fixture of built data
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CHANGE = """
const [name, value] = arguments, field = document.querySelector(`[name=${name}]`);
field.value = value;
field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));
"""


@pytest.fixture(scope="module")
def evaluation(site: LiveServer, write_model: Callable[..., Path]) -> str:
    return evaluate_two(site, write_model)


@pytest.mark.slow
def test_engine__from_the_form_to_an_evaluation(browser: Browser, site: LiveServer, evaluation: str) -> None:
    assert evaluation
    browser.open("/#/release")
    browser.click(".head a, .button", "引擎")
    browser.click("a.button.primary", "转换模型")
    assert "苏州/kd_ep-0005.params" in [o.text for o in Select(browser.find("select[name=model]")).options]
    browser.run(CHANGE, "model", "苏州/kd_ep-0005.params")
    browser.run(CHANGE, "precision", "int8")
    browser.run(CHANGE, "size", "60x40")
    browser.click("button.primary", "转换为 int8")
    browser.find(".field.wrong .hint", "int8 需要校准图片")
    browser.run(CHANGE, "calibration", "imports/照片")
    browser.run(CHANGE, "check", "imports/照片")
    browser.click("button.primary", "转换为 int8")
    browser.find("h1", "kd_ep-0005.int8-60x40.onnx")
    browser.find(".state, .chip", "完成")
    browser.find(".facts", "imports/照片")
    assert "引擎 mIoU" in browser.find(".facts").text
    browser.click("a.button", "评估")
    label = browser.find("label.check", "kd_ep-0005.int8-60x40.onnx")
    assert label.find_element(By.TAG_NAME, "input").is_selected()
    browser.run(CHANGE, "kind", "folder")
    browser.run(CHANGE, "sour_dir", "imports/照片")
    browser.click("button.primary", "用 1 个模型")
    browser.click("[data-tab=report]")
    browser.find(".headline", "kd_ep-0005.int8-60x40.onnx")
    (row,) = site.client().get("/v1/engines").json()["data"]
    browser.open("/#/engines")
    listed = browser.find("tbody tr", "kd_ep-0005.int8-60x40.onnx").text
    assert "60x40" in listed
    assert f"{row['parity']['miou_exported']:.3f}" in listed
    assert browser.problems(but="422") == []


def test_confidence__by_class_and_the_least_certain_pictures(browser: Browser, evaluation: str) -> None:
    browser.open(f"/#/evaluation/{evaluation}?tab=confidence")
    assert "%" in browser.find("tbody tr", "红").text
    browser.find("h2", "最没有把握的图片")
    pictures = browser.driver.find_elements(By.CSS_SELECTOR, "tbody a.name")
    assert len(pictures) == 5  # the one without a label, too
    browser.click("tbody tr", "绿", within="button")
    browser.find("h2", "最没有把握的图片：绿")
    browser.click(".segmented button", "swapped")
    browser.find("h2", "最没有把握的图片")
    browser.click("tbody a.name")
    browser.find(".pane-name", "A 苏州/swapped_ep-0006")
    assert browser.problems() == []


def test_dataset__more_of_a_class(browser: Browser, dataset: str, site: LiveServer) -> None:
    browser.open(f"/#/datasets/{dataset}?tab=classes")
    assert "再出现一次" not in browser.find(".facts").text
    browser.click("tbody .confirm button", "增加…")
    sure = browser.find("tbody .confirm button", "生成增量")
    seen = "return arguments[0].getBoundingClientRect().right <= arguments[0].closest('.panel').getBoundingClientRect().right"
    assert browser.run(seen, sure)
    sure.click()
    browser.click(".notice a", "打开")
    browser.find("h1", "-again-")
    browser.find(".facts", "再出现一次")
    (newest, *_others) = site.client().post("/data_history", json={}).json()["data"]
    assert newest["data_type"] == "aug"
    assert browser.problems() == []
