"""Hosts: the machines on which jobs run, and what a supervisor can do there.

One machine alone is a `LocalHost`. In a cluster each node is a host, which may not answer for a while: then only a job's
own signs of life tell about it, and nothing starts there.
"""

import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, TypeVar

from roadloop.devices import service as devices
from roadloop.errors import Text
from roadloop.jobs import nodes, processes
from roadloop.jobs.confine import Confinement
from roadloop.jobs.endings import RESTARTED, SILENT, Loss
from roadloop.jobs.identity import boot_id
from roadloop.jobs.store import Job
from roadloop.settings import Settings
from roadloop.storage.database import Database
from roadloop.storage.platform import Platform

R = TypeVar("R")

_left_running: Final[list[subprocess.Popen[bytes]]] = []


class Host(Protocol):
    """One machine."""

    @property
    def name(self) -> str:
        """What a job's row and `pc-name` call it."""

    @property
    def address(self) -> str:
        """Its IP address, where others reach it."""

    def gpus(self) -> tuple[devices.Gpu, ...]:
        """Its GPUs; takes no longer than a second."""

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0) -> None:
        """Start a claimed job, or its follower.

        Args:
            job: As it was claimed.
            gpu_uuids: Its GPUs here.
            place: Of this host among those of the job; on the first one its own process runs.

        Raises:
            OSError: It could not be started, or nobody can say whether it was.
        """

    def exit_code(self, job: Job) -> int | None:
        """How the job's keeper has ended, as `subprocess` has it; None while it runs, and where nobody will know."""

    def is_watched(self, job: Job) -> bool:
        """Whether the exit code of the job's keeper is, or will be, known."""

    def is_alive(self, job: Job) -> bool | None:
        """Whether the very process that runs the job is there; None where only signs of life can tell."""

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        """End every process of a job's attempts up to its token, also those that left its group and its environment.

        Returns:
            Whether all were gone within `seconds`. True also where nobody can reach them: they write nothing more,
            because the next attempt has another token.
        """

    def went_over(self, job: Job) -> bool:
        """Whether the kernel killed a process of this attempt because the job was over its memory limit."""

    def why_silent(self, job: Job) -> Loss:
        """What it means that the job has shown no life for a lease."""

    def forget(self, task_id: str) -> None:
        """Let go of a job whose processes have ended."""


class Hosts(Protocol):
    """The machines of an installation."""

    def of(self, job: Job) -> Host:
        """Where a job runs; what stands for it when that is no machine of ours, or cannot be reached."""

    def ready(self) -> "Sequence[Host] | Text":
        """Where jobs may start now; where there is no such host, the reason for those that wait."""

    def take_over(self) -> None:
        """This server begins to supervise: end what an earlier one's jobs have left."""

    def sweep(self) -> None:
        """Now and then: end what belongs to nobody any more."""

    def let_go(self, left: set[str]) -> None:
        """This server ends; the jobs with these task ids go on."""


class LocalHost:
    """This machine: its jobs' keepers are children of this process.

    Args:
        settings: The installation's.
        home: Its workspace.
        confinement: How its jobs are held together.
    """

    def __init__(self, settings: Settings, home: Path, confinement: Confinement) -> None:
        self._settings: Final = settings
        self._home: Final = home
        self._confinement: Final = confinement
        self._children: Final[dict[str, subprocess.Popen[bytes]]] = {}

    @property
    def name(self) -> str:
        """As the system calls it."""
        return socket.gethostname()

    @property
    def address(self) -> str:
        """Nobody else has to reach it."""
        return "127.0.0.1"

    def gpus(self) -> tuple[devices.Gpu, ...]:
        """What the driver says."""
        return devices.inventory(self._settings)

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0, settings: Settings | None = None) -> None:
        """Start the job's keeper.

        Args:
            job: As it was claimed.
            gpu_uuids: Its GPUs here.
            place: Of this host among those of the job.
            settings: What it is told, where that is not what this host was told.

        Raises:
            OSError: The system starts no more processes.
        """
        log = self._home / processes.log_of(job, place)
        told = settings or self._settings
        self._children[job.id] = processes.start(told, job, gpu_uuids, log, self._confinement, place)

    def exit_code(self, job: Job) -> int | None:
        """Of the keeper, if it is a child of this process."""
        child = self._children.get(job.id)
        return None if child is None else child.poll()

    def is_watched(self, job: Job) -> bool:
        """Whether the keeper is a child of this process."""
        return job.id in self._children

    def is_alive(self, job: Job) -> bool | None:
        """Whether the job's process exists."""
        return processes.is_alive(job)

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        """By its keeper, its cgroup and its mark."""
        return processes.kill_tree(job, seconds=seconds, confinement=self._confinement)

    def went_over(self, job: Job) -> bool:
        """As its cgroup says."""
        return self._confinement.went_over(job)

    def why_silent(self, job: Job) -> Loss:  # noqa: ARG002 - as the others'
        """Its process hangs."""
        return SILENT

    def forget(self, task_id: str) -> None:
        """Reap the keeper."""
        child = self._children.pop(task_id, None)
        if child is not None:
            child.wait()

    def take_over(self, database: Database) -> None:
        """End what an earlier server's jobs left in their cgroups."""
        processes.end_left(database, self._confinement)

    def sweep(self) -> None:
        """End what came to this process because its keeper was killed."""
        self._confinement.end_orphans({child.pid for child in self._children.values()})

    def let_go(self, left: set[str]) -> None:
        """Reap the ended children; keep the others' handles, for they outlive this process on purpose."""
        for task_id in list(self._children):
            if task_id in left:
                _left_running.append(self._children.pop(task_id))
            else:
                self.forget(task_id)


