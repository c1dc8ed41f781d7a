"""k-centre greedy (Gonzalez 1985; core-set selection of Sener and Savarese 2018), exact and lazy. Pure.

Plain greedy compares each new centre with all vectors: a matrix-vector product that is bound by memory, for every
pick. Here only a *front* of vectors with the largest distances is kept up to date, small enough for the cache. The
others keep the distance they had, which can only shrink: as long as the best of the front is at least as far as any
of those old distances, it is the farthest of all. Only when the front falls below them it is chosen anew, and the
centres that its members have not seen are caught up in one matrix product. The picks are those of plain greedy, up to
rounding.

Distances may be weighted, for example by how much a vector is wanted; the same holds for them.

N vectors of D numbers, K centres so far, M in the front.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Ints = NDArray[np.int64]

SMALLEST: Final = 1024
_SLICE: Final = 1024
_OUT: Final = np.float32(-1)


class FarthestFirst:
    """Picks the vector that is farthest from all centres, again and again.

    Args:
        vectors: float32 [N, D]. Not copied, not changed.
        weights: float32 [N], 0 or more: each vector's distances count so many times; None = once.
    """

    def __init__(self, vectors: Float32, weights: Float32 | None = None) -> None:
        self._x_ND: Final = vectors
        self._weights_N: Final = np.ones(len(vectors), np.float32) if weights is None else np.square(weights)
        self._squares_N: Final = np.einsum("nd,nd->n", vectors, vectors)
        count = len(vectors)
        self._bound_N: Final = np.full(count, np.inf, np.float32)  # weighted, squared; to the centres seen; -1 = out
        self._seen_N: Final = np.zeros(count, np.int64)
        self._place_N: Final = np.full(count, -1, np.int64)  # place in the front
        self._centres_KD: Float32 = np.empty((64, vectors.shape[1]), np.float32)
        self._count = 0
        self._size = SMALLEST
        self._front: Ints = np.empty(0, np.int64)
        self._front_MD: Float32 = np.empty((0, vectors.shape[1]), np.float32)
        self._front_M: Float32 = np.empty(0, np.float32)
        self._floor = np.float32(np.inf)
        self._served = 0

    def take(self, index: int) -> None:
        """Make a vector a centre; it is not picked again."""
        self.exclude(np.array([index]))
        self.add(self._x_ND[index])

    def add(self, centre: Float32) -> None:
        """Add a centre, float32 [D], that need not be one of the vectors."""
        if self._count == len(self._centres_KD):
            self._centres_KD = np.concatenate((self._centres_KD, np.empty_like(self._centres_KD)))
        self._centres_KD[self._count] = centre
        self._count += 1
        if len(self._front):
            squares = self._squares_N[self._front] + centre @ centre
            distances = np.maximum(squares - 2 * (self._front_MD @ centre), 0) * self._weights_N[self._front]
            np.minimum(self._front_M, distances, out=self._front_M)

    def exclude(self, indices: Ints) -> None:
        """Never pick these."""
        self._bound_N[indices] = _OUT
        places = self._place_N[indices]
        self._front_M[places[places >= 0]] = _OUT

    def farthest(self) -> tuple[int, float] | None:
        """The vector farthest from its nearest centre, and that (weighted) distance; the lowest index of equals.

        None when all are centres or excluded. Without a centre every distance is infinite.
        """
        while len(self._bound_N):
            if len(self._front):
                place = int(self._front_M.argmax())
                best = self._front_M[place]
                if best >= self._floor and best >= 0:
                    self._served += 1
                    return int(self._front[place]), float(np.sqrt(best))
                if self._floor < 0:
                    return None
            self._refill()
        return None

    def radius(self) -> float:
        """The largest (weighted) distance of a vector that is not excluded to its centre; 0 when there is none."""
        found = self.farthest()
        return 0.0 if found is None else found[1]

    def _refill(self) -> None:
        """Choose the front anew: the vectors with the largest known distances, brought up to date."""
        self._bound_N[self._front] = self._front_M
        self._seen_N[self._front] = self._count
        self._place_N[self._front] = -1
        count = len(self._bound_N)
        if not self._seen_N.any():  # nothing is known yet: no distance is better than another
            for start in range(0, count, 64 * _SLICE):
                self._catch_up(slice(start, start + 64 * _SLICE))
            self._seen_N[:] = self._count
        else:
            self._resize()
        if self._size >= count:
            front = np.arange(count)
            self._floor = _OUT
        else:
            front = np.sort(np.argpartition(self._bound_N, count - self._size)[count - self._size :])
            self._floor = self._bound_N[front].min()
        by_age = front[np.argsort(self._seen_N[front], kind="stable")]
        for start in range(0, len(by_age), _SLICE):
            self._catch_up(by_age[start : start + _SLICE])
        self._front = front
        self._front_MD = self._x_ND[front]
        self._front_M = self._bound_N[front]
        self._place_N[front] = np.arange(len(front))

    def _resize(self) -> None:
        """Spend about as much on keeping the front up to date as on choosing it anew.

        A larger front lasts longer but costs more for every pick. The weights are nanoseconds, measured once; they
        decide the speed, never the picks.
        """
        numbers = len(self._front) * self._x_ND.shape[1]
        kept = 0.35 * self._served * numbers
        chosen = 15.0 * len(self._bound_N) + numbers * (1.0 + 0.03 * self._served)
        if kept > chosen:
            self._size = max(self._size // 2, SMALLEST)
        elif kept < chosen / 4:
            self._size = min(2 * self._size, max(len(self._bound_N) // 4, SMALLEST))
        self._served = 0

    def _catch_up(self, indices: Ints | slice) -> None:
        """Compare some vectors with the centres that they have not seen."""
        centres_KD = self._centres_KD[int(self._seen_N[indices].min()) : self._count]
        if not len(centres_KD):
            return
        squares_K = np.einsum("kd,kd->k", centres_KD, centres_KD)
        nearest = (squares_K - 2 * (self._x_ND[indices] @ centres_KD.T)).min(axis=1) + self._squares_N[indices]
        nearest = np.maximum(nearest, 0) * self._weights_N[indices]
        self._bound_N[indices] = np.minimum(self._bound_N[indices], nearest)
