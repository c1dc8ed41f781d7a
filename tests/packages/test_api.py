"""The routes of packages over HTTP, with the document's example values."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from package_data import annotate, mask, write_images
from roadloop.jobs import queue
from roadloop.jobs.history import format_time
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


def test_chapter_eight__once_round(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    write_images(platform, "20180801", [f"a_{n}.jpg" for n in range(6)])
    reply = client.post("/task_divide", data={"version": "20180801", "step": "5", "types": "full"}).json()
    assert (reply["errno"], reply["message"]) == (1, "success")
    row = client.post("/divide_history", json={"task_id": reply["data"]}).json()["data"]
    assert (row["version"], row["step"], row["types"], row["status"]) == ("20180801", 5, "full", "starting")
    run_job(platform, reply["data"])
    row = client.post("/divide_history", json={"task_id": reply["data"]}).json()["data"]
    assert (row["status"], row["packages"], row["first"], row["last"]) == ("completed!", 2, 1, 2)
    divided = reply["data"]
    annotate(platform, "20180801", 1, lambda _stem: mask(1))
    for n, label in enumerate(sorted((platform.workspace.released / "20180801" / "1").iterdir())):
        os.utime(label, (1_800_000_000 + n,) * 2)
    listed = client.get("/v1/packages", params={"version": "20180801"}).json()["data"]
    assert [(p["number"], p["pictures"], p["returned"], p["problem"]) for p in listed] == [
        (1, 5, 5, None),
        (2, 1, 0, None),
    ]
    assert [(p["state"], p["task_id"], p["person"], p["given_at"], p["returned_at"]) for p in listed] == [
        ("returned", divided, None, None, format_time(1_800_000_004)),
        ("cut", divided, None, None, None),
    ]
    reply = client.post("/process_label", json={"version": "20180801", "types": "lane"}).json()
    assert (reply["errno"], reply["message"]) == (1, "success")
    run_job(platform, reply["data"])
    row = client.post("/label_history", json={"task_id": reply["data"]}).json()["data"]
    assert row["name"].startswith("lane-aug-20")
    assert (row["version"], row["types"], row["status"]) == ("20180801", "lane", "completed!")
    assert (row["published_pictures"], row["rejected_pictures"]) == (5, 0)
    assert [p["state"] for p in client.get("/v1/packages").json()["data"]] == ["published", "cut"]
    assert client.post("/label_history").json()["total"] == 1
    assert client.post("/divide_history", json={"q": "2018"}).json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/task_divide", {"version": "dsad", "step": "5", "types": "full"}, 404, "dsad"),
        ("/task_divide", {"version": "v1", "step": "sad", "types": "full"}, 422, "step"),
        ("/task_divide", {"version": "v1", "step": "0", "types": "full"}, 422, "step"),
        ("/task_divide", {"version": "v1", "step": "5", "types": "sad"}, 422, "types"),
        ("/task_divide", {"version": "../v1", "step": "5"}, 422, "version"),
        ("/task_divide", {"version": "v1", "step": "5", "gold": "sad"}, 422, "gold"),
        ("/task_divide", {"version": "v1", "step": "5", "gpus": "7"}, 422, "gpus"),
        ("/task_divide", {}, 422, "version"),
        ("/process_label", {"version": "dasda", "types": "remote"}, 404, "dasda"),
        ("/process_label", {"version": "dasda", "types": "sad"}, 422, "types"),
        ("/process_label", {"version": "dasda"}, 422, "types"),
        ("/divide_history", {"task_id": "sadasd"}, 404, "sadasd"),
        ("/label_history", {"task_id": "sadasd"}, 404, "sadasd"),
    ],
)
def test_routes__filler_values_get_a_clear_answer(
    client: TestClient, platform: Platform, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    for language in ("zh", "en"):
        reply = client.post(path, json=body, headers={"accept-language": language})
        assert reply.status_code == status, reply.text
        assert reply.json()["errno"] == 0
        assert word in reply.json()["message"]


def test_task_divide__same_key_is_one_job(client: TestClient, platform: Platform) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    body, headers = {"version": "v1", "step": 5, "types": "full"}, {"Idempotency-Key": "k"}
    first = client.post("/task_divide", json=body, headers=headers).json()
    assert client.post("/task_divide", json=body, headers=headers).json() == first
    refused = client.post("/task_divide", json=body)
    assert refused.status_code == 409
    assert refused.json()["details"]["task_id"] == first["data"]
