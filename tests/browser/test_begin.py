"""An empty workspace: it says where it is, and gets the demo's pictures by one click."""

import pytest

from chromium import Browser
from live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.slow
def test_begin__the_demo_s_pictures_by_one_click(browser: Browser, site: LiveServer) -> None:
    browser.open("/")
    browser.find("code", str(site.home))
    browser.click("button", "绘制演示图片")
    browser.find(".bar", "")
    refused = site.client().post("/v1/demo/pictures").json()
    assert refused["error"] == "name_taken"
    assert site.wait("/v1/jobs", refused["details"]["task_id"])["state"] == "succeeded"
    browser.find(".stages li", "1份")
    browser.until(lambda: "从这里开始" not in browser.text())
    assert len(list((site.home / "sources" / "demo-roads").rglob("*.jpg"))) == 144
    assert "task_id" not in site.client().post("/v1/demo/pictures").json()["details"]
    assert browser.problems() == []
