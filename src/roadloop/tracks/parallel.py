"""`map` in several threads, in order and with a bounded number of items under way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def overlapped(function: Callable[[A], B], items: Iterable[A], threads: int) -> Iterator[B]:
    """What `function` makes of each item, in their order, `threads` at a time.

    At most `3 * threads` items are under way, so neither millions of items nor a slow reader fill the memory. An
    exception ends the iteration; what has not begun then is dropped.
    """
    pending: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 3 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
