"""Releases on the page: what serves where, one release with its bundle, and the place by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from chromium import Browser
from live import LiveServer
from released import released
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def ids(site: LiveServer, write_model: Callable[..., Path]) -> list[str]:
    write_model(site.home / "tasks" / "suzhou" / "output" / "models", "kd", 1)
    platform = open_platform(site.settings)
    made = [
        released(
            platform, f"2026{k}", "线上", "320500", metrics={"training": {"miou": miou}}, files={"kd.params": b"x"}
        )
        for k, miou in ((1, 0.5), (2, 0.625), (3, 0.6))
    ]
    measured = {
        "training": {},
        "evaluation_miou": 0.7,
        "evaluation_sour_dir": "pictures/both",
        "evaluation_pictures": 9,
    }
    made += [
        released(platform, "20264", "线上", "110000", metrics={"training": {"miou": 0.5}}),
        released(platform, "20265", "线上", "110000", metrics=measured),
        released(platform, "1", "测试", category="路牌"),
    ]
    platform.database.close()
    return made


def test_releases__what_serves_where_and_what_served_before(browser: Browser, ids: list[str]) -> None:
    browser.open("/")
    browser.click(".rail a", "发布")
    suzhou = browser.find("tbody tr", "江苏省苏州市 320500").text
    assert "20263" in suzhou
    assert "▼ −0.025" in suzhou
    assert "之前 20262" in suzhou
    assert "测的图片不同，不可比" in browser.find("tbody tr", "北京市 110000").text
    assert "第一个" in browser.find("tbody tr", "各地").text
    assert "这个类别还没有发布过模型" in browser.find(".panel", "灯杆").text
    browser.click("tbody tr", "江苏省苏州市")
    browser.find("h1", "车道线 20263")
    browser.find(".head .state", "在用")
    history = browser.find(".panel", "这里用过的模型").text
    assert history.index("20263") < history.index("▲ +0.125") < history.index("20261") < history.index("第一个")
    link = str(browser.find("a[download]", "下载整包").get_attribute("href"))
    program = (
        "const [address, done] = arguments; fetch(address).then((r) => r.blob()).then((b) => done([b.type, b.size]))"
    )
    kind, size = browser.driver.execute_async_script(program, link)
    assert kind == "application/zip"
    assert size > 100
    browser.click("tbody a.name", "20261")
    browser.find(".head .state", "已被替换")
    assert ids[0] in str(browser.run("return location.hash"))
    browser.click(".segmented button", "EN")
    browser.find(".head .state", "replaced")
    browser.open("/#/release/nowhere")
    browser.find("h1", "No such release")
    browser.open("/#/release?tab=all")
    browser.find("tbody tr", "江苏省苏州市 320500")
    assert browser.problems(but="404") == []


def test_release__of_a_long_history_is_compared_with_the_one_before_it(browser: Browser, site: LiveServer) -> None:
    platform = open_platform(site.settings)
    made = [
        released(platform, f"v{k}", "多", category="灯杆", metrics={"training": {"miou": k / 100}})
        for k in range(1, 53)
    ]
    platform.database.close()
    browser.open(f"/#/release/{made[1]}")  # behind the 50 that are listed
    browser.find("h1", "灯杆 v2")
    assert "▲ +0.010" in browser.find(".facts > div", "与之前相比").text
    rows = browser.driver.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == 50
    assert "v3" in rows[-1].text
    assert "▲ +0.010" in rows[-1].text  # against v2, which is not listed
    browser.open(f"/#/release/{made[0]}")
    browser.find("h1", "灯杆 v1")
    browser.find(".facts > div", "第一个")
    assert browser.problems() == []


def test_form__finds_a_place_by_its_name(browser: Browser, ids: list[str]) -> None:
    assert ids
    browser.open("/#/release/new")
    browser.find("input[name=adcode]")
    typing = "const i = document.querySelector('[name=adcode]'); i.value = arguments[0]; i.dispatchEvent(new Event('input', {bubbles: true}))"
    browser.run(typing, "苏州")
    browser.until(lambda: browser.run("return document.querySelector('#list-adcode option')?.value") == "320500")
    browser.find(".hint", "从列表中选一个")
    browser.run(typing, "320500")
    browser.find(".hint", "✓ 江苏省苏州市")
    browser.run(typing, "990000")
    browser.find(".hint", "代码表中没有")
    assert browser.problems() == []
