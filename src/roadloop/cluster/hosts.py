"""The nodes of a Ray cluster as the supervisor's hosts.

A thread looks at all nodes once a second, by a driver process that it begins anew whenever it ends or hangs. What it saw last is
what the supervisor knows; who has not answered just now is not known, and the signs of life in the rows decide.
"""

import functools
import logging
import secrets
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from roadloop import __version__
from roadloop.cluster import wire
from roadloop.cluster.link import CONNECT_SECONDS, Link, refuse_open
from roadloop.cluster.wire import Node, Trace
from roadloop.devices.service import Gpu
from roadloop.errors import AccessRefusedError, BusyError, ConflictError, Text
from roadloop.jobs import nodes, queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.endings import SILENT, Loss, node_lost
from roadloop.jobs.hosts import Host, Joint, OneHost
from roadloop.jobs.identity import boot_id
from roadloop.jobs.registry import withheld
from roadloop.jobs.store import Job
from roadloop.storage import installation, publish
from roadloop.storage.platform import Platform

log: Final = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0  #: seconds
LOOK_SECONDS: Final = 10.0  #: a driver that needs longer hangs
STALE_SECONDS: Final = 5.0  #: what was seen so long ago is not known any more
CALL_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 2.0  #: until the next driver


class NodeHost:
    """One node, by name; it need not be there.

    Args:
        cluster: What it belongs to.
        name: Of the node.
    """

    def __init__(self, cluster: "Cluster", name: str) -> None:
        self._cluster: Final = cluster
        self._name: Final = name

    @property
    def name(self) -> str:
        """Of the node."""
        return self._name

    @property
    def address(self) -> str:
        """As Ray has it; empty where the node is not there."""
        node = self._cluster.node(self._name)
        return "" if node is None else node.address

    def gpus(self) -> tuple[Gpu, ...]:
        """As the node has answered."""
        node = self._cluster.node(self._name)
        return () if node is None else node.gpus

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0) -> None:
        """Have the job, or its follower, started.

        Raises:
            TimeoutError: Nobody can say whether it was.
            OSError: It was not.
        """
        told = self._cluster.settings_for(job.kind)
        self._cluster.call(self._name, "start", [told, wire.job_to(job), list(gpu_uuids), place])

    def exit_code(self, job: Job) -> int | None:
        """As the node has answered."""
        trace = self._trace(job)
        return None if trace is None else trace.exit_code

    def is_watched(self, job: Job) -> bool:
        """As the node has answered."""
        trace = self._trace(job)
        return trace is not None and trace.watched

    def is_alive(self, job: Job) -> bool | None:
        """As the node has answered; None where it has not."""
        trace = self._trace(job)
        return None if trace is None else trace.alive

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        """Have all processes of the job ended, now or as soon as the node answers."""
        told = wire.job_to(job)
        try:
            return bool(self._cluster.call(self._name, "kill_tree", [told, seconds], seconds + CALL_SECONDS))
        except OSError:
            self._cluster.end_later(self._name, job)
            return True

    def went_over(self, job: Job) -> bool:
        """As the node has answered."""
        trace = self._trace(job)
        return trace is not None and trace.over

    def why_silent(self, job: Job) -> Loss:
        """Its process hangs, or its node is lost."""
        return node_lost(job) if self._trace(job) is None else SILENT

    def forget(self, task_id: str) -> None:
        """Let the node let go of the job, if it is there."""
        with suppress(OSError):
            self._cluster.call(self._name, "forget", [task_id])

    def _trace(self, job: Job) -> Trace | None:
        self._cluster.ask_about(job)
        node = self._cluster.node(self._name)
        return None if node is None or node.sight is None else node.sight.traces.get(wire.attempt(job))


