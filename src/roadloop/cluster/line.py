"""A stream cut into numbered chunks that others work on: what comes next, what was lost, what may be given out. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

Work = Callable[[Iterable[A]], Iterable[B]]  #: what is made of a stream of items, in about their order


@dataclass
class _Chunk(Generic[A, B]):
    items: list[A]
    results: list[B] | None = None
    times_lost: int = 0


class Line(Generic[A, B]):
    """Chunks from the first item to the last; results leave in that order.

    Args:
        items: The stream; read only as far as chunks are taken.
    """

    def __init__(self, items: Iterable[A]) -> None:
        self._items: Final = iter(items)
        self._open: Final[dict[int, _Chunk[A, B]]] = {}  # taken, and not given out; ascending
        self._again: Final[set[int]] = set()
        self._last = 0
        self._dry = False

    @property
    def ended(self) -> bool:
        """Whether all results have left."""
        return self._dry and not self._open

    def take(self, size: int, most: int) -> tuple[int, list[A]] | None:
        """The next chunk to work on: one that was lost, else a new one.

        Args:
            size: Items of a new one.
            most: Chunks whose results have not left; no new one is cut beyond, so that a slow one fills no memory.

        Returns:
            Its number and items; None when there is none now.
        """
        if self._again:
            number = min(self._again)
            self._again.remove(number)
            return number, self._open[number].items
        if self._dry or len(self._open) >= most:
            return None
        items = list(islice(self._items, size))
        if not items:
            self._dry = True
            return None
        self._last += 1
        self._open[self._last] = _Chunk(items)
        return self._last, items

    def done(self, number: int, results: list[B]) -> None:
        """What became of a chunk that was taken."""
        self._open[number].results = results

    def lost(self, number: int) -> int:
        """A chunk that was taken must be worked on again; how often it was lost by now."""
        self._again.add(number)
        self._open[number].times_lost += 1
        return self._open[number].times_lost

    def ready(self) -> Iterator[B]:
        """The results that come next, as far as they are there."""
        while self._open:
            number = next(iter(self._open))
            results = self._open[number].results
            if results is None:
                return
            del self._open[number]
            yield from results

    def rest(self, work: Work[A, B]) -> Iterator[B]:
        """All that has not left, for who goes on alone; what is there already is not worked on again."""
        for chunk in self._open.values():
            yield from work(chunk.items) if chunk.results is None else chunk.results
        yield from work(self._items)
