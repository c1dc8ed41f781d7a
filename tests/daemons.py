"""Processes that hide, and cgroups that a test may make."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from roadloop.jobs import confine
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform


def until(reached: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def daemon_of(platform: Platform, job: Job) -> int:
    """The number of the process that a job planted, as soon as its log has it."""
    log = platform.workspace.home / job.log
    until(lambda: log.exists() and re.search(r"daemon=\d+\n", log.read_text()), "no daemon")
    return int(re.findall(r"daemon=(\d+)\n", log.read_text())[-1])


def await_hidden(daemon: int, worker: int) -> None:
    """Wait until a planted process has left its job's environment, session and tree.

    It is a shell's child first and then `env`, to which dash gives a `PWD`: its number is known before it has left.
    """

    def has_left() -> bool:
        here = {process.pid for process in psutil.Process(worker).children(recursive=True)}
        return not Path(f"/proc/{daemon}/environ").read_bytes() and os.getsid(daemon) != worker and daemon not in here

    until(has_left, "the daemon does not hide")


def status_of(pid: int | None) -> str:
    """What psutil says of a process, nothing once it has ended or before it has begun: it may end while one looks."""
    if pid is None:
        return ""
    try:
        status: str = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return ""
    return "" if status == psutil.STATUS_ZOMBIE else status


def is_gone(daemon: int) -> bool:
    """Whether a planted process has ended."""
    return status_of(daemon) == ""


@contextmanager
def lent_cgroup() -> Iterator[Path]:
    """A cgroup (version 2) of this test's own, below that of this process; the test is skipped where there can be none."""
    own = confine.own_group()
    group = None if own is None else own / f"roadloop-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        if group is None:
            pytest.skip("needs cgroups of version 2")
        group.mkdir()
        if os.geteuid() == 0:
            os.setxattr(group, "trusted.delegate", b"1")  # as systemd marks what it lends
    except OSError:
        pytest.skip("needs a cgroup in which this user may make others")
    try:
        yield group
    finally:
        assert confine.remove(group, 30)


def in_group(group: Path, *command: str) -> list[str]:
    """A command that runs in a cgroup."""
    return ["/bin/sh", "-c", f'echo 0 > "{group}/cgroup.procs" && exec "$@"', "sh", *command]
