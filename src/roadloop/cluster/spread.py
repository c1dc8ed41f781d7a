"""The same work on all nodes that are free: chunks of a stream go out, results come back in order.

A job's process maps a stream of items by a function; `spread` gives it another one that makes the same of them with the
processors of a Ray cluster. The job alone writes ledgers and rows. Without a cluster, on a GPU, and for small sets it is
the function itself.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, NamedTuple, Protocol, TypeVar

from roadloop import __version__
from roadloop.cluster.hand import Failure, Opening, Post, pack, unpack
from roadloop.cluster.line import Line, Work
from roadloop.errors import BusyError
from roadloop.jobs import nodes, queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.processes import mark_of
from roadloop.jobs.registry import withheld
from roadloop.settings import store_keys

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE: Final = 2  #: chunks on a node: one is read while the other one is computed
AHEAD: Final = 2  #: chunks under way or waiting for a slower one, for each that is worked on
MOST_LOST: Final = (
    3  #: a chunk that has lost so many hands is worked on by the job itself, which has a limit for its losses
)
FREE_SECONDS: Final = 5.0  #: until the next look at which nodes are free
AGAIN_SECONDS: Final = 30.0  #: until a node whose hand was lost gets another one
HEAR_SECONDS: Final = 0.2


@dataclass(frozen=True)
class There(Generic[A, B]):
    """How another process does the same work.

    Attributes:
        begin: `begin(post, told)` makes the function; it stands in a module.
        told: What that needs to know; can be sent to another process, and holds no secret.
        each: Items of a chunk for each processor of a node.
    """

    begin: Callable[[Post, Any], Work[A, B]]
    told: Any
    each: int


class Event(NamedTuple):
    """What is heard of a node: its hand is ready, or has done a chunk; there is none any more, or never; or of none: all is well."""

    what: Literal["ready", "done", "gone", "unfit", "alive"]
    node: str
    number: int = 0
    data: Any = None


class TeamLostError(Exception):
    """Nobody can be asked any more."""


class Team(Protocol):
    """Hands on nodes."""

    def hire(self, node: str, cores: int) -> None:
        """Begin one on a node; what becomes of it is heard."""

    def give(self, node: str, number: int, items: bytes) -> None:
        """Have a chunk worked on."""

    def dismiss(self, node: str) -> None:
        """End the hand of a node."""

    def hear(self, seconds: float) -> Iterator[Event]:
        """What has happened, waiting for it at most so long.

        Raises:
            TeamLostError: All are lost.
        """

    def close(self) -> None:
        """End all, within seconds."""


@contextmanager
def spread(context: TaskContext, here: Work[A, B], there: There[A, B], pictures: int) -> Iterator[Work[A, B]]:
    """A job's work, on all free nodes where that is worth it.

    Args:
        context: The job's.
        here: What it does by itself.
        there: How another process does the same.
        pictures: How many there are to be worked on.

    Yields:
        `here`, or a function that makes the same of the same items, a chunk after the other.
    """
    settings = context.platform.settings
    large = 0 < settings.spread_pictures <= pictures
    if not (settings.ray_address and large) or context.gpus or len(_nodes(context)[0]) < 2:
        yield here
        return
    from roadloop.cluster.ray_team import RayTeam  # noqa: PLC0415 - not where there is no cluster

    mark = mark_of(context.job.id, context.job.token)
    team = RayTeam(settings.ray_address, mark, pack(opening(context, there)))
    try:
        yield partial(shared, Share(team, partial(_free, context), here, there.each, context.check_stop, context.log))
    finally:
        team.close()


def opening(context: TaskContext, there: There[Any, Any]) -> Opening:
    """What every hand is told: no more of the settings than the job, and not where the rows are."""
    secret = {*withheld(context.job.kind), "database_url"}
    told = context.platform.settings.model_dump(mode="json", exclude=secret)
    return Opening(told | {"home": str(context.platform.workspace.home)}, there.begin, there.told, store_keys())


@dataclass(frozen=True)
class Share(Generic[A, B]):
    """What sharing out needs.

    Attributes:
        team: Who works.
        free: The nodes that may get work now, each with its processors.
        here: The work, for whom nobody helps any more.
        each: Items of a chunk for each processor.
        check: Called several times a second; raises to stop.
        log: Takes a line.
    """

    team: Team
    free: Callable[[], Mapping[str, int]]
    here: Work[A, B]
    each: int
    check: Callable[[], None]
    log: Callable[[str], None]


def shared(share: Share[A, B], items: Iterable[A]) -> Iterator[B]:
    """What the work makes of the items, in their order.

    Raises:
        Exception: What a chunk raised; its traceback is in a note.
    """
    line: Line[A, B] = Line(items)
    try:
        yield from _Sharing(share, line).run()
    except TeamLostError as error:
        share.log(f"the nodes do not help any more ({error}); this one goes on alone")
    yield from line.rest(share.here)


class _Sharing(Generic[A, B]):
    """Gives the chunks of one line out, until it has ended or nobody takes any."""

    def __init__(self, share: Share[A, B], line: Line[A, B]) -> None:
        self._share: Final = share
        self._line: Final = line
        self._free: Mapping[str, int] = {}
        self._looked = -FREE_SECONDS
        self._hands: Final[dict[str, set[int] | None]] = {}  # the chunks of each; None: not ready yet
        self._not_before: Final[dict[str, float]] = {}  # when a node may get another hand

    def run(self) -> Iterator[B]:
        while not self._line.ended:
            self._share.check()
            self._look()
            if not self._hands:
                raise TeamLostError("no node has a process for it")
            self._give()
            for event in self._share.team.hear(HEAR_SECONDS):
                self._take(event)
            yield from self._line.ready()

    def _look(self) -> None:
        """Begin hands where nodes have become free, end those on nodes that have other work now."""
        now = time.monotonic()
        if now - self._looked < FREE_SECONDS:
            return
        self._looked = now
        with suppress(BusyError):  # of the database; then as it was
            self._free = self._share.free()
        for node, cores in self._free.items():
            if node not in self._hands and self._not_before.get(node, now) <= now:
                self._hands[node] = None
                self._share.team.hire(node, cores)
        for node in [node for node, given in self._hands.items() if not given and node not in self._free]:
            del self._hands[node]
            self._share.team.dismiss(node)

    def _give(self) -> None:
        ready = {node: given for node, given in self._hands.items() if given is not None and node in self._free}
        most = AHEAD * AT_ONCE * len(ready)
        for busy in range(AT_ONCE):
            for node, given in ready.items():
                if len(given) > busy:
                    continue
                taken = self._line.take(self._share.each * self._free[node], most)
                if taken is None:
                    return
                number, items = taken
                given.add(number)
                self._share.team.give(node, number, pack(items))

    def _take(self, event: Event) -> None:
        if event.node not in self._hands:
            return
        given = self._hands[event.node]
        if event.what == "ready":
            self._hands[event.node] = set()
            self._share.log(f"node={event.node} works on it, too")
        elif event.what == "done" and given is not None:
            given.remove(event.number)
            results = unpack(event.data)
            if isinstance(results, Failure):
                results.error.add_note(f"on the node {event.node}:\n{results.trace}")
                raise results.error
            self._line.done(event.number, results)
        else:
            self._share.log(f"node={event.node} does not work on it any more: {event.data}")
            del self._hands[event.node]
            unfit = event.what == "unfit"
            self._not_before[event.node] = float("inf") if unfit else time.monotonic() + AGAIN_SECONDS
            if max(map(self._line.lost, given or ()), default=0) >= MOST_LOST:
                raise TeamLostError("a part of it was lost again and again")


def _nodes(context: TaskContext) -> tuple[dict[str, int], set[str]]:
    """The processors of each node that takes jobs; and those where other jobs run."""
    with context.platform.database.reading() as db:
        rows, running = nodes.all_nodes(db), queue.running(db)
    sound = {row.name: max(1, int(row.cpus)) for row in rows if row.problem is None and row.version == __version__}
    return sound, {job.host for job in running if job.host is not None and job.id != context.job.id}


def _free(context: TaskContext) -> Mapping[str, int]:
    """The node of the job itself, and those where no job runs."""
    sound, busy = _nodes(context)
    return {node: cores for node, cores in sound.items() if node == context.job.host or node not in busy}
