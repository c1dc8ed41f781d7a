"""What holds the processes of a job together: a cgroup where the system lends this server a part of its tree.

Without one the job's keeper (`jobs/keeper.py`), which adopts all that its job leaves behind, does it alone, and limits
are those that the kernel keeps for single processes. docs/operation.md says what each holds against.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd, CGROUP_DELEGATION.
"""

import errno
import logging
import os
import resource
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from roadloop.errors import Text
from roadloop.jobs import keeper
from roadloop.jobs.store import Job
from roadloop.settings import Settings

log: Final = logging.getLogger(__name__)

SERVER: Final = "roadloop-server"  #: the server's own cgroup, where it must leave the one above to its jobs
PREFIX: Final = "roadloop-job-"
LIMITS: Final = frozenset({"memory", "pids"})
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Confinement:
    """How this server confines the jobs that it starts.

    Attributes:
        base: The cgroup below which each job gets one; None where there is none.
        limits: Which of memory and pids the kernel limits there, for all processes of a job together.
        adopts: Whether what a killed keeper leaves comes to this process.
    """

    base: Path | None = None
    limits: frozenset[str] = frozenset()
    adopts: bool = False

    def prepare(self, job: Job, settings: Settings) -> list[str]:
        """Make a claimed job's cgroup; what the keeper is told: the cgroup, bytes and processes that it must limit itself.

        Raises:
            OSError: The kernel makes no more cgroups.
        """
        most = {"memory": settings.job_memory_mib * 2**20, "pids": settings.job_processes}
        alone = {name: 0 if name in self.limits else value for name, value in most.items()}
        told = [str(alone["memory"]), str(alone["pids"])]
        if self.base is None:
            return ["", *told]
        group = self.base / f"{PREFIX}{job.id}-{job.token}"
        group.mkdir(exist_ok=True)
        for name in self.limits:
            if most[name]:
                (group / f"{name}.max").write_text(str(most[name]))
        return [str(group), *told]

    def groups(self) -> Iterator[tuple[str, int, Path]]:
        """The cgroups of jobs: task id, token and place."""
        for group in self.base.glob(f"{PREFIX}*") if self.base is not None else ():
            task_id, _, token = group.name.removeprefix(PREFIX).rpartition("-")
            if token.isdecimal():
                yield task_id, int(token), group

    def end(self, job: Job, seconds: float) -> bool:
        """End all processes in the cgroups of a job's attempts up to its token, and the cgroups.

        Returns:
            Whether all were gone within `seconds`.
        """
        old = [group for task_id, token, group in self.groups() if task_id == job.id and token <= job.token]
        return [group for group in old if not remove(group, seconds)] == []

    def went_over(self, job: Job) -> bool:
        """Whether the kernel killed a process of this attempt because the job was over its memory limit."""
        return self.base is not None and _is_over(self.base / f"{PREFIX}{job.id}-{job.token}")

    def end_orphans(self, children: Collection[int]) -> None:
        """End what came to this process because its keeper was killed: sessions that are not ours under nobody else.

        Args:
            children: Process ids of the keepers that this process started. It starts nothing else in another session.
        """
        for process in psutil.Process().children() if self.adopts else ():
            with suppress(OSError):
                if process.pid not in children and os.getsid(process.pid) != os.getsid(0):
                    os.kill(process.pid, signal.SIGKILL)
                    os.waitpid(process.pid, os.WNOHANG)


def settle() -> Confinement:
    """Make this process one that keeps jobs, and find out what the system allows.

    Its memory and environment can then be read by root alone, and what a killed keeper leaves becomes its child. Where
    it stands in a part of the cgroup tree that is its own, it moves into a leaf of that, so that the kernel lets it
    limit the others.
    """
    keeper.prctl(keeper.SET_DUMPABLE, 0)
    adopts = os.getpid() != 1  # all of a container's orphans come to its first process, also those of no job
    if adopts:
        keeper.prctl(keeper.SET_CHILD_SUBREAPER, 1)
    own = own_group()
    base = None if own is None else own.parent if own.name == SERVER else own
    if own is None or base is None or not _is_lent(base):
        log.info("jobs: each has a keeper; no cgroup is lent to this server")
        return Confinement(adopts=adopts)
    try:
        limits = _limits(own, base)
    except OSError as error:
        log.warning("jobs: each has a keeper; no cgroups: %s", error)
        return Confinement(adopts=adopts)
    log.info("jobs: each has a keeper and a cgroup below %s, which limits: %s", base, ", ".join(sorted(limits)) or "-")
    return Confinement(base, limits, adopts)


