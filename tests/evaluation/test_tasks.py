"""Whole evaluations with a network whose prediction is known: the brightest channel."""

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, PathOutsideError, Text
from roadloop.evaluation import ledger, predicting, service, tasks
from roadloop.evaluation.destination import EVALUATION
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.evaluation.report import read_tables
from roadloop.evaluation.store import evaluation_models
from roadloop.jobs import queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.states import JobState
from roadloop.models import backend
from roadloop.models.about import read_about
from roadloop.models.export import export_safetensors
from roadloop.models.files import load_description
from roadloop.models.importing import import_weights
from roadloop.models.meaning import Given
from roadloop.networks.folder import NetworkInfo
from roadloop.storage import publish
from roadloop.storage.platform import Platform

UInt8 = NDArray[np.uint8]
RunJob = Callable[[Platform, str], queue.Job]


def request(**changes: Any) -> StartEvaluation:
    values: dict[str, Any] = {
        "dicts": {"苏州": ["kd_suzhou_ep-0005.params"]},
        "type": "full",
        "sour_dir": "图片",
        "dest_dir": "label_dir",
        "gpus": "",
        "single_gpu": 2,
        "overwrite": False,
    }
    return StartEvaluation(**{**values, **changes})


def start(platform: Platform, **changes: Any) -> str:
    return platform.database.write(lambda: service.start(platform, request(**changes)))


def evaluated(platform: Platform, run_job: RunJob, **changes: Any) -> tuple[Path, dict[str, Any]]:
    task_id = start(platform, **changes)
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    folder = platform.workspace.home / str(changes.get("dest_dir", "label_dir"))
    return folder, json.loads((folder / "report.json").read_text())


def ids_of(path: Path) -> UInt8:
    return np.asarray(Image.open(path))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__outputs_and_scores_are_those_of_the_hand_calculation(platform: Platform, run_job: RunJob) -> None:
    folder, report = evaluated(platform, run_job)
    outputs = folder / "苏州" / "kd_suzhou_ep-0005"
    assert ids_of(outputs / "id/a/t1_001.png")[:, 0].tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
    color = np.asarray(Image.open(outputs / "color/a/t1_001.png").convert("RGB"))
    assert color[0, 0].tolist() == [255, 0, 0]
    assert color[7, 0].tolist() == [0, 0, 255]
    # Logits of 250, 10 and 10 255ths: e^0.98 / (e^0.98 + 2 e^0.04).
    share = 1 / (1 + 2 * np.exp(-240 / 255))
    assert np.unique(ids_of(outputs / "confidence/a/t1_001.png")).tolist() == [round(100 * share)]
    assert np.unique(ids_of(outputs / "confidence/b/t2_001.png")).tolist() == [
        round(100 * share)
    ]  # without a label, too

    # Blue stands in the first picture alone, a PNG; what is red or green of the others is not quite, in a JPEG.
    red, green, blue = (c["confidence"] for c in report["models"][0]["classes"])
    assert blue == pytest.approx(share, abs=1e-5)
    assert [red, green] == pytest.approx([share] * 2, abs=0.02)
    pixels = {"red": 32 + 128, "green": 128 + 64, "blue": 32}
    assert report["models"][0]["confidence"] == pytest.approx(
        (red * pixels["red"] + green * pixels["green"] + blue * pixels["blue"]) / sum(pixels.values()), abs=1e-5
    )
    rows = rows_of(outputs / "confidence.csv")
    assert [(r["number"], r["name"], r["track"]) for r in rows] == [
        ("1", "a/t1_001", "t1"), ("2", "a/t1_002", "t1"), ("3", "b/t2_001", "t2")
    ]  # fmt: skip
    assert [[name for name in ("0", "1", "2") if r[name]] for r in rows] == [["0", "2"], ["0", "1"], ["1"]]

    # 64 pixels of the first picture right; of 256 green ones of the second half are taken for red.
    (scored,) = report["models"]
    assert [c["iou"] for c in scored["classes"]] == [round(32 / 160, 6), 0.5, 1.0]
    assert [c["truth_pixels"] for c in scored["classes"]] == [32, 256, 32]
    assert scored["miou"] == pytest.approx((0.2 + 0.5 + 1) / 3, abs=1e-6)
    assert scored["image_miou"] == pytest.approx((1 + 0.25) / 2, abs=1e-6)
    assert scored["pixel_accuracy"] == pytest.approx(192 / 320)
    # Rings one pixel wide: red 20 of the 8 x 4 half, blue the same; red 44 of the 16 x 8 half that is green in truth.
    assert [c["boundary_iou"] for c in scored["classes"]] == [20 / 64, round(30 / 74, 6), 1.0]
    assert scored["boundary_miou"] == pytest.approx((20 / 64 + 30 / 74 + 1) / 3, abs=1e-6)
    assert 0 < scored["ece"] < 1
    assert scored["labelled_pictures"] == 2
    assert report["total_img"] == 3
    assert rows_of(folder / "bad_pictures.csv")[0]["name"] == "b/坏"
    assert [r["name"] for r in rows_of(outputs / "pictures.csv")] == ["a/t1_002", "a/t1_001", "b/t2_001"]
    assert [(r["track"], r["pictures"]) for r in rows_of(outputs / "tracks.csv")] == [("t1", "2")]
    assert rows_of(outputs / "classes.csv")[1]["name_zh"] == "绿"
    assert (outputs / "confusion.csv").read_text().splitlines()[2] == "1 green,128,128,0"
    assert {p.name for p in (outputs / "worst").iterdir()} == {"01-t1_002.jpg", "02-t1_001.jpg"}
    assert publish.verify(folder) == []
    assert not list(folder.parent.glob("*.partial"))


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__remote_predicts_and_counts_the_bottom_half(platform: Platform, run_job: RunJob) -> None:
    folder, report = evaluated(platform, run_job, type="remote")
    ids = ids_of(folder / "苏州/kd_suzhou_ep-0005/id/a/t1_001.png")
    assert ids[:, 0].tolist() == [255] * 4 + [2] * 4
    confidence = ids_of(folder / "苏州/kd_suzhou_ep-0005/confidence/a/t1_001.png")
    assert (confidence == 255)[:, 0].tolist() == [True] * 4 + [False] * 4
    assert report["models"][0]["pixel_accuracy"] == 1.0


def test_evaluate__several_models_of_several_sources(
    platform: Platform, run_job: RunJob, pictures: Path, model: Path, write_model: Callable[..., Path]
) -> None:
    write_model(platform.workspace.weights, "swapped", 1, order=(1, 0, 2))
    write_model(platform.workspace.models / "车道线" / "20180731" / "北京-110000", "kd", 2)
    dicts = {
        "苏州": ["kd_suzhou_ep-0005.params", "kd_suzhou_ep-0005.json"],
        "weights": "swapped_ep-0001.params",
        "车道线/20180731": ["kd_ep-0002.params"],
    }
    folder, report = evaluated(platform, run_job, dicts=dicts)
    assert [m["name"] for m in report["models"]] == [
        "苏州/kd_suzhou_ep-0005",
        "weights/swapped_ep-0001",
        "车道线/20180731/北京-110000/kd_ep-0002",
    ]
    assert ids_of(folder / "weights/swapped_ep-0001/id/b/t2_001.png")[0, 0] == 0
    assert report["models"][0]["miou"] == report["models"][2]["miou"] != report["models"][1]["miou"]


def test_evaluate__outputs_that_the_map_ignores_are_never_predicted(
    platform: Platform, run_job: RunJob, pictures: Path, write_model: Callable[..., Path]
) -> None:
    classes = [{"train_id": i, "name_en": f"c{i}", "name_zh": "", "color": (0, 0, 9)} for i in (1, 2)]
    write_model(platform.workspace.weights, "part", 1, classes=classes)
    folder, report = evaluated(platform, run_job, dicts={"weights": ["part_ep-0001.params"]})
    ids = ids_of(folder / "weights/part_ep-0001/id/a/t1_001.png")
    assert set(np.unique(ids).tolist()) <= {1, 2}
    assert [c["train_id"] for c in report["models"][0]["classes"]] == [1, 2]


@pytest.mark.usefixtures("pictures")
def test_evaluate__an_export_that_is_imported_again_has_the_same_scores(
    platform: Platform, run_job: RunJob, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    """The normalisation takes red away, so that a model without it scores otherwise."""
    norm = {"mean": [0.9, 0.1, 0.0], "std": [0.5, 1.0, 1.0]}
    path = write_model(platform.workspace.weights, "first", 1, normalisation=norm)
    write_model(platform.workspace.weights, "none", 1)
    export_safetensors(path, tmp_path / "x.safetensors")
    network = platform.workspace.networks / "brightest"
    network.mkdir(parents=True)
    (network / "network.py").write_text(load_description(path).network.source)
    about = read_about(tmp_path / "x.safetensors")
    info = NetworkInfo("brightest", network, about.digest)
    import_weights(tmp_path / "x.safetensors", info, about, Given(), (platform.workspace.weights, "again"))
    dicts = {"weights": [f"{name}_ep-0001.params" for name in ("first", "again", "none")]}
    _folder, report = evaluated(platform, run_job, dicts=dicts)
    first, again, none = ({k: m[k] for k in ("miou", "pixel_accuracy", "classes", "ece")} for m in report["models"])
    assert first == again
    assert first["miou"] != none["miou"]


def test_evaluate__outputs_without_a_class_may_win_where_the_model_says_so(
    platform: Platform, run_job: RunJob, pictures: Path, write_model: Callable[..., Path]
) -> None:
    classes = [{"train_id": i, "name_en": f"c{i}", "name_zh": "", "color": (0, 0, 9)} for i in (1, 2)]
    for name, void in (("left", False), ("won", True)):
        write_model(platform.workspace.weights, name, 1, classes=classes, predict_ignored=void)
    dicts = {"weights": ["left_ep-0001.params", "won_ep-0001.params"]}
    folder, report = evaluated(platform, run_job, dicts=dicts)
    left, won = (ids_of(folder / f"weights/{name}_ep-0001/id/a/t1_001.png") for name in ("left", "won"))
    assert won[:, 0].tolist() == [255, 255, 255, 255, 2, 2, 2, 2]
    assert np.array_equal(left[won != 255], won[won != 255])
    green = [model["classes"][0]["recall"] for model in report["models"]]
    assert green[1] < green[0]  # what is taken for red, which is no class here, is missed
    head = (folder / "weights/won_ep-0001/confusion.csv").read_text().partition("\n")[0]
    assert head.endswith(",255 none of them")
    tables = read_tables(folder, "weights/won_ep-0001", worst=0)
    assert [len(row) for row in tables["confusion"]] == [2, 2]
    assert (len(tables["void"]), sum(tables["missed"]) > 0) == (2, True)
    truth = [sum(row) + missed for row, missed in zip(tables["confusion"], tables["missed"], strict=True)]
    assert truth == [one["truth_pixels"] for one in report["models"][1]["classes"]]


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__takes_over_what_a_killed_attempt_had_finished(
    platform: Platform, run_job: RunJob, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = evaluated(platform, run_job, dest_dir="one")
    task_id = start(platform, dest_dir="two")
    # What a killed attempt leaves: the scratch folder of token 1 with its ledger; one output is damaged, and one picture
    # is of a version that wrote two files for each.
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    context = TaskContext(platform, job)
    scratch = context.scratch(platform.workspace.home / "two")
    monkeypatch.setattr(tasks, "write_reports", _killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.evaluate(context)
    monkeypatch.undo()
    damaged = scratch / "苏州/kd_suzhou_ep-0005/id/a/t1_001.png"
    damaged.write_bytes(b"torn")
    with closing(sqlite3.connect(scratch / ledger.NAME)) as notes, notes:
        older = notes.execute("UPDATE results SET digests = substr(digests, 1, 129) WHERE number = 3")
        assert older.rowcount == 1
    with platform.database.transaction() as db:
        queue.requeue(db, job, Text("", ""), counts=False)
    done = run_job(platform, task_id)
    assert done.state is JobState.SUCCEEDED
    assert "1 picture of an earlier attempt is taken over" in capsys.readouterr().out
    assert not list(platform.workspace.home.glob(".*.partial"))
    second = platform.workspace.home / "two"
    same = [
        p.relative_to(first) for p in first.rglob("*") if p.is_file() and p.name not in {"report.json", "manifest.json"}
    ]
    assert len(same) > 10
    assert all((first / p).read_bytes() == (second / p).read_bytes() for p in same)


def _killed(*_args: object, **_values: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("pictures", "model")
def test_evaluate__overwrite_replaces_an_untouched_evaluation_only(platform: Platform, run_job: RunJob) -> None:
    folder, before = evaluated(platform, run_job)
    with pytest.raises(ConflictError, match="not empty"):
        start(platform)
    _, after = evaluated(platform, run_job, overwrite=True)
    assert before["task_id"] != after["task_id"]
    assert publish.verify(folder) == []
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match=r"notes\.txt"):
        start(platform, overwrite=True)
    (folder / "notes.txt").unlink()
    task_id = start(platform, overwrite=True)
    (folder / "pictures.csv").write_text("edited")
    job = run_job(platform, task_id)
    assert job.state is JobState.FAILED
    assert job.error == "conflict"
    assert (folder / "pictures.csv").read_text() == "edited"
    assert not list(folder.parent.glob(".*.partial"))


@pytest.mark.usefixtures("model")
def test_evaluate__no_readable_picture_fails_with_the_reason(platform: Platform, run_job: RunJob) -> None:
    folder = platform.workspace.home / "图片"
    folder.mkdir()
    (folder / "x.jpg").write_bytes(b"no picture")
    job = run_job(platform, start(platform))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "Not one picture could be read" in job.reason.en
    assert not (platform.workspace.home / "label_dir").exists()


@pytest.mark.usefixtures("model")
def test_evaluate__pictures_that_went_while_it_waited_are_named(platform: Platform, run_job: RunJob) -> None:
    picture = platform.workspace.home / "图片" / "x.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"")
    task_id = start(platform)
    picture.unlink()
    job = run_job(platform, task_id)
    assert (job.state, job.error) == (JobState.FAILED, "job_failed")
    assert job.reason is not None
    assert "the pictures have gone since the evaluation was submitted" in job.reason.en


@pytest.mark.usefixtures("pictures")
def test_evaluate__model_that_was_exchanged_is_refused(platform: Platform, run_job: RunJob, model: Path) -> None:
    task_id = start(platform)
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    job = run_job(platform, task_id)
    assert (job.state, job.error) == (JobState.FAILED, "broken_file")


@pytest.mark.usefixtures("pictures", "model")
def test_start__dest_dir_absent_gets_a_folder_of_its_own(platform: Platform, run_job: RunJob) -> None:
    task_id = start(platform, dest_dir="")
    assert run_job(platform, task_id).state is JobState.SUCCEEDED
    assert (platform.workspace.evaluations / task_id / "report.json").is_file()


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize("dest", ["图片", "图片/out", ".", "datasets/x", "sources", "evaluations"])
def test_start__dest_dir_inside_or_above_sources_is_refused(platform: Platform, dest: str) -> None:
    with pytest.raises(ConflictError):
        start(platform, dest_dir=dest)


@pytest.mark.usefixtures("pictures", "model")
def test_start__dest_dir_of_a_waiting_evaluation_is_refused(platform: Platform) -> None:
    task_id = start(platform, dest_dir="out")
    with pytest.raises(ConflictError) as caught:
        start(platform, dest_dir="out/inner")
    assert caught.value.details["task_id"] == task_id


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"dicts": {}}, InvalidValueError),
        ({"dicts": {"苏州": []}}, InvalidValueError),
        ({"dicts": {"苏州": [3]}}, InvalidValueError),
        ({"dicts": {"苏州": ["kd_suzhou_ep-0009.params"]}}, NotFoundError),
        ({"dicts": {"上海": ["kd_suzhou_ep-0005.params"]}}, NotFoundError),
        ({"dicts": {"../苏州": ["kd_suzhou_ep-0005.params"]}}, InvalidValueError),
        ({"dicts": {"车道线/1": ["x.params"]}}, NotFoundError),
        ({"sour_dir": "nowhere"}, NotFoundError),
        ({"sour_dir": "sources"}, InvalidValueError),
        ({"sour_dir": "dataset:x/all"}, InvalidValueError),
        ({"sour_dir": "dataset:x/val"}, NotFoundError),
        ({"sour_dir": "/etc"}, PathOutsideError),
        ({"dest_dir": "/tmp/elsewhere"}, PathOutsideError),
        ({"gpus": "sad"}, InvalidValueError),
        ({"gpus": "0,1,2"}, InvalidValueError),
    ],
)
def test_start__what_cannot_be_right_is_refused(
    platform: Platform, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start(platform, **changes)
    with platform.database.reading() as db:
        assert db.execute(sa.select(evaluation_models)).all() == []


@pytest.mark.usefixtures("pictures")
def test_newest_scores__are_those_of_the_newest_evaluation_with_labels(
    platform: Platform, run_job: RunJob, model: Path
) -> None:
    digest = publish.sha256_file(model)
    with platform.database.reading() as db:
        assert service.newest_scores(db, digest) is None
    evaluated(platform, run_job, dest_dir="one")
    evaluated(platform, run_job, dest_dir="two", type="remote")
    evaluated(platform, run_job, dest_dir="three", sour_dir="图片/b")
    with platform.database.reading() as db:
        found = service.newest_scores(db, digest)
    assert found is not None
    assert (found["type"], found["pixel_accuracy"]) == ("remote", 1.0)


@pytest.mark.parametrize(("tile", "crop", "said"), [(16, [16, 32], 0), (16, [24, 32], 1), (0, [24, 32], 0)])
@pytest.mark.usefixtures("pictures")
def test_evaluate__tiles_smaller_than_the_training_crop_are_a_warning(
    platform: Platform, run_job: RunJob, write_model: Callable[..., Path], tile: int, crop: list[int], said: int
) -> None:
    write_model(platform.workspace.weights, "small", 1, input={"crop": crop, "size": [8, 8]})
    dicts = {"weights": ["small_ep-0001.params"]}
    job = run_job(platform, start(platform, dicts=dicts, tile=tile))
    found = [text for text in job.warnings if "tile=" in text.en]
    assert len(found) == said
    assert all("trained on (32x24)" in text.en and "tile=32" in text.zh for text in found)


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize("setting", ["onnx", "torch"])
def test_evaluate__a_resumed_job_keeps_its_predictor(
    platform: Platform,
    run_job: Callable[[Platform, str], queue.Job],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    object.__setattr__(platform.settings, "predictor", setting)
    request = StartEvaluation(
        dicts={"苏州": ["kd_suzhou_ep-0005.params"]}, sour_dir="图片", dest_dir="out", single_gpu=2
    )
    write = service.start(platform, request)
    with platform.database.transaction() as db:
        task_id = write(db)
        job = queue.claim(db, task_id, (), "test")
    monkeypatch.setattr(predicting, "run", _killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.evaluate(TaskContext(platform, job))
    monkeypatch.undo()
    object.__setattr__(platform.settings, "predictor", "auto")
    with platform.database.transaction() as db:
        queue.requeue(db, job, Text("", ""), counts=False)
    monkeypatch.setattr(backend, "choose", _killed)  # nothing is measured again
    assert run_job(platform, task_id).state is JobState.SUCCEEDED
    report = EVALUATION.read_report(platform.workspace.home / "out")
    assert report is not None
    (choice,) = report["prediction"]["models"]
    assert choice["backend"] == setting
    assert f"kd_suzhou_ep-0005.params: backend={setting} why=setting" in capsys.readouterr().out
    assert not list((platform.workspace.home / "out").rglob("*.onnx"))
