"""Read many things in threads, a few ahead, and take the results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import cv2

A = TypeVar("A")
B = TypeVar("B")

_THREADS: Final = 4
_AHEAD: Final = 3  # items under way for each thread


def read_ahead(read: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """`map(read, items)` over threads, in order, with a bounded number of items under way."""
    cv2.setNumThreads(1)
    threads = min(_THREADS, len(os.sched_getaffinity(0)))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
    waiting: deque[Future[B]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > threads * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
