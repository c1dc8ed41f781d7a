"""Processes of jobs: start one in a session of its own, find it again, end all of its tree."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import psutil

from roadloop.errors import NotFoundError
from roadloop.jobs import queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.identity import MARK, boot_id, mark_in, start_ticks
from roadloop.jobs.registry import SPREAD, keys, withheld
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Job
from roadloop.settings import Settings
from roadloop.storage.database import Database

ALONE: Final = Confinement()  #: no cgroup, only keepers
LEFT_SECONDS: Final = 5.0

#: How a job's keeper is started; the job's id, token, GPUs and place follow, and what its confinement says.
COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "roadloop.jobs.keeper")


def mark_of(task_id: str, token: int) -> str:
    """The text that every process of one attempt carries in its environment."""
    return f"{task_id}:{token}"


def log_of(job: Job, place: int) -> str:
    """A job's log, relative to the workspace; followers have their own: no two machines append to one file of NFS."""
    return job.log if place == 0 else str(Path(job.log).with_suffix(f".{place}.log"))


def start(
    settings: Settings, job: Job, gpu_uuids: Sequence[str], log: Path, confinement: Confinement = ALONE, place: int = 0
) -> subprocess.Popen[bytes]:
    """Start a claimed job: own session, output appended to its log, only its GPUs and its secrets visible.

    Args:
        settings: Handed on.
        job: As it was claimed.
        gpu_uuids: Its GPUs on this host.
        log: Its log.
        confinement: What the system allows.
        place: Of this host among those of the job; not 0: the process is a follower.

    Returns:
        Its keeper, which ends after all of the job's processes, as the worker did.
    """
    told = confinement.prepare(job, settings)
    helped = bool(settings.ray_address and settings.spread_pictures and not gpu_uuids) and job.kind in SPREAD
    environment = settings.job_environment(withheld(job.kind), keys(job.kind, settings.roots), cluster=helped) | {
        MARK: mark_of(job.id, job.token),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(gpu_uuids),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUTF8": "1",
    }
    with _open_log(log) as output:
        return subprocess.Popen(
            [*COMMAND, job.id, str(job.token), ",".join(gpu_uuids), str(place), *told],
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


def kill_tree(job: Job, *, seconds: float = 5, confinement: Confinement = ALONE) -> bool:
    """End every process of a job's attempts up to its token, also those that left its group and its environment.

    Returns:
        Whether all were gone within `seconds`.
    """
    if job.pid is not None and is_alive(job):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pid, signal.SIGKILL)
    ended = confinement.end(job, seconds)
    deadline = time.monotonic() + seconds
    while left := _next_to_end(job):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(left, timeout=0.3)
    return ended


def end_left(database: Database, confinement: Confinement) -> None:
    """End what an earlier server's jobs left in their cgroups; those of running attempts, and of other homes, stay."""
    for task_id in {task_id for task_id, _, _ in confinement.groups()}:
        with contextlib.suppress(NotFoundError), database.reading() as db:
            job = queue.get(db, task_id)
            old = job.token - 1 if job.state is JobState.RUNNING else job.token
            confinement.end(dataclasses.replace(job, token=old), LEFT_SECONDS)


def _next_to_end(job: Job) -> list[psutil.Process]:
    """What can be killed now: keepers only when nothing is left that would come to them."""
    marked = {process.pid: process for process in find(f"{job.id}:") if _token_of(process) <= job.token}
    found: list[psutil.Process] = []
    for process in marked.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.ppid() in marked:
                continue  # found below its keeper
            beneath = [p for p in process.children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
            process.resume()  # it may have been stopped
            found += beneath or [process]
    return found


def job_of(process: psutil.Process) -> str:
    """The task id in a process's mark; empty without one."""
    return mark_in(process.pid).partition(":")[0]


def _token_of(process: psutil.Process) -> int:
    token = mark_in(process.pid).partition(":")[2]
    return int(token) if token.isdecimal() else 0
