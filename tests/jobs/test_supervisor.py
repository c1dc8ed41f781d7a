"""The supervisor with real processes."""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from live import stop, stop_between_transactions
from roadloop.errors import ConflictError, StaleRunError, Text
from roadloop.jobs import processes, queue
from roadloop.jobs.hosts import OneHost
from roadloop.jobs.identity import boot_id
from roadloop.jobs.states import JobState
from roadloop.jobs.supervisor import DISK_LOW, Supervisor
from roadloop.settings import Settings
from roadloop.storage import sqlite
from roadloop.storage.platform import Platform, open_platform

_WHY = Text("原因", "a reason")


def submit(platform: Platform, *, steps: int = 3, pause: float = 0.01, gpus: str = "", **more: object) -> str:
    payload = {"steps": steps, "pause": pause, "name": "counted", **more}
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", payload, "数数", gpus=gpus))


def read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def wait(platform: Platform, task_id: str, until: Callable[[queue.Job], bool], seconds: float = 30) -> queue.Job:
    deadline = time.monotonic() + seconds
    while not until(job := read(platform, task_id)):
        assert time.monotonic() < deadline, f"still {job.state}, progress {job.progress}, reason {job.reason}"
        time.sleep(0.05)
    return job


def ended(job: queue.Job) -> bool:
    return job.finished_at is not None


def counted(platform: Platform) -> Path:
    return platform.workspace.logs / "counted.txt"


@pytest.fixture
def supervisor(platform: Platform) -> Iterator[Supervisor]:
    one = Supervisor(platform)
    one.start()
    yield one
    one.close(stop_jobs=True)


def test_supervisor__runs_a_job_to_its_published_end(platform: Platform, supervisor: Supervisor) -> None:
    task_id = submit(platform, steps=12)
    job = wait(platform, task_id, ended)
    assert (job.state, job.progress, job.result) == (JobState.SUCCEEDED, 1.0, {"steps": 12})
    assert counted(platform).read_text().split() == [str(n) for n in range(12)]
    assert "step=12" in (platform.workspace.home / job.log).read_text()
    assert list(platform.workspace.logs.glob("*.partial")) == []


@pytest.mark.parametrize(
    ("fail", "error", "words"),
    [
        ("error", "job_failed", "Failed as asked."),
        ("bug", "internal_error", "RuntimeError: failed as asked"),
        ("exit", "internal_error", "SystemExit: 3) in roadloop/jobs/rehearsal.py, line "),
    ],
)
def test_supervisor__failures_say_why(
    platform: Platform, supervisor: Supervisor, fail: str, error: str, words: str
) -> None:
    job = wait(platform, submit(platform, fail=fail), ended)
    assert (job.state, job.error, job.attempt) == (JobState.FAILED, error, 1)
    assert job.reason is not None
    assert words in job.reason.en
    assert job.reason.zh != job.reason.en
    assert not counted(platform).exists()


@pytest.mark.parametrize(("fail", "words"), [("leave", "exit code 3) in "), ("abort", "crashed (SIGABRT) in ")])
def test_supervisor__a_process_that_is_ended_from_inside_names_the_place(
    platform: Platform, supervisor: Supervisor, fail: str, words: str
) -> None:
    with platform.database.transaction() as db:
        payload = {"steps": 1, "pause": 0, "name": "counted", "fail": fail}
        task_id = queue.submit(db, queue.Submission("rehearsal", payload, "数数", max_attempts=1))
    job = wait(platform, task_id, ended)
    assert (job.state, job.error, job.losses) == (JobState.FAILED, "worker_lost", 1)
    assert job.reason is not None
    assert f"{words}roadloop/jobs/rehearsal.py, line " in job.reason.en
    assert "第" in job.reason.zh


