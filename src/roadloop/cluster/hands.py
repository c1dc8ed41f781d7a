"""The process of a job that talks to Ray: begins hands on nodes, hands them chunks, and says what came of them."""

import os
import queue
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, NoReturn

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from roadloop.cluster.driver import describe
from roadloop.cluster.hand import Hand, unpack
from roadloop.cluster.spread import AT_ONCE
from roadloop.jobs.identity import MARK

BEAT_SECONDS: Final = 2.0
START_SECONDS: Final = 60.0  #: until a new hand has shown life
SILENT_SECONDS: Final = 30.0  #: a hand that shows no life for so long is lost; it has ended by itself before that
WAIT_SECONDS: Final = 0.05


@dataclass
class _Hired:
    actor: Any
    patience: float = START_SECONDS
    asked: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    beating: bool = False


class Hands:
    """All hands of one job.

    Args:
        connection: To the job.
        mark: The job's.
        opening: What a hand is told, packed.
    """

    def __init__(self, connection: "Connection[Any, Any]", mark: str, opening: bytes) -> None:
        self._connection: Final = connection
        self._mark: Final = mark
        self._opening: Final = opening
        self._hired: Final[dict[str, _Hired]] = {}
        self._calls: Final[dict[Any, tuple[str, str, int]]] = {}  # what, node, number of each call without an answer
        self._events: Final = queue.SimpleQueue[tuple[Any, ...]]()
        self._said = 0.0
        threading.Thread(target=self._tell, name="tell", daemon=True).start()

    def serve(self) -> None:
        """Until the job says that it is over, or has ended."""
        while True:
            while self._connection.poll(0 if self._calls else WAIT_SECONDS):
                what, *arguments = self._connection.recv()
                if what == "end":
                    return
                getattr(self, f"_{what}")(*arguments)
            self._beat()
            answered, _ = ray.wait(list(self._calls), timeout=WAIT_SECONDS) if self._calls else ([], [])
            for call in answered:
                self._answer(call)

    def end(self) -> None:
        """End all hands."""
        for node in list(self._hired):
            self._dismiss(node)

    def _hire(self, node: str, cores: int) -> None:
        ids = [one["NodeID"] for one in ray.nodes() if one["Alive"] and describe(one)["name"] == node]
        if not ids:
            self._say("gone", node, 0, "Ray has no such node")
            return
        actor = (
            ray.remote(Hand)
            .options(
                num_cpus=0,  # which nodes are free is not Ray's to say, so nothing pends there
                max_concurrency=AT_ONCE + 1,
                max_restarts=0,
                runtime_env={"env_vars": {MARK: self._mark}},
                scheduling_strategy=NodeAffinitySchedulingStrategy(ids[-1], soft=False),
            )
            .remote(self._opening, cores)
        )
        self._hired[node] = _Hired(actor)
        self._calls[actor.begin.remote()] = ("begin", node, 0)

    def _give(self, node: str, number: int, items: bytes) -> None:
        if node in self._hired:  # else the job has not yet read that it is gone
            self._calls[self._hired[node].actor.work.remote(items)] = ("work", node, number)

    def _dismiss(self, node: str) -> None:
        hired = self._hired.pop(node, None)
        if hired is not None:
            ray.kill(hired.actor)
        for call in [call for call, (_, of, _) in self._calls.items() if of == node]:
            del self._calls[call]

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._said > BEAT_SECONDS:
            self._said = now
            self._say("alive", "")
        for node, hired in list(self._hired.items()):
            if now - hired.heard > hired.patience:
                self._lost(node, "it shows no life")
            elif not hired.beating and now - hired.asked > BEAT_SECONDS:
                hired.beating, hired.asked = True, now
                self._calls[hired.actor.beat.remote()] = ("beat", node, 0)

    def _answer(self, call: Any) -> None:
        what, node, number = self._calls.pop(call)
        try:
            answer = ray.get(call)
        except RayError as error:
            self._lost(node, str(error).strip().rpartition("\n")[2][:300])
            return
        hired = self._hired[node]
        hired.heard, hired.patience = time.monotonic(), SILENT_SECONDS
        if what == "beat":
            hired.beating = False
        elif what == "work":
            self._say("done", node, number, answer)
        elif (failure := unpack(answer)) is None:
            self._say("ready", node)
        else:
            self._dismiss(node)
            self._say("unfit", node, 0, failure.trace)

    def _lost(self, node: str, why: str) -> None:
        self._dismiss(node)
        self._say("gone", node, 0, why)

    def _say(self, *event: Any) -> None:
        self._events.put(event)

    def _tell(self) -> None:
        """A job that is busy reads late, and hands must hear of this process meanwhile."""
        with suppress(OSError):  # the job has ended, which `serve` reads
            while True:
                self._connection.send(self._events.get())


def talk(connection: "Connection[Any, Any]", address: str, mark: str, opening: bytes) -> NoReturn:
    """Serve a job until it has ended."""
    try:
        ray.init(address, log_to_driver=False, logging_level="error")
        hands = Hands(connection, mark, opening)
        with suppress(EOFError):  # the job has ended
            hands.serve()
        hands.end()
        ray.shutdown()
    except Exception as error:  # noqa: BLE001 - Ray's own, gRPC's, a pipe's: the job goes on alone
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - the job's log
    os._exit(0)
