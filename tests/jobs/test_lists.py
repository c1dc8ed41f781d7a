"""The five lists of the page: sorted by their columns, and told apart, by the server."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.datasets import store as datasets
from roadloop.evaluation import store as evaluations
from roadloop.jobs import queue
from roadloop.networks import store as networks
from roadloop.releases import store as releases
from roadloop.storage.platform import Platform
from roadloop.training import store as training


@pytest.fixture
def served() -> tuple[str, ...]:
    return "datasets", "training", "networks", "evaluation", "releases"


def submit(db: Any, number: int, kind: str, **values: Any) -> str:
    task_id = queue.submit(db, queue.Submission(kind, {}, f"{kind} {number}"))
    db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(**values))
    return task_id


def ask(client: TestClient, path: str, method: str = "post", **wanted: Any) -> list[int]:
    sent = {"params": wanted} if method == "get" else {"json": wanted}
    reply = client.request(method, path, **sent)  # type: ignore[arg-type]
    assert reply.status_code == 200, reply.text
    return [row["id"] for row in reply.json()["data"]]


def test_datasets__by_name_kind_and_pictures(client: TestClient, platform: Platform) -> None:
    names, kinds, trains = ("b", "A", "c", "d"), ("all", "aug", "aug", "all"), (9, 100, 20, None)
    with platform.database.transaction() as db:
        for k, (name, kind, pictures) in enumerate(zip(names, kinds, trains, strict=True)):
            result = {"counts": {"train": pictures, "val": 1, "test": 0}} if pictures else None
            row = {"name": name, "description": "", "data_type": kind, "sour_data": "s", "train": 0.8}
            datasets.insert(
                db, {"task_id": submit(db, k, "create_data", result=result), **row, "val": 0.1, "test": 0.1}
            )
    assert ask(client, "/data_history", order="data_name") == [2, 1, 3, 4]  # whatever the case
    assert ask(client, "/data_history", order="-data_name") == [4, 3, 1, 2]
    assert ask(client, "/data_history", order="-counts.train") == [2, 3, 1, 4]  # as numbers; the unbuilt one last
    assert ask(client, "/data_history", order="counts.train", page=2, page_size=2) == [2, 4]
    assert ask(client, "/data_history", order="counts.val") == [3, 2, 1, 4]  # equal ones newest first
    assert ask(client, "/data_history", only='{"data_type": "aug"}') == [3, 2]
    assert ask(client, "/data_history", only={"data_type": "aug"}, order="data_name", q="c") == [3]
    reply = client.post("/data_history", json={"only": {"counts.train": "9"}})  # told apart by text only
    assert reply.status_code == 422
    assert "data_name, data_type" in reply.json()["message"]


def test_training__by_score_and_network(client: TestClient, platform: Platform) -> None:
    text = dict.fromkeys(("base_task", "task_desc", "net_desc", "data_desc", "start_date", "end_date"), "")
    with platform.database.transaction() as db:
        for k, (network, miou) in enumerate((("u", 0.5), ("b", None), ("u", 0.75))):
            memo = {"epoch": k, "best": miou and {"miou": miou, "file": "x", "epoch": k}}
            row = {"name": f"t{k}", "network": network, "data": "d", "shown": {}, **text}
            db.execute(training.training_tasks.insert().values(task_id=submit(db, k, "train", memo=memo), **row))
    assert ask(client, "/train_history", order="-best.miou") == [3, 1, 2]
    assert ask(client, "/train_history", order="epoch") == [1, 2, 3]
    assert ask(client, "/train_history", only={"network": "u"}, order="created") == [1, 3]


def test_networks_evaluations_and_releases(client: TestClient, platform: Platform) -> None:
    with platform.database.transaction() as db:
        for k, cost in enumerate((3, 20, 100)):
            made = submit(db, k, "create_net", result={"parameters": cost, "multiply_adds": -cost})
            row = {"name": f"n{k}", "template": "t", "description": "", "live": True}
            db.execute(networks.networks.insert().values(task_id=made, **row))
            seen = submit(db, k, "evaluate", result={"total_img": cost})
            row = {"type": "full", "sour_dir": f"s{k}", "dest_dir": "", "dest_path": "", "gpus": ""}
            db.execute(evaluations.evaluations.insert().values(task_id=seen, single_gpu=1, dicts={}, **row))
            out = submit(db, k, "release", result=None)
            row = {"category": "ab"[k % 2], "version": str(9 - k), "env": "e", "adcode": "0", "description": ""}
            more = {"time": "", "source": "t", "file": "f", "params_sha256": "", "live": True, "answered": True}
            db.execute(releases.releases.insert().values(task_id=out, **row, **more))
    assert ask(client, "/network_history", "get", order="-parameters") == [3, 2, 1]
    assert ask(client, "/network_history", "get", order="-multiply_adds") == [1, 2, 3]
    assert ask(client, "/eva_rate", order="-total_img") == [3, 2, 1]
    assert ask(client, "/v1/releases", "get", order="version") == [3, 2, 1]
    assert ask(client, "/v1/releases", "get", only='{"type": "a"}') == [3, 1]
