"""What the pages of a training and of the releases say about scores, in a real Chromium."""

import json

import pytest

from chromium import Browser
from live import LiveServer
from released import released
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Submission, jobs
from roadloop.storage.platform import open_platform
from roadloop.training import store

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LABEL_MAP = {"template": "", "entries": {"7": [0, "road", "道路"], "23": [1, "sky", "天空"]}}
EPOCHS: list[dict[str, float | None]] = [
    {"miou": 0.7, "pixel_accuracy": 0.9, "boundary_miou": 0.611, "image_miou": 0.622, "miou_void_fp": 0.633, "ece": 0.144},
    {"miou": 0.6, "pixel_accuracy": 0.8, "boundary_miou": 0.511, "image_miou": 0.522, "miou_void_fp": 0.533, "ece": None},
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(site: LiveServer) -> str:
    """A finished training whose first of two epochs was the best."""
    platform = open_platform(site.settings)
    with platform.database.transaction() as db:
        done = Submission("train", {}, "suzhou", pool="training", state=JobState.SUCCEEDED)
        task_id = queue.submit(db, done)
        memo = {"epoch": 2, "best": {"epoch": 1, "miou": 0.7, "file": "kd_ep-0001.params"}}
        db.execute(jobs.update().where(jobs.c.id == task_id).values(memo=memo))
        texts = dict.fromkeys(("base_task", "task_desc", "net_desc", "data_desc", "start_date", "end_date"), "")
        shown = {"category_num": 2, "iter_num": 2, "batch_size": 3, "gpus": ""}
        task = {"task_id": task_id, "name": "suzhou", "network": "n", "data": "d", "shown": shown, **texts}
        store.insert(db, task, {"train_con": {}, "data_con": {}, "label_map": LABEL_MAP})
    log = platform.workspace.tasks / "suzhou" / "log"
    log.mkdir(parents=True)
    lines: list[dict[str, object]] = [
        {"kind": "step", "step": 1, "epoch": 1, "loss": 9.0, "lr": 0.045}
    ]  # the one written
    lines += [
        {"kind": "epoch", "epoch": i, "step": i, "loss": 0.5, **scores, "iou": [0.5, 0.6]}
        for i, scores in enumerate(EPOCHS, 1)
    ]
    (log / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    platform.database.close()
    return task_id


def test_training__all_scores_of_the_last_epoch_beside_the_best(browser: Browser, trained: str) -> None:
    browser.open(f"/#/training/{trained}")
    for name, value in (("轮廓 IoU", "0.511"), ("逐图 mIoU", "0.522"), ("含忽略区误报", "0.533")):
        assert value in browser.find(".facts > div", name).text
    assert "0.5000" in browser.find(".facts > div", "损失").text
    assert browser.find(".facts > div", "步").text.split() == ["步", "2"]
    assert "最好一轮 0.611" in browser.find(".facts > div", "轮廓 IoU").text
    assert "ECE" not in browser.find(".facts", "轮廓 IoU").text  # the last epoch has none
    browser.click(".segmented button", "EN")
    assert "best epoch 0.633" in browser.find(".facts > div", "mIoU, void as wrong").text
    assert browser.problems(but="404") == []  # the dataset is gone


def test_releases__a_score_says_what_it_was_measured_on(browser: Browser, site: LiveServer) -> None:
    measured = {"evaluation_sour_dir": "pictures/both", "evaluation_pictures": 468, "evaluation_task_id": "0123456789"}
    older = {"training": {}, "evaluation_miou": 0.655, "parity": None}
    platform = open_platform(site.settings)
    released(platform, "20180730", metrics=older)
    released(platform, "20180731", metrics=older | {"evaluation_miou": 0.795} | measured)
    platform.database.close()
    browser.open("/#/release?tab=all")
    assert "评估 01234567：pictures/both，468 张" in browser.find("tbody tr", "0.795").text
    assert "最近一次评估" in browser.find("tbody tr", "0.655").text
    browser.click(".segmented button", "EN")
    browser.find("tbody tr", "pictures/both, 468 pictures")
    assert browser.problems() == []
