"""A build that is killed goes on where it was, and ends in the same bytes."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from roadloop.datasets.recipe import CreateData
from roadloop.datasets.service import create
from roadloop.errors import Text
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import queue
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.settings import Settings
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.publish import verify

TABLE = ClassTable("t", (LabelClass(0, "road", "道路", (1, 1, 1), 0), LabelClass(1, "car", "车", (2, 2, 2), 1)))
PICTURES = 512  # 25 shards


def _home(
    settings: Settings, folder: Path, make_request: Callable[..., CreateData], pictures: int = PICTURES
) -> tuple[Platform, str]:
    platform = open_platform(settings.model_copy(update={"home": folder}), upgrade=True)
    draw = np.random.default_rng(0)
    image = encode_jpeg(draw.integers(0, 255, (300, 400, 3), dtype=np.uint8))
    label = encode_label(np.zeros((300, 400), dtype=np.uint8))
    with writing_set(platform.workspace, "镇", TABLE) as writer:
        for i in range(pictures):
            writer.add(NewSample("1", f"t_{i:04d}", image, label))
    return platform, platform.database.write(lambda: create(platform, make_request(shares={"train": 1.0})))


def _start(platform: Platform, task_id: str, settings: Settings) -> tuple[queue.Job, subprocess.Popen[bytes]]:
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    command = [sys.executable, "-m", "roadloop.jobs.run", task_id, str(job.token), ""]
    environment = settings.child_environment()
    return job, subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _requeue(platform: Platform, job: queue.Job) -> None:
    with platform.database.transaction() as db:
        queue.requeue(db, job, Text("测试", "test"), counts=False)


def _kill_after_first_shard(platform: Platform, task_id: str, settings: Settings) -> None:
    job, process = _start(platform, task_id, settings)
    deadline = time.monotonic() + 60
    while not list(platform.workspace.datasets.glob(".*.partial/*.json")):
        assert process.poll() is None, process.stdout and process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # Nobody killed the workers: they end by themselves.
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    _requeue(platform, job)


@pytest.mark.slow
def test_build__killed_twice_ends_in_the_same_bytes(
    settings: Settings,
    tmp_path: Path,
    make_request: Callable[..., CreateData],
    run_job: Callable[[Platform, str], queue.Job],
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, task_id = _home(settings, tmp_path / "whole", make_request)
    assert run_job(whole, task_id).state == "succeeded"
    assert "taken_over=0" in capsys.readouterr().out

    killed, task_id = _home(settings, tmp_path / "killed", make_request)
    # Long leases: nobody sweeps here, and a slow machine must not lose the job.
    patient = settings.model_copy(update={"home": tmp_path / "killed", "lease_seconds": 60})
    for _ in range(2):
        _kill_after_first_shard(killed, task_id, patient)
    job = run_job(killed, task_id)
    assert job.state == "succeeded", job.reason
    taken = int(capsys.readouterr().out.partition("taken_over=")[2].split()[0])
    assert taken >= 1

    folders = [p.workspace.datasets / "20180801" for p in (whole, killed)]
    assert folders[0].joinpath("manifest.json").read_bytes() == folders[1].joinpath("manifest.json").read_bytes()
    assert verify(folders[1]) == []
    assert list(killed.workspace.home.rglob("*.partial")) == []
    for platform in (whole, killed):
        platform.database.close()
