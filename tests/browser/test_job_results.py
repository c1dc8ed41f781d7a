"""What finished jobs made, on their pages in a real Chromium: a selection's pictures and packages, numbers of the rest."""

import re
from typing import Any

import pytest

import import_folders as folders
from chromium import Browser
from live import LiveServer
from mining_data import write_drives, write_network
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def selections(site: LiveServer) -> dict[str, str]:
    """A sampling that stays apart, and a mining with a control arm that was cut into two packages."""
    platform = open_platform(site.settings)
    write_drives(platform)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")
    platform.database.close()
    client = site.client()
    sample = {"output_dir": "selections/v1", "ratio": "3", "track_file": "tracks.txt"}
    mine = {
        "output_dir": "images/v2",
        "ratio": "4",
        "track_file": "tracks.txt",
        "weights_dir": "suzhou",
        "control": "2",
    }
    made = {}
    for name, path, history, request in (
        ("sample", "/sam_value", "/auto_sam", sample),
        ("select", "/sele_value", "/auto_sele", mine),
        ("divide", "/task_divide", "/divide_history", {"version": "v2", "step": 3}),
    ):
        made[name] = str(client.post(path, json=request).json()["data"])
        assert site.wait(history, made[name])["state"] == "succeeded"
    return made


@pytest.fixture(scope="module")
def imported(site: LiveServer) -> dict[str, str]:
    """An import that leaves out a picture, and the health of its set."""
    client = site.client()
    folders.camvid_ids(site.home / "imports" / "in")
    folders.put(site.home / "imports" / "in" / "train" / "alone.png", folders.png())
    made = {
        "import": str(
            client.post("/offimport", json={"src": "in", "dest": "set", "import": "reference"}).json()["data"]
        )
    }
    assert site.wait("/off_status", made["import"])["state"] == "succeeded"
    made["health"] = str(client.post("/v1/sources/set/health").json()["data"])
    assert site.wait("/v1/source_health", made["health"])["state"] == "succeeded"
    return made