@pytest.mark.sqlite
def test_supervisor__what_ended_a_job_is_kept_until_it_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is locked when a worker ends; another job, which is cancelled, does not wait for that."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    platform = open_platform(settings, upgrade=True)
    hosts = OneHost(platform)
    one = Supervisor(platform, hosts)
    task_id = submit(platform, steps=1, fail="leave")
    one.tick()
    child = hosts._here._children[task_id]
    assert child.wait(timeout=60) == 3
    other = sqlite3.connect(platform.workspace.home / "roadloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        one.tick()
        assert read(platform, task_id).state is JobState.RUNNING
    other.execute("ROLLBACK")
    other.close()
    monkeypatch.setattr(one, "_start_queued", lambda: None)
    one.tick()
    job = read(platform, task_id)
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    assert job.reason is not None
    assert "exit code 3" in job.reason.en
    one.close()
    platform.database.close()


def test_supervisor__hundreds_that_cannot_start_keep_nobody_from_starting(settings: Settings) -> None:
    """The trainings' slot is taken, and the GPU is away."""
    probe = ("echo", '[{"index": 1, "uuid": "GPU-b", "name": "x", "utilisation": 0, "total_mib": 10, "free_mib": 9}]')
    platform = open_platform(settings.model_copy(update={"gpu_probe": probe}), upgrade=True)
    with platform.database.transaction() as db:
        for n in range(404):
            where = {"pool": "training"} if n % 2 else {"gpus": "0"}
            queue.submit(db, queue.Submission("rehearsal", {"steps": 10**4, "pause": 0.05, "name": "x"}, "x", **where))  # type: ignore[arg-type]
    free = [submit(platform, steps=10**4, pause=0.05), submit(platform, steps=10**4, pause=0.05, gpus="1")]
    one = Supervisor(platform)
    one.tick()
    with platform.database.reading() as db:
        started = queue.running(db)
        away = queue.queued(db, 1)
    assert [(job.pool, job.gpus) for job in started] == [("training", ""), ("other", ""), ("other", "1")]
    assert [job.id for job in started[1:]] == free
    assert away[0].reason is not None
    assert "GPU [0] is not there" in away[0].reason.en
    one.close(stop_jobs=True)
    platform.database.close()


def test_supervisor__other_slots_run_one_after_another(platform: Platform, supervisor: Supervisor) -> None:
    first, second = submit(platform, steps=20, pause=0.05), submit(platform)
    wait(platform, first, lambda job: job.state is JobState.RUNNING)
    assert read(platform, second).state is JobState.QUEUED
    wait(platform, second, ended)
    assert read(platform, first).state is JobState.SUCCEEDED


def test_supervisor__killed_worker_is_noticed_and_goes_on(platform: Platform, supervisor: Supervisor) -> None:
    task_id = submit(platform, steps=60, pause=0.03)
    job = wait(platform, task_id, lambda job: job.memo.get("step", 0) >= 10 and job.pid is not None)
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    job = wait(platform, task_id, ended)
    assert (job.state, job.attempt, job.token) == (JobState.SUCCEEDED, 2, 2)
    lines = (platform.workspace.home / job.log).read_text().splitlines()
    assert 60 <= sum(line.startswith("step=") for line in lines) <= 70  # it resumed from a remembered tenth step


def test_supervisor__a_worker_that_dies_without_getting_further_fails_in_the_end(
    platform: Platform, supervisor: Supervisor
) -> None:
    task_id = submit(platform, steps=9, pause=10)
    for attempt in (1, 2, 3):
        job = wait(platform, task_id, lambda job, n=attempt: job.attempt == n and job.pid is not None)  # type: ignore[misc]
        assert job.pid is not None
        os.kill(job.pid, signal.SIGKILL)
    job = wait(platform, task_id, ended)
    assert (job.state, job.error) == (JobState.FAILED, "worker_lost")


def test_supervisor__a_stopped_worker_loses_its_lease(platform: Platform, supervisor: Supervisor) -> None:
    task_id = submit(platform, steps=40, pause=0.03)
    job = wait(platform, task_id, lambda job: job.progress > 0.2 and job.pid is not None)
    assert job.pid is not None
    stop(job.pid)
    job = wait(platform, task_id, ended)
    assert (job.state, job.token) == (JobState.SUCCEEDED, 2)


@pytest.mark.sqlite
def test_supervisor__a_stopped_worker_that_holds_the_database_loses_its_lease_too(
    platform: Platform, supervisor: Supervisor
) -> None:
    task_id = submit(platform, steps=10**6, pause=0)
    job = wait(platform, task_id, lambda job: job.beat > 0)
    assert job.pid is not None
    stop(job.pid)
    while platform.database.holder() != job.pid:
        os.kill(job.pid, signal.SIGCONT)
        time.sleep(0.003)
        stop(job.pid)
    job = wait(platform, task_id, lambda job: job.token == 2)
    assert job.state is JobState.RUNNING


def test_supervisor__cancel_ends_the_whole_tree(platform: Platform, supervisor: Supervisor) -> None:
    task_id = submit(platform, steps=1000, pause=0.05, child=True)
    job = wait(platform, task_id, lambda job: job.progress > 0)
    assert len(processes.find(f"{task_id}:")) >= 2
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    job = wait(platform, task_id, ended, 12)
    assert job.state is JobState.CANCELLED
    deadline = time.monotonic() + 10
    while processes.find(f"{task_id}:") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes.find(f"{task_id}:") == []


def test_supervisor__cancel_ends_a_worker_that_does_not_listen(settings: Settings) -> None:
    platform = open_platform(settings.model_copy(update={"stop_seconds": 2.0}), upgrade=True)
    one = Supervisor(platform)
    one.start()
    task_id = submit(platform, steps=1, pause=600)
    wait(platform, task_id, lambda job: job.pid is not None)
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    assert wait(platform, task_id, ended, 10).state is JobState.CANCELLED
    assert processes.find(f"{task_id}:") == []
    one.close()
    platform.database.close()


def test_supervisor__running_jobs_survive_it_and_are_found_again(platform: Platform) -> None:
    first = Supervisor(platform)
    first.start()
    task_id = submit(platform, steps=60, pause=0.05)
    wait(platform, task_id, lambda job: job.progress > 0)
    assert [job.id for job in first.close()] == [task_id]
    with platform.database.transaction() as db:  # under another name, as a container that shares its processes
        db.execute(queue.jobs.update().values(host="as-it-was-called"))
    second = Supervisor(platform)
    second.start()
    job = wait(platform, task_id, ended)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)
    second.close()


