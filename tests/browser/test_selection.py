"""The page of a selection's job in a real Chromium: what was asked for, what it took and why, and its packages."""

import pytest

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


def test_selection__numbers_reasons_sheets_and_packages(browser: Browser, selections: dict[str, str]) -> None:
    browser.open(f"/#/jobs/{selections['select']}")
    result = browser.find(".panel.selection", "挑出的图片")
    for words in ("随机对照组", "候选图片", "24", "kd_ep-0001.params", "模型尚无评估结果"):
        assert words in result.text
    browser.find("tbody tr", "模型对 红")
    assert len(browser.driver.find_elements("css selector", "tbody tr")) == 6
    browser.until(
        lambda: (
            browser.run("return [...document.querySelectorAll('img.sheet')].map((i) => i.naturalWidth > 0)")
            == [True, True]
        )
    )
    browser.find("a.link", "任务包 1–2，共 6 张").click()
    browser.find("h1", "v2")
    browser.open(f"/#/jobs/{selections['select']}")
    browser.find(".segmented button", "EN").click()
    browser.find("tbody tr", "the model is uncertain about red")
    browser.find("a[download]", "Download selection.csv")
    assert browser.problems() == []


def test_selection__a_sampling_says_how_to_cut_it(browser: Browser, selections: dict[str, str]) -> None:
    browser.open(f"/#/jobs/{selections['sample']}")
    browser.find("tbody tr", "随机抽取：轨迹共 6 张")
    browser.find(".panel", "images/<版本>")
    browser.run("localStorage.setItem('roadloop.language', 'en')")
    browser.open(f"/#/jobs/{selections['sample']}")
    browser.find("tbody tr", "drawn at random from the 6 pictures")
    assert browser.problems() == []
