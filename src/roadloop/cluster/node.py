"""What runs on a node: the same `LocalHost` that a server without a cluster has, asked from afar.

One object of `NodeHost` lives there as a Ray actor, outlives server and driver, and is asked by several threads. The keepers of
jobs are its children, and outlive it, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from roadloop import __version__
from roadloop.cluster import wire
from roadloop.devices import service as devices
from roadloop.errors import RoadloopError
from roadloop.jobs import confine, processes
from roadloop.jobs.hosts import LocalHost
from roadloop.settings import Settings, forget_additions
from roadloop.storage import reading


class NodeHost:
    """The machine that it is made on.

    Args:
        settings: What `look` needs; no secrets. Absent ones have their defaults.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        forget_additions()  # before the next line closes /proc/self to this very user
        self._settings: Final = Settings(**settings)
        self._host: Final = LocalHost(self._settings, self._settings.home, confine.settle())

    def look(self, jobs: Sequence[Mapping[str, Any]], proof: str) -> dict[str, Any]:
        """What is here.

        Args:
            jobs: Of whose attempts to tell, as `wire.job_to` has them.
            proof: The file of the workspace to read.
        """
        self._host.sweep()
        traces = {}
        for job in map(wire.job_from, jobs):
            code, watched = self._host.exit_code(job), self._host.is_watched(job)
            over = self._host.went_over(job)
            traces[wire.attempt(job)] = wire.Trace(code, watched, processes.is_alive(job), over)
        seen = ""
        with suppress(OSError, RoadloopError):
            seen = reading.read_text(Path(proof)).strip()
        return wire.sight_to(wire.Sight(__version__, seen, devices.inventory(self._settings), traces))

    def start(self, settings: Mapping[str, Any], job: Mapping[str, Any], gpu_uuids: Sequence[str], place: int) -> None:
        """Start a claimed job, or its follower.

        Args:
            settings: Those that it is told.
            job: As it was claimed.
            gpu_uuids: Its GPUs here.
            place: Of this node among those of the job.

        Raises:
            OSError: The system starts no more processes.
        """
        forget_additions()  # Ray adds OMP_NUM_THREADS=1 before each call
        self._host.start(wire.job_from(job), gpu_uuids, place, Settings(**settings))

    def kill_tree(self, job: Mapping[str, Any], seconds: float) -> bool:
        """End every process of a job's attempts up to its token; whether all were gone in time."""
        return self._host.kill_tree(wire.job_from(job), seconds=seconds)

    def forget(self, task_id: str) -> None:
        """Let go of a job whose processes have ended."""
        self._host.forget(task_id)
