import dataclasses
import os
from pathlib import Path

import pytest

from roadloop.errors import Text
from roadloop.jobs import endings, queue
from roadloop.jobs.endings import Cause
from roadloop.storage.platform import Platform

LOG = """--- 2026-11-26 10:00:00 train 苏州 attempt=1 ---
Stack (most recent call first):
  File "networks/old/network.py", line 1 in build
--- 2026-11-26 10:01:00 train 苏州 attempt=2 ---
Fatal Python error: Segmentation fault

Thread 0x00007f (most recent call first):
  File "/usr/lib/other.py", line 3 in wait

Current thread 0x00007e (most recent call first):
  File "{library}/torch/nn/functional.py", line 12 in conv2d
  File "networks/n/network.py", line 7 in forward
  File "{package}/roadloop/training/step.py", line 50 in run

Extension modules: numpy (total: 1)
"""


@pytest.fixture
def job(platform: Platform) -> queue.Job:
    with platform.database.transaction() as db:
        job = queue.get(db, queue.submit(db, queue.Submission("rehearsal", {}, "x")))
    return dataclasses.replace(job, note=Text("验证第 2 轮", "validating epoch 2 of 9"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    libraries = Path(pytest.__file__).parents[1]
    path.write_text(LOG.format(library=libraries, package=Path(endings.__file__).parents[2]))
    return path


@pytest.mark.parametrize(
    ("code", "cause", "counts", "words"),
    [
        (
            3,
            Cause.EXITED,
            True,
            ["exit code 3", "in networks/n/network.py, line 7 (forward)", "at: validating epoch 2 of 9"],
        ),
        (0, Cause.EXITED, True, ["exit code 0"]),
        (-11, Cause.CRASHED, True, ["crashed (SIGSEGV) in networks/n/network.py, line 7 (forward)", "validating"]),
        (-15, Cause.SIGNALLED, True, ["ended by a signal (SIGTERM)."]),
        (-9, Cause.KILLED, True, ["killed from outside"]),
        (endings.UNWRITTEN_EXIT, Cause.UNWRITTEN, False, ["the disk was full"]),
        (endings.LOST_EXIT, Cause.RANKS, True, ["validating epoch 2 of 9"]),  # what the process left as its reason
    ],
)
def test_after_exit__names_what_is_known(
    job: queue.Job, log: Path, code: int, cause: Cause, counts: bool, words: list[str]
) -> None:
    loss = endings.after_exit(code, job, log)
    assert (loss.cause, loss.counts) == (cause, counts)
    assert all(word in loss.reason.en for word in words), loss.reason.en
    assert all(word not in loss.reason.zh for word in ("process", "killed", "line", "validating"))


def test_after_exit__without_a_stack_or_a_log(job: queue.Job, log: Path) -> None:
    whole = endings.after_exit(3, job, log.with_name("none")).reason.en
    assert whole.startswith("The job's process ended itself (exit code 3): the code of the network")
    log.write_text(log.read_text() + "--- 2026-11-26 10:02:00 train 苏州 attempt=3 ---\n")
    assert endings.after_exit(3, job, log).reason.en == whole  # the stacks are of earlier attempts


@pytest.mark.timeout(60)
def test_after_exit__opens_no_file_that_a_log_names(job: queue.Job, log: Path, tmp_path: Path) -> None:
    """Code prints what it likes, and a pipe would be waited for."""
    pipe = tmp_path / "network.py"
    os.mkfifo(pipe)
    log.write_text(f'Stack (most recent call first):\n  File "{pipe}", line 1 in build\n')
    assert f"in {pipe}, line 1 (build)" in endings.after_exit(3, job, log).reason.en


def test_node_lost__counts_only_where_the_job_had_begun(job: queue.Job) -> None:
    """A job may be what ends its nodes, but not before its process is loaded."""
    assert [endings.node_lost(dataclasses.replace(job, beat=beat)).counts for beat in (0, 1, 7)] == [False, True, True]
    assert endings.node_lost(job).cause is Cause.NODE_LOST
