"""The only process of a server that knows Ray: `python -m roadloop.cluster.driver ADDRESS NAMESPACE`.

Ray ends, or hangs, the process that talks to it when the cluster's head dies. So this one does nothing else: it reads requests
from its standard input, one JSON a line, answers each on its standard output, and is killed and begun anew at any time. It holds
nothing: the actors on the nodes have names. It ends when its input does.

With `--open` it only says by its exit status whether the cluster lets it in without a token (`OPEN`), or not.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, NoReturn

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from roadloop import __version__
from roadloop.cluster.node import NodeHost
from roadloop.cluster.wire import OPEN

LOOK_SECONDS: Final = 2.0  #: a node that needs longer is asked no second time, and is shown as silent until it answers
AGAIN_SECONDS: Final = (
    10.0  #: until another actor is tried on a node where one has failed, which costs a process each time
)
CALLS: Final = 16  #: of a server at once, and to a node at once

#: Ray ends the children of an actor with it, and lets it and them run last (nice 15): here they are jobs.
_OUTLIVE: Final = {"RAY_kill_child_processes_on_worker_exit": "0", "RAY_worker_niceness": "0"}


class Driver:
    """The nodes' actors, found by name or made."""

    def __init__(self) -> None:
        self._actors: Final[dict[str, Any]] = {}  # by node id
        self._asked: Final[dict[str, Any]] = {}  # looks that have no answer yet
        self._failed: Final[dict[str, tuple[float, str]]] = {}  # when an actor failed, and why
        self._names: dict[str, str] = {}  # node id of each name

    def look(self, settings: Mapping[str, Any], jobs: Mapping[str, list[Any]], proof: str) -> list[dict[str, Any]]:
        """All nodes that Ray has, and what those answer that do within LOOK_SECONDS.

        Args:
            settings: What a new actor is told.
            jobs: The jobs to look for, by node name.
            proof: The file of the workspace that each reads.
        """
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        for gone in self._actors.keys() - nodes.keys():
            del self._actors[gone]
            self._asked.pop(gone, None)
        found = {node_id: describe(node) for node_id, node in nodes.items()}
        asked = []
        for node_id, one in found.items():
            at, one["error"] = self._failed.get(node_id, (-AGAIN_SECONDS, ""))
            if node_id not in self._asked and time.monotonic() - at > AGAIN_SECONDS:
                actor = self._actor(node_id, settings)
                self._asked[node_id] = actor.look.remote(jobs.get(one["name"], []), proof)
                asked.append(self._asked[node_id])
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=LOOK_SECONDS)
        for node_id, one in found.items():
            self._take(node_id, one)
        return self._named(found)

    def _named(self, found: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """One of each name. One that came back stands beside itself until Ray takes the old one for dead."""
        chosen: dict[str, str] = {}
        for node_id in sorted(found, key=lambda node_id: found[node_id]["sight"] is not None):
            name = found[node_id]["name"]
            if name in chosen and found[chosen[name]]["address"] != found[node_id]["address"]:
                found[node_id]["twice"] = True
            chosen[name] = node_id
        self._names = chosen
        return [found[node_id] for node_id in chosen.values()]

    def call(self, name: str, method: str, arguments: list[Any], seconds: float) -> Any:
        """Call a method of a node's actor.

        Raises:
            ConnectionError: The node is not there, or its actor is lost.
            TimeoutError: It did not answer within `seconds`.
            OSError: The call raised one.
        """
        actor = self._actors.get(self._names.get(name, ""))
        if actor is None:
            raise ConnectionError(f"{name} is not there")
        try:
            return ray.get(getattr(actor, method).remote(*arguments), timeout=seconds)
        except GetTimeoutError as error:
            raise TimeoutError(f"{name} does not answer") from error
        except RayActorError as error:
            raise ConnectionError(f"{name} has lost its actor") from error

    def _actor(self, node_id: str, settings: Mapping[str, Any]) -> Any:
        if node_id not in self._actors:
            self._actors[node_id] = (
                ray.remote(NodeHost)
                .options(
                    name=f"node-{node_id}-{__version__}",
                    lifetime="detached",
                    get_if_exists=True,
                    num_cpus=0,
                    max_concurrency=CALLS,
                    runtime_env={"env_vars": _OUTLIVE},
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
                )
                .remote(settings)
            )
        return self._actors[node_id]

    def _take(self, node_id: str, one: dict[str, Any]) -> None:
        """Take a node's answer, if it is there."""
        ref = self._asked.get(node_id)
        if ref is None or not ray.wait([ref], timeout=0)[0]:
            return
        del self._asked[node_id]
        try:
            one["sight"], one["error"] = ray.get(ref), ""
        except RayError as error:
            one["error"] = str(error).strip().rpartition("\n")[2][:300]
            self._failed[node_id] = time.monotonic(), one["error"]
            self._actors.pop(node_id, None)


def describe(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a server is told of a node of `ray.nodes()`, before it has answered."""
    address, resources = node["NodeManagerAddress"], node["Resources"]
    named = node["NodeName"] not in {"", address}  # by --node-name
    return {
        "name": node["NodeName"] if named else node["NodeManagerHostname"],
        "address": address,
        "cpus": resources.get("CPU", 0.0),
        "memory_mib": int(resources.get("memory", 0)) // 2**20,
        "twice": False,
        "sight": None,
        "error": "",
    }


def main() -> NoReturn:
    """Answer until nobody asks any more."""
    *flags, address, namespace = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what Ray prints is no answer
    try:
        ray.init(address, namespace=namespace, log_to_driver=False, logging_level="error")
    except Exception as error:  # noqa: BLE001 - Ray's own, gRPC's and RuntimeError: all mean that we are not let in
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - the server's log
        os._exit(1)
    if flags:
        os._exit(OPEN)
    _serve(Driver(), answers)
    os._exit(0)


def _serve(driver: Driver, answers: Any) -> None:
    calls: Mapping[str, Callable[..., Any]] = {"look": driver.look, "call": driver.call}
    said = threading.Lock()

    def answer(request: Mapping[str, Any]) -> None:
        reply = {"id": request["id"]}
        try:
            reply["value"] = calls[request["do"]](*request["with"])
        except Exception as error:  # noqa: BLE001 - the server is told, whatever it is
            kind = next((k for k in (TimeoutError, ConnectionError, OSError) if isinstance(error, k)), Exception)
            reply |= {"error": str(error)[:500], "kind": kind.__name__}
        with said, suppress(BrokenPipeError):
            answers.write(json.dumps(reply) + "\n")

    pool = ThreadPoolExecutor(CALLS)
    for line in sys.stdin:
        pool.submit(answer, json.loads(line))


if __name__ == "__main__":
    main()
