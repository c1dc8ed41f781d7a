"""The routes of networks over HTTP, with the document's example values."""

from collections.abc import Callable

import httpx2
import pytest
from fastapi.testclient import TestClient

from roadloop.jobs import queue
from roadloop.networks.folder import TEMPLATES
from roadloop.storage.platform import Platform

EXAMPLE = {"network_name": "c_network", "src_net": "kd-seg.template", "net_describe": "神经网络"}


def test_src_network__lists_templates(client: TestClient) -> None:
    reply = client.get("/src_network").json()
    assert reply["errno"] == 1
    assert reply["data"] == [*sorted(path.parent.name for path in TEMPLATES.glob("*/network.py")), "kd-seg.template"]
    about = {one["name"]: one for one in reply["about"]}
    assert set(about) == set(reply["data"]) - {"kd-seg.template"}
    assert about["pidnet-s"]["paper"]["arxiv"] == "2206.02066"
    assert (about["pidnet-s"]["parameters"], about["pidnet-s"]["multiply_adds"]) == (7_625_715, 5_260_000_000)
    assert about["pidnet-s"]["images_per_core_second"] == 2.4715  # 13 of 5.26 G


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.post("/create_net", json=EXAMPLE),
        lambda client: client.post("/create_net", data=EXAMPLE),
        lambda client: client.post("/create_net", params=EXAMPLE),
    ],
    ids=["json", "form", "query"],
)
def test_create_net__document_s_example(
    client: TestClient,
    platform: Platform,
    run_job: Callable[[Platform, str], queue.Job],
    send: Callable[[TestClient], httpx2.Response],
) -> None:
    reply = send(client).json()
    assert (reply["errno"], reply["message"]) == (1, "创建成功")
    assert client.get("/network").json()["data"] == []
    run_job(platform, reply["data"])
    assert client.get("/network").json()["data"] == ["c_network"]
    row = client.get("/network_history").json()["data"][0]
    assert {k: row[k] for k in ("task_id", "status", "net_name", "net_describe", "src_net")} == {
        "task_id": reply["data"],
        "status": "completed!",
        "net_name": "c_network",
        "net_describe": "神经网络",
        "src_net": "kd-seg.template",
    }
    assert row["parameters"] == 358_484
    assert client.get("/network_history", params={"task_id": reply["data"]}).json()["data"] == row
    assert client.get("/network_history", params={"q": "神经"}).json()["total"] == 1


def test_create_net__repeated_with_its_key_and_without(client: TestClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = client.post("/create_net", json=EXAMPLE, headers=key).json()
    assert client.post("/create_net", json=EXAMPLE, headers=key).json() == first
    taken = client.post("/create_net", json=EXAMPLE)
    assert (taken.status_code, taken.json()["error"]) == (409, "name_taken")
    assert taken.json()["details"]["task_id"] == first["data"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"src_net": "sad"}, 404, "not_found"),
        ({"network_name": "../x"}, 422, "invalid_name"),
        ({"network_name": ""}, 422, "invalid_value"),
    ],
)
def test_create_net__refusals(client: TestClient, change: dict[str, str], status: int, code: str) -> None:
    reply = client.post("/create_net", json=EXAMPLE | change)
    assert (reply.status_code, reply.json()["error"], reply.json()["errno"]) == (status, code, 0)
    assert client.get("/network_history").json()["data"] == []


OWN = "from torch import nn\n\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n"


def folders(client: TestClient, language: str = "en") -> dict[str, tuple[str, str | None]]:
    reply = client.get("/v1/networks", headers={"accept-language": language}).json()
    return {row["net_name"]: (row["state"], row["problem"]) for row in reply["data"]}


def test_networks__a_folder_of_one_s_own_is_unchecked_then_ready(
    client: TestClient, platform: Platform, run_job: Callable[[Platform, str], queue.Job]
) -> None:
    own = platform.workspace.networks / "自己的"
    own.mkdir()
    assert folders(client) == {"自己的": ("unchecked", f"{own / 'network.py'} is missing; put it back.")}
    assert client.post("/v1/networks", json={"network_name": "自己的"}).status_code == 404
    (own / "network.py").write_text(OWN)
    (own / "train.json").write_text("{")
    assert folders(client, "zh")["自己的"][1].startswith(f"{own / 'train.json'} 不是有效的 JSON 对象")  # type: ignore[union-attr]
    reply = client.post("/v1/networks", json={"network_name": "自己的"})
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid_value")
    (own / "train.json").write_text("{}")
    assert folders(client) == {"自己的": ("unchecked", None)}
    assert client.get("/network").json()["data"] == []
    task = client.post("/v1/networks", data={"network_name": "自己的", "net_describe": "车道"}).json()["data"]
    assert folders(client) == {"自己的": ("checking", None)}
    busy = client.post("/v1/networks", json={"network_name": "自己的"})
    assert (busy.status_code, busy.json()["details"]["task_id"]) == (409, task)
    run_job(platform, task)
    assert folders(client) == {"自己的": ("ready", None)}
    assert client.get("/network").json()["data"] == ["自己的"]
    row = client.get("/network_history", params={"task_id": task}).json()["data"]
    assert (row["src_net"], row["net_describe"], row["parameters"]) == ("", "车道", 12)


def test_networks__a_folder_that_fails_says_why_and_is_checked_anew(
    client: TestClient, platform: Platform, run_job: Callable[[Platform, str], queue.Job]
) -> None:
    own = platform.workspace.networks / "own"
    own.mkdir()
    (own / "network.py").write_text(OWN)
    (own / "train.json").write_text('{"base_learning_rate": 0.1}')
    task = client.post("/v1/networks", json={"network_name": "own", "net_describe": "first"}).json()["data"]
    assert run_job(platform, task).state == "failed"
    state, problem = folders(client)["own"]
    assert state == "failed"
    assert problem is not None
    assert problem.startswith("networks/own/train.json: there is no key 'base_learning_rate'. It can hold: ")
    assert client.get("/network").json()["data"] == []
    (own / "train.json").write_text("{}")
    again = client.post("/v1/networks", json={"network_name": "own"}).json()["data"]
    assert folders(client) == {"own": ("checking", None)}
    row = client.get("/network_history", params={"task_id": again}).json()["data"]
    assert row["net_describe"] == "first"


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("../x", 422), ("", 422)])
def test_networks__refusals(client: TestClient, name: str, status: int) -> None:
    assert client.post("/v1/networks", json={"network_name": name}).status_code == status
    assert folders(client) == {}