def own_group() -> Path | None:
    """The cgroup (version 2) of this process; None where it cannot be seen."""
    with suppress(OSError):
        mounts = [Path(part.mountpoint) for part in psutil.disk_partitions(all=True) if part.fstype == "cgroup2"]
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/") and mounts:
                group = mounts[0] / line.removeprefix("0::/")
                return group if group.is_dir() and ".." not in group.parts else None
    return None


def limit_met(error: BaseException, settings: Settings) -> Text | None:
    """What to say when a job's process failed for the job's memory limit; None when it did not.

    Args:
        error: What ended it. The kernel kills one process of a job's cgroup, and others then miss it; or this process,
            whose own data is limited, was refused memory.
        settings: Whether there is a limit.
    """
    if not settings.job_memory_mib:
        return None
    own = own_group()
    killed = own is not None and own.name.startswith(PREFIX) and _is_over(own)
    limited = resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    return OVER_MEMORY if killed or (limited and _lacks_memory(error)) else None


def _lacks_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error).lower():
            return True
        error = error.__cause__
    return False


OVER_MEMORY: Final = Text(
    "任务超过了它的内存上限（设置 job_memory_mib）。已保存的结果与检查点完好。请减小批大小或 ROADLOOP_LOADER_WORKERS，或提高该上限。",
    "The job went over its memory limit (the setting job_memory_mib). What it had saved is good. Use a smaller batch or"
    " lower ROADLOOP_LOADER_WORKERS, or raise the limit.",
)


def _is_lent(group: Path) -> bool:
    """Whether a cgroup was handed to us: not the system's own root, and not merely writable because we are root."""
    if not (group / "cgroup.events").exists() or not os.access(group / "cgroup.procs", os.W_OK):
        return False
    if os.geteuid() or not Path("/run/systemd/system").is_dir():
        return os.access(group, os.W_OK)
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            return os.getxattr(group, name) == b"1"
    return False


def _limits(own: Path, base: Path) -> frozenset[str]:
    """Have the kernel limit the groups below `base`, where that is possible; which of LIMITS it does.

    A cgroup with limited ones below it may hold no process itself. systemd starts a service's process in the service's
    own cgroup, and could not do so again while jobs go on, unless it was told to use the leaf (DelegateSubgroup=).
    """
    wanted = LIMITS & set((base / "cgroup.controllers").read_text().split())
    if wanted and own == base:
        if base.name.endswith(".service"):
            return frozenset()
        leaf = base / SERVER
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")
    for name in wanted:
        with suppress(OSError):  # another process stands in `base`
            (base / "cgroup.subtree_control").write_text(f"+{name}")
    return LIMITS & set((base / "cgroup.subtree_control").read_text().split())


def _is_over(group: Path) -> bool:
    """Whether a cgroup met its own limit of memory and lost a process; a host without memory kills with `oom` at 0."""
    try:
        lines = (group / "memory.events").read_text().splitlines()
    except OSError:
        return False
    events = dict(line.split() for line in lines)
    return int(events.get("oom", 0)) > 0 and int(events.get("oom_kill", 0)) > 0


def remove(group: Path, seconds: float) -> bool:
    """End all processes in a cgroup and in those below it, then the cgroups; whether that took less than `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        _kill(group)
        try:
            for below, _, _ in os.walk(group, topdown=False):
                Path(below).rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True


def _kill(group: Path) -> None:
    """Kill all in a cgroup and in those that it made below."""
    try:
        (group / "cgroup.kill").write_text("1")
    except FileNotFoundError:  # Linux before 5.14, or the group is gone
        for members in group.rglob("cgroup.procs"):
            with suppress(OSError):
                for number in members.read_text().split():
                    os.kill(int(number), signal.SIGKILL)