def test_supervisor__a_worker_killed_while_no_server_ran_goes_on(platform: Platform) -> None:
    first = Supervisor(platform)
    first.start()
    task_id = submit(platform, steps=60, pause=0.05)
    job = wait(platform, task_id, lambda job: job.memo.get("step", 0) >= 10)
    first.close()
    assert job.pid is not None
    worker = psutil.Process(job.pid)
    os.killpg(job.pid, signal.SIGKILL)
    psutil.wait_procs([worker], timeout=5)
    second = Supervisor(platform)
    second.start()
    job = wait(platform, task_id, ended)
    assert (job.state, job.attempt, job.losses) == (JobState.SUCCEEDED, 2, 0)
    second.close()


@pytest.mark.parametrize("boot", [boot_id(), "another"])
def test_supervisor__the_host_has_another_name_after_a_restart(platform: Platform, boot: str) -> None:
    """As a container has: its worker is gone. Nobody can say so of another boot, but that is no loss either."""
    task_id = submit(platform)
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "as-it-was-called")
        process = {"pid": os.getpid(), "pid_ticks": 1, "boot_id": boot, "beat": 9}
        queue.fenced(db, task_id, job.token, process)
    one = Supervisor(platform)
    one.start()
    job = wait(platform, task_id, ended)
    assert (job.state, job.attempt, job.losses) == (JobState.SUCCEEDED, 2, 0)
    one.close()


@pytest.mark.sqlite
def test_supervisor__one_per_workspace(platform: Platform, supervisor: Supervisor) -> None:
    with pytest.raises(ConflictError, match="Another roadloop server"):
        Supervisor(platform)


def test_supervisor__completes_a_publication_that_a_kill_interrupted(platform: Platform) -> None:
    task_id = submit(platform)
    scratch, target = platform.workspace.logs / ".x.partial", platform.workspace.logs / "x.txt"
    scratch.write_text("whole")
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "elsewhere")
        queue.fenced(db, task_id, job.token, {"moves": [[str(scratch), str(target)]], "finishing": True, "host": None})
    one = Supervisor(platform)
    one.start()
    assert wait(platform, task_id, ended).state is JobState.SUCCEEDED
    assert target.read_text() == "whole"
    one.close()


