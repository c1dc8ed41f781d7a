"""The routes of selections over HTTP, with the document's example values."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from mining_data import write_drives, write_network
from roadloop.cli.main import app
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.evaluation.service import start
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]

SAMPLE = {"output_dir": "/data/", "ratio": "1", "track_file": "/data", "task_file": "/data", "isshuffle": "1"}
KEYS = {
    "task_id", "task_type", "output_dir", "gpus", "sele_ratio", "weights_dir", "track_file", "task_file", "isshuffle",
    "status", "state", "progress", "reason", "warnings",
}  # fmt: skip


@pytest.fixture(autouse=True)
def drives(platform: Platform) -> None:
    """Four drives and a trained model."""
    write_drives(platform)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")


def good(**changes: Any) -> dict[str, Any]:
    return {"output_dir": "selections/v1", "ratio": "3", "track_file": "tracks.txt", "isshuffle": "0", **changes}


@pytest.mark.parametrize("kind", ["json", "form", "query"])
def test_sam_value__by_every_encoding_and_its_history(
    client: TestClient, platform: Platform, run_job: RunJob, kind: str
) -> None:
    sent = {"json": {"json": good()}, "form": {"data": good()}, "query": {"params": good()}}[kind]
    reply = client.post("/sam_value", **sent).json()  # type: ignore[arg-type]
    assert reply == {"errno": 1, "message": "success", "data": reply["data"]}
    row = client.post("/auto_sam", data={"task_id": reply["data"]}).json()["data"]
    assert set(row) >= KEYS
    assert (row["status"], row["sele_ratio"], row["isshuffle"], row["task_type"]) == ("starting", "3", False, "sam")
    run_job(platform, reply["data"])
    listed = client.post("/auto_sam").json()
    assert (listed["total"], listed["data"][0]["status"]) == (1, "completed!")
    assert listed["data"][0]["summary"]["pictures"] == 3
    assert client.post("/auto_sele").json()["data"] == []
    base = f"/v1/selections/{reply['data']}"
    assert client.get(f"{base}/report").json()["data"]["task_type"] == "sam"
    assert client.get(f"{base}/table").text.startswith("track,point,score,rank,reason")
    assert client.get(f"{base}/sheet/random").headers["content-type"] == "image/png"
    assert client.get(f"{base}/sheet/mined").status_code == 404
    second = client.get(f"{base}/pictures", params={"page": 2, "page_size": 2}).json()
    assert (second["total"], [row["rank"] for row in second["data"]]) == (3, [3])
    (platform.workspace.home / "selections" / "v1" / "selection.csv").write_text("rank,score\nx,y\n")
    assert client.get(f"{base}/pictures").status_code == 404


def test_pictures__say_arm_score_and_reason_in_the_callers_language(
    client: TestClient, platform: Platform, run_job: RunJob
) -> None:
    asked = good(weights_dir="suzhou", ratio="2", control="1", classes="blue")
    task_id = client.post("/sele_value", json=asked).json()["data"]
    assert client.get(f"/v1/selections/{task_id}/pictures").status_code == 409
    run_job(platform, task_id)
    for language, word in (("en", "the model is uncertain about blue"), ("zh", "模型对 蓝")):
        headers = {"accept-language": language}
        rows = client.get(f"/v1/selections/{task_id}/pictures", headers=headers).json()["data"]
        assert [(row["arm"], row["rank"]) for row in rows] == [("mined", 1), ("mined", 2), ("control", 1)]
        assert word in rows[0]["reason"]
        assert 0 < rows[0]["score"] <= 1


@pytest.mark.parametrize("path", ["/sam_value", "/sele_value"])
@pytest.mark.parametrize(
    ("changes", "status", "error", "word"),
    [
        (SAMPLE, 422, "invalid_value", "task_file"),
        ({**SAMPLE, "task_file": ""}, 403, "path_outside", "track_file"),
        ({**SAMPLE, "track_file": ""}, 403, "path_outside", "task_file"),
        ({"output_dir": "/data/"}, 403, "path_outside", "output_dir"),
        ({"track_file": ""}, 422, "invalid_value", "track_file"),
        ({"track_file": "gone.txt"}, 404, "not_found", "gone.txt"),
        ({"track_file": "tracks"}, 404, "not_found", "tracks"),
        ({"track_file": "", "task_file": ",,"}, 422, "invalid_value", "task_file"),
        ({"ratio": "sad"}, 422, "invalid_value", "ratio"),
        ({"ratio": ""}, 422, "invalid_value", "ratio"),
        ({"output_dir": "tracks/x"}, 409, "conflict", "output_dir"),
        ({"output_dir": "selections"}, 409, "conflict", "output_dir"),
        ({"output_dir": "tasks"}, 409, "conflict", "output_dir"),
    ],
)
def test_values__fillers_get_a_clear_answer(
    client: TestClient, path: str, changes: dict[str, Any], status: int, error: str, word: str
) -> None:
    for language in ("zh", "en"):
        values = {**good(), "weights_dir": "suzhou", **changes}
        reply = client.post(path, json=values, headers={"accept-language": language})
        assert (reply.status_code, reply.json()["error"], reply.json()["errno"]) == (status, error, 0), reply.text
        assert word in reply.json()["message"]


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"weights_dir": "/data/"}, 403, "weights_dir"),
        ({"weights_dir": ""}, 422, "weights_dir"),
        ({"weights_dir": "nowhere"}, 404, "nowhere"),
        ({"weights_dir": "tracks"}, 404, "tracks"),
        ({"gpus": "1,2"}, 422, "gpus"),
        ({"classes": "sad"}, 422, "sad"),
        ({"method": "sad"}, 422, "method"),
        ({"labelled": "nowhere"}, 404, "nowhere"),
    ],
)
def test_sele_value__fillers_get_a_clear_answer(
    client: TestClient, changes: dict[str, Any], status: int, word: str
) -> None:
    reply = client.post("/sele_value", json={**good(), "weights_dir": "suzhou", **changes})
    assert reply.status_code == status, reply.text
    assert word in reply.json()["message"]


def test_sam_value__a_folder_is_promised_to_one_selection_only(client: TestClient) -> None:
    first = client.post("/sam_value", json=good(), headers={"Idempotency-Key": "k"}).json()
    assert client.post("/sam_value", json=good(), headers={"Idempotency-Key": "k"}).json() == first
    reply = client.post("/sam_value", json=good())
    assert reply.status_code == 409
    assert reply.json()["details"]["task_id"] == first["data"]


def test_auto_sele__unknown_task(client: TestClient) -> None:
    assert client.post("/auto_sele", data={"task_id": "sadasd"}).status_code == 404
    assert client.get("/v1/selections/sadasd/report").status_code == 404


@pytest.fixture
def mined(client: TestClient, platform: Platform, run_job: RunJob) -> str:
    """The id of a finished mining in a folder of its own."""
    values = {**good(output_dir=""), "weights_dir": "suzhou", "classes": "蓝", "control": "2", "gpus": ""}
    reply = client.post("/sele_value", json=values).json()
    assert reply["message"] == "success", reply
    run_job(platform, reply["data"])
    return str(reply["data"])


def test_sele_value__and_its_report(client: TestClient, platform: Platform, mined: str) -> None:
    row = client.post("/auto_sele", data={"task_id": mined}).json()["data"]
    assert (row["status"], row["weights_dir"], row["output_dir"]) == ("completed!", "suzhou", f"selections/{mined}")
    assert (row["summary"]["pictures"], row["summary"]["control"]) == (3, 2)
    assert (platform.workspace.selections / mined / "selection.csv").is_file()
    assert client.get(f"/v1/selections/{mined}/sheet/control").status_code == 200


@pytest.fixture
def arms(platform: Platform) -> None:
    """Two trainings of each arm, with validation scores."""
    for arm, ious in (("m", (0.5, 0.6)), ("c", (0.2, 0.3))):
        for k, blue in enumerate(ious):
            folder = platform.workspace.tasks / f"{arm}{k}" / "output" / "models"
            write_network(folder, training={"best_so_far": True, "miou": 0.5 + blue / 10, "iou": [0.9, 0.8, blue]})


@pytest.mark.usefixtures("arms")
def test_compare__over_http(client: TestClient, mined: str) -> None:
    base = f"/v1/selections/{mined}/compare"
    found = client.get(base, params={"mined": "m0,m1", "control": "c0，c1"}).json()
    assert (found["errno"], found["verdict"], found["scored_on"]) == (1, "paid", "validation")
    assert found["sentence"].startswith("自动挑图有效")
    assert [m["name"] for m in found["measures"]] == ["目标类别平均 IoU", "mIoU", "蓝"]
    other = client.get(base, params={"mined": "c0,c1", "control": "m0,m1"}, headers={"accept-language": "en"}).json()
    assert other["sentence"].startswith("Mining did not pay")
    assert client.get(base, params={"mined": ",", "control": "c0"}).status_code == 422
    assert client.get(base, params={"mined": "nowhere", "control": "c0"}).status_code == 404
    reply = client.get(base, params={"mined": "suzhou", "control": "c0"})
    assert (reply.status_code, reply.json()["details"]) == (409, {"tasks": ["suzhou"]})


@pytest.mark.usefixtures("arms")
def test_selection__on_the_command_line(platform: Platform, mined: str) -> None:
    home = str(platform.workspace.home)
    shown = CliRunner().invoke(app, ["selection", mined[:8], "--home", home])
    assert (shown.exit_code, "pictures: 3" in shown.stdout) == (0, True)
    options = ["--compare", "--mined", "m0,m1", "--control", "c0,c1", "--home", home]
    compared = CliRunner().invoke(app, ["selection", mined, *options])
    assert compared.exit_code == 0
    assert "+0.3000" in compared.stdout


def test_weak_classes__come_from_the_last_evaluation(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    folder = platform.workspace.home / "labelled"
    folder.mkdir()
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4], image[4:] = (250, 0, 0), (0, 250, 0)
    (folder / "a_1.png").write_bytes(encode_color(image))
    truth = np.repeat(np.array([10, 10, 10, 10, 20, 20, 30, 30], np.uint8)[:, None], 8, 1)
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)[truth // 10]
    (folder / "label-a_1.png").write_bytes(encode_color(colors))
    request = StartEvaluation(dicts={"suzhou": ["kd_ep-0001.params"]}, sour_dir="labelled")
    task_id = platform.database.write(lambda: start(platform, request))
    assert run_job(platform, task_id).state == "succeeded"
    reply = client.post("/sele_value", json={**good(), "weights_dir": "suzhou"}).json()
    with platform.database.reading() as db:
        payload = queue.get(db, reply["data"]).payload
    assert [(a["name_en"], a["iou"]) for a in payload["aims"]] == [("blue", 0.0)]  # below the mean of 1, 0.5 and 0
    assert "labelled" in json.dumps(payload["aims_source"])


def test_sele_value__metres_between_places_of_no_known_datum(client: TestClient, platform: Platform) -> None:
    (platform.workspace.tracks / "d0" / "track.csv").write_text(
        "point,longitude,latitude\nd0_000,120.6,31.3\nd0_001,120.6,31.4\n"
    )
    values = {**good(), "weights_dir": "suzhou", "gap_metres": "30"}
    answer = client.post("/sele_value", json=values, headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["error"]) == (422, "datum")
    assert "ROADLOOP_TRACK_DATUM" in answer.json()["message"]
    assert answer.json()["details"] == {"parameter": "gap_metres", "track": "d0"}
    assert client.post("/sele_value", json={**values, "gap_metres": "0"}).status_code == 200
