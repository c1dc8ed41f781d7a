"""What a server, its driver and the nodes say to each other, as JSON: Ray's types stay inside the driver."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from roadloop.devices.service import Gpu
from roadloop.errors import Text
from roadloop.jobs.nodes import NodeRow
from roadloop.jobs.store import Job, from_row
from roadloop.storage.paths import Workspace

#: What a host needs to know of a job is little; these may be large, or nobody's business.
_UNTOLD: Final[Mapping[str, Any]] = {
    "payload": {},
    "memo": {},
    "result": None,
    "warnings": (),
    "moves": (),
    "meeting": None,
}

OPEN: Final = 3  #: exit status of a driver that was let in without a token

PROOF: Final = ".cluster"  #: in the workspace: what every node must see there


class Trace(NamedTuple):
    """What a node knows of one attempt of a job.

    Attributes:
        exit_code: Of its keeper.
        watched: Whether that is, or will be, known.
        alive: Whether the job's process is there.
        over: Whether it was ended for its memory.
    """

    exit_code: int | None
    watched: bool
    alive: bool
    over: bool


class Sight(NamedTuple):
    """One node, as it answered.

    Attributes:
        version: Of its roadloop.
        proof: What stands in the workspace's file there; empty where there is none.
        gpus: Its GPUs.
        traces: Of the attempts that it was asked about, by `attempt`.
    """

    version: str
    proof: str
    gpus: tuple[Gpu, ...]
    traces: Mapping[str, Trace]


@dataclasses.dataclass(frozen=True)
class Node:
    """One node of the cluster.

    Attributes:
        name: As `ray start --node-name` says, else its host name.
        address: Its IP address.
        cpus: Processors that Ray counts there.
        memory_mib: Memory that Ray counts there, MiB.
        sight: What it answered just now; None when it did not.
        problem: Why it gets no jobs; None when it does.
    """

    name: str
    address: str
    cpus: float
    memory_mib: int
    sight: Sight | None
    problem: Text | None

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """Its GPUs, under its name."""
        seen = () if self.sight is None else self.sight.gpus
        return tuple(dataclasses.replace(gpu, host=self.name) for gpu in seen)

    def row(self) -> NodeRow:
        """For the servers that do not look themselves."""
        version = "" if self.sight is None else self.sight.version
        return NodeRow(self.name, self.address, version, self.problem, self.cpus, self.memory_mib, self.gpus)


def attempt(job: Job) -> str:
    """What tells one attempt from all others."""
    return f"{job.id}:{job.token}"


def job_to(job: Job) -> dict[str, Any]:
    """A job for a node."""
    told: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(dataclasses.replace(job, **_UNTOLD))))
    return told


def job_from(told: Mapping[str, Any]) -> Job:
    """A job on a node."""
    return from_row(told)


def sight_to(sight: Sight) -> dict[str, Any]:
    """A node's answer."""
    told: dict[str, Any] = sight._asdict() | {"gpus": [dataclasses.asdict(gpu) for gpu in sight.gpus]}
    return told


def sight_from(told: Mapping[str, Any]) -> Sight:
    """A node's answer, on the server."""
    traces = {which: Trace(*trace) for which, trace in told["traces"].items()}
    return Sight(told["version"], told["proof"], tuple(Gpu(**gpu) for gpu in told["gpus"]), traces)


def proof_of(workspace: Workspace) -> str:
    """The file that every node must see."""
    return str(workspace.home / PROOF)
