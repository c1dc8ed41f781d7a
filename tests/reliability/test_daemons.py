"""A job plants a process that hides from it and from the server: it is gone however the job, or the server, ends."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from daemons import await_hidden, daemon_of, in_group, is_gone, lent_cgroup, until
from live import LiveServer
from roadloop.jobs import processes, queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(600), pytest.mark.xdist_group("daemons")]


@dataclass
class Yard:
    """A server, alone or in a cgroup that was lent to it, and its workspace."""

    platform: Platform
    live: LiveServer
    count: int = 0

    def plant(self) -> tuple[queue.Job, int]:
        """Start a job that plants a daemon and then does not listen."""
        self.count += 1
        plan = {"steps": 1, "pause": 600, "name": f"counted-{self.count}", "daemon": True}
        with self.platform.database.transaction() as db:
            task_id = queue.submit(db, queue.Submission("rehearsal", plan, "数数"))
        daemon = daemon_of(self.platform, self.job(task_id))
        job = self.job(task_id)
        await_hidden(daemon, job.pid or 0)
        return job, daemon

    def job(self, task_id: str) -> queue.Job:
        """Its row."""
        with self.platform.database.reading() as db:
            return queue.get(db, task_id)

    def stop(self, task_id: str) -> None:
        """Stop a job, and wait until it is."""
        self.live.client().post(f"/v1/jobs/{task_id}/cancel")
        until(lambda: self.job(task_id).state is JobState.CANCELLED, "it is not stopped")


def start(group: Path, command: list[str], **more: Any) -> "subprocess.Popen[str]":
    """Start a process in a cgroup."""
    return subprocess.Popen(in_group(group, *command), **more)


@contextmanager
def yard(folder: Path, mode: str) -> Iterator[Yard]:
    """A server at work."""
    settings = Settings(
        home=folder / mode, port=0, lease_seconds=2, sweep_seconds=0.3, poll_seconds=0.05, stop_seconds=2, min_free_mib=0,
    )  # fmt: skip
    with ExitStack() as stack:
        live = LiveServer(settings)
        if mode == "cgroup":
            live = LiveServer(settings, partial(start, stack.enter_context(lent_cgroup())))
        platform = open_platform(settings, upgrade=True)
        live.start()
        stack.callback(platform.database.close)
        stack.callback(live.close)
        yield Yard(platform, live)
        until(lambda: inspect(platform, hashes=True).problems == [], "fsck finds something")


def keeper_of(job: queue.Job) -> psutil.Process:
    """The parent of a job's worker."""
    assert job.pid is not None
    return psutil.Process(psutil.Process(job.pid).ppid())


def kill_worker(site: Yard, job: queue.Job) -> None:
    os.kill(job.pid or 0, signal.SIGKILL)


def kill_keeper(site: Yard, job: queue.Job) -> None:
    keeper_of(job).kill()


def kill_keeper_stopped(site: Yard, job: queue.Job) -> None:
    os.kill(job.pid or 0, signal.SIGSTOP)
    keeper_of(job).kill()


def stop(site: Yard, job: queue.Job) -> None:
    site.stop(job.id)


def restart_then_stop(site: Yard, job: queue.Job) -> None:
    site.live.kill()
    site.live.start()
    assert site.job(job.id).state is JobState.RUNNING
    site.stop(job.id)


def kill_server_and_worker(site: Yard, job: queue.Job) -> None:
    site.live.kill()
    kill_worker(site, job)
    until(lambda: processes.find(f"{job.id}:") == [], "the keeper does not end")
    site.live.start()


def kill_all(site: Yard, job: queue.Job) -> None:
    keeper = keeper_of(job)
    site.live.kill()
    keeper.kill()
    with suppress(psutil.NoSuchProcess):
        kill_worker(site, job)
    site.live.start()


#: Ends, the modes in which they end the daemon too; of all, only a cgroup outlives server, keeper and worker together.
CASES = [
    ("keeper", restart_then_stop), ("keeper", kill_keeper), ("cgroup", kill_all), ("cgroup", restart_then_stop),
    ("cgroup", kill_keeper), ("keeper", kill_keeper_stopped), ("keeper", kill_server_and_worker), ("keeper", kill_worker),
    ("keeper", stop), ("cgroup", kill_server_and_worker), ("cgroup", kill_worker), ("cgroup", stop),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["keeper", "cgroup"])
def test_daemon__is_gone_however_its_job_or_the_server_ends(
    mode: str, tmp_path: Path, times: Callable[[int], int]
) -> None:
    ends = [end for its_mode, end in CASES[: times(len(CASES))] if its_mode == mode]
    with yard(tmp_path, mode) as site:
        for end in ends:
            job, daemon = site.plant()
            end(site, job)
            until(partial(is_gone, daemon), f"{end.__name__}: the daemon lives")
            if site.job(job.id).state is not JobState.CANCELLED:  # it goes on, with another daemon
                site.stop(job.id)
