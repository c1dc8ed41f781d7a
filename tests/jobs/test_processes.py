import dataclasses
import os
import subprocess

import pytest

from roadloop.jobs import processes, queue
from roadloop.jobs.identity import MARK, boot_id, start_ticks
from roadloop.storage.platform import Platform


@pytest.fixture
def job(platform: Platform) -> queue.Job:
    """A claimed job without a process."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        return queue.claim(db, task_id, (), "here")


def test_is_alive__by_ticks_and_boot(job: queue.Job) -> None:
    own = start_ticks(os.getpid())
    assert own is not None
    this = dataclasses.replace(job, pid=os.getpid(), pid_ticks=own, boot_id=boot_id())
    assert processes.is_alive(this)
    for other in ({"pid_ticks": own + 1}, {"boot_id": "another"}, {"pid": 2**22}):
        assert not processes.is_alive(dataclasses.replace(this, **other))


def test_is_alive__by_its_mark_where_ticks_say_nothing(job: queue.Job) -> None:
    mark = processes.mark_of(job.id, job.token)
    with subprocess.Popen(["sleep", "60"], env={MARK: mark}) as process:
        for ticks in (None, 1):
            assert processes.is_alive(dataclasses.replace(job, pid=process.pid, pid_ticks=ticks, boot_id=boot_id()))
        assert not processes.is_alive(dataclasses.replace(job, pid=process.pid, token=2))
        assert processes.is_alive(job)  # it has not yet said its pid
        process.kill()
    assert not processes.is_alive(job)


def test_kill_tree__ends_earlier_attempts_but_no_later_one(job: queue.Job) -> None:
    second = dataclasses.replace(job, token=2)
    marks = [processes.mark_of(job.id, token) for token in (1, 2, 3)]
    started = [subprocess.Popen(["sleep", "60"], env={MARK: mark}) for mark in marks]
    assert processes.kill_tree(second)
    assert [process.poll() is None for process in started] == [False, False, True]
    started[2].kill()
    for process in started:
        process.wait()
