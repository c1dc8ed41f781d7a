"""The routes of networks over HTTP, with the document's example values."""

from collections.abc import Callable, Iterator

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.testclient import TestClient

from roadloop.errors import RoadloopError
from roadloop.jobs import queue
from roadloop.networks.api import routes
from roadloop.networks.folder import TEMPLATES
from roadloop.storage.platform import Platform
from roadloop.web import errors

EXAMPLE = {"network_name": "c_network", "src_net": "kd-seg.template", "net_describe": "神经网络"}


@pytest.fixture
def client(platform: Platform) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(routes(platform))

    def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, RoadloopError)
        return errors.answer(request, error)

    app.add_exception_handler(RoadloopError, answer)
    with TestClient(app) as opened:
        yield opened


def test_src_network__lists_templates(client: TestClient) -> None:
    reply = client.get("/src_network").json()
    assert reply["errno"] == 1
    assert reply["data"] == [*sorted(path.parent.name for path in TEMPLATES.glob("*/network.py")), "kd-seg.template"]


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
