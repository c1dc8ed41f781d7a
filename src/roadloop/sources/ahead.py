"""Read pictures and labels in threads, a few ahead."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import cv2

from roadloop.storage.ahead import overlapped
from roadloop.storage.objects import STREAMS

A = TypeVar("A")
B = TypeVar("B")

_THREADS: Final = 4


def read_ahead(read: Callable[[A], B], items: Iterable[A], *, stored: bool = False) -> Iterator[B]:
    """`map(read, items)` over threads, in order, each of which decodes by itself.

    Args:
        read: Called for each item.
        items: What is read.
        stored: They lie in an object store, so that waiting takes longer than decoding.
    """
    cv2.setNumThreads(1)
    return overlapped(read, items, STREAMS if stored else min(_THREADS, len(os.sched_getaffinity(0))))