def facts(browser: Browser) -> dict[str, str]:
    """Names and values of the result's panel."""
    browser.find(".panel.outcome dt", "")
    rows: Any = browser.run(
        "return [...document.querySelectorAll('.panel.outcome dl > div')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return {str(name): str(value) for name, value in rows}


def test_import__counts_of_files_by_fate_and_the_report(
    browser: Browser, site: LiveServer, imported: dict[str, str]
) -> None:
    browser.open(f"/#/jobs/{imported['import']}")
    assert facts(browser) == {
        "图片": "2",
        "布局": "camvid",
        "类别表": "camvid",
        "已加入": "4 个文件",
        "缺少对应文件": "1 个文件",
    }
    link = browser.find(".panel.outcome a[download]", "下载逐个文件的报告").get_attribute("href")
    assert "alone.png" in fetched(site, link)
    assert browser.problems() == []


def test_health__numbers_lists_and_the_plot(browser: Browser, site: LiveServer, imported: dict[str, str]) -> None:
    browser.open(f"/#/jobs/{imported['health']}")
    assert facts(browser)["图片"] == "2"
    browser.until(lambda: browser.run("return document.querySelector('img.sheet').naturalWidth > 0"))
    links = [
        link.get_attribute("href") for link in browser.driver.find_elements("css selector", ".outcome a[download]")
    ]
    assert len(links) == 5
    assert all(fetched(site, link).startswith("\ufeff") for link in links)
    assert browser.problems() == []


def test_divide__numbers_of_the_packages(browser: Browser, selections: dict[str, str]) -> None:
    browser.open(f"/#/jobs/{selections['divide']}")
    assert facts(browser) == {"任务包": "2", "编号": "1–2", "图片": "6"}
    browser.click(".segmented button", "EN")
    browser.find(".panel.outcome dt", "Packages")
    assert browser.problems() == []


def test_push__where_annotators_find_the_package(
    browser: Browser, site: LiveServer, selections: dict[str, str]
) -> None:
    assert selections
    task_id = site.client().post("/v1/packages/v2/1/push").json()["data"]
    row = site.wait("/v1/pushes", task_id)
    assert row["state"] == "succeeded", row
    browser.open(f"/#/jobs/{task_id}")
    assert facts(browser) == {"交付到": row["place"], "图片": "3", "早已在那里": "3"}
    assert browser.problems() == []


def test_release__folder_files_and_what_its_miou_was_measured_on(
    browser: Browser, site: LiveServer, selections: dict[str, str]
) -> None:
    assert selections
    write_network(site.home / "tasks" / "measured" / "output" / "models", training={"miou": 0.5})
    asked = {
        "dicts": {"measured": ["kd_ep-0001.params", "kd_ep-0001.json"]}, "page": "1", "type": "车道线", "version": "1",
        "env": "北京", "adcode": "110000", "desc": "", "time": "2026-11-23 10:00:00",
    }  # fmt: skip
    reply = site.client().post("/release", json=asked).json()
    assert reply["errno"] == 1, reply
    row = reply["data"]
    browser.open(f"/#/jobs/{row['task_id']}")
    shown = facts(browser)
    assert (shown["目录"], shown["mIoU"], shown["mIoU 的来源"]) == (
        "models/车道线/1/北京-110000",
        "0.500",
        "训练时的验证成绩",
    )
    assert "kd_ep-0001.onnx" in shown["文件"]
    browser.click(".outcome a.button", "查看所有发布")
    browser.find("td", "训练时的验证成绩")
    assert browser.problems() == []


def test_preview__pairs_as_pictures_and_how_classes_were_matched(browser: Browser, site: LiveServer) -> None:
    folders.camvid_colors(site.home / "imports" / "colors")
    task_id = site.client().post("/v1/imports/preview", json={"src": "colors"}).json()["data"]
    row = site.wait("/v1/imports/preview", task_id)
    assert row["state"] == "succeeded", row
    browser.open(f"/#/jobs/{task_id}")
    shown = facts(browser)
    assert (shown["可导入的图片"], shown["布局"]) == ("2", "camvid：有 <目录>annot/ 或 X_L.png")
    assert shown["类别表"] == "label_colors.txt（数据自带 label_colors.txt）"
    assert shown["已加入"] == "4 个文件"
    program = "return [...document.querySelectorAll('.pairs img')].map((image) => image.naturalWidth)"
    browser.until(lambda: browser.run(program) == [960] * 4)
    browser.click("summary", "类别的对应（3）")
    browser.find("td", "Road")
    assert browser.problems() == []


def fetched(site: LiveServer, url: str | None) -> str:
    """What a link of the page leads to."""
    answer = site.client().get(str(url).removeprefix(site.url))
    assert answer.status_code == 200
    return answer.content.decode()


def test_selection__arms_and_reasons_are_hidden_while_its_packages_are_labelled(
    browser: Browser, selections: dict[str, str]
) -> None:
    browser.open(f"/#/selection/{selections['select']}")
    browser.find(".samples figure", "d0_")
    assert len(browser.driver.find_elements("css selector", ".samples figure")) == 6
    assert browser.driver.find_elements("css selector", ".samples .chip, [data-tab=sheets], [data-take]") == []
    assert "模型对" not in browser.text()
    browser.click("[data-arms]", "显示分组与理由")
    browser.find(".samples figure", "模型对 红")
    browser.find(".samples .chip", "随机对照组")
    browser.click("[data-tab=sheets]")
    program = "return [...document.querySelectorAll('img.sheet')].map((i) => i.naturalWidth > 0)"
    browser.until(lambda: browser.run(program) == [True, True])
    browser.click("[data-tab=numbers]")
    result = browser.find(".panel.selection", "挑出的图片")
    for words in ("随机对照组", "候选图片", "24", "kd_ep-0001.params", "模型尚无评估结果"):
        assert words in result.text
    browser.click(".segmented button", "EN")
    browser.find("a[download]", "Download selection.csv")
    browser.click("a.link", "Cut into 2 packages")
    browser.find("h1", "v2")
    assert browser.problems() == []


def test_selection__a_map_says_where_the_model_doubts(browser: Browser, selections: dict[str, str]) -> None:
    browser.open(f"/#/selection/{selections['select']}")
    browser.click("[data-arms]", "显示分组与理由")
    browser.find(".samples figure", "模型对 红")
    browser.click(".samples a")
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    browser.find("[data-layer=doubt][aria-pressed=true]", "不确定度")
    browser.find(".legend .ramp", "0 %100 % 不确定度")
    browser.find(".viewer .slider")
    browser.find("body").send_keys("c")  # what the middle of the picture says
    browser.until(lambda: re.search(r"不确定度：\d+ %", browser.find(".under").text))
    browser.click("[data-layer=doubt]")
    browser.find("[data-layer=doubt][aria-pressed=false]")
    assert browser.problems() == []


def test_selection__elsewhere_says_that_it_cannot_be_cut(browser: Browser, selections: dict[str, str]) -> None:
    browser.open(f"/#/jobs/{selections['sample']}")
    browser.click("a.button", "打开")
    browser.find(".samples figure", "随机抽取：轨迹共 6 张")
    browser.find(".panel", "输出目录不在 images/<版本>")
    assert browser.driver.find_elements("css selector", ".samples button") == []
    browser.click(".segmented button", "EN")
    browser.find(".samples figure", "drawn at random from the 6 pictures")
    assert browser.problems() == []


def test_selection__is_asked_for_looked_through_thinned_and_handed_to_annotation(
    browser: Browser, site: LiveServer, selections: dict[str, str]
) -> None:
    assert selections
    lines = [f"d1_{n:03d},{120 + n / 1000},{31 + n / 2000},gcj02" for n in range(6)]
    (site.home / "tracks/d1/track.csv").write_text("\n".join(["point,longitude,latitude,datum", *lines]))
    browser.open("/#/selection/new")
    browser.find(".choices .check", "d1 6 张")
    browser.run(
        "const set = (name, value, kind) => { const e = document.querySelector(`[name=${name}]`); e.value = value;"
        "e.dispatchEvent(new Event(kind, { bubbles: true })) };"
        "set('how', 'sam', 'change'); set('ratio', '3', 'input'); set('version', 'v3', 'input')"
    )
    browser.click("[name=all_tracks]")
    browser.click("[name=track][value=d1]:enabled")
    browser.find(".hint", "images/v3")
    browser.click("button.primary", "抽取 3")
    browser.until(lambda: len(browser.driver.find_elements("css selector", ".samples figure")) == 3)
    browser.click(".samples a")
    browser.until(lambda: browser.find(".stage").get_attribute("data-drawn"))
    browser.find(".where", "/ 6 帧")
    assert browser.driver.find_element("css selector", ".viewer .slider").is_displayed() is False
    assert len(browser.driver.find_elements("css selector", ".shot .of-0:not(.none)")) == 3
    assert len(browser.driver.find_elements("css selector", ".track-map circle")) == 3
    browser.find(".track-map figcaption", "GCJ02")
    browser.click("[data-take]", "移出")
    browser.find(".viewer-name .chip", "已移出")
    browser.click("a.button", "全部图片")
    browser.find(".samples-head", "已移出 1 张，不会切入任务包")
    browser.find(".samples .removed button", "放回")
    browser.click("a.button", "切分任务包")
    browser.find(".hint", "2 张图片，其中 2 张")
    assert browser.find("[name=version]").get_attribute("value") == "v3"
    browser.open("/#/selection")
    browser.find("td", "images/v3")
    assert browser.problems() == []
