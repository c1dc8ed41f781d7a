"""A set with known faults, examined through the job, over HTTP and by the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from roadloop.cli.main import app as command_line
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs.queue import Job
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform
from roadloop.storage.publish import verify

RunJob = Callable[[Platform, str], Job]
TABLE = ClassTable(
    "t",
    (
        LabelClass(10, "red", "红", (255, 0, 0), 0),
        LabelClass(20, "green", "绿", (0, 255, 0), 1),
        LabelClass(30, "blue", "蓝", (0, 0, 255), 2),
    ),
)
SIZE = 160


@pytest.fixture
def served() -> tuple[str, ...]:
    return ("sources.health",)


def picture(seed: int, top: int = 10) -> tuple[bytes, bytes]:
    """Red above green with some blocks; the label says `top` for the red half and is right about the rest."""
    rng = np.random.default_rng(seed)
    rgb = np.zeros((SIZE, SIZE, 3), np.uint8)
    blocks = np.kron(rng.integers(60, 255, (8, 8)), np.ones((20, 20))).astype(np.uint8)
    rgb[: SIZE // 2, :, 0], rgb[SIZE // 2 :, :, 1] = blocks[: SIZE // 2], blocks[SIZE // 2 :]
    label = np.full((SIZE, SIZE), 20, np.uint8)
    label[: SIZE // 2] = top
    return encode_color(rgb), encode_label(label)


@pytest.fixture
def sets(platform: Platform) -> None:
    with writing_set(platform.workspace, "镇", TABLE) as writer:
        writer.add(NewSample("1", "a_1", *picture(1), city="苏州", time="2026-01-05 10:00:00"))
        writer.add(NewSample("1", "a_2", *picture(2), city="苏州", time="2026-02-05 10:00:00"))
        writer.add(NewSample("1", "b_1", *picture(1), city="Beijing"))
        writer.add(NewSample("1", "c_1", *picture(3, top=30), city="Beijing"))
    with writing_set(platform.workspace, "别处", TABLE) as writer:
        writer.add(NewSample("9", "a_7", *picture(2)))
        writer.add(NewSample("9", "z_1", *picture(5)))
    (platform.workspace.sources / "镇" / "1" / "bad.jpg").write_bytes(b"text")
    (platform.workspace.sources / "镇" / "1" / "bad.png").write_bytes(encode_label(np.zeros((2, 2), np.uint8)))


@pytest.mark.usefixtures("sets")
def test_health__finds_every_fault(
    client: TestClient, platform: Platform, run_job: RunJob, write_model: Callable[..., Path]
) -> None:
    write_model(platform.workspace.weights)
    assert client.get("/v1/sources/镇/health").status_code == 404
    # The model's certainty is at most e / (e + 2) = 0.58.
    body = {"model": "tiny_ep-0001.params", "confidence": "0.4"}
    answer = client.post("/v1/sources/镇/health", json=body).json()
    assert answer["message"] == "success"
    job = run_job(platform, answer["data"])
    assert job.state == "succeeded", job.reason
    found = client.get("/v1/sources/镇/health").json()["data"]
    assert found["totals"] == {
        "pictures": 4,
        "problems": 1,
        "duplicates": 1,
        "near_duplicates": 0,
        "leaking_pictures": 1,
        "leaking_tracks": 1,
        "label_noise": 1,
    }
    assert found["problems"][0]["file"] == "镇/1/bad.jpg"
    assert found["duplicates"] == [{"first": "1/a_1", "second": "1/b_1", "distance": -1, "same_track": False}]
    assert found["leaks"] == [{"first": "1/a_2", "second": "别处/9/a_7", "distance": -1, "same_track": True}]
    assert found["leaking_tracks"] == [{"track": "a", "sets": {"镇": 2, "别处": 1}}]
    piece = found["label_noise"][0]
    assert piece["pixels"] > 0.4 * SIZE * SIZE
    assert {k: piece[k] for k in ("picture", "labelled", "predicted", "labelled_zh", "predicted_zh")} == {
        "picture": "1/c_1",
        "labelled": 30,
        "predicted": 0,
        "labelled_zh": "蓝",
        "predicted_zh": "红",
    }
    assert (piece["x"], piece["y"]) == (0, 0)
    coverage = found["coverage"]
    assert coverage["cities"] == {"Beijing": 2, "苏州": 2}
    assert coverage["months"] == {"": 2, "2026-01": 1, "2026-02": 1}
    red = coverage["classes"][0]
    assert (red["pictures"], red["pixels"], red["cities"]) == (3, 3 * SIZE * SIZE // 2, {"Beijing": 1, "苏州": 2})
    assert coverage["absent"] == []
    lists = ("problems", "coverage", "duplicates", "leaks", "leaking_tracks", "noise")
    assert set(found["files"]) == {"health.json", "coverage.png", *(f"{name}.csv" for name in lists)}
    plot = client.get(found["files"]["coverage.png"])
    assert (plot.headers["content-type"], decode_image(plot.content).ndim) == ("image/png", 3)
    rows = list(csv.DictReader(client.get(found["files"]["coverage.csv"]).content.decode("utf-8-sig").splitlines()))
    assert rows[2]["city 1 Beijing"] == "1"
    assert verify(platform.workspace.home / "health" / job.id) == []
    row = client.get("/v1/source_health", params={"task_id": job.id}).json()["data"]
    assert (row["name"], row["status"], row["totals"]["duplicates"]) == ("镇", "completed!", 1)


@pytest.mark.usefixtures("sets")
def test_health__failures(client: TestClient, platform: Platform, write_model: Callable[..., Path]) -> None:
    write_model(platform.workspace.weights)
    assert client.post("/v1/sources/sad/health").status_code == 404
    for body, status in (
        ({"against": "sad"}, 404),
        ({"against": "镇"}, 422),
        ({"model": "sad"}, 404),
        ({"confidence": "sad"}, 422),
        ({"model": "tiny_ep-0001.params", "gpus": "sad"}, 422),
        ({"model": "tiny_ep-0001.params", "gpus": "n1:cpu;n2:cpu"}, 422),
    ):
        assert client.post("/v1/sources/镇/health", json=body).status_code == status, body
    assert client.get("/v1/source_health/sad/health.json").status_code == 404


@pytest.mark.usefixtures("sets")
def test_health__a_model_of_another_class_table_judges_nothing(
    client: TestClient, platform: Platform, write_model: Callable[..., Path]
) -> None:
    write_model(platform.workspace.weights)
    table = platform.workspace.sources / "镇" / "classes.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("red,红", "sky,天空"), encoding="utf-8")
    answer = client.post("/v1/sources/镇/health", json={"model": "tiny_ep-0001.params"})
    assert answer.status_code == 422
    (conflict,) = answer.json()["details"]["conflicts"]
    assert (conflict["id"], conflict["model"]["name_zh"], conflict["data"]["name_zh"]) == (10, "红", "天空")


@pytest.mark.usefixtures("sets")
def test_health__command_line(platform: Platform, tmp_path: Path) -> None:
    home = str(platform.workspace.home)
    arguments = ["health", "镇", "--home", home, "--against", "none", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command_line, arguments)
    assert result.exit_code == 0, result.output
    assert "duplicates: 1" in result.output
    value = json.loads((tmp_path / "out" / "health.json").read_text())
    assert value["totals"]["leaking_pictures"] == 0
    assert value["totals"]["label_noise"] is None
