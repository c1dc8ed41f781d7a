"""How good a prediction is: one confusion matrix over the set, and what follows from it.

"mIoU" is at least three numbers (decision 6). Ours, `miou`, is computed once from the confusion matrix of
the whole set: ignored pixels are dropped, a class that is predicted but never true counts 0, a class that is
neither true nor predicted is left out. Beside it stand `miou_void_fp`, where predictions on ignored pixels
count as wrong (the habit of CamVid papers), and `image_miou`, the mean over pictures of each picture's own
`miou`.

Pure NumPy: no file, no clock, no torch. H, W pixels; C classes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import many

IGNORE: Final = 255

Matrix = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Pixels counted by truth and prediction; counts of pictures add up to those of the set.

    Attributes:
        matrix: int64[C, C], rows the truth, columns the prediction, ignored truth left out.
        void: int64[C], predictions of each class on ignored pixels.
        missed: int64[C], pixels of each class for which no class was predicted, 255.
    """

    matrix: Matrix
    void: Matrix
    missed: Matrix

    @classmethod
    def zero(cls, num_classes: int) -> "Counts":
        """Nothing counted yet, for `num_classes` classes."""
        return cls.of(np.zeros(num_classes * (num_classes + 2), np.int64), num_classes)

    @classmethod
    def of(cls, vector: Matrix, num_classes: int) -> "Counts":
        """What `vector` wrote: int64[C (C + 2)]."""
        rows = vector.reshape(num_classes + 2, num_classes)
        return cls(rows[:-2], rows[-2], rows[-1])

    @property
    def vector(self) -> Matrix:
        """All counts in a row: int64[C (C + 2)]."""
        return np.concatenate((self.matrix.ravel(), self.void, self.missed))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.matrix + other.matrix, self.void + other.void, self.missed + other.missed)

    def of_classes(self, train_ids: list[int]) -> "Counts":
        """The same with some of the classes."""
        return Counts(self.matrix[np.ix_(train_ids, train_ids)], self.void[train_ids], self.missed[train_ids])

    @property
    def labelled(self) -> int:
        """Pixels whose truth is known."""
        return int(self.matrix.sum() + self.missed.sum())

    def scores(self) -> "Scores":
        """Every figure that follows, as Cityscapes and mmseg define them; missed pixels are wrong."""
        right = np.diagonal(self.matrix).astype(np.float64)
        truth, predicted = self.matrix.sum(axis=1) + self.missed, self.matrix.sum(axis=0)
        iou = share(right, truth + predicted - right)
        recall = share(right, truth)
        return Scores(
            iou=iou,
            precision=share(right, predicted),
            recall=recall,
            truth_pixels=truth,
            predicted_pixels=predicted,
            miou=mean(iou),
            miou_void_fp=mean(share(right, truth + predicted + self.void - right)),
            pixel_accuracy=float(share(right.sum(), truth.sum())),
            class_accuracy=mean(recall),
        )


@dataclass(frozen=True)
class Scores:
    """What a confusion matrix says. Shares are 0..1; nan means "cannot be said", never zero.

    Attributes:
        iou: float64[C]; nan for a class that is neither true nor predicted.
        precision: float64[C]; nan for a class that is never predicted.
        recall: float64[C]; nan for a class that is never true.
        truth_pixels: int64[C], labelled pixels of each class.
        predicted_pixels: int64[C], predictions of each class on labelled pixels.
        miou: Mean of `iou` over the classes that are true or predicted.
        miou_void_fp: The same with predictions on ignored pixels counted as wrong.
        pixel_accuracy: Share of the labelled pixels that are right.
        class_accuracy: Mean of `recall` over the classes that are true.
    """

    iou: Shares
    precision: Shares
    recall: Shares
    truth_pixels: Matrix
    predicted_pixels: Matrix
    miou: float
    miou_void_fp: float
    pixel_accuracy: float
    class_accuracy: float


def count(prediction: NDArray[np.uint8], target: NDArray[np.uint8], num_classes: int) -> Counts:
    """Count one picture (or a batch) in one pass.

    One histogram of the 16-bit pairs (target, prediction), without a mask: 255 is simply another row and column of it.

    Args:
        prediction: uint8[...], train ids below `num_classes`; 255 where the network says that it is none of them.
        target: uint8 of the same shape, train ids or 255.
        num_classes: C.

    Raises:
        ValueError: Shapes or types differ, or an id is outside the classes: a fault of the caller.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {prediction.shape}, target is {target.shape}")
    if prediction.dtype != np.uint8 or target.dtype != np.uint8:
        raise ValueError(f"uint8 is needed, not {prediction.dtype} and {target.dtype}")
    pair = target.astype(np.uint16)
    pair <<= 8
    pair |= prediction
    table = np.bincount(pair.ravel(), minlength=65536).reshape(256, 256).astype(np.int64, copy=False)
    matrix, void = table[:num_classes, :num_classes], table[IGNORE, :num_classes]
    missed = table[:num_classes, IGNORE]
    if int(matrix.sum() + void.sum() + missed.sum() + table[IGNORE, IGNORE]) != prediction.size:
        raise ValueError(f"an id is outside the {many(num_classes, 'class', 'classes')}")
    return Counts(matrix.copy(), void.copy(), missed.copy())


def mean(values: Shares) -> float:
    """The mean of the values that are not nan; nan when none is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def share(part: Shares, whole: NDArray[np.int64] | Shares) -> Shares:
    """`part / whole`, nan where `whole` is 0, without a warning."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    shares: Shares = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return shares
