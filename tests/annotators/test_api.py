"""The routes of annotators over HTTP, with the document's example values."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from package_data import RunJob, mask
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.storage.platform import Platform


def test_linedown__once_round(
    client: TestClient, platform: Platform, run_job: RunJob, cut: Callable[..., queue.Job]
) -> None:
    cut(platform)
    inbox = platform.workspace.home / "imports/annotations/1"
    inbox.mkdir(parents=True)
    (inbox / "ext-label-a_0.png").write_bytes(encode_color(ColorCoder(shipped()).to_rgb(mask(1))))
    reply = client.post("/linedown", data={"taskid_start": "1", "taskid_end": "2", "dest": "asdsa"}).json()
    assert (reply["errno"], reply["message"]) == (1, "success")
    run_job(platform, reply["data"])
    row = client.post("/line_status", json={"task_id": reply["data"]}).json()["data"]
    assert (row["taskid_start"], row["taskid_end"], row["dest"], row["status"]) == (1, 2, "asdsa", "completed!")
    assert (row["annotator"], row["finished"], row["unfinished"]) == ("folder", 1, 2)
    reply = client.post("/v1/packages/v1/2/push").json()
    run_job(platform, reply["data"])
    row = client.get("/v1/pushes").json()["data"][0]
    assert (row["version"], row["number"], row["place"]) == ("v1", 2, "packages/v1/2")
    assert client.post("/line_status", json={}).json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/linedown", {"taskid_start": "11", "taskid_end": "sad", "dest": "asdsa"}, 422, "taskid_end"),
        ("/linedown", {"taskid_start": "11", "taskid_end": "20", "dest": "asdsa"}, 404, "11..20"),
        ("/linedown", {"taskid_start": "11", "taskid_end": "20"}, 422, "dest"),
        ("/linedown", {"taskid_start": "-1", "taskid_end": "20", "dest": "x"}, 422, "taskid_start"),
        ("/linedown", {"taskid_start": "20", "taskid_end": "11", "dest": "x"}, 422, "taskid_start"),
        ("/linedown", {"taskid_start": "1", "taskid_end": "2", "dest": "a/b"}, 422, "dest"),
        ("/line_status", {"task_id": "sadasd"}, 404, "sadasd"),
        ("/v1/packages/sad/1/push", {}, 404, "sad"),
        ("/v1/packages/sad/x/push", {}, 422, "n"),
    ],
)
def test_routes__filler_values_get_a_clear_answer(
    client: TestClient, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    for language in ("zh", "en"):
        reply = client.post(path, json=body, headers={"accept-language": language})
        assert reply.status_code == status, reply.text
        assert reply.json()["errno"] == 0
        assert word in reply.json()["message"]
