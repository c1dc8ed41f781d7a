"""Converted models: made by their job, listed, evaluated like any model, and what is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient

from roadloop.engines import service, tensorrt
from roadloop.engines.recipe import Convert
from roadloop.errors import BrokenFileError, ConflictError, InvalidValueError, JobError, NameTakenError, NotFoundError
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.calibration import Calibration, chosen, open_calibration
from roadloop.evaluation.choice import ModelChoice
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.jobs.trash import delete, restore, uses
from roadloop.jobs.trash_moves import carry_out
from roadloop.models.files import load_description
from roadloop.models.onnx_session import open_session
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]
FILE = "kd_suzhou_ep-0005.params"
ENGINE = "kd_suzhou_ep-0005.{}-8x8.onnx"

pytestmark = pytest.mark.usefixtures("pictures", "model")


def ask(platform: Platform, **changes: Any) -> str:
    request = Convert(**{"source": "苏州", "file": FILE, "size": "8x8", "check": "图片"} | changes)
    return platform.database.write(lambda: service.convert(platform, request))


def made(platform: Platform, run_job: RunJob, **changes: Any) -> tuple[queue.Job, Path]:
    """The finished job, and the engine's file."""
    job = run_job(platform, ask(platform, **changes))
    assert job.state is JobState.SUCCEEDED, job.reason
    return job, service.file_of(platform, job.id)


@pytest.mark.parametrize(("precision", "kind"), [("fp32", "Conv"), ("fp16", "Cast"), ("int8", "QuantizeLinear")])
def test_convert__the_same_labels_as_the_trained_network(
    platform: Platform, run_job: RunJob, precision: str, kind: str
) -> None:
    more = {"calibration": "图片", "calibration_pictures": 2} if precision == "int8" else {}
    job, path = made(platform, run_job, precision=precision, **more)
    assert path == platform.workspace.engines / "苏州" / ENGINE.format(precision).removesuffix(".onnx") / path.name
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(
        [publish.MANIFEST, "engine.json", path.name, path.with_suffix(".json").name]
    )
    said = json.loads((path.parent / "engine.json").read_text())
    assert said["sha256"] == publish.sha256_file(path) == (job.result or {})["sha256"]
    assert (said["precision"], said["size"], said["bytes"]) == (precision, [8, 8], path.stat().st_size)
    assert said["calibration_pictures"] == (2 if precision == "int8" else 0)
    # Two pictures of 8x8, one of 16x16 brought to it; one of them is broken. By hand as in tests/evaluation/test_tasks.py:
    # red 32 of 32 + 32, green 32 of 64, blue 32 of 32.
    parity = said["parity"]
    assert (parity["pictures"], parity["resized"], parity["labelled"], parity["different"]) == (3, 1, 2, 0)
    assert parity["miou_trained"] == parity["miou_exported"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    model = onnx.load(path)
    assert kind in {node.op_type for node in model.graph.node}
    assert {p.key: p.value for p in model.metadata_props}["params_sha256"] == said["params_sha256"]
    (logits,) = open_session(path, 1).run(None, {"image": np.zeros((2, 3, 8, 8), np.float32)})
    assert logits.shape == (2, 3, 8, 8)
    assert inspect(platform, hashes=True).problems == []


def test_convert__an_engine_is_there_once(platform: Platform, run_job: RunJob) -> None:
    first = ask(platform)
    with pytest.raises(NameTakenError, match=f"is being converted .job {first}.; wait for it"):
        ask(platform)
    run_job(platform, first)
    with pytest.raises(NameTakenError, match="Delete it first to convert again"):
        ask(platform)
    ask(platform, size="16x8")
    assert service.converted(platform) == {"苏州": [ENGINE.format("fp16")]}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"precision": "int8"}, InvalidValueError, "int8 needs calibration pictures: the model's training task"),
        ({"precision": "int8", "calibration": "leer"}, InvalidValueError, "calibration: leer holds no pictures"),
        (
            {"precision": "int8", "calibration": "dataset:d/trian"},
            InvalidValueError,
            "calibration 'dataset:d/trian' is not",
        ),
        ({"size": "8*8"}, InvalidValueError, "size looks like 480x360 .width x height., each side 1 to 16384"),
        ({"size": "99999x2"}, InvalidValueError, "not '99999x2'"),
        ({"check": "leer"}, InvalidValueError, "check: leer holds no pictures"),
        ({"check": "nowhere"}, NotFoundError, "no picture folder nowhere"),
        ({"file": "kd_suzhou_ep-0009.params"}, NotFoundError, "has no model file"),
    ],
)
def test_convert__refuses(platform: Platform, changes: dict[str, Any], error: type[Exception], words: str) -> None:
    (platform.workspace.home / "leer").mkdir()
    with pytest.raises(error, match=words):
        ask(platform, **changes)


