"""From figures to pictures and back, in a real Chromium: the report of two models."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from chromium import Browser, resize
from live import LiveServer
from two_models import evaluate_two

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ARROW_RIGHT, ENTER = "\ue014", "\ue007"


@pytest.fixture(scope="module")
def evaluation(site: LiveServer, write_model: Callable[..., Path]) -> str:
    return evaluate_two(site, write_model)


def drawn(browser: Browser, number: int) -> None:
    """Wait until a picture stands in the viewer."""
    browser.until(lambda: str(browser.find(".stage").get_attribute("data-drawn")).endswith(f" {number}"))


def focused(browser: Browser) -> str:
    return str(browser.run("return document.activeElement.textContent.trim()"))


def test_report__one_table_for_both_models_whose_classes_open_their_worst_pictures(
    browser: Browser, evaluation: str
) -> None:
    resize(browser.driver, 1440, 420)  # so that the table is further down
    browser.open(f"/#/evaluation/{evaluation}?tab=report")
    assert "0.220" in browser.find(".headline", "kd_ep-0005").text
    assert "−0.106" in browser.find(".headline", "swapped_ep-0006").text
    row = browser.find("tbody tr", "绿")
    assert "0.330" in row.text
    assert "▼ −0.317" in row.text
    assert "±0.000" in browser.find("tbody tr", "红").text
    browser.click("[data-order=change]")
    browser.until(lambda: browser.find("tbody tr").text.startswith("绿"))
    browser.run("arguments[0].scrollIntoView({block: 'center'})", browser.find("tbody tr", "绿"))
    down = browser.run("return scrollY")
    assert isinstance(down, int | float)
    assert down > 50

    browser.click("tbody a.name", "绿")
    drawn(browser, 3)  # no green in the label of t_3, and half of the picture taken for it
    browser.find(".viewer-name", "绿：最差第 1 张，共 4 张 · IoU 0.000")
    ActionChains(browser.driver).send_keys("w").perform()
    browser.find(".viewer-name b", "u_1")
    browser.driver.back()
    browser.find(".headline", "mIoU")
    browser.until(lambda: browser.run("return scrollY") == down)
    assert focused(browser) == "绿"

    browser.click("tbody tr a[href*='m=2']", "0.013")  # the same class of the other model, which is A now
    browser.find(".pane-name", "A 苏州/swapped_ep-0006")
    browser.driver.back()
    browser.find(".stack p", "4 个类别的编号与名称都相同")
    browser.run("scrollTo(0, 0)")
    browser.click("[data-tab=about]")
    browser.find(".facts", "1（只预测，不计入成绩）")
    assert browser.problems() == []


def test_confusion__cells_tracks_and_worst_pictures_open_theirs(browser: Browser, evaluation: str) -> None:
    browser.open(f"/#/evaluation/{evaluation}?tab=confusion")
    browser.click(".matrix td[title*='绿 → 红'] a")
    drawn(browser, 2)
    browser.find(".viewer-name", "绿：最差第 1 张，共 2 张 · 1,184 像素被当作红")
    browser.click(".viewer-bar button", "不限误判")
    browser.find(".viewer-name", "最差第 3 张，共 4 张")
    browser.driver.back()
    browser.until(lambda: focused(browser) == "49")

    ActionChains(browser.driver).send_keys(ARROW_RIGHT, ARROW_RIGHT, ENTER).perform()  # green taken for blue
    browser.find(".viewer-name", "像素被当作蓝")
    browser.driver.back()
    browser.click("a.name[href*='tr=u']")
    browser.find(".viewer-name", "整张图片：最差第 1 张，共 1 张")
    drawn(browser, 4)
    browser.click(".viewer-bar button", "不限轨迹")
    browser.find(".viewer-name", "共 4 张")
    browser.driver.back()
    browser.click(".segmented button", "swapped")
    browser.click("tbody a.name", "t_2")
    browser.find(".viewer-name b", "t_2")
    browser.find(".pane-name", "A 苏州/swapped_ep-0006")
    browser.driver.back()
    browser.find(".segmented button[aria-pressed=true]", "swapped")
    assert browser.problems() == []


def test_journey__worst_pictures_of_the_weakest_class_of_two_models_at_400_percent(
    browser: Browser, evaluation: str
) -> None:
    """From the front page, with what stands on it."""
    browser.open("/")
    browser.click(".rail a", "评估")
    browser.find("h1", "评估")  # the front page names it, too, and is on its way out
    browser.click("tbody a.name", "kd_ep-0005")
    browser.click("[data-tab=report]")
    browser.click("[data-order=iou]")
    browser.until(lambda: browser.find("tbody tr").text.startswith("蓝"))  # nowhere true, and predicted
    browser.click("tbody a.name", "蓝")
    Select(browser.find("select.zoom")).select_by_visible_text("400 %")
    browser.until(lambda: browser.find(".stage").get_attribute("data-zoom") == "4")
    browser.run("document.activeElement.blur()")  # as a mouse leaves the list; WebDriver has none
    seen = []
    for _ in range(4):
        browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
        names = [e.text.split()[0] for e in browser.driver.find_elements(By.CSS_SELECTOR, ".pane-name b")]
        assert names == ["图片", "标注", "A", "B"]
        assert browser.find(".stage").get_attribute("data-zoom") == "4"
        seen.append(browser.find(".viewer-name b").text)
        ActionChains(browser.driver).send_keys("w").perform()
    assert seen == ["t_1", "t_2", "t_3", "u_1"]  # equally bad, as they are listed
    assert browser.problems() == []


@pytest.mark.parametrize(("language", "theme"), [("zh", "dark"), ("en", "light")])
def test_report__fits_a_narrow_screen(browser: Browser, evaluation: str, language: str, theme: str) -> None:
    browser.run(
        f"localStorage.setItem('roadloop.language', '{language}'); localStorage.setItem('roadloop.theme', '{theme}')"
    )
    resize(browser.driver, 390, 844)
    for tab, part in (
        ("pictures", ".film button"),
        ("report", ".headline"),
        ("confusion", ".matrix a"),
        ("about", ".facts"),
    ):
        browser.open(f"/#/evaluation/{evaluation}?tab={tab}")
        browser.find(part)
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), tab
    assert browser.problems() == []
