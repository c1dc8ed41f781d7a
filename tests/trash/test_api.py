"""The trash over HTTP."""

import pytest
from fastapi.testclient import TestClient

from job_cases import CASES, build_dataset
from roadloop.jobs import queue
from roadloop.storage.platform import Platform


@pytest.fixture
def served() -> tuple[str, ...]:
    """The trash, and the lists that it changes."""
    return ("trash", "datasets", "jobs")


@pytest.fixture
def built(platform: Platform, run_job) -> str:  # type: ignore[no-untyped-def]
    """A finished dataset's job."""
    CASES["create_data"].prepare(platform, lambda _task_id: None)
    task_id = build_dataset(platform)
    run_job(platform, task_id)
    return task_id


def test_trash__a_dataset_goes_and_comes_back(client: TestClient, built: str) -> None:
    thing = {"kind": "dataset", "name": "d"}
    asked = client.get("/v1/uses", params=thing).json()
    assert (asked["data"], asked["title"], asked["archivable"], asked["keep_days"]) == ([], "d", True, 30)
    key = {"idempotency-key": "once"}
    first = client.post("/v1/trash", json=thing, headers=key).json()
    assert client.post("/v1/trash", json=thing, headers=key).json() == first
    assert client.post("/data_history").json()["data"] == []
    assert client.get("/v1/datasets/d").status_code == 404
    assert client.post("/v1/trash", json=thing).status_code == 404
    (row,) = client.get("/v1/trash").json()["data"]
    assert (row["id"], row["kind"], row["name"]) == (first["data"], "dataset", "d")
    assert row["bytes"] > 0
    assert row["goes_at"] > row["deleted_at"]
    job = client.get("/v1/jobs", params={"task_id": built}).json()
    assert job["data"]["status"] == "deleted"
    assert client.post(f"/v1/trash/{row['id']}/restore").json()["errno"] == 1
    assert client.get("/v1/trash").json()["data"] == []
    assert client.get("/v1/datasets/d").status_code == 200
    assert client.post(f"/v1/trash/{row['id']}/restore").status_code == 404
    assert client.get("/v1/jobs", params={"task_id": built}).json()["data"]["status"] == "completed!"


def test_trash__what_refers_to_it_is_named_with_its_place(client: TestClient, built: str) -> None:
    del built
    refused = client.post("/v1/trash", json={"kind": "source", "name": "镇"}, headers={"accept-language": "en"})
    assert refused.status_code == 409
    assert "the dataset d was built from it" in refused.json()["message"]
    assert refused.json()["details"]["places"] == ["/datasets/d"]
    asked = client.get("/v1/uses", params={"kind": "source", "name": "镇"}).json()
    assert asked["data"] == [{"text": "数据 d 由它生成", "place": "/datasets/d"}]


def test_trash__purged_is_gone(client: TestClient, platform: Platform, built: str) -> None:
    number = client.post("/v1/trash", json={"kind": "dataset", "name": "d"}).json()["data"]
    assert client.post(f"/v1/trash/{number}/purge").json()["errno"] == 1
    assert client.get("/v1/trash").json()["data"] == []
    with platform.database.reading() as db:
        assert queue.get(db, built).error == "deleted"


def test_archived__a_dataset_leaves_the_list_and_returns(client: TestClient, built: str) -> None:
    del built
    put = {"kind": "dataset", "name": "d"}
    client.post("/v1/archived", json=put)
    assert client.post("/data_history").json()["data"] == []
    assert client.get("/sour_datas").json()["data"] == []
    assert client.get("/v1/datasets/d").status_code == 200
    (row,) = client.get("/v1/trash").json()["archived"]
    assert (row["kind"], row["name"], row["title"]) == ("dataset", "d", "d")
    client.post("/v1/archived", json={**put, "archived": False})
    assert [one["data_name"] for one in client.post("/data_history").json()["data"]] == ["d"]


def test_archived__a_source_set_stands_in_no_list(client: TestClient, built: str) -> None:
    del built
    answer = client.post("/v1/archived", json={"kind": "source", "name": "镇"}, headers={"accept-language": "en"})
    assert answer.status_code == 422
    assert "only deleted" in answer.json()["message"]


@pytest.mark.parametrize("name", ["", "nobody", "../x", "a/b.params", "weights/none.params", "99999999999"])
def test_uses__of_nothing(client: TestClient, name: str) -> None:
    for kind in ("source", "dataset", "task", "model", "evaluation", "release", "selection", "package", "engine"):
        assert client.get("/v1/uses", params={"kind": kind, "name": name}).status_code in {404, 422}
