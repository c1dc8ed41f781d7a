"""A backup that is made while four jobs run, brought back at another place: sound, and it ends in the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daemons import status_of
from job_cases import prepare_all, submit_all, tree_of
from live import LiveServer
from postgres import Cluster
from roadloop.jobs import queue, run
from roadloop.jobs.fsck import inspect
from roadloop.settings import PREFIX, Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("jobs")]

#: Where all four stand while the backup is made, and which kinds come there.
MOMENTS = {
    "finish.before": ("train", "create_data", "evaluate", "offimport"),
    "publish.chosen": ("train", "evaluate", "release", "task_divide"),
    "finish.chosen": ("create_data", "select", "health", "offimport"),
}


def _finish(platform: Platform, task_id: str) -> None:
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "here")
    run.run(platform, job)


def _jobs(platform: Platform, ids: list[str]) -> list[queue.Job]:
    with platform.database.reading() as db:
        return [queue.get(db, task_id) for task_id in ids]


def _wait(platform: Platform, ids: list[str], state: queue.JobState) -> None:
    deadline = time.monotonic() + 120
    now = _jobs(platform, ids)
    while any(job.state is not state for job in now):
        assert time.monotonic() < deadline, [(job.kind, job.state, job.reason) for job in now]
        time.sleep(0.1)
        now = _jobs(platform, ids)


def _stopped(platform: Platform, ids: list[str]) -> list[int]:
    """The processes of the jobs, once all of them stand still."""
    deadline = time.monotonic() + 120
    while True:
        pids = [job.pid for job in _jobs(platform, ids)]
        if all(status_of(pid) == psutil.STATUS_STOPPED for pid in pids):
            return [pid for pid in pids if pid is not None]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _roadloop(*words: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "roadloop", *words],
        check=False, capture_output=True, text=True, env=os.environ | {f"{PREFIX}DATABASE_URL": url},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def other_url(cluster: Cluster | None) -> Iterator[str]:
    """Where the restored rows go."""
    yield "" if cluster is None else cluster.create("restored")
    if cluster is not None:
        cluster.drop("restored")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_backup__of_four_running_jobs(
    platform: Platform, settings: Settings, tmp_path: Path, moment: str, other_url: str
) -> None:
    more = {"other_slots": 3, "lease_seconds": 60, "loader_workers": 0, "annotation_outbox": "outbox"}
    settings = settings.model_copy(update=more)
    prepare_all(platform, lambda task_id: _finish(platform, task_id))
    made = submit_all(platform)
    wanted = [task_id for task_id, kind in made.items() if kind in MOMENTS[moment]]
    with platform.database.transaction() as db:
        for task_id in set(made) - set(wanted):
            queue.cancel(db, task_id)
    server = LiveServer(settings.model_copy(update={"fail_point": f"{moment}:stop", "other_slots": 4}))
    server.start()
    pids = _stopped(platform, wanted)
    said = _roadloop("backup", str(tmp_path / "kept"), "--home", str(settings.home), url=settings.database_url)
    assert "files" in said
    assert "problems" not in said
    assert "verified" in _roadloop("backup", str(tmp_path / "kept"), "--verify", url="")
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    _wait(platform, wanted, queue.JobState.SUCCEEDED)
    server.stop()
    there = settings.model_copy(update={"home": tmp_path / "there", "database_url": other_url})
    assert "4 jobs" in _roadloop("restore", str(tmp_path / "kept"), "--home", str(there.home), url=other_url)
    elsewhere = open_platform(there)
    try:
        assert inspect(elsewhere, hashes=True).problems == []
        second = LiveServer(there)
        second.start()
        _wait(elsewhere, wanted, queue.JobState.SUCCEEDED)
        second.stop()
        report = inspect(elsewhere, hashes=True)
        assert (report.problems, report.notes) == ([], [])
    finally:
        elsewhere.database.close()
    mine, theirs = tree_of(settings.home), tree_of(there.home)
    for name in [name for name in theirs if name.startswith(("quarantine/", "trash/"))]:
        del theirs[name]
    assert theirs == mine
