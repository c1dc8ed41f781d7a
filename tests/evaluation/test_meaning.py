"""Labels of another class table than the model's: matched, refused with both meanings, or mapped."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadloop.datasets.info import DatasetInfo
from roadloop.errors import InvalidValueError, LabelMapError
from roadloop.evaluation import service
from roadloop.evaluation.meaning import since_built
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.evaluation.show import open_finished
from roadloop.imaging.decode import decode_color_label
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.table import ClassTable, LabelClass, union
from roadloop.sources.writer import writing_set
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]

HEAD = "raw_id,name_en,name_zh,r,g,b,train_id\n"
SAME = "10,red,赤,255,0,0,0\n20,green,绿,0,255,0,1\n30,blue,蓝,0,0,255,2\n50,new,新,5,5,5,3\n"
OTHER = "10,red,红,255,0,0,0\n20,sky,天空,9,9,9,1\n30,blue,蓝,0,0,255,2\n"


def start(platform: Platform, table: str, **mapping: str) -> str:
    (platform.workspace.home / "图片" / "classes.csv").write_text(HEAD + table, encoding="utf-8")
    dicts = {"苏州": ["kd_suzhou_ep-0005.params"]}
    request = StartEvaluation(dicts=dicts, sour_dir="图片", dest_dir="out", single_gpu=2, mapping=mapping)
    return platform.database.write(lambda: service.start(platform, request))


def scored(platform: Platform, run_job: RunJob, task_id: str) -> tuple[queue.Job, dict[str, Any]]:
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    report = json.loads((platform.workspace.home / "out" / "report.json").read_text())
    return job, report["models"][0]


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__equal_classes_are_matched_and_differences_said(platform: Platform, run_job: RunJob) -> None:
    job, model = scored(platform, run_job, start(platform, SAME))
    assert [c["iou"] for c in model["classes"]] == [round(32 / 160, 6), 0.5, 1.0]  # as with the model's own table
    lines = [(line["how"], line["data_id"], line["model_id"], line["train_id"]) for line in model["matching"]]
    assert lines == [
        ("same", 10, 10, 0),
        ("same", 20, 20, 1),
        ("same", 30, 30, 2),
        ("only_data", 50, None, None),
        ("only_model", None, 40, None),
    ]
    with (platform.workspace.home / "out" / model["name"] / "matching.csv").open(newline="") as stream:
        assert [row["data_zh"] for row in csv.DictReader(stream)] == ["赤", "绿", "蓝", "新", ""]
    said = " ".join(text.en for text in job.warnings)
    assert "40 white → none; 50 new: new; 10 red 红 → red 赤" in said
    assert job.result is not None
    assert "matching" not in job.result["models"][0]


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__how_many_pictures_have_no_label_is_said(platform: Platform, run_job: RunJob) -> None:
    job, _ = scored(platform, run_job, start(platform, SAME))
    assert job.result is not None
    assert (job.result["unlabelled"], job.result["total_img"]) == (1, 3)
    assert any("1 of 3 pictures have no label, such as b/t2_001" in text.en for text in job.warnings)


@pytest.mark.usefixtures("pictures", "model")
def test_start__ids_that_mean_different_things_are_refused_with_both_meanings(platform: Platform) -> None:
    with pytest.raises(LabelMapError) as caught:
        start(platform, OTHER)
    (conflict,) = caught.value.details["conflicts"]
    assert (conflict["id"], conflict["model"]["name_en"], conflict["data"]["name_en"]) == (20, "green", "sky")
    assert "mapping" in caught.value.text.en
    with pytest.raises(LabelMapError, match="'77' is not in the class table of kd_suzhou_ep-0005"):
        start(platform, OTHER, **{"20": "77"})


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize(
    ("target", "ious", "truth"),
    [
        # The second picture, half red and half green, is red by its label: 32 + 128 of 32 + 256 pixels; no green.
        ("10", [round(160 / 288, 6), 0.0, 1.0], (255, 0, 0)),
        ("255", [1.0, None, 1.0], (0, 0, 0)),
    ],
)
def test_evaluate__a_mapping_is_applied_when_labels_are_read(
    platform: Platform, run_job: RunJob, target: str, ious: list[float | None], truth: tuple[int, int, int]
) -> None:
    task_id = start(platform, OTHER, **{"20": target})
    _, model = scored(platform, run_job, task_id)
    assert [c["iou"] for c in model["classes"]] == ious
    assert [line["how"] for line in model["matching"] if line["data_id"] == 20] == [
        "mapped" if target == "10" else "ignored"
    ]
    shown = open_finished(platform, task_id).picture(2)
    assert tuple(decode_color_label(shown.render("truth")[0])[0, 0]) == truth


@pytest.mark.usefixtures("model")
def test_evaluate__different_tables_below_matter_only_where_there_are_labels(
    platform: Platform, run_job: RunJob, pictures: Path
) -> None:
    for place in ("a", "b"):
        (pictures / place / "classes.csv").write_text(HEAD + (OTHER if place == "a" else SAME), encoding="utf-8")
    dicts = {"苏州": ["kd_suzhou_ep-0005.params"]}
    request = StartEvaluation(dicts=dicts, sour_dir="图片", dest_dir="out", single_gpu=2)
    with pytest.raises(InvalidValueError, match="b and a have different"):
        service.start(platform, request)
    for label in ("a/label-t1_001.png", "a/t1_002.png"):
        (pictures / label).unlink()
    task_id = platform.database.write(lambda: service.start(platform, request))
    job, _ = scored(platform, run_job, task_id)
    assert job.result is not None
    assert (job.result["unlabelled"], job.result["total_img"]) == (3, 3)


@pytest.mark.usefixtures("model")
def test_start__a_table_beside_pictures_without_labels_forbids_nothing(platform: Platform, pictures: Path) -> None:
    for label in ("a/label-t1_001.png", "a/t1_002.png"):
        (pictures / label).unlink()
    assert start(platform, OTHER)


def test_since_built__colours_of_a_joined_dataset_are_the_first_set_s(platform: Platform) -> None:
    """Two sets that agree in names; the second one's green is another green, and was when the dataset was built."""
    one, two = (
        ClassTable(n, (LabelClass(20, "green", "绿", color),)) for n, color in (("a", (0, 255, 0)), ("b", (0, 9, 0)))
    )
    for table in (one, two):
        with writing_set(platform.workspace, table.name, table):
            pass
    info = DatasetInfo(
        "d", union("d", [one, two]), "all", "", ("a", "b"), {}, "track", 0, {}, {}, {}, {}, (), 0, 0, 0, 0, (), {}
    )
    publish.write_json(platform.workspace.datasets / "d" / "dataset.json", info.to_json())
    assert since_built(platform.workspace, "dataset:d/val") == []
    path = platform.workspace.sources / "b" / "classes.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("绿", "草"), encoding="utf-8")
    (said,) = since_built(platform.workspace, "dataset:d/val")
    assert "source set b has changed since the dataset d was built: 20 green 绿 → green 草." in said.en
