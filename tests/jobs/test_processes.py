import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from roadloop.jobs import processes, queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.identity import MARK, boot_id, start_ticks
from roadloop.storage.platform import Platform


@pytest.fixture
def job(platform: Platform) -> queue.Job:
    """A claimed job without a process."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        return queue.claim(db, task_id, (), "here")


@contextmanager
def alone(*command: str, mark: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own, until the end of the block at the latest."""
    environment = {"PATH": os.environ["PATH"]} | ({MARK: mark} if mark else {})
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# --- start ---------------------------------------------------------------------------------------------------------

TELL = """
import json, os, sys
told = {"argv": sys.argv[1:], "env": dict(os.environ), "leads": os.getsid(0) == os.getpid(), "in": sys.stdin.read()}
print(json.dumps(told), flush=True)
print("an error", file=sys.stderr)
"""


def test_start__tells_the_keeper_what_it_needs_and_nothing_more(
    platform: Platform, job: queue.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, "-c", TELL))
    monkeypatch.setenv("AWS_SECRET", "no job's business")
    for name in ("PYTHONUNBUFFERED", "PYTHONFAULTHANDLER", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)
    secrets = {"label_studio_token": "t", "job_memory_mib": 3, "job_processes": 9}
    settings = platform.settings.model_copy(update=secrets)
    log = platform.workspace.home / "logs" / "deep" / "x.log"
    for _ in range(2):
        assert processes.start(settings, job, ("GPU-1", "GPU-0"), log).wait(30) == 0
    first, error, *again = log.read_text().splitlines()
    assert (error, len(again)) == ("an error", 2)  # what an earlier attempt said stays
    told = json.loads(first)
    assert (told["argv"][:3], told["argv"][-3:]) == ([job.id, "1", "GPU-1,GPU-0"], ["", str(3 * 2**20), "9"])
    assert (told["leads"], told["in"]) == (True, "")
    expected = {
        "ROADLOOP_JOB_MARK": f"{job.id}:1",
        "CUDA_VISIBLE_DEVICES": "GPU-1,GPU-0",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUTF8": "1",
        "ROADLOOP_HOME": str(settings.home),
    }
    assert {name: told["env"].get(name) for name in expected} == expected
    assert not told["env"].keys() & {"AWS_SECRET", "ROADLOOP_LABEL_STUDIO_TOKEN"}


