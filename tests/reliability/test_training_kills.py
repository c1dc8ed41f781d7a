"""R02, R04, R07, R23: a killed training ends in the same bytes; at every run, `training/test_tasks.py` does R02."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import psutil
import pytest

from live import LiveServer, stop_between_transactions
from roadloop.demo.write import Drives, write_source_set
from roadloop.errors import Text
from roadloop.jobs import processes, queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ENDED, JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.publish import sha256_file
from roadloop.training.checkpoint import listed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("training-kills")]

EPOCHS = 2


@dataclass
class Site:
    """A workspace with a dataset and two networks, and what an undisturbed training ended in."""

    settings: Settings
    platform: Platform
    live: LiveServer
    count: int = 0
    current: httpx.Client | None = None

    @property
    def client(self) -> httpx.Client:
        """A client of the server as it was started last."""
        if self.current is None or str(self.current.base_url) != self.live.url:
            self.current = self.live.client()
        return self.current

    def start(self, network: str = "fast", **train: Any) -> tuple[str, str]:
        """Create a training task and start it; returns its name and id."""
        self.count += 1
        name = f"任务{self.count}"
        body = {"train_name": name, "network": network, "data": "d", "task_desc": ""}
        task_id = self.client.post("/create_train", json=body).json()["data"]
        recipe = {"checkpoint_every": 2, "log_every": 1, **train}
        start = {
            "task_id": task_id, "data_type": "all", "num_classes": 13, "num_epoch": EPOCHS, "batch_size": 4, "gpus": "cpu",
            "model": "m", "steps": "", "base_lr": 0.01, "train_con": recipe, "data_con": {"crop": [48, 64]},
        }  # fmt: skip
        answer = self.client.post("/starttask", json=start)
        assert answer.status_code == 200, answer.text
        return name, task_id

    def job(self, task_id: str) -> queue.Job:
        """The task's job."""
        with self.platform.database.reading() as db:
            return queue.get(db, task_id)

    def until(self, task_id: str, reached: Callable[[queue.Job], bool], seconds: float = 240) -> queue.Job:
        """Wait until the job is as wanted, or has ended."""
        deadline = time.monotonic() + seconds
        while not reached(job := self.job(task_id)) and job.state not in ENDED:
            assert time.monotonic() < deadline, (job.state, job.progress, job.reason)
            time.sleep(0.05)
        return job

    def finish(self, task_id: str) -> queue.Job:
        """Wait for a good end."""
        job = self.until(task_id, lambda job: job.state in ENDED)
        assert job.state is JobState.SUCCEEDED, job.reason
        return job

    def bits(self, name: str) -> dict[str, Any]:
        """What must be equal: the last weights, the last checkpoint with the optimiser, and the metrics."""
        task = self.platform.workspace.tasks / name
        models = sorted((task / "output" / "models").glob("*.params"))
        assert len(models) == EPOCHS
        metrics = [json.loads(line) for line in (task / "log" / "metrics.jsonl").read_text().splitlines()]
        epochs = [line for line in metrics if "miou" in line]
        assert len(epochs) == EPOCHS
        return {
            "weights": [sha256_file(path) for path in models],
            "checkpoint": sha256_file(max(listed(task / "checkpoints")) / "tensors.safetensors"),
            "miou": [line["miou"] for line in epochs],
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = Settings(
        home=tmp_path_factory.mktemp("kills") / "home", port=0, lease_seconds=2, sweep_seconds=0.5, poll_seconds=0.05,
        min_free_mib=0, torch_threads=1, loader_workers=0,
    )  # fmt: skip
    platform = open_platform(settings, upgrade=True)
    write_source_set(platform.workspace, "s", [Drives("suzhou", range(5), 5, size=(96, 72))], processes=1)
    live = LiveServer(settings)
    live.start()
    made = Site(settings, platform, live)
    data = {
        "data_name": "d", "data_type": "all", "sour_data": "s", "thread": 1, "train": 0.8, "val": 0.2, "test": 0,
        "data_desc": "", "l_value": 1,
    }  # fmt: skip
    ids = [made.client.post("/create_data", json=data).json()["data"]]
    for name, template in (("fast", "fast-scnn"), ("enet", "enet"), ("kd", "kd-seg.template")):
        body = {"network_name": name, "src_net": template, "net_describe": ""}
        ids.append(made.client.post("/create_net", json=body).json()["data"])
    for task_id in ids:
        made.finish(task_id)
    yield made
    live.close()
    assert inspect(platform, hashes=True).problems == []
    platform.database.close()


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> tuple[dict[str, Any], float]:
    """The bits of a training that nobody killed, and the seconds it took."""
    name, task_id = site.start()
    site.finish(task_id)
    job = site.job(task_id)
    assert job.finished_at is not None
    assert job.started_at is not None
    return site.bits(name), job.finished_at - job.started_at


def test_r02__a_killed_worker_ends_in_the_same_bytes(
    site: Site, undisturbed: tuple[dict[str, Any], float], times: Callable[[int], int], rng: random.Random
) -> None:
    bits, seconds = undisturbed
    for _ in range(times(20)):
        name, task_id = site.start()
        job = site.until(task_id, lambda job: job.pid is not None)
        time.sleep(rng.uniform(0, seconds))
        if (job := site.job(task_id)).state is JobState.RUNNING and job.pid is not None:
            os.kill(job.pid, signal.SIGKILL)
        site.finish(task_id)
        assert site.bits(name) == bits
    assert inspect(site.platform, hashes=True).problems == []


def test_r04__everything_killed_five_times_ends_in_the_same_bytes(
    site: Site, undisturbed: tuple[dict[str, Any], float], times: Callable[[int], int], rng: random.Random
) -> None:
    bits, seconds = undisturbed
    for _ in range(times(10)):
        name, task_id = site.start()
        for _ in range(5):
            site.until(task_id, lambda job: job.pid is not None and job.state is JobState.RUNNING)
            time.sleep(rng.uniform(0, seconds / 3))
            site.live.kill()
            for process in processes.find(f"{task_id}:"):
                with suppress(psutil.NoSuchProcess):  # it went with its keeper
                    process.kill()
            site.live.start()
        site.finish(task_id)
        assert site.bits(name) == bits
    assert inspect(site.platform, hashes=True).problems == []


def test_r07__a_stopped_worker_that_wakes_up_writes_nothing(
    site: Site, undisturbed: tuple[dict[str, Any], float], times: Callable[[int], int], rng: random.Random
) -> None:
    """Without a server, so that nothing ends the stopped worker: it is given up, replaced, and wakes up afterwards."""
    bits, seconds = undisturbed
    why = Text("失去响应", "silent")
    for _ in range(times(10)):
        name, task_id = site.start()
        job = site.until(task_id, lambda job: job.pid is not None)
        site.live.kill()
        time.sleep(rng.uniform(0.2, seconds * 0.8))
        job = site.job(task_id)
        if job.state is not JobState.RUNNING or job.pid is None:  # it was faster
            site.live.start()
            continue
        stop_between_transactions(site.platform, job.pid)
        with site.platform.database.transaction() as db:
            queue.requeue(db, queue.get(db, task_id), why, counts=True)
            second = queue.claim(db, task_id, (), "elsewhere")
        worker = processes.start(site.settings, second, (), site.platform.workspace.home / second.log)
        assert worker.wait(timeout=240) == 0
        done = site.job(task_id)
        assert done.state is JobState.SUCCEEDED
        os.kill(job.pid, signal.SIGCONT)
        deadline = time.monotonic() + 60
        while processes.is_alive(job):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert site.job(task_id) == done
        assert site.bits(name) == bits
        site.live.start()
    assert inspect(site.platform, hashes=True).problems == []


def test_r23__resume_is_bit_identical_for_every_network_and_seed(site: Site, rng: random.Random) -> None:
    average = {"ema_decay": 0.9, "accumulate": 2, "clip_norm": 1.0}
    recipes: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}, {"seed": 3, **average}]
    cases = [(network, recipe) for network in ("fast", "enet", "kd") for recipe in recipes]
    for network, train in cases:
        whole, whole_id = site.start(network, **train)
        site.finish(whole_id)
        name, task_id = site.start(network, **train)
        share = rng.uniform(0.1, 0.9)
        job = site.until(task_id, lambda job, share=share: job.progress >= share and job.pid is not None)  # type: ignore[misc]
        if job.state is JobState.RUNNING and job.pid is not None:
            os.kill(job.pid, signal.SIGKILL)
        site.finish(task_id)
        assert site.bits(name) == site.bits(whole)