class Elsewhere(LocalHost):
    """Stands for a machine that nobody can reach from here; what can be found here of its jobs is ended here."""

    def is_alive(self, job: Job) -> bool | None:  # noqa: ARG002 - as the others'
        """None."""
        return None

    def why_silent(self, job: Job) -> Loss:  # noqa: ARG002 - as the others'
        """Nobody can say more."""
        return RESTARTED


class Joint:
    """Several hosts with one job: the first one has its process, and speaks for all; the others have followers.

    Args:
        hosts: In the order of the job's seats.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._first: Final = hosts[0]
        self._hosts: Final = hosts

    @property
    def name(self) -> str:
        """The first one's."""
        return self._first.name

    @property
    def address(self) -> str:
        """The first one's."""
        return self._first.address

    def gpus(self) -> tuple[devices.Gpu, ...]:
        """Those of all."""
        return tuple(gpu for host in self._hosts for gpu in host.gpus())

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0) -> None:  # noqa: ARG002 - the seats say it
        """Start the followers, which wait, then the job's process.

        Raises:
            OSError: One was not started, or nobody can say whether it was.
        """
        for number, host in reversed(list(enumerate(self._hosts))):
            host.start(job, job.seats[number].gpus, number)

    def exit_code(self, job: Job) -> int | None:
        """Of the job's process: it knows when followers are gone."""
        return self._first.exit_code(job)

    def is_watched(self, job: Job) -> bool:
        """Whether that is, or will be, known."""
        return self._first.is_watched(job)

    def is_alive(self, job: Job) -> bool | None:
        """Whether the job's process is there."""
        return self._first.is_alive(job)

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        """On all hosts at once."""
        return all(self._each(lambda host: host.kill_tree(job, seconds=seconds)))

    def went_over(self, job: Job) -> bool:
        """On any of them."""
        return any(self._each(lambda host: host.went_over(job)))

    def why_silent(self, job: Job) -> Loss:
        """As the first one says."""
        return self._first.why_silent(job)

    def forget(self, task_id: str) -> None:
        """On all hosts."""
        self._each(lambda host: host.forget(task_id))

    def _each(self, ask: Callable[[Host], R]) -> list[R]:
        with ThreadPoolExecutor(len(self._hosts)) as pool:
            return list(pool.map(ask, self._hosts))


class OneHost:
    """The machines of an installation that runs its jobs on the one where its supervisor is.

    Args:
        platform: The installation.
        confinement: How its jobs are held together.
    """

    def __init__(self, platform: Platform, confinement: Confinement = processes.ALONE) -> None:
        self._database: Final = platform.database
        self._here: Final = LocalHost(platform.settings, platform.workspace.home, confinement)
        self._elsewhere: Final = Elsewhere(platform.settings, platform.workspace.home, confinement)

    def of(self, job: Job) -> Host:
        """This host, if the job's process is, or was, one of its: of this boot, whatever it is called, or of its name.

        A container has another name after a restart, and the machine's boot.
        """
        here = job.boot_id == boot_id() or job.host in {None, self._here.name}
        return self._here if here else self._elsewhere

    def ready(self) -> Sequence[LocalHost]:
        """This one, always."""
        return (self._here,)

    def take_over(self) -> None:
        """End what an earlier server's jobs left, and forget the nodes of a cluster that it had."""
        with self._database.transaction() as db:
            nodes.forget(db)
        self._here.take_over(self._database)

    def sweep(self) -> None:
        """End what belongs to nobody any more."""
        self._here.sweep()

    def let_go(self, left: set[str]) -> None:
        """This server ends; jobs go on."""
        self._here.let_go(left)
