"""What Prometheus is told: the numbers, over HTTP from a real server, and that documents and deploy/ name what there is."""

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from in_process import Caller
from live import LiveServer
from roadloop.devices import service as devices
from roadloop.errors import Text
from roadloop.jobs import queue, totals
from roadloop.jobs.metrics import Metrics
from roadloop.jobs.states import JobState
from roadloop.jobs.totals import Measure
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

ROOT = Path(__file__).parents[2]
TWO_GPUS = """
import json
print(json.dumps([
    {"index": i, "uuid": f"GPU-{i}", "name": "NVIDIA A100", "utilisation": 0.25, "total_mib": 1024, "free_mib": 512}
    for i in range(2)
]))
"""
WHY = Text("原因", "a reason")

Values = dict[tuple[str, ...], float]


class Scrape:
    """One answer of /metrics, read by the parser of Prometheus' own library."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}
        self._values = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        """The value of one sample; None where there is no such sample."""
        return self._values.get((name, *sorted(labels.items())))

    def names(self) -> set[str]:
        """The names of all samples that there are or may be."""
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        return {name + end for name, family in self.families.items() for end in ends.get(family.type, [""])}


@contextmanager
def opened(live: LiveServer) -> Iterator[Platform]:
    """The server's installation."""
    platform = open_platform(live.settings)
    yield platform
    platform.database.close()


def submit(platform: Platform, **plan: Any) -> str:
    with platform.database.transaction() as db:
        payload = {"steps": 1, "pause": 0.0, "name": "counted", **plan}
        return queue.submit(db, queue.Submission("rehearsal", payload, "数数"))


def read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def documented() -> dict[str, tuple[str, set[str]]]:
    """Name -> type and labels, as docs/operation.md has them."""
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\|", text, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def all_of(platform: Platform) -> Scrape:
    metrics = Metrics(platform)
    metrics.watch(lambda: 3, 1000, lambda: 0.5)
    return Scrape(metrics.text().decode())


@pytest.fixture(autouse=True)
def driver_answered() -> Iterator[None]:
    """Wait for the processes that were sent to the driver from here."""
    yield
    for process in devices._left:
        process.wait(timeout=30)


# --- a real server, with real jobs ---------------------------------------------------------------------------------


