"""The form that starts an evaluation, in a real Chromium."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from chromium import Browser
from live import LiveServer
from roadloop.datasets import store as datasets
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Submission, jobs
from roadloop.storage.platform import open_platform
from roadloop.training import store as training

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def trained(site: LiveServer, write_model: Callable[..., Path]) -> None:
    """Task 甲 did best in epoch 2 of 3, on the older of two datasets; 乙 says nothing."""
    platform = open_platform(site.settings)
    with platform.database.transaction() as db:
        for name in ("旧", "新"):
            made = queue.submit(db, Submission("create_data", {}, name, state=JobState.SUCCEEDED))
            shares = {"train": 0.8, "val": 0.2, "test": 0.0}
            about = {"description": "", "data_type": "all", "sour_data": "s"}
            datasets.insert(db, {"task_id": made, "name": name, **about, **shares})
        done = Submission("train", {}, "甲", pool="training", state=JobState.SUCCEEDED)
        task_id = queue.submit(db, done)
        memo = {"epoch": 3, "best": {"epoch": 2, "miou": 0.7123, "file": "m_ep-0002.params"}}
        db.execute(jobs.update().where(jobs.c.id == task_id).values(memo=memo))
        texts = dict.fromkeys(("base_task", "task_desc", "net_desc", "data_desc", "start_date", "end_date"), "")
        shown = {"category_num": 3, "iter_num": 3, "batch_size": 3, "gpus": ""}
        task = {"task_id": task_id, "name": "甲", "network": "n", "data": "旧", "shown": shown, **texts}
        training.insert(db, task, {"train_con": {}, "data_con": {}, "label_map": {"template": "", "entries": {}}})
    for epoch in (1, 2, 3):
        write_model(platform.workspace.tasks / "甲" / "output" / "models", "m", epoch)
    platform.database.close()


@pytest.mark.usefixtures("trained")
def test_new__begins_with_the_best_model_of_the_task_and_its_own_dataset(browser: Browser) -> None:
    browser.open("/#/evaluation/new?task=甲")
    group = browser.find(".task-models[open]", "甲")
    assert "3 个文件，最好 mIoU 0.712，数据 旧" in group.text
    boxes = {
        label.text.split()[0]: label.find_element(By.TAG_NAME, "input").is_selected()
        for label in group.find_elements(By.CSS_SELECTOR, "label")
    }
    assert boxes == {"m_ep-0002.params": True, "m_ep-0003.params": False, "m_ep-0001.params": False}
    assert "✓最好 mIoU 0.712" in group.find_element(By.CSS_SELECTOR, "label").text.replace("\n", "")
    data = Select(browser.find("select[name=data]"))
    assert (data.first_selected_option.text, [o.text for o in data.options]) == ("旧", ["新", "旧"])
    browser.find(".field", "训练该模型所用的数据")
    data.select_by_visible_text("新")
    browser.find(".field", "训练所用的是 旧")
    browser.find("button.primary", "用 1 个模型")
    browser.click(".segmented button", "EN")
    browser.find(".task-models[open]", "3 files, best mIoU 0.712, dataset 旧")
    browser.find(".field", "It was trained on 旧; scores on another dataset")
    assert browser.problems() == []