def test_start__a_log_that_cannot_be_written_keeps_no_job_from_running(
    platform: Platform, job: queue.Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").touch()
    monkeypatch.setattr(processes, "COMMAND", ("sh", "-c", "echo said; exit 5"))
    assert processes.start(platform.settings, job, (), tmp_path / "full" / "x.log").wait(30) == 5


# --- is_alive ------------------------------------------------------------------------------------------------------


def test_is_alive__by_ticks_and_boot(job: queue.Job) -> None:
    own = start_ticks(os.getpid())
    assert own is not None
    this = dataclasses.replace(job, pid=os.getpid(), pid_ticks=own, boot_id=boot_id())
    assert processes.is_alive(this)
    for other in ({"pid_ticks": own + 1}, {"boot_id": "another"}, {"pid": 2**22}):
        assert not processes.is_alive(dataclasses.replace(this, **other))


def test_is_alive__by_its_mark_where_ticks_say_nothing(job: queue.Job) -> None:
    mark = processes.mark_of(job.id, job.token)
    with alone("sleep", "60", mark=mark) as process:
        for ticks in (None, 1):
            assert processes.is_alive(dataclasses.replace(job, pid=process.pid, pid_ticks=ticks, boot_id=boot_id()))
        assert not processes.is_alive(dataclasses.replace(job, pid=process.pid, token=2))
        assert processes.is_alive(job)  # it has not yet said its pid
        process.kill()
    assert not processes.is_alive(job)


# --- kill_tree -----------------------------------------------------------------------------------------------------


def number(process: subprocess.Popen[str]) -> int:
    """The process id that one says."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def goes(pid: int) -> bool:
    """Whether a process is gone within some seconds, a zombie counted as gone."""
    deadline = time.monotonic() + 5
    while start_ticks(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    return start_ticks(pid) is None


def test_kill_tree__ends_earlier_attempts_but_no_later_one(job: queue.Job) -> None:
    second = dataclasses.replace(job, token=2)
    marks = [*(processes.mark_of(job.id, token) for token in (1, 2, 3)), f"{job.id}:", f"{job.id}0:1"]
    with ExitStack() as stack:
        started = [stack.enter_context(alone("sleep", "60", mark=mark)) for mark in marks]
        assert {one.pid for one in processes._next_to_end(second)} == {started[n].pid for n in (0, 1, 3)}
        assert processes.kill_tree(second)
        assert [process.poll() is None for process in started] == [False, False, True, False, True]


def test_kill_tree__ends_the_group_also_who_has_neither_mark_nor_parent(job: queue.Job) -> None:
    """A worker's grandchild that cleared its environment, and whose parent has left."""
    script = "(env -i sleep 60 & echo $!); sleep 60; true"  # no exec, in which a process has no environment
    with alone("sh", "-c", script, mark=processes.mark_of(job.id, 1)) as worker:
        left = number(worker)
        assert processes.kill_tree(dataclasses.replace(job, pid=worker.pid))
        assert goes(left)
        assert goes(worker.pid)


def test_kill_tree__never_ends_who_only_has_the_number_of_a_worker(job: queue.Job) -> None:
    with alone("sleep", "60") as bystander:
        assert processes.kill_tree(dataclasses.replace(job, pid=bystander.pid, pid_ticks=1, boot_id=boot_id()))
        time.sleep(0.05)
        assert bystander.poll() is None


def test_kill_tree__ends_what_is_below_a_keeper_first(job: queue.Job) -> None:
    """A keeper adopts what its job leaves behind, so it must be the last; zombies below it do not count."""
    keeper = "import os, subprocess, time; a = subprocess.Popen(['env', '-i', 'sleep', '60'], start_new_session=True)"
    zombie = "b = subprocess.Popen(['true']); os.waitid(os.P_PID, b.pid, os.WEXITED | os.WNOWAIT)"
    command = (sys.executable, "-c", f"{keeper}; {zombie}; print(a.pid, flush=True); time.sleep(60)")
    with alone(*command, mark=processes.mark_of(job.id, 1)) as process:
        hidden = number(process)
        assert [one.pid for one in processes._next_to_end(job)] == [hidden]
        psutil.Process(hidden).kill()
        assert goes(hidden)
        assert [one.pid for one in processes._next_to_end(job)] == [process.pid]
        assert processes.kill_tree(job, seconds=2)
        assert goes(process.pid)


def test_kill_tree__marked_children_are_found_below_their_marked_parent(job: queue.Job) -> None:
    script, mark = "sleep 60 & echo $!; wait", processes.mark_of(job.id, 1)
    with alone("sh", "-c", script, mark=mark) as parent:
        child = number(parent)
        os.kill(parent.pid, signal.SIGSTOP)
        with alone("sleep", "60", mark=mark) as other:
            assert {one.pid for one in processes._next_to_end(job)} == {child, other.pid}
            assert psutil.Process(parent.pid).status() != psutil.STATUS_STOPPED  # it must be able to adopt
            assert processes.kill_tree(job)
            assert goes(other.pid)
        assert goes(parent.pid)


def test_kill_tree__ends_all_that_is_below_however_deep(job: queue.Job) -> None:
    script = "env -i sh -c 'sleep 60 & echo $!; wait' & echo $!; wait"
    with alone("sh", "-c", script, mark=processes.mark_of(job.id, 1)) as parent:
        below = {number(parent), number(parent)}
        assert {one.pid for one in processes._next_to_end(job)} == below
        assert processes.kill_tree(job)
        assert [goes(pid) for pid in (*below, parent.pid)] == [True] * 3


class Unending(Confinement):
    """A cgroup whose processes do not end."""

    def end(self, _job: queue.Job, _seconds: float) -> bool:
        return False


def test_kill_tree__says_what_its_cgroup_says(job: queue.Job) -> None:
    assert processes.kill_tree(job)
    assert not processes.kill_tree(job, confinement=Unending())


def test_kill_tree__gives_up_after_its_seconds(job: queue.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may not end a process that waits for a disk; here nobody asks it to."""
    with alone("sleep", "60", mark=processes.mark_of(job.id, 1)):
        monkeypatch.setattr(psutil.Process, "kill", lambda _process: None)
        begun = time.monotonic()
        assert not processes.kill_tree(job, seconds=0.5)
        assert 0.5 <= time.monotonic() - begun < 5


def test_job_of__is_the_task_in_the_mark(job: queue.Job) -> None:
    with alone("sleep", "60", mark=processes.mark_of(job.id, 7)) as marked, alone("sleep", "60") as other:
        assert [processes.job_of(psutil.Process(one.pid)) for one in (marked, other)] == [job.id, ""]
        assert [one.pid for one in processes.find(f"{job.id}:7")] == [marked.pid]
        assert {one.pid for one in processes.find("")} & {marked.pid, other.pid} == {marked.pid}
