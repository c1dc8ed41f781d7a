"""`python -m benchmarks selection`: lazy k-centre against the plain one, side by side in one process. Pure but for the clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadloop.selection.k_centre import FarthestFirst

Float32 = NDArray[np.float32]
PER_TRACK = 200


@dataclass(frozen=True)
class Race:
    """One contest.

    Attributes:
        data: What the vectors are like.
        ours: CPU seconds of the lazy greedy.
        plain: CPU seconds of the one-by-one greedy.
        radius: Coverage radius of the lazy picks over that of the plain ones.
    """

    data: str
    ours: float
    plain: float
    radius: float

    @property
    def ratio(self) -> float:
        """How many times as fast."""
        return self.plain / self.ours


def race(count: int, dimensions: int, picks: int, seed: int = 0) -> list[Race]:
    """Run both on vectors like those of drives, and on shapeless ones.

    Args:
        count: Vectors.
        dimensions: Numbers of each.
        picks: Centres.
        seed: Of the vectors.
    """
    random = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    sets = {"drives": clustered(count, dimensions, seed), "random": _unit(random)}
    races = []
    for name, vectors in sets.items():
        ours, radius = _timed(lazily, vectors, picks)
        plain, plain_radius = _timed(one_by_one, vectors, picks)
        races.append(Race(name, ours, plain, radius / plain_radius))
    return races


def clustered(count: int, dimensions: int, seed: int, network: np.random.Generator | None = None) -> Float32:
    """Vectors of length 1 like embeddings of drives, float32 [count, dimensions]: tracks that wander slowly.

    Args:
        count: How many.
        dimensions: Numbers of each.
        seed: Of the drives.
        network: Draws what makes vectors of what is seen, for drives of several calls; None: the drives' own.
    """
    rng = np.random.default_rng(seed)
    tracks = -(-count // PER_TRACK)
    start = rng.normal(size=(tracks, 1, 24))
    steps = np.cumsum(rng.normal(scale=0.08, size=(tracks, PER_TRACK, 24)), axis=1)
    hidden = (start + steps).reshape(-1, 24)[:count].astype(np.float32)
    noise = rng.normal(scale=0.3, size=(count, dimensions)).astype(np.float32)
    return _unit(hidden @ (network or rng).normal(size=(24, dimensions)).astype(np.float32) + noise)


def lazily(vectors: Float32, picks: int) -> tuple[list[int], float]:
    """Our greedy: the picks, beginning with vector 0, and the coverage radius."""
    greedy = FarthestFirst(vectors)
    greedy.take(0)
    taken = [0]
    while len(taken) < picks:
        found = greedy.farthest()
        if found is None:
            break
        taken.append(found[0])
        greedy.take(found[0])
    return taken, greedy.radius()


def one_by_one(vectors: Float32, picks: int) -> tuple[list[int], float]:
    """The opponent: greedy in plain NumPy at its best, one matrix-vector product for each pick."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    nearest = np.full(len(vectors), np.inf, np.float32)
    taken = [0]
    while True:
        newest = taken[-1]
        distances = vectors @ vectors[newest]
        distances *= -2
        distances += squares
        distances += squares[newest]
        np.minimum(nearest, distances, out=nearest)
        if len(taken) == picks:
            return taken, float(np.sqrt(max(0.0, float(nearest.max()))))
        taken.append(int(nearest.argmax()))


def _timed(
    greedy: Callable[[Float32, int], tuple[list[int], float]], vectors: Float32, picks: int
) -> tuple[float, float]:
    began = time.process_time()
    _, radius = greedy(vectors, picks)
    return time.process_time() - began, radius


def _unit(vectors: Float32) -> Float32:
    lengths: Float32 = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths
