"""Whole minings with a network whose uncertainty is known: it doubts where two colours are equally bright."""

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mining_data import BLUE, PURPLE, scene, write_drives, write_network
from roadloop.errors import InvalidValueError, NotFoundError
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.table import shipped
from roadloop.packages.listing import walk_pictures
from roadloop.selection import core_sets, service
from roadloop.selection.recipe import Mine
from roadloop.selection.score_maps import mapped
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


def start(platform: Platform, **changes: Any) -> str:
    values: dict[str, Any] = {
        "output_dir": "images/v1", "ratio": "4", "track_file": "tracks.txt", "isshuffle": False, "weights_dir": "suzhou",
        "classes": "blue",
    }  # fmt: skip
    return platform.database.write(lambda: service.start_mining(platform, Mine(**{**values, **changes})))


def mined(platform: Platform, run_job: RunJob, **changes: Any) -> tuple[list[dict[str, str]], queue.Job, Path]:
    folder = platform.workspace.home / str(changes.get("output_dir", "images/v1"))
    job = run_job(platform, start(platform, **changes))
    assert job.state is JobState.SUCCEEDED, job.reason
    return rows_of(folder), job, folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "selection.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(autouse=True)
def drives(platform: Platform) -> None:
    """Four drives and a trained model."""
    write_drives(platform)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models", training={"best_so_far": True})


def test_select__takes_the_pictures_that_the_model_doubts(platform: Platform, run_job: RunJob) -> None:
    rows, job, folder = mined(platform, run_job, control=5)
    taken = [r for r in rows if r["arm"] == "mined"]
    assert sorted(r["point"] for r in taken) == ["d0_003", "d1_003", "d2_003", "d3_003"]
    assert [r["rank"] for r in taken] == ["1", "2", "3", "4"]
    assert all(0.1 < float(r["score"]) <= 1 for r in taken)
    assert all("蓝" in r["reason"] and "blue" in r["reason_en"] and "top" in r["reason_en"] for r in taken)
    control = [r for r in rows if r["arm"] == "control"]
    assert [r["rank"] for r in control] == ["1", "2", "3", "4", "5"]
    assert {p.name for p in folder.glob("*.jpg")} == {r["file"] for r in rows}
    report = json.loads((folder / "report.json").read_text())
    assert [c["name_en"] for c in report["classes"]] == ["blue"]
    assert report["summary"]["candidates"] == 24
    assert (folder / "contact-sheet-mined.png").is_file()
    assert (folder / "control.txt").read_text().splitlines() == [r["file"] for r in control]
    assert publish.verify(folder) == []
    assert mapped(folder) == {r["file"] for r in rows}
    assert [name for name, _ in walk_pictures(folder, platform.workspace.holds)] == sorted(r["file"] for r in rows)
    assert not job.warnings
    assert not [p for p in folder.rglob("*") if p.name.startswith(".")]


@pytest.mark.parametrize("method", ["entropy", "least_confidence"])
def test_select__every_measure_of_uncertainty_finds_them(platform: Platform, run_job: RunJob, method: str) -> None:
    rows, _, _ = mined(platform, run_job, method=method)
    assert sorted(r["point"] for r in rows) == ["d0_003", "d1_003", "d2_003", "d3_003"]


def test_select__a_control_arm_of_pictures_in_which_the_model_sees_the_class(
    platform: Platform, run_job: RunJob
) -> None:
    for track in ("d0", "d1"):  # it is sure of these
        (platform.workspace.tracks / track / f"{track}_001.jpg").write_bytes(encode_jpeg(scene(7, 8, BLUE), 98))
    rows, _, _ = mined(platform, run_job, control=2, output_dir="any")
    others, job, folder = mined(platform, run_job, control=20, control_kind="seen")
    assert [r for r in others if r["arm"] == "mined"] == [r for r in rows if r["arm"] == "mined"]
    control = [r for r in others if r["arm"] == "control"]
    assert {"d0_001", "d1_001"} <= {r["point"] for r in control}
    assert {r["point"] for r in control} <= {"d0_001", "d1_001", "d0_003", "d1_003", "d2_003", "d3_003"}
    assert all("in which the model sees a class aimed at (seed 0)" in r["reason_en"] for r in control)
    (said,) = job.warnings
    assert f"(the others: {24 - len(control)} the model sees no class aimed at)" in said.en
    assert json.loads((folder / "report.json").read_text())["request"]["control_kind"] == "seen"


