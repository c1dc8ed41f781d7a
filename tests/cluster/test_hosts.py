"""What can be seen of a cluster without one: refusals, rows, and what goes over the wire."""

import dataclasses
import importlib.util
import json
import socket

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from roadloop.accounts.gate import Gate
from roadloop.cli.main import app
from roadloop.cluster import wire
from roadloop.cluster.hosts import Cluster
from roadloop.cluster.link import Link, refuse_open
from roadloop.devices.service import Gpu
from roadloop.errors import ConflictError, InvalidValueError, Text
from roadloop.jobs import nodes, queue
from roadloop.jobs.api import gpu_routes, routes
from roadloop.jobs.confine import Confinement
from roadloop.jobs.hosts import OneHost
from roadloop.jobs.store import Seat
from roadloop.settings import Settings
from roadloop.storage.platform import Platform

AWAY = Text("没有响应", "does not answer")
GPUS = tuple(Gpu(index, f"GPU-{index}", "H100", 0.25, 1000, 750, "n2") for index in range(2))
SEATS = (Seat("n2", "10.0.0.2", ("GPU-0",)), Seat("n1", "10.0.0.1", ()))
N1 = nodes.NodeRow("n1", "10.0.0.1", "0.1.0", None, 4.0, 1000, ())
N2 = nodes.NodeRow("n2", "10.0.0.2", "0.1.0", None, 8.0, 2000, GPUS)


def write(platform: Platform, *seen: nodes.NodeRow) -> list[nodes.NodeRow]:
    with platform.database.transaction() as db:
        nodes.write(db, seen, AWAY)
        return nodes.all_nodes(db)


@pytest.mark.sqlite
def test_cluster__needs_rows_that_all_nodes_reach(platform: Platform) -> None:
    with pytest.raises(ConflictError, match="roadloop migrate --to"):
        Cluster(platform, Confinement())


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is here")
def test_cluster__names_what_to_install() -> None:
    with pytest.raises(ConflictError, match=r"pip install 'roadloop\[ray\]'"):
        refuse_open(Settings(ray_address="127.0.0.1:1"))


def test_link__a_driver_that_ends_or_does_not_answer_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    link = Link(Settings(ray_address="127.0.0.1:1"), "x")
    with pytest.raises((ConnectionError, TimeoutError), match=r"the driver has ended|does not answer"):
        link.ask("look", [], 5)
    link.close()
    with pytest.raises(ConnectionError, match="the driver has ended"):
        link.ask("look", [], 5)
    capfd.readouterr()  # where there is no Ray it has said so


def test_wire__a_job_and_a_sight_arrive_as_they_were_sent_and_payloads_stay(platform: Platform) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"secret": "planted"}, "数数", warnings=(AWAY,)))
        job = queue.fenced(db, task_id, queue.claim(db, task_id, (), "n2", SEATS).token, {"note": list(AWAY), "pid": 7})
        job = queue.fenced(db, task_id, job.token, {"meeting": {"port": 1, "key": "planted"}})
    told = json.dumps(wire.job_to(job))
    assert "planted" not in told
    assert wire.job_from(json.loads(told)) == dataclasses.replace(job, payload={}, warnings=(), meeting=None)
    sight = wire.Sight("0.1.0", "proof", GPUS, {wire.attempt(job): wire.Trace(-9, True, False, False)})
    assert wire.sight_from(json.loads(json.dumps(wire.sight_to(sight)))) == sight


def test_nodes__are_as_seen_last_and_stay_while_the_cluster_is_away(platform: Platform) -> None:
    assert write(platform) == []
    assert write(platform, N2, N1) == [N1, N2]
    ill = dataclasses.replace(N1, problem=Text("看不到工作区", "does not see the workspace"))
    assert write(platform, N2, ill) == [ill, N2]
    assert [node.problem for node in write(platform)] == [AWAY, AWAY]
    assert write(platform, N2) == [N2]


def test_nodes__are_answered_with_what_runs_there_and_forgotten_without_a_cluster(platform: Platform) -> None:
    write(platform, dataclasses.replace(N1, problem=AWAY), N2)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "counts"))
        queue.claim(db, task_id, (), "n2")
    app = FastAPI()
    app.state.gate = Gate(platform)
    app.include_router(gpu_routes(platform))
    app.include_router(routes(platform))
    with TestClient(app) as client:
        one, two = client.get("/v1/nodes", headers={"accept-language": "en"}).json()["data"]
        job = client.get("/v1/jobs", params={"task_id": task_id}).json()["data"]
        assert (one["name"], one["state"], one["problem"], one["jobs"]) == ("n1", "unusable", AWAY.en, [])
        assert (two["name"], two["state"], two["problem"], two["gpus"]) == ("n2", "ready", None, 2)
        assert two["jobs"] == [{"task_id": task_id, "kind": "rehearsal", "title": "counts"}]
        assert (job["host"], job["log_url"]) == ("n2", f"/output_log?task_id={task_id}")
        OneHost(platform).take_over()
        assert client.get("/v1/nodes").json()["data"] == []


def test_gpus__of_all_nodes_are_listed_and_asked_for_by_name(platform: Platform) -> None:
    write(platform, dataclasses.replace(N1, name=socket.gethostname()), N2)
    clustered = dataclasses.replace(platform, settings=platform.settings.model_copy(update={"ray_address": "n1:6379"}))
    app = FastAPI()
    app.state.gate = Gate(clustered)
    app.include_router(gpu_routes(clustered))
    with TestClient(app) as client:
        rows = client.get("/gups_info").json()["data"]
    assert [(row["pc-name"], row["id"], row["uuid"]) for row in rows] == [("n2", 0, "GPU-0"), ("n2", 1, "GPU-1")]
    assert [nodes.check_gpus(clustered, text) for text in ("n2:1，0", "any:2", "cpu")] == ["n2:1,0", "any:2", ""]
    together = f"n2:cpu;{socket.gethostname()}:cpu"
    assert nodes.check_gpus(clustered, together, several=True) == together
    with pytest.raises(InvalidValueError, match="several machines, which only a training can use"):
        nodes.check_gpus(clustered, together)
    for text, said in (("0", r"this host has no GPU \[0\]. There are: n2: 0, 1"), ("n2:2", r"n2 has no GPU \[2\]")):
        with pytest.raises(InvalidValueError, match=said):
            nodes.check_gpus(clustered, text)


def test_status__shows_nodes_and_what_runs_there(platform: Platform) -> None:
    write(platform, dataclasses.replace(N1, problem=AWAY), N2)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "counts"))
        queue.claim(db, task_id, (), "n2", SEATS)
    said = CliRunner().invoke(app, ["status", "--once", "--home", str(platform.workspace.home)]).output
    assert said.count(f"{task_id[:8]} counts") == 2  # on each node
    assert "10.0.0.2" in said
    assert AWAY.en in said or AWAY.zh in said
