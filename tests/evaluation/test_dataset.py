"""Evaluating one split of a built dataset."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadloop.datasets import service as datasets
from roadloop.datasets.recipe import CreateData
from roadloop.errors import NotFoundError
from roadloop.evaluation import service
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.evaluation.show import open_finished
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.table import from_rows
from roadloop.models.files import load_description
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def dataset(platform: Platform, run_job: RunJob, model: Path) -> str:
    """Four pictures of two drives: each red, every label red but the last one's, which is green."""
    rows: Any = load_description(model).class_table
    image = np.full((8, 8, 3), (250, 10, 10), np.uint8)
    with writing_set(platform.workspace, "set", from_rows("set", rows)) as writer:
        for i, stem in enumerate(("x_1", "x_2", "y_1", "y_2")):
            image[0, 0] = i
            raw = np.full((8, 8), 20 if i == 3 else 10, np.uint8)
            writer.add(NewSample("1", stem, encode_color(image), encode_label(raw)))
    request = CreateData(data_name="d", sour_data="set", train=0, val=1, test=0, thread=1)
    task_id = platform.database.write(lambda: datasets.create(platform, request))
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    return "dataset:d/val"


def test_evaluate__split_of_a_dataset(platform: Platform, run_job: RunJob, dataset: str) -> None:
    request = StartEvaluation(
        dicts={"苏州": ["kd_suzhou_ep-0005.params"]}, sour_dir=dataset, dest_dir="out", single_gpu=3
    )
    task_id = platform.database.write(lambda: service.start(platform, request))
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    assert job.result is not None
    (scores,) = job.result["models"]
    assert scores["pixel_accuracy"] == 0.75
    assert scores["classes"][0]["iou"] == 0.75
    outputs = platform.workspace.home / "out" / "苏州" / "kd_suzhou_ep-0005"
    with (outputs / "tracks.csv").open(newline="") as stream:
        assert [(r["track"], r["pixel_accuracy"]) for r in csv.DictReader(stream)] == [("x", "1.0"), ("y", "0.5")]
    shown = open_finished(platform, task_id).picture(4)
    assert (shown.row.name, shown.row.mious) == ("1/y_2", (0.0,))
    assert shown.render("truth")[1] == "image/png"
    assert shown.render("image")[0][:2] == b"\xff\xd8"


def test_evaluate__a_class_table_that_changed_since_the_dataset_was_built_is_said(
    platform: Platform, run_job: RunJob, dataset: str
) -> None:
    path = platform.workspace.sources / "set" / "classes.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("green,绿", "grass,草"), encoding="utf-8")
    request = StartEvaluation(
        dicts={"苏州": ["kd_suzhou_ep-0005.params"]}, sour_dir=dataset, dest_dir="out", single_gpu=3
    )
    task_id = platform.database.write(lambda: service.start(platform, request))
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    (said,) = job.warnings
    assert "source set set has changed since the dataset d was built: 20 green 绿 → grass 草" in said.en


def test_start__empty_split_is_refused(platform: Platform, dataset: str) -> None:
    request = StartEvaluation(dicts={"苏州": ["kd_suzhou_ep-0005.params"]}, sour_dir="dataset:e/val")
    with pytest.raises(NotFoundError):
        service.start(platform, request)
