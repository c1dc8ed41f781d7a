"""How sure a model was of each class that it predicted: counted picture by picture, labels or not. Pure; C classes."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from roadloop.evaluation.metrics import Matrix, Shares, share
from roadloop.models.prediction import CERTAIN, Prediction


@dataclass(frozen=True)
class Certainty:
    """Counts of a picture, or of several added up.

    Attributes:
        pixels: int64[C], pixels predicted as each class.
        sums: int64[C], the sum of their confidences, in 65535ths.
    """

    pixels: Matrix
    sums: Matrix

    @classmethod
    def zero(cls, num_classes: int) -> Self:
        """Nothing counted yet."""
        return cls.of(np.zeros(2 * num_classes, np.int64))

    @classmethod
    def of(cls, vector: Matrix) -> Self:
        """What `vector` wrote: int64[2 C]."""
        return cls(*vector.reshape(2, -1))

    @classmethod
    def count(cls, prediction: Prediction, train_ids: list[int]) -> Self:
        """Of one picture, for the classes with these train ids; pixels where nothing was predicted count for none."""
        ids = prediction.ids.ravel()
        assert prediction.certainty is not None
        pixels = np.bincount(ids, minlength=256)
        sums = np.bincount(ids, prediction.certainty.ravel(), minlength=256)  # exact: below 2**53
        return cls(pixels[train_ids].astype(np.int64), sums[train_ids].astype(np.int64))

    @property
    def vector(self) -> Matrix:
        """All counts in a row: int64[2 C]."""
        return np.concatenate((self.pixels, self.sums))

    def __add__(self, other: "Certainty") -> "Certainty":
        return Certainty(self.pixels + other.pixels, self.sums + other.sums)

    @property
    def by_class(self) -> Shares:
        """float64[C]: mean confidence where each class is predicted, 0..1; nan for one that never is."""
        return share(self.sums / CERTAIN, self.pixels)

    @property
    def whole(self) -> float:
        """Mean confidence of all predicted pixels, 0..1; nan where there is none."""
        pixels = int(self.pixels.sum())
        return float(self.sums.sum() / CERTAIN / pixels) if pixels else float("nan")
