"""Which pictures make up which batch: a seeded permutation per epoch, so a place in the run is one number.

The order depends on the seed and the epoch alone. Ranks slice the global batch, so the pictures of a step are the
same on any number of devices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Draw(NamedTuple):
    """One picture in one epoch: the whole source of a sample's randomness besides the seed."""

    epoch: int  #: 0-based
    picture: int  #: its place in the split


@dataclass(frozen=True)
class BatchPlan:
    """All batches of a run.

    Attributes:
        pictures: Pictures in the training split.
        batch_size: Pictures per step, all ranks together; with fewer pictures, all of them make one batch.
        epochs: Passes.
        seed: Of the permutations.
    """

    pictures: int
    batch_size: int
    epochs: int
    seed: int

    @property
    def batch(self) -> int:
        """Pictures in a batch; the same for every batch: what is left over at the end of an epoch is not used."""
        return min(self.batch_size, self.pictures)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        return self.pictures // self.batch if self.pictures else 0

    @property
    def total_steps(self) -> int:
        """Batches in the run."""
        return self.steps_per_epoch * self.epochs

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The permutation of an epoch (0-based): int64 [pictures]."""
        return np.random.default_rng((self.seed, epoch)).permutation(self.pictures)

    def from_step(self, step: int, rank: int = 0, ranks: int = 1) -> Iterator[list[Draw]]:
        """This rank's consecutive part of every batch from `step` (0-based) to the end of the run.

        Parts differ by one picture at most, the first ones are the larger.
        """
        while step < self.total_steps:
            epoch, first = divmod(step, self.steps_per_epoch)
            order = self.order(epoch)
            for position in range(first, self.steps_per_epoch):
                whole = order[position * self.batch : (position + 1) * self.batch]
                yield [Draw(epoch, int(i)) for i in np.array_split(whole, ranks)[rank]]
                step += 1
