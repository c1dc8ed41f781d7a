"""The first screen's answer: lengths of the lists as they stand, and the newest jobs."""

from fastapi.testclient import TestClient

from roadloop.jobs import queue
from roadloop.storage.platform import Platform


def test_overview__counts_each_stage_and_has_the_newest_jobs(client: TestClient, platform: Platform) -> None:
    empty = client.get("/v1/overview").json()["data"]
    assert empty == {"stages": dict.fromkeys(empty["stages"], 0), "jobs": []}
    assert list(empty["stages"]) == ["sources", "datasets", "networks", "training", "evaluation", "release"]
    (platform.workspace.sources / "苏州").mkdir(parents=True)
    with platform.database.transaction() as db:
        tasks = [queue.submit(db, queue.Submission("rehearsal", {}, f"{number}")) for number in range(21)]
    found = client.get("/v1/overview").json()["data"]
    assert found["stages"]["sources"] == 1
    assert [job["task_id"] for job in found["jobs"]] == tasks[:0:-1]  # the newest twenty
    assert [job["title"] for job in found["jobs"][:2]] == ["20", "19"]
