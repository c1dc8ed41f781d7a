"""The routes of source sets and datasets over HTTP, with the document's example values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from roadloop.imaging.decode import decode_image, decode_label
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform

MakeSet = Callable[..., Path]
RunJob = Callable[[Platform, str], Job]

EXAMPLE = {
    "data_name": "20180801",
    "data_type": "all",
    "sour_data": "lane-all-20180710",
    "thread": "24",
    "train": "0.85",
    "val": "0.1",
    "test": "0.1",
    "data_desc": "苏州数据",
    "l_value": "1",
}


@pytest.fixture
def served() -> tuple[str, ...]:
    return "datasets", "sources"


@pytest.fixture
def client(client: TestClient, platform: Platform, make_set: MakeSet) -> TestClient:
    make_set(platform, "lane-all-20180710")
    return client


def test_data__names_of_source_sets(client: TestClient, platform: Platform) -> None:
    (platform.workspace.sources / "苏州").mkdir()
    assert client.get("/data").json() == {"errno": 1, "data": ["lane-all-20180710", "苏州"]}


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.post("/create_data", json=EXAMPLE),
        lambda client: client.post("/create_data", data=EXAMPLE),
        lambda client: client.post("/create_data", params=EXAMPLE),
    ],
    ids=["json", "form", "query"],
)
def test_create_data__document_s_example(
    client: TestClient,
    platform: Platform,
    run_job: RunJob,
    send: Callable[[TestClient], httpx2.Response],
) -> None:
    reply = send(client).json()
    assert (reply["errno"], reply["message"]) == (1, "data已生成")
    task_id = reply["data"]
    row = client.post("/data_history", json={"task_id": task_id}).json()["data"]
    assert (row["status"], row["counts"]) == ("starting", None)
    assert client.get("/sour_datas").json() == {"errno": 1, "data": []}
    run_job(platform, task_id)
    row = client.post("/data_history", json={"task_id": task_id}).json()["data"]
    assert row | {"created_at": 0, "started_at": 0, "finished_at": 0, "warnings": 0} == {
        "id": 1,
        "task_id": task_id,
        "data_name": "20180801",
        "data_describe": "苏州数据",
        "data_type": "all",
        "status": "completed!",
        "state": "succeeded",
        "stopping": False,
        "sour_data": "lane-all-20180710",
        "train": 0.85,
        "val": 0.1,
        "test": 0.1,
        "counts": {"train": 12, "val": 4, "test": 4},
        "progress": 1.0,
        "eta_seconds": None,
        "note": None,
        "reason": None,
        "error": None,
        "created_at": 0,
        "started_at": 0,
        "finished_at": 0,
        "author": None,
        "host": "test",
        "log_url": f"/output_log?task_id={task_id}",
        "warnings": 0,
    }
    assert "1.05" in row["warnings"][0]
    assert client.get("/sour_datas").json()["data"] == ["20180801"]
    listed = client.post("/data_history").json()
    assert (listed["total"], listed["data"]) == (1, [row])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sour_data": "sad"}, 404, "not_found"),
        ({"data_name": ""}, 422, "invalid_value"),
        ({"data_name": "../x"}, 422, "invalid_name"),
        ({"train": "-0.1"}, 422, "invalid_value"),
        ({"train": "0", "val": "0", "test": "0"}, 422, "invalid_value"),
        ({"train": "viel"}, 422, "invalid_value"),
        ({"train": "nan"}, 422, "invalid_value"),
        ({"thread": "0"}, 422, "invalid_value"),
        ({"data_type": "some"}, 422, "invalid_value"),
        ({"l_value": "perhaps"}, 422, "invalid_value"),
        ({"l_value": "0"}, 422, "invalid_value"),
        ({"data_type": "aug", "base_data": "none"}, 404, "not_found"),
    ],
)
def test_create_data__failures(client: TestClient, changes: dict[str, str], status: int, code: str) -> None:
    reply = client.post("/create_data", json=EXAMPLE | changes)
    assert (reply.status_code, reply.json()["error"], reply.json()["errno"]) == (status, code, 0)
    english = client.post("/create_data", json=EXAMPLE | changes, headers={"accept-language": "en"})
    assert english.json()["message"] != reply.json()["message"]


def test_create_data__taken_name_carries_the_task_id(client: TestClient) -> None:
    task_id = client.post("/create_data", json=EXAMPLE).json()["data"]
    reply = client.post("/create_data", json=EXAMPLE)
    assert (reply.status_code, reply.json()["error"]) == (409, "name_taken")
    assert reply.json()["details"]["task_id"] == task_id


def test_create_data__the_same_key_is_the_same_job(client: TestClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = client.post("/create_data", json=EXAMPLE, headers=key)
    assert client.post("/create_data", json=EXAMPLE, headers=key).json() == first.json()


def test_create_data__without_shares(client: TestClient) -> None:
    names = {"data_name": "d", "sour_data": "lane-all-20180710"}
    task_id = client.post("/create_data", json=names).json()["data"]
    row = client.post("/data_history", json={"task_id": task_id}).json()["data"]
    assert (row["train"], row["val"], row["test"]) == (0.8, 0.1, 0.1)
    only_train = {"data_name": "e", "sour_data": "lane-all-20180710", "train": "0.9"}
    task_id = client.post("/create_data", json=only_train).json()["data"]
    row = client.post("/data_history", json={"task_id": task_id}).json()["data"]
    assert (row["train"], row["val"], row["test"]) == (0.9, 0, 0)


def test_data_history__unknown_task(client: TestClient) -> None:
    assert client.post("/data_history", json={"task_id": "sdasa"}).status_code == 404
    assert client.post("/data_history", json={"task_id": ""}).json()["data"] == []


def test_dataset__details_and_pictures(
    client: TestClient, platform: Platform, run_job: RunJob, make_set: MakeSet
) -> None:
    folder = make_set(platform, "苏州", {"a": 5}) / "1"
    (folder / "a_0000.jpg").write_bytes(b"")
    values = EXAMPLE | {"data_name": "苏州 1#", "sour_data": "苏州", "max_bad": "0.5"}
    run_job(platform, client.post("/create_data", json=values).json()["data"])
    assert client.get("/v1/datasets/moon").status_code == 404
    found: dict[str, Any] = client.get("/v1/datasets/苏州 1%23").json()["data"]
    assert found["counts"] == {"train": 4, "val": 0, "test": 0}
    assert found["statistics"]["train"]["3"] == {"pixels": 8, "pictures": 2, "tracks": 1}
    assert [p["file"] for p in found["problems"]] == ["苏州/1/a_0000.jpg"]
    assert found["table"]["classes"][0]["name_zh"] == "道路"
    first = found["pictures"]["train"][0]
    assert (first["name"], first["track"], first["width"], first["height"]) == ("1/a_0001", "a", 24, 16)
    image = client.get(first["image_url"])
    assert image.headers["content-type"] == "image/jpeg"
    assert decode_image(image.content).shape == (16, 24, 3)
    label = client.get(first["label_url"])
    assert label.headers["content-type"] == "image/png"
    assert decode_label(label.content)[0, 0] == 3
    assert client.get("/v1/datasets/苏州 1%23/train/4/image").status_code == 404
    assert client.get("/v1/datasets/苏州 1%23/all/0/image").status_code == 422
    assert client.get("/v1/datasets/苏州 1%23/train/-1/image").status_code == 422