class Cluster:
    """All nodes, and this machine for what runs here without Ray.

    Args:
        platform: The installation; its rows are in PostgreSQL.
        confinement: How jobs are held together that run here without Ray.

    Raises:
        ConflictError: The rows are in SQLite, which nodes cannot write to; or Ray is not installed here.
        AccessRefusedError: The cluster lets in everybody, and no setting says that this is meant.
    """

    def __init__(self, platform: Platform, confinement: Confinement) -> None:
        if platform.database.is_local:
            raise ConflictError(
                Text(
                    "Ray 集群的各节点需要共享的数据库：请先用 roadloop migrate --to postgresql://... 迁移，再设置"
                    " ROADLOOP_DATABASE_URL。",
                    "The nodes of a Ray cluster need a database that they share: move there by roadloop migrate --to"
                    " postgresql://..., and set ROADLOOP_DATABASE_URL.",
                )
            )
        self._asks = refuse_open(platform.settings)
        self._platform: Final = platform
        self._settings: Final = platform.settings.model_copy(update={"home": platform.workspace.home})
        self._alone: Final = OneHost(platform, confinement)
        self._proof = ""
        self._namespace: Final = f"roadloop-{installation.stored(platform.database)}"
        self._link: Link | None = None
        self._nodes: Mapping[str, Node] = {}
        self._seen_at = 0.0
        self._wanted: dict[str, Job] = {}
        self._later: Final[dict[str, dict[str, Job]]] = {}
        self._stop: Final = threading.Event()
        self._thread: threading.Thread | None = None

    # --- what the supervisor asks ----------------------------------------------------------------------------------

    def of(self, job: Job) -> Host:
        """The node of that name, or several; this machine where it started the job itself, before there was a cluster."""
        if job.seats:
            return Joint([NodeHost(self, name) for name in job.hosts])
        here = job.host == socket.gethostname() and job.boot_id == boot_id()
        if job.host is None or (here and job.host not in self._nodes):
            return self._alone.of(job)
        return NodeHost(self, job.host)

    def ready(self) -> Sequence[Host] | Text:
        """The nodes that answer, have this roadloop and see the workspace, by name; else what is wrong with each."""
        seen = self._seen()
        found = [NodeHost(self, name) for name in sorted(seen) if seen[name].problem is None]
        return found or self._why_none([node.problem for node in seen.values() if node.problem is not None])

    def _why_none(self, problems: Sequence[Text]) -> Text:
        if not problems:
            return self._away()
        said = " ".join(problem.en for problem in problems)
        return Text(
            "没有可用的节点：" + "".join(problem.zh for problem in problems), f"No node can take the job. {said}"
        )

    def take_over(self) -> None:
        """Begin to look at the nodes, and at whether they see what this server writes.

        Raises:
            DiskFullError: The workspace takes no file.
        """
        self._alone.take_over()
        proof = secrets.token_hex(16)
        publish.write_text(self._platform.workspace.home / wire.PROOF, f"{proof}\n")
        self._proof = proof
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="cluster", daemon=True)
            self._thread.start()

    def sweep(self) -> None:
        """End what belongs to nobody here, as each node does by itself; write down what was seen of the nodes."""
        self._alone.sweep()
        rows = [node.row() for node in self._seen().values()]
        with suppress(BusyError), self._platform.database.transaction() as db:  # else in the next sweep
            nodes.write(db, rows, self._away())

    def let_go(self, left: set[str]) -> None:
        """End the driver; jobs and nodes go on."""
        self._stop.set()
        self._unlink()
        if self._thread is not None:
            self._thread.join(CALL_SECONDS)
            self._unlink()
        self._alone.let_go(left)

    # --- what its hosts ask ----------------------------------------------------------------------------------------

    def node(self, name: str) -> Node | None:
        """What was seen of a node just now."""
        return self._seen().get(name)

    def call(self, name: str, method: str, arguments: list[Any], seconds: float = CALL_SECONDS) -> Any:
        """Call a node.

        Raises:
            OSError: It is not there, does not answer, or could not do it.
        """
        link = self._link
        node = self.node(name)
        if link is None or node is None or node.sight is None:
            raise ConnectionError(name)
        return link.ask("call", [name, method, arguments, seconds], seconds + 1)

    def ask_about(self, job: Job) -> None:
        """Look for this attempt next time, too: it may have ended in the rows, and not yet there."""
        self._wanted[wire.attempt(job)] = job

    def end_later(self, name: str, job: Job) -> None:
        """End a job's processes when its node answers again."""
        self._later.setdefault(name, {})[job.id] = job

    def settings_for(self, kind: str) -> dict[str, Any]:
        """The settings that a job of this kind is told."""
        return self._settings.model_dump(mode="json", exclude=set(withheld(kind)))

    def _seen(self) -> Mapping[str, Node]:
        """The nodes as of the newest look; none when that is too long ago."""
        return self._nodes if time.monotonic() - self._seen_at < STALE_SECONDS else {}

    def _away(self) -> Text:
        return Text(
            f"Ray 集群（{self._settings.ray_address}）没有响应，任务在排队等待；恢复后会自动开始。",
            f"The Ray cluster ({self._settings.ray_address}) does not answer; jobs wait, and start by themselves.",
        )

    # --- looking ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
                self._end_what_waits()
            except (OSError, RuntimeError, AccessRefusedError) as error:
                log.warning("cluster: %s: %s", self._settings.ray_address, error)
                self._nodes = {}
                self._unlink()
                self._stop.wait(AGAIN_SECONDS)
            except BusyError as error:
                log.warning("cluster: %s", error.text.en)
            except Exception:  # as the supervisor's: each is in the log
                log.exception("cluster: unexpected error")
            self._stop.wait(LOOK_EVERY)

    def _look(self) -> None:
        seconds = LOOK_SECONDS
        if self._link is None:
            self._asks = self._asks or refuse_open(self._settings)
            if not self._asks:
                raise ConnectionError(self._settings.ray_address)
            if self._stop.is_set():
                return
            self._link = Link(self._settings, self._namespace)
            seconds = CONNECT_SECONDS
        with self._platform.database.reading() as db:
            running = queue.running(db)
        wanted, self._wanted = self._wanted, {}
        jobs: dict[str, list[Any]] = {}
        for job in {**wanted, **{wire.attempt(job): job for job in running}}.values():
            for name in job.hosts:
                jobs.setdefault(name, []).append(wire.job_to(job))
        told = self._settings.model_dump(mode="json", include={"home", "gpu_probe"})
        found = self._link.ask("look", [told, jobs, wire.proof_of(self._platform.workspace)], seconds)
        self._nodes = {node.name: node for node in map(self._judged, found)}
        self._seen_at = time.monotonic()

    def _judged(self, one: Mapping[str, Any]) -> Node:
        sight = None if one["sight"] is None else wire.sight_from(one["sight"])
        make = functools.partial(Node, one["name"], one["address"], one["cpus"], one["memory_mib"])
        return make(sight, self._problem(one, sight))

    def _problem(self, one: Mapping[str, Any], sight: wire.Sight | None) -> Text | None:
        name = f"{one['name']} ({one['address']})"
        if one["twice"]:
            return Text(
                f"节点 {name} 与另一节点同名，请用 ray start --node-name 区分。",
                f"Another node is called like {name}; tell them apart by ray start --node-name.",
            )
        if sight is None:
            why = one["error"] or "-"
            return Text(f"节点 {name} 没有响应（{why}）。", f"The node {name} does not answer ({why}).")
        if sight.version != __version__:
            return Text(
                f"节点 {name} 上的 roadloop 是 {sight.version}，这里是 {__version__}。",
                f"The node {name} has roadloop {sight.version}, this is {__version__}.",
            )
        if sight.proof != self._proof:
            home = self._platform.workspace.home
            return Text(
                f"节点 {name} 看不到工作区 {home}：请在同一路径挂载它。",
                f"The node {name} does not see the workspace {home}; mount it there at the same path.",
            )
        return None

    def _end_what_waits(self) -> None:
        for name in [name for name in list(self._later) if (node := self.node(name)) and node.sight]:
            for job in self._later.pop(name).values():
                NodeHost(self, name).kill_tree(job)

    def _unlink(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
