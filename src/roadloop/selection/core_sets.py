"""K-centre greedy over more embeddings than memory holds: core-sets of parts, then the picks from their union.

Pure but for reading the embeddings. Two rounds (Malkomes et al., "Fast distributed k-center clustering with outliers on massive data", NIPS 2015). The
candidates are cut into parts of consecutive rows. Of each part greedy takes as many as are wanted in all: its core-set.
From the union of the core-sets greedy takes those that count. While a union is still too large it is cut again.

How far the picks are from the best ones: with the radius r* that the best K picks would leave, and no rules,

- at most 4 r* where all weights are equal. K + 1 vectors that are each r or more apart cannot all lie within r / 2 of K
  centres, so greedy leaves 2 r* in a part, and 2 r* in the union (Gonzalez 1985); the triangle inequality adds them up.
- at most 9 r* whatever the weights. Weighted greedy leaves at most 3 r* (Dyer and Frieze, "A simple heuristic for the
  p-centre problem", Operations Research Letters 3, 1985). The nearest of its core-set to a vector weighs no less than
  half as much as it: when it was taken, its weighted distance was the largest, so a vector more than twice as heavy lay
  nearer to one taken before. So what the union leaves counts at most twice: 3 r* + 2 x 3 r*.

Each cut more adds 2 r*, or doubles and adds 3 r*. Larger core-sets come as close to greedy's own 2 r* as is wanted, where
vectors have few real dimensions (Ceccarello, Pietracaprina and Pucci, PVLDB 12, 2019). What rules do to the radius nobody
bounds, of greedy neither; they hold for the picks in any case, because they are followed in the union once more.

N candidates, M of them in a part, D numbers of an embedding, K wanted.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roadloop.selection.embeddings import Embeddings
from roadloop.selection.k_centre import FarthestFirst
from roadloop.selection.rules import Rules, State, Traits

Float32 = NDArray[np.float32]
Ints = NDArray[np.int64]

MIB: Final = 2**20
#: Bytes of memory for each number of a part: it stands there once, up to half of it again in greedy's front, and the
#: centres, of which a part has a quarter as many at most.
_BYTES: Final = 8
_BLOCK: Final = 1024  #: centres that are read at once


class Ledger(Protocol):
    """Where finished core-sets outlive a process that is killed."""

    def core_set(self, key: str) -> Ints | None:
        """What was kept under a key, int64; None when nothing was."""
        ...

    def add_core_set(self, key: str, places: Ints) -> None:
        """Keep a core-set."""
        ...


@dataclass(frozen=True)
class Bench:
    """Where parts are worked on. None of it decides what is taken, except the capacity.

    Attributes:
        capacity: Embeddings that are held at once, at most.
        ledger: Has the core-sets of earlier attempts.
        tell: Told how many steps are done, and of how many.
        check: Called often; raises when the job is to stop.
    """

    capacity: int
    ledger: Ledger
    tell: Callable[[float, int], None]
    check: Callable[[], None]


class Step(NamedTuple):
    """One of the steps of a work.

    Attributes:
        bench: Where it is done.
        done: Steps before it.
        steps: In all.
    """

    bench: Bench
    done: int
    steps: int

    def tell(self, share: float) -> None:
        """Say how much of it is done, 0..1; call it often, because it also asks whether to stop."""
        self.bench.check()
        self.bench.tell(self.done + share, self.steps)


class Part(NamedTuple):
    """Some candidates.

    Attributes:
        rows: int64 [M], their rows of the file, the best-scored first.
        weights: float32 [M], how much their distances count.
        traits: What the rules look at.
    """

    rows: Ints
    weights: Float32
    traits: Traits


class Before(NamedTuple):
    """What was taken before.

    Attributes:
        rows: int64, in the order of taking.
        tracks: How many pictures each track has given.
    """

    rows: Ints
    tracks: Mapping[int, int]


def capacity_of(memory_mib: int, dimensions: int, wanted: int) -> int:
    """How many embeddings are held at once; never fewer than four for each one wanted, or unions would not shrink.

    Args:
        memory_mib: Memory for them, MiB.
        dimensions: D.
        wanted: K.
    """
    return max(memory_mib * MIB // (_BYTES * dimensions), 4 * wanted)


def greedy_over(embeddings: Embeddings, part: Part, before: Ints) -> FarthestFirst:
    """Greedy over a part that knows what was taken before, however much that is.

    Args:
        embeddings: The file.
        part: What is taken from.
        before: Rows of the file.
    """
    greedy = FarthestFirst(embeddings.rows(part.rows), part.weights)
    for count, centre in enumerate(centres_of(embeddings, before)):
        greedy.add(centre)
        if not count:
            greedy.farthest()  # all are compared with the first centre; with the others only those that may be farthest
    return greedy


def greedy_picks(
    greedy: FarthestFirst, part: Part, state: State, wanted: int, tell: Callable[[int], None]
) -> list[tuple[int, float]]:
    """Take the farthest that is free, again and again.

    Args:
        greedy: Over the part; learns what is taken.
        part: What is taken from.
        state: Which of it are free; learns what is taken.
        wanted: How many, at most.
        tell: Told after each how many there are.

    Returns:
        For each its place in the part and its distance from the nearest one taken before.
    """
    greedy.exclude(np.flatnonzero(~state.free))
    picks: list[tuple[int, float]] = []
    while len(picks) < wanted and (found := greedy.farthest()) is not None:
        place, distance = found
        picks.append((place, distance / float(part.weights[place])))
        state.free[place] = False
        greedy.take(place)
        greedy.exclude(state.take(part.traits, place))
        tell(len(picks))
    return picks


def core_set(
    embeddings: Embeddings, part: Part, before: Before, rules: Rules, wanted: int, tell: Callable[[int], None]
) -> Ints:
    """Places in a part that stand for all of it. The same on any machine: it follows from these arguments alone.

    Args:
        embeddings: The file.
        part: Candidates that are all free.
        before: What was taken before.
        rules: What a pick rules out.
        wanted: K.
        tell: Told after each how many there are.

    Returns:
        int64, at most `wanted`, in the order of taking.
    """
    state = State(part.traits, np.ones(len(part.rows), bool), rules, before.tracks)
    picks = greedy_picks(greedy_over(embeddings, part, before.rows), part, state, wanted, tell)
    return np.array([place for place, _ in picks], np.int64)


def centres_of(embeddings: Embeddings, rows: Ints) -> Iterable[Float32]:
    """Embeddings one by one, float32 [D] each; a few are read at once."""
    for start in range(0, len(rows), _BLOCK):
        yield from embeddings.rows(rows[start : start + _BLOCK])


def parts_of(rows: Ints, capacity: int) -> list[Ints]:
    """Rows in parts of consecutive ones, all about as large: which they are follows from the rows and the capacity.

    Args:
        rows: int64 [N], ascending.
        capacity: Rows of a part, at most.
    """
    return np.array_split(rows, -(-len(rows) // capacity)) if len(rows) else []


def key_of(part: Part, before: Before, rules: Rules, wanted: int) -> str:
    """What a core-set is kept under: a digest of all that decides it."""
    digest = hashlib.blake2b(repr((wanted, rules, sorted(before.tracks.items()))).encode(), digest_size=16)
    for column in (part.rows, part.weights, *part.traits, before.rows):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
