"""The demo's pictures as a job: a source set that a dataset can be built of, the same each time."""

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from roadloop.jobs.queue import Job
from roadloop.sources.service import open_set, scan
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], Job]


def ask(client: TestClient, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/demo/pictures", json={"name": name, "tracks": 1, "frames": 1}).json()
    return answer


def test_pictures__are_a_source_set_and_the_same_each_time(
    client: TestClient, platform: Platform, run_job: RunJob
) -> None:
    first = ask(client, "演示")["data"]
    busy = ask(client, "演示")
    assert (busy["error"], busy["details"]["task_id"]) == ("name_taken", first)
    job = run_job(platform, first)
    assert (job.state, job.result) == ("succeeded", {"name": "演示", "pictures": 2})
    assert run_job(platform, ask(client, "again")["data"]).state == "succeeded"
    found = scan(open_set(platform.workspace, "演示"))
    assert (len(found.samples), found.problems) == (2, [])
    sums = [publish.read_manifest(platform.workspace.sources / name)["files"] for name in ("演示", "again")]
    assert sums[0] == sums[1]
    assert ask(client, "演示")["error"] == "name_taken"
    assert ask(client, "a/b")["error"] == "invalid_name"
