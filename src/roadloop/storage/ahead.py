"""`map` in several threads, in order and with few items under way: neither millions of items nor a slow reader fill the memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")

_AHEAD: Final = 3  # items under way for each thread


def overlapped(function: Callable[[A], B], items: Iterable[A], number: int) -> Iterator[B]:
    """What `function` makes of each item, in their order, `number` at a time and three times as many under way.

    An exception ends the iteration; what has not begun then is dropped.
    """
    with threads(number, "ahead") as pool:
        yield from in_order(pool, function, items, _AHEAD * number)


@contextmanager
def threads(number: int, name: str, prepare: Callable[[], None] | None = None) -> Iterator[ThreadPoolExecutor]:
    """Threads for `in_order`; when the block is left, what waits is dropped and what has begun is waited for.

    Args:
        number: How many.
        name: What their names begin with.
        prepare: Called once in each.
    """
    pool = ThreadPoolExecutor(number, thread_name_prefix=name, initializer=prepare)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_order(pool: ThreadPoolExecutor, function: Callable[[A], B], items: Iterable[A], most: int) -> Iterator[B]:
    """What `function` makes of each item, in their order, with at most `most` items under way."""
    pending: deque[Future[B]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) >= most:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
