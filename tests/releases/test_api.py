"""Releases over HTTP with a supervisor's part played by a thread: it runs each job as it is queued."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from fastapi.testclient import TestClient
from onnx import numpy_helper

from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.states import JobState
from roadloop.models.export import OnnxReport, export_onnx
from roadloop.models.files import load_description
from roadloop.networks.trust import Trust
from roadloop.releases import index, service, tasks
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"release_wait_seconds": 60.0})


@pytest.fixture
def worker(platform: Platform, run_job: RunJob) -> Iterator[None]:
    """Run queued jobs until the test is over."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.02):
            with platform.database.reading() as db:
                waiting = queue.queued(db)
            for job in waiting:
                run_job(platform, job.id)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def model(platform: Platform, write_model: Callable[..., Path]) -> Path:
    return write_model(platform.workspace.tasks / "20180427" / "output" / "models", "kdss", 1)


def example(**changes: Any) -> dict[str, Any]:
    """The document's own example, with files that exist."""
    return {
        "dicts": {"20180427": ["kdss_ep-0001.params", "kdss_ep-0001.json"]},
        "page": "1",
        "version": "20180731",
        "env": "北京",
        "adcode": "1110000",
        "desc": "北京模型",
        "type": "车道线",
        "time": "2018-07-31 12:22:30",
        **changes,
    }


def evaluated(
    platform: Platform,
    model: Path,
    labelled: int,
    *,
    miou: float = 0.795,
    state: JobState = JobState.SUCCEEDED,
    digest: str = "",
) -> str:
    """The rows of an evaluation of a model file."""
    digest = digest or load_description(model).params_sha256
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("evaluate", {}, "e", state=state))
        result = {"models": [{"miou": miou, "labelled_pictures": labelled}]}
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(result=result))
        facts = {"sour_dir": "pictures/both", "dest_dir": "", "dest_path": task_id, "type": "full"}
        rest = {c.name: "" for c in evaluations.c if c.name not in {"id", "task_id", *facts}}
        db.execute(evaluations.insert().values(task_id=task_id, **facts, **rest))
        files = {"source": "20180427", "file": model.name, "folder": "x", "params_sha256": digest}
        db.execute(evaluation_models.insert().values(task_id=task_id, place=0, **files))
    return task_id


@pytest.mark.usefixtures("worker", "model")
def test_release__bundle_index_tab_and_history(client: TestClient, platform: Platform) -> None:
    reply = client.post("/release", json=example(), headers={"accept-language": "en"}).json()
    assert reply["errno"] == 1, reply
    data = reply["data"]
    assert (data["folder"], data["time"]) == ("models/车道线/20180731/北京-1110000", "2018-07-31 12:22:30")
    assert "seven digits" in reply["warnings"][0]
    bundle = platform.workspace.home / data["folder"]
    assert publish.verify(bundle) == []
    assert data["files"] == [
        "classes.csv", "kdss_ep-0001.json", "kdss_ep-0001.onnx", "kdss_ep-0001.params", "label_map.json",
        "manifest.json", "metrics.json", "release.json",
    ]  # fmt: skip
    assert data["metrics"]["training"] == {"miou": 0.5}
    assert (bundle / "classes.csv").read_text().splitlines()[1] == "10,red,红,255,0,0,0"
    assert load_description(bundle / "kdss_ep-0001.params", verify=True).params_sha256 == data["params_sha256"]
    assert onnxruntime.InferenceSession(bundle / "kdss_ep-0001.onnx").get_inputs()[0].shape[1:] == [3, 8, 8]
    listed = json.loads((platform.workspace.models / "index.json").read_text())
    assert [r["folder"] for r in listed["releases"]] == ["车道线/20180731/北京-1110000"]

    tab = client.get("/release_tab", params={"page": "1"}).json()
    assert (tab["name"], tab["total"]) == ("车道线", 3)
    assert tab["data"] == {"20180731": ["kdss_ep-0001.params", "kdss_ep-0001.json"]}
    assert (tab["items"][0]["env"], tab["items"][0]["adcode"]) == ("北京", "1110000")
    assert client.get("/release_tab?page=2").json()["data"] == {}
    row = client.get("/v1/releases", params={"task_id": data["task_id"]}).json()["data"]
    assert (row["status"], row["desc"]) == ("completed!", "北京模型")

    again = client.post("/release", json=example())
    assert (again.status_code, again.json()["details"]["task_id"]) == (409, data["task_id"])

    # The release is itself a source: the next environment takes the same files.
    files = tab["data"]["20180731"]
    onwards = client.post("/release", json=example(dicts={"车道线/20180731": files}, env="上海", adcode=310000)).json()
    assert onwards["data"]["source"] == "车道线/20180731"
    assert client.get("/release_tab").json()["data"] == {"20180731": files}
    listed = json.loads((platform.workspace.models / "index.json").read_text())
    assert len(listed["releases"]) == 2
    assert not list(platform.workspace.models.rglob("*.partial"))


