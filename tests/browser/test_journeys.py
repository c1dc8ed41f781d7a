"""The loop from a blank start with the page alone: a zip of labelled pictures becomes a model that serves in two places.

What is typed and clicked is all that a person does; nothing is put anywhere by the test but the zip on their own disk.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from archives import zipped
from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HEIGHT, WIDTH = 64, 96
ROAD, CAR = 3, 8  # of CamVid as the SegNet tutorial numbers it
TRACKS = 4
FRAMES = 4


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with nothing; releases are waited for, as a busy machine takes long to export them."""
    home = tmp_path_factory.mktemp("site") / "home"
    settings = Settings(home=home, port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1, release_wait_seconds=200)
    live = LiveServer(settings)
    live.start()
    yield live
    live.close()


def write_zip(path: Path) -> None:
    """Grey road below, red cars above: labelled pictures of four drives in CamVid's layout."""
    rng = np.random.default_rng(7)
    files = {}
    for track in range(TRACKS):
        for frame in range(FRAMES):
            image = rng.integers(80, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            label = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
            edge = 20 + 3 * track + frame
            image[:edge] = (200, 20, 20 + 10 * track)
            label[:edge] = CAR
            name = f"drive{track}_{frame}.png"
            files[f"剑桥/train/{name}"] = encode_color(image)
            files[f"剑桥/trainannot/{name}"] = encode_label(label)
    path.write_bytes(zipped(files))


def put(browser: Browser, selector: str, text: str) -> None:
    """Put a text into a field at once, as what is live may draw it anew between two keys."""
    browser.find(selector)
    browser.run(
        "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}))",
        selector,
        text,
    )


def import_zip(browser: Browser, path: Path) -> None:
    """Send it, look at what it would be, take it in."""
    browser.open("/")
    browser.find(".panel", "从这里开始")
    browser.click("a.button", "导入图片")
    browser.find("h1", "导入")
    browser.driver.find_element("css selector", "input[name=archive]").send_keys(str(path))
    browser.find("h1", "导入之前")
    browser.find(".facts", "camvid")
    widths = "return [...document.querySelectorAll('.pairs .halves img')].map((i) => i.complete && i.naturalWidth)"
    browser.until(lambda: (found := list(browser.run(widths) or [])) and all(found))  # type: ignore[call-overload]
    browser.click("button.primary", "导入 16 张图片为 剑桥")
    browser.find(".head .chip", "完成")


def build_dataset(browser: Browser) -> None:
    """The preview says the split before it is built."""
    browser.click(".rail a", "总览")
    browser.click("a.link", "用源数据生成一份数据")
    browser.find("input[name=sour_data][value=剑桥]:checked")
    put(browser, "input[name=data_name]", "20261127")
    put(browser, "input[name=train]", "0.5")
    put(browser, "input[name=val]", "0.5")
    put(browser, "input[name=test]", "0")
    browser.click("button.primary", "生成数据 20261127 (train 8 · val 8")
    browser.find(".head .chip", "完成")


def train(browser: Browser) -> None:
    """A network is made of a template's card on the way; two short epochs."""
    browser.click(".rail a", "总览")
    browser.find("b", "下一步")
    browser.click(".rail a", "训练")
    browser.click("a.button", "新训练任务")
    put(browser, "input[name=train_name]", "第一次")
    browser.click(".card", "Fast-SCNN")
    browser.click("button.primary", "创建任务 第一次")
    put(browser, "input[name=num_epoch]", "2")
    put(browser, "input[name=batch_size]", "4")
    browser.find(".setting[data-key=num_epoch]", "2")
    browser.click(".form-end button.primary", "2 轮")
    browser.find(".head .chip", "完成")


def evaluate(browser: Browser) -> None:
    """Both epochs' models, on the dataset that they were trained on."""
    browser.click(".rail a", "总览")
    browser.click(".waiting-list a", "1 个训练已完成，还没有评估")
    browser.find("h1", "开始评估")
    browser.find(".task-models input:not(:checked)")
    browser.run("document.querySelectorAll('.task-models input:not(:checked)').forEach((e) => e.click())")
    browser.click("button.primary", "用 2 个模型")
    browser.click("[data-tab=report]")


def look_at_the_weakest(browser: Browser) -> None:
    """The worst pictures of the weaker class that is there, at 400 %."""
    browser.click("[data-order=iou]")
    browser.click("tbody a.name", "车辆")
    Select(browser.find("select.zoom")).select_by_visible_text("400 %")
    browser.until(lambda: browser.find(".stage").get_attribute("data-zoom") == "4")
    browser.run("document.activeElement.blur()")
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    panes = [e.text.split()[0] for e in browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name b")]
    assert panes == ["图片", "标注", "A", "B"]
    worst = browser.find(".viewer-name b").text
    ActionChains(browser.driver).send_keys("w").perform()
    browser.until(lambda: browser.find(".viewer-name b").text != worst)
    assert browser.find(".stage").get_attribute("data-zoom") == "4"


def release(browser: Browser, version: str, place: str, code: str, evaluation: str) -> None:
    """Publish the newest model for one place, quoting the evaluation."""
    browser.click(".rail a", "发布")
    browser.find("h1", "发布")
    browser.click("a.button", "发布模型")
    put(browser, "input[name=version]", version)
    put(browser, "input[name=env]", "线上")
    put(browser, "input[name=adcode]", code)
    assert browser.find("select[name=evaluation]").get_attribute("value") == evaluation
    browser.find(".hint", place)
    browser.click("button.primary", "发布到 车道线")
    browser.until(lambda: "查看在用的模型" in browser.text() or browser.driver.find_elements(By.CSS_SELECTOR, ".bad"))
    browser.find(".facts", place)


@pytest.mark.slow
def test_journey__a_zip_becomes_a_model_that_serves_in_two_places(
    browser: Browser, site: LiveServer, tmp_path: Path
) -> None:
    write_zip(tmp_path / "剑桥.zip")
    import_zip(browser, tmp_path / "剑桥.zip")
    build_dataset(browser)
    train(browser)
    evaluate(browser)
    evaluation = str(browser.run("return location.hash")).split("/")[2].split("?")[0]
    look_at_the_weakest(browser)
    release(browser, "1", "江苏省苏州市", "320500", evaluation)
    release(browser, "2", "江苏省苏州市", "320500", evaluation)
    release(browser, "1", "北京市", "110000", evaluation)
    browser.click("a.button", "查看在用的模型")
    suzhou = browser.find("tbody tr", "江苏省苏州市 320500").text
    assert "之前 1" in suzhou
    assert "±0.000" in suzhou
    assert "第一个" in browser.find("tbody tr", "北京市 110000").text
    browser.click(".rail a", "总览")
    served = browser.find(".panel", "在用的模型").text
    assert served.index("北京市") < served.index("江苏省苏州市")
    browser.find(".panel", "没有等你处理的事情")
    browser.click(".weak-row a.chip")
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    assert browser.problems() == []
