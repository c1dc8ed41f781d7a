"""Hands on the nodes of a Ray cluster, for one job. Ray ends who talks to it when its head dies, so a child process does that."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from roadloop.cluster.spread import Event, TeamLostError

CLOSE_SECONDS: Final = 3.0
HUNG_SECONDS: Final = 60.0  #: as Ray waits for a head that is away
_AWAY: Final = (EOFError, OSError)


class RayTeam:
    """Hands that end with this object, or with this process, or when they hear of neither.

    Args:
        address: Of the cluster's head.
        mark: The job's, which its processes carry.
        opening: What every hand is told, packed.
    """

    def __init__(self, address: str, mark: str, opening: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process: Final = context.Process(target=_talk, args=(other, address, mark, opening), daemon=True)
        self._process.start()
        self._heard = time.monotonic()
        other.close()

    def hire(self, node: str, cores: int) -> None:
        """Begin a hand."""
        self._say("hire", node, cores)

    def give(self, node: str, number: int, items: bytes) -> None:
        """Have a chunk worked on."""
        self._say("give", node, number, items)

    def dismiss(self, node: str) -> None:
        """End a hand."""
        self._say("dismiss", node)

    def hear(self, seconds: float) -> Iterator[Event]:
        """What has happened.

        Raises:
            TeamLostError: The process that talks to Ray has ended, or hangs.
        """
        try:
            while self._connection.poll(seconds):
                self._heard = time.monotonic()
                yield Event(*self._connection.recv())
                seconds = 0
        except _AWAY as error:
            raise TeamLostError("the cluster does not answer") from error
        if time.monotonic() - self._heard > HUNG_SECONDS:
            raise TeamLostError("the cluster has not answered for long")

    def close(self) -> None:
        """End the hands and the process that talks to Ray."""
        with suppress(*_AWAY):
            self._connection.send(("end",))
        self._process.join(CLOSE_SECONDS)
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _say(self, *order: Any) -> None:
        try:
            self._connection.send(order)
        except _AWAY as error:
            raise TeamLostError("the cluster does not answer") from error


def _talk(connection: Any, address: str, mark: str, opening: bytes) -> None:
    from roadloop.cluster.hands import talk  # noqa: PLC0415 - Ray is the child's alone

    talk(connection, address, mark, opening)
