"""Training jobs under the supervisor, in processes of their own: killed, stopped, continued."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from daemons import await_hidden, daemon_of, is_gone, status_of, until
from roadloop.jobs import queue
from roadloop.jobs.queue import Job, JobState
from roadloop.jobs.store import job_events
from roadloop.jobs.supervisor import Supervisor
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.training import checkpoint

VALUES: dict[str, Any] = {
    "num_epoch": 6,
    "batch_size": 2,
    "model": "m",
    "train_con": {"log_every": 1, "checkpoint_every": 3},
    "data_con": {"crop": [24, 32]},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_seconds": 20, "training_slots": 2})


#: Its third training step answers NaN.
NAN = """
import torch
from torch import nn


def build(num_classes):
    return Nan(num_classes)


class Nan(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.layer = nn.Conv2d(3, num_classes, 1)
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, x):
        self.steps += int(self.training)
        return self.layer(x) * (float("nan") if self.training and self.steps == 3 else 1)
"""


#: Says all that it was told, and plants a process that hides.
SPY = """
import os, subprocess

print(dict(os.environ), flush=True)
program = "env -i setsid sleep 600 </dev/null >/dev/null 2>&1 & echo daemon=$!"
subprocess.run(["/bin/sh", "-c", program], env={}, cwd="/", start_new_session=True, check=True)
"""


@contextmanager
def supervised(site: Any) -> Iterator[None]:
    """A supervisor at work."""
    one = Supervisor(site.platform)
    one.start()
    try:
        yield
    finally:
        one.close(stop_jobs=True)


def read(site: Any, task_id: str) -> Job:
    with site.platform.database.reading() as db:
        return queue.get(db, task_id)


def steps(site: Any, name: str) -> int:
    path = site.folder(name) / "log" / "metrics.jsonl"
    return path.read_text().count('"kind": "step"') if path.is_file() else 0


def wait(site: Any, task_id: str, name: str, until_step: int, seconds: float = 120) -> Job:
    """Wait for a step or for the end."""
    deadline = time.monotonic() + seconds
    while True:
        job = read(site, task_id)
        if job.finished_at is not None or steps(site, name) >= until_step:
            return job
        assert time.monotonic() < deadline, (site.folder(name) / "log" / "train.log").read_text()
        time.sleep(0.02)


def outcome(folder: Path) -> dict[str, str]:
    last = checkpoint.listed(folder / "checkpoints")[-1]
    models = sorted((folder / "output" / "models").glob("*.params"))
    paths = [last / checkpoint.TENSORS, folder / "log" / "metrics.jsonl", *models]
    return {path.name: publish.sha256_file(path) for path in paths}


def steps_of_attempt(site: Any, name: str, attempt: int) -> int:
    """Steps that one attempt has logged."""
    path = site.folder(name) / "log" / "train.log"
    text = path.read_text() if path.is_file() else ""
    return text.partition(f" attempt={attempt} ---")[2].count("images_per_second")


@pytest.mark.reliability
def test_train__killed_three_times_ends_in_the_same_bits(site: Any, run_job: Any) -> None:
    whole, task_id = site.create("whole"), site.create("killed")
    site.call("/starttask", task_id=whole, **VALUES)
    run_job(site.platform, whole)
    site.call("/starttask", task_id=task_id, **VALUES)
    rng = random.Random(0)
    with supervised(site):
        for attempt in (1, 2, 3):
            point = rng.randint(1, 6)
            while steps_of_attempt(site, "killed", attempt) < point:
                assert read(site, task_id).state is not JobState.FAILED
                time.sleep(0.03)
            job = read(site, task_id)
            assert job.pid is not None
            psutil.Process(job.pid).kill()
        job = wait(site, task_id, "killed", 10**6)
    log = (site.folder("killed") / "log" / "train.log").read_text()
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 4), log
    assert "resumed from" in log
    assert outcome(site.folder("killed")) == outcome(site.folder("whole"))
    assert not list(site.folder("killed").rglob("*.partial"))


@pytest.mark.slow
def test_train__a_lost_rank_is_a_lost_worker(site: Any, run_job: Any) -> None:
    values = {**VALUES, "train_con": {**VALUES["train_con"], "cpu_processes": 2}}
    whole, task_id = site.create("whole"), site.create("killed")
    site.call("/starttask", task_id=whole, **values)
    run_job(site.platform, whole)
    site.call("/starttask", task_id=task_id, **values)
    with supervised(site):
        job = wait(site, task_id, "killed", 2)
        assert job.pid is not None
        ranks = [p for p in psutil.Process(job.pid).children() if "roadloop.training.rank" in p.cmdline()]
        ranks[1].kill()
        job = wait(site, task_id, "killed", 10**6)
    log = (site.folder("killed") / "log" / "train.log").read_text()
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2), log
    with site.platform.database.reading() as db:
        said = db.execute(sa.select(job_events.c.text).where(job_events.c.job_id == task_id)).scalars().all()
    assert any("Rank 1 was killed by SIGKILL" in str(text) for text in said)
    assert outcome(site.folder("killed")) == outcome(site.folder("whole"))


def test_train__stopped_within_ten_seconds_and_continued(site: Any) -> None:
    with supervised(site):
        task_id = site.create()
        values = {**VALUES, "num_epoch": 20_000, "train_con": {"log_every": 1, "checkpoint_every": 100_000}}
        site.call("/starttask", task_id=task_id, **values)
        job = wait(site, task_id, "suzhou", 2)
        begin = time.monotonic()
        site.call("/endtask", task_id=task_id)
        job = wait(site, task_id, "suzhou", 10**9, 10)
        assert job.state is JobState.CANCELLED
        assert time.monotonic() - begin < 10
        assert job.pid is not None
        assert not status_of(job.pid)
        saved = checkpoint.listed(site.folder() / "checkpoints")[-1]
        done = steps(site, "suzhou")
        assert saved.name.endswith(f"-step-{done:09d}")
        site.call("/continue_task", task_id=task_id)
        job = wait(site, task_id, "suzhou", done + 2)
        assert (job.state, job.attempt) == (JobState.RUNNING, 2)
        assert f"resumed from {saved.name}" in (site.folder() / "log" / "train.log").read_text()
        row = site.row(task_id)
        assert row["state"] == "running"
        assert row["status"].endswith("%")


def test_train__a_network_learns_no_secret_and_leaves_no_process(
    site: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-1")
    secret = settings.model_copy(
        update={"label_studio_token": "planted-2", "track_service_url": "http://u:planted-3@t"}
    )
    network = site.platform.workspace.networks / "c_network" / "network.py"
    network.write_text(network.read_text() + SPY)
    task_id = site.create()
    site.call("/starttask", task_id=task_id, **{**VALUES, "num_epoch": 20_000})
    site.platform = replace(site.platform, settings=secret)
    with supervised(site):
        job = wait(site, task_id, "suzhou", 2)
        daemon = daemon_of(site.platform, job)
        await_hidden(daemon, job.pid or 0)
        site.call("/endtask", task_id=task_id)
        assert wait(site, task_id, "suzhou", 10**9).state is JobState.CANCELLED
        until(lambda: is_gone(daemon), "the daemon lives")
    log = (site.platform.workspace.home / job.log).read_text()
    assert "ROADLOOP_HOME" in log
    assert "planted" not in log


@pytest.mark.slow
def test_train__a_network_that_ends_its_process_is_tried_three_times(site: Any) -> None:
    leaving = "import os\n\n\ndef build(num_classes):\n    os._exit(3)\n"
    (site.platform.workspace.networks / "c_network" / "network.py").write_text(leaving)
    task_id = site.create()
    site.call("/starttask", task_id=task_id, **VALUES)
    with supervised(site):
        job = wait(site, task_id, "suzhou", 10**6)
    assert (job.state, job.error, job.attempt) == (JobState.FAILED, "worker_lost", 3)
    assert job.reason is not None
    assert "exit code 3) in networks/c_network/network.py, line 5 (build)" in job.reason.en
    assert "3 times in a row" in job.reason.en


def test_train__two_processes_share_a_job_and_name_their_failure(site: Any, run_job: Any) -> None:
    (site.platform.workspace.networks / "c_network" / "network.py").write_text(NAN)
    task_id = site.create()
    train = {"log_every": 1, "cpu_processes": 2}
    site.call("/starttask", task_id=task_id, **{**VALUES, "batch_size": 4, "train_con": train})
    job = run_job(site.platform, task_id)
    assert (job.state, job.error) == (JobState.FAILED, "non_finite_loss")
    assert "第 3 步" in job.reason.zh
    row = site.row(task_id)
    assert (row["epoch"], row["best"]["epoch"], row["status"]) == (1, 1, "failed")
    assert row["images_per_second"] > 0
    assert 0 < row["loader_wait"] <= 1
    assert [path.name for path in checkpoint.listed(site.folder() / "checkpoints")] == ["epoch-000001-step-000000002"]
    assert (site.folder() / "output" / "models" / "m_ep-0001.params").is_file()
