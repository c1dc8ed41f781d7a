"""The first screen: what waits, each row a link to where it is done, and edits that only this window knows of."""

import pytest

from chromium import Browser, resize
from job_rows import job, row
from live import LiveServer
from roadloop.annotators.store import downloads
from roadloop.jobs.states import JobState
from roadloop.packages.store import label_runs
from roadloop.selection.store import selections
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def drafts(site: LiveServer) -> list[str]:
    """Everything that can wait; the task ids of two trainings that were not started."""
    platform = open_platform(site.settings)
    job(platform, "offimport", "北京", JobState.FAILED)
    row(platform, selections, job(platform, "select", "挑"), output_path="images/v7 夜", isshuffle=False)
    row(platform, downloads, job(platform, "linedown", "1..3", finished=3), dest="v5")
    row(platform, label_runs, job(platform, "process_label", "v4", rejected_pictures=2), version="v4", name="a")
    job(platform, "train", "trained")
    made = [job(platform, "train", name, JobState.CREATED) for name in ("t-7", "t-8")]
    (platform.workspace.networks / "own").mkdir(parents=True)
    platform.database.close()
    return made


def links(browser: Browser) -> dict[str, str]:
    """Where the rows lead to, by their words."""
    browser.find(".waiting-list a")
    pairs = browser.run(
        "return [...document.querySelectorAll('.waiting-list a')]"
        ".map((a) => [a.querySelector('b').textContent, a.getAttribute('href')])"
    )
    return dict(pairs)  # type: ignore[call-overload, no-any-return]


def test_waiting__each_row_leads_to_where_it_is_done(browser: Browser, drafts: list[str]) -> None:
    browser.open("/")
    found = links(browser)
    assert list(found) == [
        "1 个任务失败：导入",
        "标注已取回，还没有发布",
        "有标注被退回，还没有再发出去",
        "图片已选好，还没有切成任务包",
        "2 个训练任务还没有开始",
        "1 个训练已完成，还没有评估",
        "networks/ 中有 1 个文件夹还没有检查",
    ]
    assert found["1 个任务失败：导入"].startswith("#/import/")
    assert found["标注已取回，还没有发布"] == "#/annotation/v5?tab=publish"
    assert found["有标注被退回，还没有再发出去"] == "#/annotation/v4?tab=rejected"
    assert found["图片已选好，还没有切成任务包"] == "#/annotation/new?version=v7%20%E5%A4%9C"
    assert found["2 个训练任务还没有开始"] == "#/training?state=created"
    assert found["1 个训练已完成，还没有评估"] == "#/evaluation/new?task=trained"
    assert found["networks/ 中有 1 个文件夹还没有检查"] == "#/networks"
    browser.click(".waiting-list a", "networks/")
    browser.find("h1", "网络")
    assert browser.problems() == []


def test_waiting__a_failure_that_was_seen_is_not_told_again(
    browser: Browser, site: LiveServer, drafts: list[str]
) -> None:
    assert drafts
    browser.open("/")
    browser.click(".waiting-row", "1 个任务失败：导入", within="button")
    browser.until(lambda: "任务失败" not in browser.text())
    browser.run("location.reload()")
    browser.find(".waiting-row", "标注已取回")
    assert "任务失败" not in browser.text()
    platform = open_platform(site.settings)
    job(platform, "offimport", "上海", JobState.FAILED)
    platform.database.close()
    browser.run("location.reload()")
    assert "上海" in browser.find(".waiting-row", "1 个任务失败：导入").text


def test_waiting__names_drafts_with_edits_of_this_window_first(browser: Browser, drafts: list[str]) -> None:
    browser.open("/")
    edits = '{"train_con": {"seed": "7"}, "data_con": {}, "text": {}, "gpus": "", "map": null}'
    browser.run("sessionStorage.setItem(arguments[0], arguments[1])", f"roadloop.draft.{drafts[0]}", edits)
    browser.run("location.reload()")
    browser.find(".waiting-list a", "训练任务有未保存的设置")
    found = links(browser)
    assert found["训练任务有未保存的设置"] == f"#/training/{drafts[0]}"
    assert found["1 个训练任务还没有开始"] == f"#/training/{drafts[1]}"
    browser.click(".segmented button", "EN")
    browser.find(".waiting-list a", "A training has settings that are not saved")
    resize(browser.driver, 390, 800)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.problems() == []
