"""Processes of jobs: start one in a session of its own, find it again, end all of its tree."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import psutil

from roadloop.jobs.identity import MARK, boot_id, mark_in, start_ticks
from roadloop.jobs.store import Job
from roadloop.settings import Settings

#: How a job's process is started; the job's id, token and GPUs follow.
COMMAND: tuple[str, ...] = (sys.executable, "-m", "roadloop.jobs.run")


def mark_of(task_id: str, token: int) -> str:
    """The text that every process of one attempt carries in its environment."""
    return f"{task_id}:{token}"


def start(settings: Settings, job: Job, gpu_uuids: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a claimed job's process: own session, output appended to its log, only its GPUs visible."""
    environment = settings.child_environment() | {
        MARK: mark_of(job.id, job.token),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(gpu_uuids),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUTF8": "1",
    }
    with _open_log(log) as output:
        return subprocess.Popen(
            [*COMMAND, job.id, str(job.token), ",".join(gpu_uuids)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _open_log(log: Path) -> BinaryIO:
    """The log's end; nothing at all on a full disk, where the job says by itself what it cannot write."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def is_alive(job: Job) -> bool:
    """Whether the very process that runs a job's newest attempt exists on this host (a zombie does not count)."""
    if job.pid is None:
        return bool(find(mark_of(job.id, job.token)))
    ticks = start_ticks(job.pid)
    if ticks is None:
        return False
    recorded = (job.boot_id, job.pid_ticks) == (boot_id(), ticks)
    return recorded or mark_in(job.pid) == mark_of(job.id, job.token)


def find(mark_prefix: str) -> list[psutil.Process]:
    """All processes of this user whose environment carries a mark with this prefix."""
    marked = ((process, mark_in(process.pid)) for process in psutil.process_iter())
    return [process for process, mark in marked if mark and mark.startswith(mark_prefix)]


def kill_tree(job: Job, *, seconds: float = 5) -> bool:
    """End every process of a job's attempts up to its token, also those that left its group.

    Returns:
        Whether all were gone within `seconds`.
    """
    if job.pid is not None and is_alive(job):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while left := [p for p in find(f"{job.id}:") if _token_of(p) <= job.token]:
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(left, timeout=0.3)
    return True


def job_of(process: psutil.Process) -> str:
    """The task id in a process's mark; empty without one."""
    return mark_in(process.pid).partition(":")[0]


def _token_of(process: psutil.Process) -> int:
    token = mark_in(process.pid).partition(":")[2]
    return int(token) if token.isdecimal() else 0
