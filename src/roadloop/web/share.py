"""Threads for endpoints: each kind of request has its own few, so that none can take those of the others.

A request that finds them all at work waits, for ten seconds at most and in a queue that has an end; an answer that
somebody else has to bring about is waited for without a thread.
"""

import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from roadloop.errors import BusyError, RoadloopError, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

THREADS: Final = 4  #: of one endpoint
QUEUE: Final = 250  #: requests that wait for the threads of one endpoint
ALL_QUEUES: Final = 500  #: requests that wait for any
QUEUE_SECONDS: Final = 10.0
WAITERS: Final = 200  #: requests whose answer others bring about
LOOK_SECONDS: Final = (0.1, 1.0)  #: from one look to the next, at first and at last

# The endpoints' own shares are the limit.
_THREADS: Final = anyio.CapacityLimiter(math.inf)


@dataclass(frozen=True)
class Waiting(Generic[T]):
    """An answer that is not there yet; an endpoint's function returns it in the answer's place.

    Args:
        look: The answer, or None as long as there is none; called again and again, in a thread.
        seconds: How long it is waited for.
        late: The error when it has not come.
    """

    look: Callable[[], T | None]
    seconds: float
    late: Callable[[], RoadloopError]


@dataclass
class _Counts:
    queued: int = 0
    waiters: int = 0


_counts: Final = _Counts()


class Share:
    """The threads of one endpoint."""

    def __init__(self) -> None:
        self._free: Final = anyio.Semaphore(THREADS)

    async def run(self, work: Callable[[], T]) -> T:
        """Call `work` in a thread.

        Raises:
            BusyError: No thread was free for ten seconds, or too many wait for one.
        """
        await self._acquire()
        try:
            return await anyio.to_thread.run_sync(work, limiter=_THREADS)
        finally:
            self._free.release()

    async def wait(self, request: Request, waiting: Waiting[T]) -> T | None:
        """Wait for an answer; None when the client has left.

        Raises:
            RoadloopError: It is late, or too many wait: what `waiting.late` says.
        """
        until, pause = time.monotonic() + waiting.seconds, LOOK_SECONDS[0]
        if _counts.waiters >= WAITERS:
            raise waiting.late()
        _counts.waiters += 1
        try:
            while (answer := await self.run(waiting.look)) is None:
                if time.monotonic() >= until:
                    raise waiting.late()
                if await request.is_disconnected():
                    return None
                await anyio.sleep(pause)
                pause = min(1.5 * pause, LOOK_SECONDS[1])
            return answer
        finally:
            _counts.waiters -= 1

    async def _acquire(self) -> None:
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            with _queued(self._free.statistics().tasks_waiting):
                with anyio.move_on_after(QUEUE_SECONDS) as patience:
                    await self._free.acquire()
                if patience.cancelled_caught:
                    raise _busy() from None


@contextmanager
def _queued(before: int) -> "Iterator[None]":
    if before >= QUEUE or _counts.queued >= ALL_QUEUES:
        raise _busy()
    _counts.queued += 1
    try:
        yield
    finally:
        _counts.queued -= 1


def _busy() -> BusyError:
    return BusyError(
        Text(
            "同类请求太多，服务正忙；没有改动任何东西，请稍后重试。",
            "There are too many requests of this kind at once. Nothing was changed; try again in a moment.",
        )
    )
