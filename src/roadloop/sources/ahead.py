"""Read pictures and labels in threads, a few ahead."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import cv2

from roadloop.storage.ahead import overlapped

A = TypeVar("A")
B = TypeVar("B")

_THREADS: Final = 4


def read_ahead(read: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """`map(read, items)` over threads, in order, each of which decodes by itself."""
    cv2.setNumThreads(1)
    return overlapped(read, items, min(_THREADS, len(os.sched_getaffinity(0))))
