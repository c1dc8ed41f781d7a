"""What an MLflow server hears, and that one which fails, hangs or is not there never disturbs a training."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from roadloop.training import mlflow
from roadloop.training.mlflow import MlflowLog


class Tracking(ThreadingHTTPServer):
    """Seven calls of MLflow's REST API, in memory, on loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.broken = False
        self.pause = threading.Event()  # set: answers come
        self.pause.set()
        self.accounts: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        call = path.removeprefix("/api/2.0/mlflow/")
        if call.startswith("experiments/get-by-name?experiment_name="):
            found = self.experiments.get(call.partition("=")[2])
            return (200, {"experiment": {"experiment_id": found}}) if found else (404, {"error_code": "NOT_FOUND"})
        if call == "experiments/create":
            self.experiments[body["name"]] = "7"
            return 200, {"experiment_id": "7"}
        if call == "runs/search":
            digest = body["filter"].split("'")[1]
            runs = [run for run in self.runs.values() if {"key": "roadloop.recipe", "value": digest} in run["tags"]]
            return 200, {"runs": [self._shown(run) for run in runs]}
        if call == "runs/create":
            name = f"run{len(self.runs)}"
            self.runs[name] = {**body, "id": name, "metrics": [], "params": {}, "status": "RUNNING"}
            return 200, {"run": {"info": {"run_id": name}}}
        run = self.runs[body["run_id"]]
        if call == "runs/update":
            run["status"] = body["status"]
            return 200, {}
        assert call == "runs/log-batch"
        assert len(body.get("params", [])) <= 100
        run["params"] |= {p["key"]: p["value"] for p in body.get("params", [])}
        run["metrics"] += [(m["key"], m["step"], m["value"]) for m in body.get("metrics", [])]
        return 200, {}

    def _shown(self, run: dict[str, Any]) -> dict[str, Any]:
        newest = {key: step for key, step, _ in run["metrics"]}
        metrics = [{"key": key, "step": str(step)} for key, step in newest.items()]
        return {"info": {"run_id": run["id"]}, "data": {"metrics": metrics}}


class Answers(BaseHTTPRequestHandler):
    server: Tracking

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        self.server.pause.wait(30)
        self.server.accounts.append(self.headers.get("authorization", ""))
        status, values = (500, {}) if self.server.broken else self.server.answer(self.path, body)
        data = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who asked has given up, as some tests want
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Tracking]:
    made = Tracking()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.pause.set()
    made.shutdown()
    made.server_close()
    thread.join()


def epoch(number: int, **values: Any) -> dict[str, Any]:
    return {
        "kind": "epoch",
        "epoch": number,
        "step": 3 * number,
        "loss": 1.0,
        "miou": 0.25,
        "iou": [0.5, None],
        **values,
    }


def test_run__parameters_tags_and_every_epoch_arrive(bench: Any, server: Tracking) -> None:
    work = bench.work(num_epoch=2, mlflow_url=server.url.replace("http://", "http://me:p%40ss@"))
    notes = bench.run(work)
    assert notes.warnings == []
    (run,) = server.runs.values()
    assert (run["run_name"], run["experiment_id"], run["status"]) == ("任务", "7", "FINISHED")
    assert run["params"]["train.num_epoch"] == "2"
    assert run["params"]["data.crop"] == "(24, 32)"
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["roadloop.recipe"] == work.recipe.digest()
    lines = [line for line in bench.lines(work) if line["kind"] == "epoch"]
    assert [v for key, _, v in run["metrics"] if key == "val/miou"] == [line["miou"] for line in lines]
    assert [s for key, s, _ in run["metrics"] if key == "train/epoch_loss"] == [line["step"] for line in lines]
    assert set(server.accounts) == {"Basic " + base64.b64encode(b"me:p@ss").decode()}


def test_mlflow__a_resumed_attempt_goes_on_with_its_run_and_says_nothing_twice(bench: Any, server: Tracking) -> None:
    work = bench.work(num_epoch=3)
    for epochs in ((1, 2), (2, 3)):
        log = MlflowLog(server.url, work.recipe, bench.notes())
        for number in epochs:
            log.append(epoch(number))
        log.close()
    (run,) = server.runs.values()
    assert [step for key, step, _ in run["metrics"] if key == "val_iou/000"] == [3, 6, 9]
    assert run["status"] == "FINISHED"
    assert list(server.experiments) == ["roadloop"]


def test_mlflow__a_server_that_fails_costs_one_warning_and_gets_the_rest_later(bench: Any, server: Tracking) -> None:
    server.broken = True
    notes = bench.notes()
    log = MlflowLog(server.url.replace("http://", "http://me:secret@"), bench.work(num_epoch=4).recipe, notes)
    log.append(epoch(1))
    log.append(epoch(2))
    _until(lambda: len(notes.warnings) == 1)
    server.broken = False
    log.append(epoch(3))
    log.close()
    (run,) = server.runs.values()
    assert [step for key, step, _ in run["metrics"] if key == "val/miou"] == [3, 6, 9]
    assert len(notes.warnings) == 1
    assert "The training goes on" in notes.warnings[0].en
    assert "secret" not in str(notes.warnings[0])


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[", "http://127.0.0.1:99999"])
def test_mlflow__an_address_where_nobody_is_never_fails(bench: Any, url: str) -> None:
    notes = bench.notes()
    log = MlflowLog(url, bench.work(num_epoch=1).recipe, notes)
    log.append(epoch(1))
    log.close()
    assert len(notes.warnings) == 1
    assert "ROADLOOP_MLFLOW_URL" in notes.warnings[0].zh


def test_mlflow__a_server_that_hangs_stalls_nothing(
    bench: Any, server: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow, "TIMEOUT", 0.2)
    monkeypatch.setattr(mlflow, "CLOSING", 0.5)
    server.pause.clear()
    notes = bench.notes()
    log = MlflowLog(server.url, bench.work(num_epoch=9).recipe, notes)
    began = time.monotonic()
    for number in range(1, 4):
        log.append(epoch(number))
    log.close()
    assert time.monotonic() - began < 5
    assert len(notes.warnings) == 1


def _until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
