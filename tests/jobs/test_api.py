"""The routes of jobs that no other test drives: the list of what has not ended, and health."""

from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient

from roadloop.jobs import queue
from roadloop.storage.platform import Platform


def submit(platform: Platform, title: str) -> str:
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", {"steps": 1, "pause": 0, "name": title}, title))


def test_list_jobs__active_leaves_out_what_has_ended(client: TestClient, platform: Platform) -> None:
    ended, waiting = submit(platform, "ended"), submit(platform, "waiting")
    assert client.post(f"/v1/jobs/{ended}/cancel").json()["data"] == "cancelled"
    every = client.get("/v1/jobs").json()
    active = client.get("/v1/jobs", params={"active": "1", "page": 1}).json()
    assert [row["task_id"] for row in every["data"]] == [waiting, ended]
    assert ([row["task_id"] for row in active["data"]], active["total"]) == ([waiting], 1)
    assert client.get("/v1/jobs", params={"active": "1", "q": "ended"}).json()["total"] == 0


def test_output_log__says_that_a_log_was_removed(client: TestClient, platform: Platform) -> None:
    task_id = submit(platform, "old")
    path = platform.workspace.logs / f"{task_id}.log"
    asked: dict[str, Any] = {"task_id": task_id}
    parts: tuple[dict[str, Any], ...] = ({}, {"offset": 0})
    assert client.get("/output_log", params=asked).json()["data"] == []  # it has not begun
    with platform.database.transaction() as db:
        values = {"state": "succeeded", "started_at": 1.0}
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(**values))
    path.write_text("one\n")
    assert client.get("/output_log", params=asked).json()["data"] == ["one"]
    path.unlink()
    for part in parts:
        reply = client.get("/output_log", params=asked | part, headers={"accept-language": "en"}).json()
        assert (reply["removed"], reply["next_offset"], len(reply["data"])) == (True, 0, 1)
        assert "log is not there any more" in reply["data"][0]
    assert "日志" in client.get("/output_log", params=asked).json()["data"][0]


def test_health__tells_the_server_s_clock_and_counts(client: TestClient, platform: Platform) -> None:
    submit(platform, "waiting")
    health = client.get("/v1/health").json()["data"]
    assert health["jobs"]["queued"] == 1
    assert (
        abs((datetime.fromisoformat(health["now"]) - datetime.now().astimezone().replace(tzinfo=None)).total_seconds())
        < 60
    )