def test_select__onnx_runtime_takes_the_same_pictures(
    platform: Platform, run_job: RunJob, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, _, _ = mined(platform, run_job, output_dir="torch")
    object.__setattr__(platform.settings, "predictor", "onnx")
    others, job, folder = mined(platform, run_job)
    assert "backend=onnx why=setting" in capsys.readouterr().out
    assert job.memo["predictors"][0]["size"] == [64, 64]
    assert [r["point"] for r in others] == [r["point"] for r in rows]
    for one, other in zip(rows, others, strict=True):
        assert float(other["score"]) == pytest.approx(float(one["score"]), abs=1e-5)
    assert not list(folder.rglob("*.onnx"))


def test_select__the_same_call_gives_the_same_bytes(platform: Platform, run_job: RunJob) -> None:
    one, two = (mined(platform, run_job, control=4, output_dir=name)[2] for name in ("one", "two"))
    for file in ("selection.csv", "task_list.json", "contact-sheet-mined.png", "score-maps.zip"):
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_select__pictures_that_are_labelled_already_are_not_taken_again(platform: Platform, run_job: RunJob) -> None:
    with writing_set(platform.workspace, "old", shipped()) as writer:
        image = encode_jpeg(scene(303, 8), 70)  # d3_003, compressed anew
        writer.add(NewSample("1", "x_1", image, encode_label(np.zeros((64, 64), np.uint8))))
    rows, job, _ = mined(platform, run_job, control=24)
    assert "d3_003" not in {r["point"] for r in rows}
    assert job.result is not None
    assert job.result["labelled_already"] == 1
    assert any("对照" in w.zh for w in job.warnings)  # 24 asked, 23 there
    rows, _, _ = mined(platform, run_job, labelled="none", output_dir="again")
    assert "d3_003" in {r["point"] for r in rows}


def test_select__nothing_but_labelled_pictures_fails_with_that_reason(platform: Platform, run_job: RunJob) -> None:
    with writing_set(platform.workspace, "old", shipped()) as writer:
        for i in range(6):
            image = (platform.workspace.tracks / "d0" / f"d0_{i:03d}.jpg").read_bytes()
            writer.add(NewSample("1", f"x_{i}", image, encode_label(np.zeros((64, 64), np.uint8))))
    (platform.workspace.home / "tracks.txt").write_text("d0\n")
    job = run_job(platform, start(platform))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "All 6 candidates are labelled already" in job.reason.en
    assert "labelled=none" in job.reason.zh


def test_select__near_duplicates_gap_and_cap(platform: Platform, run_job: RunJob) -> None:
    folder = platform.workspace.tracks / "stop"
    folder.mkdir()
    for i in range(12):  # a standing vehicle, then a moving one; all of it doubtful
        image = scene(7 if i < 6 else 7 + i, 30)
        (folder / f"s_{i:03d}.jpg").write_bytes(encode_jpeg(image, 90 + i % 3))
    (platform.workspace.home / "tracks.txt").write_text("stop\n")
    rows, job, out = mined(platform, run_job, ratio="12", per_track=12, gap_frames=1)
    assert len(rows) == 7
    assert sum(int(r["point"][2:]) < 6 for r in rows) == 1
    (said,) = job.warnings
    assert "7 could be had of 12 candidates (the others: 5 nearly the same as one taken)" in said.en
    assert json.loads((out / "report.json").read_text())["ruled_out"]["near_duplicate"] == 5
    rows, _, _ = mined(platform, run_job, ratio="12", per_track=12, gap_frames=3, output_dir="gap")
    places = sorted(int(r["point"][2:]) for r in rows)
    assert all(b - a >= 3 for a, b in itertools.pairwise(places))
    rows, _, _ = mined(platform, run_job, ratio="12", per_track=2, gap_frames=1, output_dir="cap")
    assert len(rows) == 2


@pytest.mark.parametrize(("rule", "count"), [({"gap_seconds": 15.0}, 2), ({"gap_metres": 150.0}, 2), ({}, 4)])
def test_select__gaps_in_seconds_and_metres(
    platform: Platform, run_job: RunJob, rule: dict[str, float], count: int
) -> None:
    folder = platform.workspace.tracks / "m"
    folder.mkdir()
    lines = ["point,time,longitude,latitude,datum"]
    for i in range(4):  # 10 s and 100 m apart
        (folder / f"m_{i}.jpg").write_bytes(encode_jpeg(scene(900 + i, 20), 95))
        lines.append(f"m_{i},2026-03-02 07:00:{10 * i:02d},120.5,{31 + i * 100 / 111_195:.7f},gcj02")
    (folder / "track.csv").write_text("\n".join(lines))
    (platform.workspace.home / "tracks.txt").write_text("m\n")
    rows, _, _ = mined(platform, run_job, ratio="4", per_track=9, gap_frames=0, **rule)
    assert len(rows) == count


def write_places(platform: Platform, track: str, *datums: str) -> None:
    """Positions of a drive's first pictures, in these datums."""
    lines = [f"{track}_{i:03d},120.5,31.{i},{datum}" for i, datum in enumerate(datums)]
    folder = platform.workspace.tracks / track
    (folder / "track.csv").write_text("\n".join(["point,longitude,latitude,datum", *lines]))


@pytest.mark.parametrize("datums", [("", ""), ("wgs84", "gcj02")], ids=["unknown", "unlike"])
def test_select__metres_without_one_datum_fail_before_anything_is_scored(
    platform: Platform, run_job: RunJob, datums: tuple[str, str]
) -> None:
    write_places(platform, "d0", "wgs84", "wgs84")
    write_places(platform, "d1", *datums)
    job = run_job(platform, start(platform, gap_metres=50.0))
    assert (job.state, job.error) == (JobState.FAILED, "datum")
    assert job.reason is not None
    assert "track d1" in job.reason.en
    assert "轨迹 d1" in job.reason.zh
    assert job.progress == 0
    rows, _, _ = mined(platform, run_job)
    assert {(r["point"], r["datum"]) for r in rows if r["point"] == "d1_003"} == {("d1_003", "")}


def test_select__the_datum_that_a_setting_declares_will_do(platform: Platform, run_job: RunJob) -> None:
    write_places(platform, "d0", *[""] * 6)
    settings = platform.settings.model_copy(update={"track_datum": "wgs84"})
    rows, _, _ = mined(Platform(settings, platform.database, platform.workspace), run_job, gap_metres=50.0)
    assert {(r["point"], r["longitude"], r["datum"]) for r in rows if r["track"] == "d0"} == {
        ("d0_003", "120.5000000", "wgs84")
    }


def test_select__a_pool_beyond_its_memory_is_picked_in_parts(
    platform: Platform, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, job, folder = mined(platform, run_job, ratio="1", output_dir="whole")
    assert "parts" not in json.loads((folder / "report.json").read_text())
    monkeypatch.setattr(core_sets, "MIB", 1)  # 4 of the pool of 5 embeddings are held at once
    others, job, folder = mined(platform, run_job, ratio="1", memory_mib=100)
    assert others == rows  # the best-scored one is first in its part, too
    report = json.loads((folder / "report.json").read_text())
    assert (report["parts"], report["memory_mib"]) == (2, 100)
    assert job.memo["kept"] >= 24 + 2
    assert not [p for p in folder.rglob("*") if p.name.startswith(".")]


def test_select__broken_and_unknown_are_left_out(platform: Platform, run_job: RunJob) -> None:
    (platform.workspace.tracks / "d0" / "d0_002.jpg").write_bytes(b"\xff\xd8\xff broken")
    (platform.workspace.home / "tracks.txt").write_text("d0\nd1\nnowhere\n")
    rows, job, folder = mined(platform, run_job, ratio="50%", control=0)
    assert len(rows) <= 6
    assert job.result is not None
    assert job.result["candidates"] == 11
    left = (folder / "left_out.csv").read_text()
    assert "d0_002" in left
    assert "nowhere" in left


def test_select__fewer_candidates_are_looked_at_when_asked(platform: Platform, run_job: RunJob) -> None:
    _, job, _ = mined(platform, run_job, candidates=8, ratio="2")
    assert job.result is not None
    assert job.result["candidates"] == 8


def test_select__weak_classes_of_the_validation_are_the_default(platform: Platform, run_job: RunJob) -> None:
    models = platform.workspace.tasks / "suzhou" / "output" / "models"
    write_network(models, 2, training={"best_so_far": True, "iou": [0.9, 0.8, 0.1]})
    _, _, folder = mined(platform, run_job, classes="")
    report = json.loads((folder / "report.json").read_text())
    assert [(c["name_en"], c["iou"], c["weight"]) for c in report["classes"]] == [("blue", 0.1, 0.9)]
    assert report["classes_from"][1] == "the weak classes of the training's validation"


def test_start_mining__refuses_what_is_not_there(platform: Platform) -> None:
    with pytest.raises(InvalidValueError, match="0 red 红, 1 green 绿, 2 blue 蓝"):
        start(platform, classes="pole")
    with pytest.raises(NotFoundError, match="nowhere"):
        start(platform, weights_dir="nowhere")
    twins = [
        {"train_id": i, "name_en": "line", "name_zh": z, "color": (i, 0, 0)} for i, z in enumerate(("实线", "虚线"))
    ]
    write_network(platform.workspace.tasks / "twins" / "output" / "models", classes=twins)
    with pytest.raises(InvalidValueError, match="several: 0 line 实线, 1 line 虚线"):
        start(platform, weights_dir="twins", classes="line")
    assert start(platform, weights_dir="twins", classes="虚线", output_dir="other")
    with pytest.raises(NotFoundError):
        start(platform, labelled="nowhere")
    with pytest.raises(InvalidValueError, match="gpus"):
        start(platform, gpus="7")


def test_select__nothing_to_read_fails_with_the_reason(platform: Platform, run_job: RunJob) -> None:
    for path in (platform.workspace.tracks / "d0").iterdir():
        path.write_bytes(b"no picture")
    (platform.workspace.home / "tracks.txt").write_text("d0\n")
    job = run_job(platform, start(platform))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "JPEG" in job.reason.en
    assert not (platform.workspace.home / "images" / "v1").exists()


def test_scene__colours_are_what_the_tests_assume() -> None:
    assert scene(1, 4)[0, 0].tolist() == list(PURPLE)
    assert scene(1, 4, BLUE)[0, 0].tolist() == list(BLUE)
