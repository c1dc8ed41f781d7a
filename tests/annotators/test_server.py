"""Label Studio over real HTTP: a double of its API on loopback."""

from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest
from numpy.typing import NDArray

from label_studio_double import Double
from package_data import mask
from roadloop.annotators import client, markup
from roadloop.annotators.client import LabelStudio
from roadloop.errors import JobError, NotFoundError
from roadloop.imaging.decode import decode_color_label
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels import label_studio
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.packages import manifest
from roadloop.packages.cut import framed, lower_half
from roadloop.storage.platform import Platform

Job = Callable[..., queue.Job]
UInt8 = NDArray[np.uint8]


def label(platform: Platform, dest: str, number: int, stem: str) -> UInt8:
    data = (platform.workspace.home / f"released/{dest}/{number}/ext-label-{stem}.png").read_bytes()
    return ColorCoder(shipped()).to_ids(decode_color_label(data)).ids


def finish(double: Double, task: int, ids: UInt8) -> None:
    double.annotate(task, label_studio.regions(ids, shipped(), "brush"))


def test_push_and_pull__changes_no_pixel(studio: Platform, double: Double, cut: Job, push: Job, pull: Job) -> None:
    cut(studio)
    job = push(studio, "v1", 1)
    assert job.state is JobState.SUCCEEDED, job.reason
    assert job.result is not None
    assert [job.result[k] for k in ("project", "pictures", "already", "taskid_start", "taskid_end")] == [
        1,
        3,
        0,
        100,
        102,
    ]
    push(studio, "v1", 2)
    assert [p["title"] for p in double.projects.values()] == ["v1 #1", "v1 #2"]
    picture = (studio.workspace.home / "packages/v1/1/ext-a_0.jpg").read_bytes()
    assert double.files[0]["data"] == picture
    assert double.tasks[100]["data"]["image"] == f"/data/{double.files[0]['file']}"
    for task in (100, 102, 103):
        finish(double, task, mask(task))
    double.annotate(101, [], cancelled=True)
    job = pull(studio, 101, 103, "back")
    assert job.result == {"tasks": 3, "finished": 2, "already": 0, "unfinished": 1, "bad": 0, "overlap": 0}
    assert (label(studio, "back", 1, "a_2") == mask(102)).all()
    assert (label(studio, "back", 2, "a_3") == mask(103)).all()
    assert not (studio.workspace.home / "released/back/1/ext-label-a_0.png").exists()
    job = pull(studio, 100, 200, "back")
    assert job.result is not None
    assert [job.result[k] for k in ("finished", "already", "unfinished")] == [1, 2, 1]
    finish(double, 102, mask(7))  # reworked
    job = pull(studio, 100, 200, "back")
    assert job.result is not None
    assert [job.result[k] for k in ("finished", "already", "unfinished")] == [1, 2, 1]
    assert (label(studio, "back", 1, "a_2") == mask(7)).all()


def test_push__again_makes_nothing_twice(studio: Platform, double: Double, cut: Job, push: Job) -> None:
    cut(studio)
    push(studio, "v1", 1)
    job = push(studio, "v1", 1)
    assert job.result is not None
    assert job.result["already"] == 3
    assert (len(double.projects), len(double.files), len(double.tasks)) == (1, 3, 3)


@pytest.mark.parametrize("writes", range(7))
def test_push__cut_off_anywhere_and_again_loses_nothing(
    studio: Platform, double: Double, cut: Job, push: Job, writes: int
) -> None:
    cut(studio)
    double.writes_left = writes  # 1 project, then upload and task of each of 3 pictures
    job = push(studio, "v1", 1)
    assert (job.state, job.error) == (JobState.FAILED, "job_failed")
    assert job.reason is not None
    assert "503" in job.reason.zh
    double.writes_left = 100
    assert push(studio, "v1", 1).state is JobState.SUCCEEDED
    assert (len(double.projects), len(double.files), len(double.tasks)) == (1, 3, 3)
    assert double.writes_left == 100 - (7 - writes)


@pytest.mark.reliability
@pytest.mark.parametrize("writes", range(7))
def test_r38__accepted_and_cut_off_before_the_answer_is_pushed_once(
    studio: Platform, double: Double, cut: Job, push: Job, writes: int
) -> None:
    cut(studio)
    double.cut_after = writes
    assert push(studio, "v1", 1).state in {JobState.SUCCEEDED, JobState.FAILED}
    assert double.cut_after < 0
    assert push(studio, "v1", 1).state is JobState.SUCCEEDED
    assert (len(double.projects), len(double.files), len(double.tasks)) == (1, 3, 3)