@pytest.fixture
def busy(settings: Settings, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that sees two GPUs."""
    probe = tmp_path / "probe.py"
    probe.write_text(TWO_GPUS)
    live = LiveServer(settings.model_copy(update={"gpu_probe": (sys.executable, str(probe))}))
    live.start()
    yield live
    live.close()


def test_metrics__of_real_jobs_over_http_and_after_a_restart(busy: LiveServer) -> None:
    client = busy.client()

    def scrape() -> Scrape:
        answer = client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Scrape(answer.text)

    with opened(busy) as platform:
        assert busy.wait("/v1/jobs", submit(platform))["state"] == "succeeded"
        assert busy.wait("/v1/jobs", submit(platform, fail="error", name="other"))["state"] == "failed"
        task_id = submit(platform, steps=1000, pause=0.05, name="killed")
        _until_running(platform, task_id, attempt=1)
        os.kill(read(platform, task_id).pid or 0, signal.SIGKILL)
        _until_running(platform, task_id, attempt=2)
        running = scrape()
        assert client.post(f"/v1/jobs/{task_id}/cancel").status_code == 200
        assert busy.wait("/v1/jobs", task_id)["state"] == "cancelled"
    node = os.uname().nodename
    assert running.get("roadloop_running_jobs", pool="other", kind="rehearsal", node=node) == 1
    assert running.get("roadloop_jobs", state="running") == 1

    seen = scrape()
    _holds_what_happened(seen)
    _has_the_documented_labels(running)
    _has_the_documented_labels(seen)
    assert seen.get("roadloop_running_jobs", pool="other", kind="rehearsal", node=node) is None
    assert (seen.get("roadloop_gpus", node=node), seen.get("roadloop_gpu_leases")) == (2, 0)
    assert seen.get("roadloop_gpu_utilization_ratio", node=node, gpu="1", uuid="GPU-1") == 0.25
    assert seen.get("roadloop_gpu_memory_free_bytes", node=node, gpu="0", uuid="GPU-0") == 512 * 2**20
    assert (seen.get("roadloop_http_connections") or 0) >= 1
    assert 0 <= (seen.get("roadloop_supervisor_silence_seconds") or 0) < 5
    assert (seen.get("roadloop_database_wait_seconds_count") or 0) >= 4
    cancelled = {"route": "/v1/jobs/{task_id}/cancel", "method": "POST", "status": "2xx"}
    assert seen.get("roadloop_http_request_duration_seconds_count", **cancelled) == 1
    assert task_id not in seen.text
    assert client.get("/metrics", headers={"host": "elsewhere.example"}).status_code == 403

    busy.stop()
    busy.start()
    client = busy.client()
    again = scrape()
    _holds_what_happened(again)
    assert again.get("roadloop_http_request_duration_seconds_count", **cancelled) is None


def _until_running(platform: Platform, task_id: str, attempt: int) -> None:
    deadline = time.monotonic() + 30
    while (job := read(platform, task_id)).attempt != attempt or job.state is not JobState.RUNNING or not job.pid:
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


def _holds_what_happened(seen: Scrape) -> None:
    """One job succeeded, one failed, one was killed and then cancelled: four claims, four ends of attempts."""
    ended = {
        outcome: seen.get("roadloop_job_duration_seconds_count", kind="rehearsal", outcome=outcome)
        for outcome in ("succeeded", "failed", "lost", "cancelled")
    }
    assert ended == {"succeeded": 1, "failed": 1, "lost": 1, "cancelled": 1}
    assert seen.get("roadloop_job_wait_seconds_count", pool="other") == 4
    assert seen.get("roadloop_job_losses_total", kind="rehearsal", cause="killed") == 1
    assert seen.get("roadloop_job_failures_total", kind="rehearsal", error="job_failed") == 1
    states = {state.value: seen.get("roadloop_jobs", state=state.value) for state in JobState}
    assert states == {"created": 0, "queued": 0, "running": 0, "succeeded": 1, "failed": 1, "cancelled": 1}


def _has_the_documented_labels(seen: Scrape) -> None:
    for name, family in seen.families.items():
        _kind, labels = documented()[name + "_total" * (family.type == "counter")]
        assert [sample for sample in family.samples if set(sample.labels) - {"le"} != labels] == [], name


# --- numbers by hand -----------------------------------------------------------------------------------------------


def test_queue__counts_waits_runs_and_failures_in_its_own_transactions(platform: Platform) -> None:
    task_id = submit(platform)
    with platform.database.transaction() as db:  # it was queued 30 s ago
        db.exec_driver_sql("UPDATE job_events SET at = at - 30")
    with platform.database.transaction() as db:
        first = queue.claim(db, task_id, (), "here")
    with platform.database.transaction() as db:
        db.exec_driver_sql("UPDATE job_events SET at = at - 700")
    with platform.database.transaction() as db:
        queue.requeue(db, first, WHY, counts=True)
        second = queue.claim(db, task_id, (), "here")
        queue.finish(db, second, JobState.FAILED, reason=WHY, error="out_of_memory")
        queue.cancel(db, submit_in(db))  # it never ran

    def claim_and_break() -> None:
        with platform.database.transaction() as db:
            queue.claim(db, submit_in(db), (), "here")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        claim_and_break()  # nothing of it is counted
    with platform.database.reading() as db:
        rows = {(row.measure, row.whose, row.outcome, row.bound): row.number for row in totals.read(db)}
    assert rows == {
        ("wait", "other", "", 60): 1,
        ("wait", "other", "", 1): 1,
        ("run", "rehearsal", "lost", 3600): 1,
        ("run", "rehearsal", "failed", 1): 1,
        ("failure", "rehearsal", "out_of_memory", totals.UNBOUNDED): 1,
    }


def submit_in(db: Any) -> str:
    return queue.submit(db, queue.Submission("rehearsal", {"steps": 1, "pause": 0.0, "name": "x"}, "x"))


def test_histogram__buckets_are_cumulative_and_hold_what_is_longer_than_all(platform: Platform) -> None:
    with platform.database.transaction() as db:
        for seconds in (1.0, 1.5, 59, 700_000):
            totals.count(db, Measure.RUN, "train", "succeeded", seconds)
    seen = all_of(platform)
    name, labels = "roadloop_job_duration_seconds", {"kind": "train", "outcome": "succeeded"}
    buckets = [seen.get(f"{name}_bucket", **labels, le=str(bound)) for bound in (1, 10, 60, 86400, "+Inf")]
    assert buckets == [1, 2, 3, 3, 4]
    assert seen.get(f"{name}_sum", **labels) == 700_061.5


def test_queue_jobs__by_pool_and_kind_but_not_of_very_many(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    with platform.database.transaction() as db:
        for _ in range(2):
            queue.submit(db, queue.Submission("train", {}, "train", pool="training"))
        evaluation = queue.submit(db, queue.Submission("evaluate", {}, "evaluate"))
        queue.claim(db, evaluation, ("GPU-7",), "node2")
    seen = all_of(platform)
    assert seen.get("roadloop_queue_jobs", pool="training", kind="train") == 2
    assert seen.get("roadloop_queue_jobs", pool="other", kind="evaluate") is None
    assert seen.get("roadloop_running_jobs", pool="other", kind="evaluate", node="node2") == 1
    assert seen.get("roadloop_gpu_leases") == 1
    monkeypatch.setattr("roadloop.jobs.metrics.MOST_WAITING", 1)
    many = all_of(platform)
    assert many.get("roadloop_queue_jobs", pool="training", kind="train") is None
    assert many.get("roadloop_jobs", state="queued") == 2


def test_requests__are_told_by_route_and_method_that_exist_never_as_clients_write_them(platform: Platform) -> None:
    with Caller(platform) as caller:
        for method, path in (("GET", "/made/up"), ("BREW", "/v1/jobs"), ("POST", "/v1/health"), ("GET", "/v1/health"),
                             ("HEAD", "/v1/health"), ("GET", "/static/js/app.js"), ("GET", "/v1/jobs/zz/events")):  # fmt: skip
            caller(method, path)
        seen = Scrape(caller("GET", "/metrics").body.decode())
    counted = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for sample in seen.families["roadloop_http_request_duration_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("none", "other", "4xx"): 1,
        ("/v1/jobs", "other", "4xx"): 1,
        ("/v1/health", "other", "4xx"): 1,
        ("/v1/health", "GET", "2xx"): 2,
        ("/static", "other", "2xx"): 1,
        ("/v1/jobs/{task_id}/events", "GET", "4xx"): 1,
    }


def test_database_wait__is_the_time_until_a_transaction_begins(platform: Platform) -> None:
    waits: list[float] = []
    platform.database.waited = waits.append
    begun, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with platform.database.transaction():
            begun.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(10)
    threading.Timer(0.3, leave.set).start()
    with platform.database.transaction():
        pass
    holder.join()
    assert waits[0] < 0.2 < waits[1]


# --- what documents and deploy/ say --------------------------------------------------------------------------------


def test_operation__its_table_is_what_is_exported(platform: Platform) -> None:
    kinds = {
        name + "_total" * (family.type == "counter"): family.type for name, family in all_of(platform).families.items()
    }
    assert {name: kind for name, (kind, _labels) in documented().items()} == kinds


@pytest.mark.parametrize("file", ["grafana/roadloop.json", "alerts.yml"])
def test_deploy__names_metrics_that_are_exported(file: str, platform: Platform) -> None:
    text = (ROOT / "deploy" / file).read_text(encoding="utf-8")
    if file.endswith(".json"):
        board = json.loads(text)
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
        queries = [target["expr"] for panel in panels for target in panel["targets"]]
        queries.append(board["templating"]["list"][1]["definition"])
    else:
        queries = re.findall(r"^ +expr: (.+(?:\n {10}.+)*)", text, re.MULTILINE)
        assert len(queries) == text.count("- alert: ")
    named = {name for query in queries for name in re.findall(r"\broadloop_\w+", query)}
    assert named - all_of(platform).names() == set()
    assert len(named) > 5