@pytest.mark.usefixtures("worker")
def test_release__score_says_what_it_was_measured_on_and_tensors_names_stay_in_the_files(
    client: TestClient, platform: Platform, write_model: Callable[..., Path]
) -> None:
    imported = {"imported": "enet.pth", "mapping": {"taken": [["conv.weight", "weight"]]}}
    folder = platform.workspace.tasks / "20180427" / "output" / "models"
    path = write_model(folder, "kdss", 1, training=imported)
    task_id = evaluated(platform, path, 468)
    evaluated(platform, path, 9, miou=0.2)  # a newer one, which nobody asks for
    reply = client.post("/release", json=example(evaluation=task_id))
    row = client.get("/v1/releases", params={"task_id": reply.json()["data"]["task_id"]})
    for data in (reply.json()["data"], row.json()["data"], client.get("/release_tab").json()["items"][0]):
        assert data["metrics"] == {
            "training": {"imported": "enet.pth"},
            "quoted": "evaluation",
            "evaluation_task_id": task_id,
            "evaluation_miou": 0.795,
            "evaluation_sour_dir": "pictures/both",
            "evaluation_pictures": 468,
            "parity": None,
        }
    bundle = platform.workspace.home / reply.json()["data"]["folder"]
    assert json.loads((bundle / "metrics.json").read_text())["training"] == imported
    assert load_description(bundle / path.name).training == imported


@pytest.mark.usefixtures("worker")
def test_release__quotes_the_validation_where_no_evaluation_is_named(
    client: TestClient, platform: Platform, model: Path, write_model: Callable[..., Path]
) -> None:
    evaluated(platform, model, 468)
    metrics = client.post("/release", json=example()).json()["data"]["metrics"]
    assert (metrics["quoted"], metrics["training"]["miou"]) == ("validation", 0.5)
    assert (metrics["evaluation_miou"], metrics["evaluation_task_id"]) == (None, None)
    write_model(model.parent, "other", 1, training={})
    other = example(dicts={"20180427": ["other_ep-0001.params", "other_ep-0001.json"]}, version="2")
    assert client.post("/release", json=other).json()["data"]["metrics"]["quoted"] is None


@pytest.mark.usefixtures("model")
def test_release__an_evaluation_that_cannot_be_quoted(client: TestClient, platform: Platform, model: Path) -> None:
    cases = {
        "0" * 32: 404,
        evaluated(platform, model, 9, digest="0" * 64): 404,
        evaluated(platform, model, 9, state=JobState.RUNNING): 409,
        evaluated(platform, model, 0): 422,
    }
    for task_id, status in cases.items():
        reply = client.post("/release", json=example(evaluation=task_id))
        assert (reply.status_code, reply.json()["details"]["parameter"]) == (status, "evaluation")
        assert task_id in reply.json()["message"]


@pytest.mark.usefixtures("model")
def test_release__busy_then_the_same_values_or_key_give_the_result(
    client: TestClient, platform: Platform, run_job: RunJob
) -> None:
    object.__setattr__(platform, "settings", platform.settings.model_copy(update={"release_wait_seconds": 0.2}))
    headers = {"Idempotency-Key": "k"}
    first = client.post("/release", json=example(), headers=headers)
    assert (first.status_code, first.json()["error"]) == (503, "busy")
    task_id = first.json()["details"]["task_id"]
    assert client.post("/release", json=example(desc="另一个")).status_code == 409
    assert client.post("/release", json=example()).json()["details"]["task_id"] == task_id
    run_job(platform, task_id)
    assert client.post("/release", json=example(), headers=headers).json()["data"]["task_id"] == task_id
    assert client.post("/release", json=example(), headers=headers).json()["data"]["task_id"] == task_id
    assert client.post("/release", json=example()).status_code == 409


@pytest.mark.usefixtures("worker")
def test_release__failed_one_says_why_and_gives_its_place_up(
    client: TestClient, platform: Platform, model: Path
) -> None:
    good = model.read_bytes()
    model.write_bytes(good[:-1])
    reply = client.post("/release", json=example(), headers={"accept-language": "en"})
    assert reply.status_code == 422
    assert "sha256" in reply.json()["message"]
    assert not (platform.workspace.models / "车道线" / "20180731" / "北京-1110000").exists()
    model.write_bytes(good)
    assert client.post("/release", json=example()).json()["errno"] == 1


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"dicts": {"20180427": ["kdss.params", "kdss.json"]}}, 404),
        ({"dicts": {"20180427": ["kdss_ep-0001.params"]}}, 422),
        ({"dicts": "ss"}, 422),
        ({"adcode": "ss"}, 422),
        ({"type": "ss"}, 422),
        ({"time": "ss"}, 422),
        ({"version": "../x"}, 422),
    ],
)
def test_release__filler_values_get_a_clear_answer(client: TestClient, changes: dict[str, Any], status: int) -> None:
    reply = client.post(
        "/release", data={k: json.dumps(v) if k == "dicts" else v for k, v in example(**changes).items()}
    )
    assert (reply.status_code, reply.json()["errno"]) == (status, 0)