def test_push__rows_lost_are_found_again(studio: Platform, double: Double, cut: Job, push: Job, pull: Job) -> None:
    cut(studio)
    for n in range(5):  # others work there too
        double.projects[n + 1] = {"id": n + 1, "title": "x", "description": "x"}
    push(studio, "v1", 1)
    with studio.database.transaction() as db:
        db.exec_driver_sql("DELETE FROM annotation_tasks")
    with pytest.raises(NotFoundError, match="pushed: -"):
        pull(studio, 1, 500, "back")
    push(studio, "v1", 1)
    assert (len(double.projects), len(double.tasks)) == (6, 3)
    assert pull(studio, 1, 500, "back").result is not None


def test_push__pre_labels_are_predictions(studio: Platform, double: Double, cut: Job, push: Job) -> None:
    cut(studio, types="remote")
    folder = studio.workspace.home / "packages/v1/1"
    ids = mask(3)
    (folder / "pre-labels").mkdir()
    colors = framed(ColorCoder(shipped()).to_rgb(lower_half(ids)), 50, 255)
    (folder / "pre-labels/ext-label-a_0.png").write_bytes(encode_color(colors))
    (folder / "pre-labels/ext-label-a_1.png").write_bytes(b"broken")
    push(studio, "v1", 1)
    assert ["predictions" in t for t in double.tasks.values()] == [True, False, False]
    (prediction,) = double.tasks[100]["predictions"]
    drawing = markup.read(prediction["result"], manifest.read(folder).pictures[0].size, shipped())
    assert (drawing.ids[50:-50, 50:-50] == lower_half(ids)).all()
    assert drawing.painted.sum() == lower_half(ids).size


def test_push__polygons_say_what_they_lose(studio: Platform, double: Double, cut: Job, push: Job) -> None:
    cut(studio)
    folder = studio.workspace.home / "packages/v1/1"
    (folder / "pre-labels").mkdir()
    data = encode_color(ColorCoder(shipped()).to_rgb(mask(3)))
    (folder / "pre-labels/ext-label-a_0.png").write_bytes(data)
    job = push(studio, "v1", 1, "polygon")
    assert job.result is not None
    lost = job.result["polygon_loss"]
    assert sum(row["pixels"] for row in lost) >= 12 * 9
    assert {r["type"] for r in double.tasks[100]["predictions"][0]["result"]} == {"polygonlabels"}
    changed = sum(row["lost"] for row in lost)
    assert (changed > 0) == bool(job.warnings)


def test_pull__bad_and_vanished_tasks_are_named(
    studio: Platform, double: Double, cut: Job, push: Job, pull: Job
) -> None:
    cut(studio)
    push(studio, "v1", 1)
    regions = label_studio.regions(mask(1), shipped(), "brush")
    regions[0]["value"]["brushlabels"] = ["sad"]
    double.annotate(100, regions)
    del double.tasks[101]
    finish(double, 102, mask(2))
    job = pull(studio, 0, 999, "back")
    assert job.result is not None
    assert (job.result["finished"], job.result["bad"]) == (1, 2)
    assert ["'sad'" in job.warnings[0].en, "deleted" in job.warnings[1].en] == [True, True]


def test_pull__unpainted_pixels(studio: Platform, double: Double, cut: Job, push: Job, pull: Job) -> None:
    cut(studio)
    push(studio, "v1", 1)
    ids = mask(1)
    ids[:, :6] = 255
    finish(double, 100, ids)
    pull(studio, 100, 100, "back")
    assert (label(studio, "back", 1, "a_0") == ids).all()
    pull(studio, 100, 100, "back", unpainted=4)
    assert (label(studio, "back", 1, "a_0")[:, :6] == 4).all()


def test_pull__cut_off_goes_on(
    studio: Platform, double: Double, cut: Job, push: Job, pull: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PAUSE", 0.01)
    cut(studio, count=23, step=23)
    push(studio, "v1", 1)
    for task in double.tasks:
        finish(double, task, mask(task))
    gone = double.tasks.pop(122)
    double.tasks[122] = {**gone, "annotations": [{"id": 1}], "result": "?"}
    double.failing_reads = 3
    assert pull(studio, 100, 199, "back").state is JobState.SUCCEEDED  # three bad gateways are waited out
    double.tasks[122] = gone
    double.failing_reads = 4
    job = pull(studio, 100, 199, "back")
    assert job.state is JobState.FAILED
    job = pull(studio, 100, 199, "back")
    assert job.result is not None
    assert (job.result["finished"], job.result["already"]) == (1, 22)
    stem = gone["data"]["name"].removeprefix("ext-").removesuffix(".jpg")
    assert (label(studio, "back", 1, stem) == mask(122)).all()


def test_client__tokens_and_silence(double: Double) -> None:
    with closing(LabelStudio(double.url, "a.b.c")) as access:
        assert access.create_project("t", "k", "<View/>") == 1
        assert access.find_project("k") == 1
    with closing(LabelStudio(double.url, "sad")) as wrong, pytest.raises(JobError, match="label_studio_token"):
        wrong.find_project("k")
    with (
        closing(LabelStudio("http://127.0.0.1:9", "sad")) as silent,
        pytest.raises(JobError, match="cannot be reached"),
    ):
        silent.find_project("k")
