"""A team without Ray: each node is a process of this machine that runs the same `Hand`, and can be killed."""

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from roadloop.cluster.hand import Hand, Post, unpack
from roadloop.cluster.spread import Event


class ProcessTeam:
    """Processes as nodes.

    Args:
        opening: What every hand is told, packed.
    """

    def __init__(self, opening: bytes) -> None:
        self._opening: Final = opening
        self._context: Final = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["hands"])
        self.processes: Final[dict[str, Any]] = {}
        self._ends: Final[dict[str, Any]] = {}
        self.under_way: Final[dict[str, int]] = {}
        self.most = 0  # chunks that one node had at once

    def hire(self, node: str, cores: int) -> None:
        self._ends[node], other = self._context.Pipe()
        self.processes[node] = self._context.Process(target=_serve, args=(other, self._opening, cores))
        self.processes[node].start()
        self.under_way[node] = 0
        other.close()

    def give(self, node: str, number: int, items: bytes) -> None:
        self.under_way[node] += 1
        self.most = max(self.most, self.under_way[node])
        with suppress(OSError):  # it was killed, which is heard next
            self._ends[node].send((number, items))

    def dismiss(self, node: str) -> None:
        self._ends.pop(node).close()
        self.processes[node].kill()
        self.processes[node].join()

    def hear(self, seconds: float) -> Iterator[Event]:
        nodes = {end: node for node, end in self._ends.items()}
        for end in wait(list(nodes), seconds):
            node = nodes[end]
            try:
                number, answer = self._ends[node].recv()
            except (EOFError, OSError):
                self.dismiss(node)
                yield Event("gone", node, 0, "killed")
                continue
            if number:
                self.under_way[node] -= 1
                yield Event("done", node, number, answer)
            elif (failure := unpack(answer)) is None:
                yield Event("ready", node)
            else:
                yield Event("unfit", node, 0, failure.trace)

    def close(self) -> None:
        for node in list(self._ends):
            self.dismiss(node)


def _serve(end: "Connection[Any, Any]", opening: bytes, cores: int) -> None:
    hand = Hand(opening, cores)
    end.send((0, hand.begin()))
    while True:
        hand.beat()
        number, items = end.recv()
        end.send((number, hand.work(items)))


def open_squares(post: Post, told: Path) -> Any:
    """Squares; -1 is refused, and a text is a file that holds its worker up until it is there."""
    assert post.settings.home == post.workspace.home

    def squares(items: Iterable[Any]) -> Iterator[int]:
        for item in items:
            if item == -1:
                raise ValueError("minus one")
            if isinstance(item, str):
                while not (told / item).exists():
                    time.sleep(0.02)
                yield 0
            else:
                yield item * item

    return squares


def open_nothing(_post: Post, _told: Path) -> Any:
    """A node on which it cannot be opened."""
    raise FileNotFoundError("no such model here")