def test_run__a_given_up_worker_that_wakes_up_writes_nothing(platform: Platform) -> None:
    task_id = submit(platform, steps=200, pause=0.02)
    with platform.database.transaction() as db:
        old = queue.claim(db, task_id, (), "here")
    log = platform.workspace.home / old.log
    keeper = processes.start(platform.settings, old, (), log)
    worker = wait(platform, task_id, lambda job: job.progress > 0).pid
    assert worker is not None
    stop_between_transactions(platform, worker)
    with platform.database.transaction() as db:
        queue.requeue(db, old, _WHY, counts=True)
        new = queue.claim(db, task_id, (), "here")
    before = read(platform, task_id)
    os.kill(worker, signal.SIGCONT)
    assert keeper.wait(timeout=30) in {-signal.SIGKILL, 75}
    after = read(platform, task_id)
    assert (after.token, after.progress, after.memo, after.beat) == (new.token, before.progress, before.memo, 0)
    assert not counted(platform).exists()
    with pytest.raises(StaleRunError), platform.database.transaction() as db:
        queue.finish(db, old, JobState.SUCCEEDED)


def test_supervisor__jobs_for_gpus_wait_for_them(settings: Settings, tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text(
        'print(\'[{"index": 0, "uuid": "GPU-a", "name": "x", "utilisation": 0, "total_mib": 10, "free_mib": 9}]\')'
    )
    platform = open_platform(settings.model_copy(update={"gpu_probe": (sys.executable, str(probe))}), upgrade=True)
    one = Supervisor(platform)
    one.start()
    first, second = submit(platform, steps=30, pause=0.05, gpus="0"), submit(platform, gpus="0")
    wait(platform, first, lambda job: job.progress > 0)
    job = wait(platform, second, lambda job: job.reason is not None)
    assert job.reason is not None
    assert "数数" in job.reason.zh
    assert wait(platform, second, ended).state is JobState.SUCCEEDED
    assert read(platform, first).state is JobState.SUCCEEDED
    one.close()
    platform.database.close()


def test_run__ends_at_once_when_the_token_is_old(platform: Platform) -> None:
    task_id = submit(platform)
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "here")
        queue.requeue(db, job, _WHY, counts=True)
    keeper = processes.start(platform.settings, job, (), platform.workspace.home / job.log)
    assert keeper.wait(timeout=30) == 75


def test_supervisor__a_full_disk_keeps_jobs_waiting_and_the_first_says_why(settings: Settings) -> None:
    platform = open_platform(settings.model_copy(update={"min_free_mib": 10**9}), upgrade=True)
    first, second = submit(platform), submit(platform)
    one = Supervisor(platform)
    for _ in range(2):
        one.tick()
    assert (read(platform, first).state, read(platform, first).reason) == (JobState.QUEUED, DISK_LOW)
    assert (read(platform, second).state, read(platform, second).reason) == (JobState.QUEUED, None)
    assert one.close() == []
    platform.database.close()


def test_supervisor__a_publication_that_cannot_be_completed_fails_in_words(platform: Platform) -> None:
    """The place is taken by now: nothing there is touched, and the job's files stay for fsck."""
    task_id = submit(platform)
    scratch, target = platform.workspace.logs / ".x.partial", platform.workspace.logs / "x"
    for folder in (scratch, target):
        folder.mkdir()
        (folder / "a").write_text(folder.name)
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "elsewhere")
        queue.fenced(db, task_id, job.token, {"moves": [[str(scratch), str(target)]], "finishing": True, "host": None})
    one = Supervisor(platform)
    one.start()
    job = wait(platform, task_id, ended)
    assert (job.state, job.error, job.losses) == (JobState.FAILED, "publish_failed", 0)
    assert job.reason is not None
    assert job.reason.en.startswith("The result could not be put in place: ")
    assert job.reason.zh.startswith("无法放置结果：")
    assert (target / "a").read_text() == "x"
    assert (scratch / "a").read_text() == ".x.partial"
    one.close()


def test_supervisor__a_lost_worker_that_was_to_stop_is_not_started_again(platform: Platform) -> None:
    task_id = submit(platform)
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "elsewhere")
        queue.fenced(db, task_id, job.token, {"host": None})
        queue.cancel(db, task_id)
    one = Supervisor(platform)
    one.start()
    job = wait(platform, task_id, ended)
    assert (job.state, job.attempt, job.error) == (JobState.CANCELLED, 1, None)
    one.close()