def test_release_tab__page_out_of_range(client: TestClient) -> None:
    reply = client.get("/release_tab?page=4")
    assert (reply.status_code, reply.json()["details"]) == (404, {"first": 1, "last": 3})


@pytest.mark.usefixtures("model")
def test_release__killed_after_publishing_is_completed(
    client: TestClient, platform: Platform, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(platform, "settings", platform.settings.model_copy(update={"release_wait_seconds": 0.1}))
    task_id = client.post("/release", json=example()).json()["details"]["task_id"]
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "move", killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.release(TaskContext(platform, job))
    monkeypatch.undo()
    assert index.read_bundles(platform.workspace.models) == []
    with platform.database.transaction() as db:
        current = queue.get(db, task_id)
        queue.finish(db, job, queue.JobState.FAILED)
        db.execute(queue.jobs.update().values(state="queued", moves=[list(m) for m in current.moves]))
    done = run_job(platform, task_id)
    assert done.state is queue.JobState.SUCCEEDED, done.reason
    assert publish.verify(platform.workspace.models / "车道线" / "20180731" / "北京-1110000") == []
    assert len(json.loads((platform.workspace.models / "index.json").read_text())["releases"]) == 1
    assert not list(platform.workspace.models.rglob("*.partial"))


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> Path:
    """A folder in place of the val split of the model's task: a red and a green picture with their labels."""
    folder = platform.workspace.home / "val"
    folder.mkdir()
    for number, color in enumerate([(200, 0, 0), (0, 200, 0)]):
        image = np.full((8, 8, 3), color, np.uint8)
        (folder / f"t_{number}.png").write_bytes(encode_color(image))
        (folder / f"label-t_{number}.png").write_bytes(encode_color(np.where(image > 0, np.uint8(255), np.uint8(0))))
    monkeypatch.setattr(service, "_val_split", lambda *_: "val")
    return folder


@pytest.mark.usefixtures("worker", "model", "validated")
def test_release__parity_is_measured_and_kept_in_the_bundle(client: TestClient, platform: Platform) -> None:
    reply = client.post("/release", json=example(parity="0.0001")).json()
    assert reply["errno"] == 1, reply
    parity = reply["data"]["metrics"]["parity"]
    assert (parity["pixels"], parity["different"], parity["miou_exported"]) == (128, 0, 1.0)
    bundle = platform.workspace.home / reply["data"]["folder"]
    assert json.loads((bundle / "metrics.json").read_text())["parity"] == parity


@pytest.mark.usefixtures("worker", "model", "validated")
def test_release__parity_that_is_exceeded_publishes_nothing(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(params: Path, target: Path, *, trust: Trust) -> OnnxReport:
        """The right export, with red and blue exchanged: of a red and a green picture the red one differs."""
        report = export_onnx(params, target, trust=trust)
        file = onnx.load(target)
        weight = next(t for t in file.graph.initializer if list(t.dims) == [3, 3, 1, 1])
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight)[::-1].copy(), weight.name))
        onnx.save(file, target)
        return report

    monkeypatch.setattr(tasks, "export_onnx", spoilt)
    for language, says in (("en", "64 of 128 pixels differ (share 0.5)"), ("zh", "128 个像素中 64 个不同（占 0.5）")):
        reply = client.post("/release", json=example(parity=0.0001), headers={"accept-language": language})
        assert (reply.status_code, reply.json()["error"]) == (422, "job_failed")
        assert "parity=0.0001" in reply.json()["message"]
        assert says in reply.json()["message"]
        assert index.read_bundles(platform.workspace.models) == []
    assert client.post("/release", json=example(parity=0.5)).json()["errno"] == 1


@pytest.mark.usefixtures("model")
def test_release__parity_needs_a_training_task(client: TestClient) -> None:
    reply = client.post("/release", json=example(parity=0.1))
    assert (reply.status_code, reply.json()["details"]) == (422, {"parameter": "parity"})
    assert client.post("/release", json=example(parity=2)).status_code == 422


@pytest.mark.usefixtures("worker", "model")
def test_release__a_damaged_bundle_is_named_and_stops_no_other(client: TestClient, platform: Platform) -> None:
    first = client.post("/release", json=example()).json()["data"]
    record = platform.workspace.home / first["folder"] / "release.json"
    record.write_text(record.read_text()[:40])
    reply = client.post("/release", json=example(version="20180801"))
    assert reply.status_code == 200, reply.text
    listed = json.loads((platform.workspace.models / "index.json").read_text())["releases"]
    assert [entry["version"] for entry in listed] == ["20180801"]
    with platform.database.reading() as db:
        warnings = queue.get(db, reply.json()["data"]["task_id"]).warnings
    assert [w.en for w in warnings if "damaged" in w.en] == [
        "models/车道线/20180731/北京-1110000/release.json is damaged, so its release is not in index.json; put the file back."
    ]
