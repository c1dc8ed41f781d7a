"""Jobs in cgroups of their own, and the limits of jobs in both modes; real processes, real cgroups where there are any."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daemons import await_hidden, daemon_of, in_group, is_gone, lent_cgroup, until
from roadloop.jobs import confine, processes, queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.hosts import OneHost
from roadloop.jobs.states import JobState
from roadloop.jobs.supervisor import Supervisor
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform


def submit(platform: Platform, **plan: object) -> str:
    payload = {"steps": 1, "pause": 0.0, "name": "counted", **plan}
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", payload, "数数"))


def read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def finished(platform: Platform, task_id: str) -> queue.Job:
    until(lambda: read(platform, task_id).finished_at is not None, "it does not end")
    return read(platform, task_id)


@pytest.fixture(params=["keeper", "cgroup"])
def confinement(request: pytest.FixtureRequest) -> Iterator[Confinement]:
    """What holds jobs together."""
    if request.param == "keeper":
        yield Confinement()
        return
    with lent_cgroup() as group:
        yield Confinement(group)
        assert list(group.glob("roadloop-job-*")) == []


@pytest.fixture
def supervisor(platform: Platform, confinement: Confinement) -> Iterator[Supervisor]:
    one = Supervisor(platform, OneHost(platform, confinement))
    one.start()
    yield one
    one.close(stop_jobs=True)


def test_daemon__ends_with_a_job_that_succeeds_or_fails(platform: Platform, supervisor: Supervisor) -> None:
    for fail, state in (("", JobState.SUCCEEDED), ("bug", JobState.FAILED)):
        job = read(platform, submit(platform, daemon=True, fail=fail, name=f"counted{fail}"))
        daemon = daemon_of(platform, job)
        assert finished(platform, job.id).state is state
        until(lambda daemon=daemon: is_gone(daemon), "the daemon lives")  # type: ignore[misc]
        until(lambda: not supervisor._watched, "the supervisor does not clear up")


def test_daemon__ends_with_a_job_that_is_stopped(settings: Settings, confinement: Confinement) -> None:
    platform = open_platform(settings.model_copy(update={"stop_seconds": 2.0}), upgrade=True)
    one = Supervisor(platform, OneHost(platform, confinement))
    one.start()
    task_id = submit(platform, daemon=True, steps=1, pause=600)
    daemon = daemon_of(platform, read(platform, task_id))
    job = read(platform, task_id)
    assert job.pid is not None
    await_hidden(daemon, job.pid)
    os.kill(psutil.Process(job.pid).ppid(), signal.SIGSTOP)  # its keeper: does not help
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    assert finished(platform, task_id).state is JobState.CANCELLED
    assert is_gone(daemon)
    assert processes.find(f"{task_id}:") == []
    until(lambda: not one._watched, "the supervisor does not clear up")
    one.close()
    platform.database.close()


def test_cgroup__what_is_left_in_one_ends_at_the_next_start_and_nothing_else(platform: Platform) -> None:
    with lent_cgroup() as group:
        first = Supervisor(platform, OneHost(platform, Confinement(group)))
        first.start()
        lost = read(platform, submit(platform, daemon=True, pause=600))
        daemon = daemon_of(platform, lost)
        first.close()
        job = read(platform, lost.id)
        assert job.pid is not None
        keeper = psutil.Process(psutil.Process(job.pid).ppid())
        keeper.kill()  # the worker goes with it; nobody is left to end the daemon
        until(lambda: not processes.find(f"{job.id}:"), "the worker outlives its keeper")
        keeper.wait(10)
        other = group / f"roadloop-job-{'0' * 32}-1"  # of another home
        other.mkdir()
        assert not is_gone(daemon)
        with platform.database.transaction() as db:
            queue.cancel(db, job.id)
            queue.finish(db, job, JobState.CANCELLED)
        second = Supervisor(platform, OneHost(platform, Confinement(group)))
        second.start()
        second.close()
        assert is_gone(daemon)
        assert list(group.glob("roadloop-job-*")) == [other]


def test_keeper__leaves_with_the_workers_exit_and_passes_signals_on(platform: Platform) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        task_id = submit(platform, pause=600)
        with platform.database.transaction() as db:
            job = queue.claim(db, task_id, (), "here")
        keeper = processes.start(platform.settings, job, (), platform.workspace.home / job.log)
        until(lambda task_id=task_id: read(platform, task_id).pid, "it does not start")  # type: ignore[misc]
        os.kill(keeper.pid if number == signal.SIGTERM else read(platform, task_id).pid or 0, number)
        assert keeper.wait(30) == -number


@pytest.mark.parametrize("confinement", ["keeper"], indirect=True)
def test_limits__are_the_workers_where_no_cgroup_keeps_them(settings: Settings, confinement: Confinement) -> None:
    limits = {"job_memory_mib": 1000, "job_processes": 500, "stop_seconds": 2.0}
    platform = open_platform(settings.model_copy(update=limits), upgrade=True)
    one = Supervisor(platform, OneHost(platform, confinement))
    one.start()
    task_id = submit(platform, pause=600)
    until(lambda: read(platform, task_id).pid, "it does not start")
    held = Path(f"/proc/{read(platform, task_id).pid}/limits").read_text()
    assert held.split("Max processes")[1].split()[:2] == ["500", "500"]
    assert held.split("Max data size")[1].split()[:2] == [str(1000 * 2**20)] * 2
    one.close(stop_jobs=True)
    failed = submit(platform, memory=2000)
    with platform.database.transaction() as db:
        job = queue.claim(db, failed, (), "here")
    assert processes.start(platform.settings, job, (), platform.workspace.home / job.log).wait(60) == 0
    job = read(platform, failed)
    assert (job.state, job.error) == (JobState.FAILED, "out_of_memory")
    assert job.reason is not None
    assert "job_memory_mib" in job.reason.en
    assert "job_memory_mib" in job.reason.zh
    platform.database.close()


SETTLE = "from roadloop.jobs import confine; found = confine.settle(); print(found.base, *sorted(found.limits))"


def test_settle__finds_the_cgroup_that_was_lent_and_what_can_be_limited_there() -> None:
    with lent_cgroup() as group:
        possible = confine.LIMITS & set((group / "cgroup.controllers").read_text().split())
        for place in (group, group / confine.SERVER):
            place.mkdir(exist_ok=True)
            done = subprocess.run(
                in_group(place, sys.executable, "-c", SETTLE), capture_output=True, text=True, check=True
            )
            assert done.stdout.split() == [str(group), *sorted(possible)]


def test_limits__of_a_cgroup_count_all_processes_of_a_job(settings: Settings) -> None:
    platform = open_platform(settings.model_copy(update={"job_memory_mib": 400, "job_processes": 300}), upgrade=True)
    with lent_cgroup() as group:
        done = subprocess.run(in_group(group, sys.executable, "-c", SETTLE), capture_output=True, text=True, check=True)
        if set(done.stdout.split()[1:]) != confine.LIMITS:
            pytest.skip("needs a cgroup that may limit memory and processes")
        held = Confinement(group, confine.LIMITS)
        one = Supervisor(platform, OneHost(platform, held))
        one.start()
        job = finished(platform, submit(platform, memory=600, pause=600))
        place, *told = held.prepare(job, platform.settings)
        assert told == ["0", "0"]  # nothing is left for the keeper to limit
        assert (Path(place) / "memory.max").read_text().strip() == str(400 * 2**20)
        assert (Path(place) / "pids.max").read_text().strip() == "300"
        one.close()
        assert (job.state, job.error) == (JobState.FAILED, "worker_lost")
        assert job.reason is not None
        assert "job_memory_mib" in job.reason.en
    platform.database.close()


READ = """
import os, subprocess, sys
from roadloop.jobs import confine
if sys.argv[1] == "settled":
    confine.settle()
print(subprocess.run(["cat", f"/proc/{os.getpid()}/environ"], capture_output=True).stdout.count(b"planted"))
"""


@pytest.mark.parametrize(("mode", "expected"), [("open", "1"), ("settled", "0")])
def test_settle__closes_the_servers_environment_to_its_own_user(mode: str, expected: str) -> None:
    weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    environment = {"PATH": os.environ["PATH"], "KEY": "planted"}
    done = subprocess.run(
        [*weak, sys.executable, "-c", READ, mode], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
