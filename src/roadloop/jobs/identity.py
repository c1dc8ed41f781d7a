"""Which process is meant: no clock is read, so no step of one makes a living process another.

A pid is reused. What the kernel counts is not: the ticks from its start to the process's (field 22 of
`/proc/<pid>/stat`, proc(5)), and a random id of each boot. A process of a job also carries the job's mark in its
environment, which decides where the ticks cannot: read from another time namespace, they are shifted.
"""

import functools
from pathlib import Path
from typing import Final

MARK: Final = "ROADLOOP_JOB_MARK"  # in the environment of every process of a job: "<task id>:<token>"
_PROC: Final = Path("/proc")


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot; empty where it has none."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """Clock ticks between the machine's start and the process's; None when it is gone, or only a zombie."""
    try:
        line = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = line[line.rindex(b")") + 2 :].split()  # the name before may hold anything
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def mark_in(pid: int) -> str:
    """The job's mark that a process carries; empty when it has none, or may not be asked."""
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ""
    marks = (entry for entry in environment.split(b"\0") if entry.startswith(f"{MARK}=".encode()))
    return next(marks, b"").partition(b"=")[2].decode(errors="replace")
