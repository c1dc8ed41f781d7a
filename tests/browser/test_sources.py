"""A source set's screen: pictures with labels, counts, and what an examination with a model finds, side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TABLE = ClassTable(
    "colours",
    (
        LabelClass(10, "red", "红", (255, 0, 0), 0),
        LabelClass(20, "green", "绿", (0, 255, 0), 1),
        LabelClass(30, "blue", "蓝", (0, 0, 255), 2),
    ),
)


def picture(label: int, brightness: int) -> tuple[bytes, bytes]:
    """Red above green, 40 x 40; the label says `label` for the red half."""
    rgb = np.zeros((40, 40, 3), np.uint8)
    rgb[:20, :, 0], rgb[20:, :, 1] = brightness, brightness
    ids = np.full((40, 40), 20, np.uint8)
    ids[:20] = label
    return encode_color(rgb), encode_label(ids)


def send_what_an_eye_finds_wrong(browser: Browser, site: LiveServer) -> None:
    """Tick a picture, with no model asked, and have it cut as a package."""
    browser.click(".samples figure label", "c#1")
    browser.find(".samples-head", "已勾选 1 张")
    browser.run(
        "const name = document.querySelector('input[name=version]'); name.value = '三色-眼';"
        "name.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    browser.click("button.primary", "把 1 张图片作为任务包送去重新标注")
    browser.find("h1", "三色-眼")
    package = site.home / "packages" / "三色-眼" / "1" / "manifest.json"
    browser.until(package.exists)
    assert "c#1" in package.read_text(encoding="utf-8")


def test_source__pictures_counts_and_doubtful_labels(
    browser: Browser, site: LiveServer, write_model: Callable[..., Path]
) -> None:
    with writing_set(Workspace(site.home), "三色", TABLE) as writer:
        writer.add(NewSample("1", "a_1", *picture(10, 255), city="苏州", time="2026-01-05 10:00:00"))
        writer.add(NewSample("1", "b_1", *picture(30, 200), city="北京"))
        writer.add(NewSample("包 2", "c#1", *picture(10, 255), city="北京"))
    write_model(site.home / "weights")
    browser.open("/#/import")
    browser.click(".head a", "源数据")
    browser.click("td a", "三色")
    browser.find("h1", "三色")
    assert browser.find(".rail a[aria-current]").text == "导入"
    program = "return [...document.querySelectorAll('.samples img')].map((image) => image.naturalWidth)"
    browser.until(lambda: browser.run(program) == [40] * 6)
    browser.run(
        "const only = document.querySelector('select[name=package]'); only.value = '包 2';"
        "only.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    browser.until(lambda: browser.run(program) == [40] * 2)
    send_what_an_eye_finds_wrong(browser, site)
    browser.run("history.back()")
    browser.click("[data-tab=packages]")
    browser.find("td", "包 2")
    browser.click("[data-tab=classes]")
    browser.find("td", "绿")
    task_id = (
        site.client()
        .post("/v1/sources/三色/health", json={"model": "tiny_ep-0001.params", "confidence": "0.4"})
        .json()["data"]
    )
    assert site.wait("/v1/source_health", task_id)["totals"]["label_noise"] == 1
    browser.click("[data-tab=health]")
    browser.find(".compare figcaption", "标注 蓝，模型认为 红")
    browser.find(".facts", "1 处")
    boxes: Any = browser.until(
        lambda: browser.run(
            "const boxes = [...document.querySelectorAll('.piece')].map((box) => [box.style.top, box.style.height]);"
            "return boxes.length === 2 && boxes"
        )
    )
    assert boxes == [["0%", "50%"]] * 2
    browser.click(".compare figcaption input")
    browser.click("button.primary", "把 1 张图片作为任务包送去重新标注")
    browser.until((site.home / "packages" / "三色-rework" / "2" / "manifest.json").exists)
    browser.find("h1", "三色-rework")
    browser.run("history.back()")
    browser.find(".compare figcaption", "逐字节相同")
    browser.until(lambda: all(browser.run(program.replace(".samples", ".compare"))))  # type: ignore[arg-type]
    assert browser.problems() == []