def test_evaluate__an_engine_like_any_model(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    """Beside the model that it was made from; the picture of 16x16 is brought to 8x8 and its labels back."""
    made(platform, run_job)
    dicts = {"苏州": [FILE, ENGINE.format("fp16")]}
    reply = client.post("/starteva", json={"dicts": dicts, "sour_dir": "图片"}).json()
    job = run_job(platform, reply["data"])
    assert job.state is JobState.SUCCEEDED, job.reason
    trained, engine = client.get(f"/v1/evaluations/{reply['data']}/report").json()["data"]["models"]
    assert engine["name"] == f"苏州/{ENGINE.format('fp16')}"
    assert [c["iou"] for c in engine["classes"]] == [c["iou"] for c in trained["classes"]]
    assert engine["params_sha256"] == publish.sha256_file(
        platform.workspace.engines / "苏州" / ENGINE.format("fp16").removesuffix(".onnx") / ENGINE.format("fp16")
    )
    (row,) = client.post("/eva_rate", json={}).json()["data"]
    assert row["model"] == dicts
    prediction = client.get(f"/v1/evaluations/{reply['data']}/report").json()["data"]["prediction"]
    assert [one["why"] for one in prediction["models"]] == ["few pictures", "engine"]
    with (
        platform.database.reading() as db
    ):  # a release quotes scores of the trained model, never of what was made of it
        found = evaluation.newest_scores(db, load_description(job_path(platform)).params_sha256)
    assert found is not None
    assert found["file"] == FILE


def job_path(platform: Platform) -> Path:
    return platform.workspace.tasks / "苏州" / "output" / "models" / FILE


def test_evaluate__refuses_an_engine_on_a_gpu() -> None:
    chosen_models = [ModelChoice("苏州", FILE, Path(FILE)), ModelChoice("苏州", "x.onnx", Path("x.onnx"))]
    with pytest.raises(InvalidValueError, match=r"on the CPU: x\.onnx\. Leave gpus empty") as caught:
        evaluation._refuse_engines(chosen_models)
    assert caught.value.details["parameter"] == "gpus"


def test_evaluate__a_damaged_engine_is_named(platform: Platform, run_job: RunJob) -> None:
    _job, path = made(platform, run_job)
    request = StartEvaluation(dicts={"苏州": [path.name]}, sour_dir="图片")
    task_id = platform.database.write(lambda: evaluation.start(platform, request))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    job = run_job(platform, task_id)
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "does not have the sha256 on record" in job.reason.en
    (path.parent / "engine.json").write_text("{}")
    with pytest.raises(BrokenFileError, match=r"engine\.json of the engine is missing or not of a known format"):
        evaluation.start(platform, request)
    with pytest.raises(NotFoundError, match=r"/v1/engines lists those that there are"):
        evaluation.start(platform, StartEvaluation(dicts={"苏州": ["no.onnx"]}, sour_dir="图片"))


def test_routes__list_and_fetch(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    sent = {"source": "苏州", "file": FILE, "size": "8x8", "check": "图片"}
    task_id = client.post("/v1/engines", json=sent).json()["data"]
    row = client.get("/v1/engines", params={"task_id": task_id}).json()["data"]
    assert (row["status"], row["sha256"], row["parity"]) == ("starting", None, None)
    assert client.get(f"/v1/engines/{task_id}/onnx").status_code == 404
    run_job(platform, task_id)
    (row,) = client.get("/v1/engines").json()["data"]
    assert (row["source"], row["file"], row["model"]) == ("苏州", ENGINE.format("fp16"), FILE)
    assert (row["width"], row["height"], row["parity"]["pictures"]) == (8, 8, 3)
    data = client.get(f"/v1/engines/{task_id}/onnx")
    assert data.content == service.file_of(platform, task_id).read_bytes()
    assert ENGINE.format("fp16") in data.headers["content-disposition"]
    refused = client.post("/v1/engines", json=sent | {"size": "8*8"}).json()
    assert refused["details"]["parameter"] == "size"


def test_delete__an_engine_comes_back_and_protects_its_model(platform: Platform, run_job: RunJob) -> None:
    job, path = made(platform, run_job)
    _thing, held = uses(platform, "model", f"苏州/{FILE}")
    assert [one.place for one in held] == [f"/engines/{job.id}"]
    request = StartEvaluation(dicts={"苏州": [path.name]}, sour_dir="图片")
    evaluated = platform.database.write(lambda: evaluation.start(platform, request))
    run_job(platform, evaluated)
    with pytest.raises(ConflictError, match="is in use"):
        platform.database.write(lambda: delete(platform, "engine", job.id))
    number = platform.database.write(lambda: delete(platform, "evaluation", evaluated))
    carry_out(platform, number)
    number = platform.database.write(lambda: delete(platform, "engine", job.id))
    carry_out(platform, number)
    assert not path.exists()
    assert service.converted(platform) == {}
    assert uses(platform, "model", f"苏州/{FILE}")[1] == []
    with pytest.raises(NotFoundError):
        service.file_of(platform, job.id)
    back = platform.database.write(lambda: restore(platform, number))
    carry_out(platform, back)
    assert service.file_of(platform, job.id).read_bytes()
    assert inspect(platform, hashes=True).problems == []


def test_calibration__evenly_and_normalised(platform: Platform, model: Path) -> None:
    home = platform.workspace.home
    (home / "list.txt").write_text("图片/a/t1_001.png\n\n图片/b/gone.jpg\n图片/b/t2_001.png\n")
    listed = open_calibration(platform.workspace, "list.txt")
    assert (listed.any(), listed.labelled(), list(listed.problems())) == (True, False, [])
    source, found = chosen(listed, 2)
    assert [picture.file for picture in found] == ["图片/a/t1_001.png", "图片/b/gone.jpg"]
    record = load_description(model)
    images = Calibration((source, found), record, (4, 8), 1000)
    assert len(images) == 1  # what cannot be read is left out
    norm = record.normalisation
    red = (np.array([250, 10, 10], np.float32) / 255 - np.array(norm.mean, np.float32)) / np.array(norm.std, np.float32)
    assert images[0].shape == (1, 3, 4, 8)
    assert images[0][0, :, 0, 0] == pytest.approx(red, abs=1e-6)
    with pytest.raises(BrokenFileError, match="Not one of the calibration pictures can be read"):
        Calibration((source, found[1:]), record, (4, 8), 1000)


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for NVIDIA's command, which is not installed here."""
    path = folder / tensorrt.PROGRAM
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_tensorrt__refused_where_it_is_not_installed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(platform.workspace.home))
    with pytest.raises(
        InvalidValueError, match=r"TensorRT is not installed.*put the folder of trtexec on the server's PATH"
    ):
        ask(platform, tensorrt=True)


def test_tensorrt__a_plan_beside_the_file(
    platform: Platform, run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, 'for w; do case "$w" in --saveEngine=*) echo "$@" > "${w#*=}";; esac; done', monkeypatch)
    job, path = made(platform, run_job, tensorrt=True)
    assert (job.result or {})["plan"] == path.with_suffix(".plan").name
    said = path.with_suffix(".plan").read_text().split()
    assert said[0].startswith("--onnx=")
    assert {"--fp16", "--minShapes=image:1x3x8x8", "--maxShapes=image:8x3x8x8"} <= set(said)


def test_tensorrt__what_it_says_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "echo starting; echo 'no CUDA-capable device'; exit 1", monkeypatch)
    with pytest.raises(JobError, match="made no TensorRT plan: no CUDA-capable device"):
        tensorrt.build(tmp_path / "m.onnx", tmp_path / "m.plan", "fp16", (8, 8), lambda: None)
    assert not list(tmp_path.glob("m.*"))
