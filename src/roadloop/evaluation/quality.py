"""Two figures beside mIoU: how well outlines fit (boundary IoU), and whether confidence can be believed (ECE).

Boundary IoU: B. Cheng, R. Girshick, P. Dollár, A. Berg, A. Kirillov, "Boundary IoU", CVPR 2021, arXiv:2103.16562. The
IoU of a class within d of the outline of its area, d = 2 % of the picture's diagonal; the edge of the picture is an
outline. Here the pixels of the whole set are counted and divided once, as for mIoU.

ECE: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599.
Labelled pixels fall into 15 equal bins by the probability of their prediction; the expected calibration error is the
mean difference, weighted by pixels, between the bin's mean probability and its share of right pixels.

Everything is counted in whole numbers, so the sums do not depend on the order of pictures or on the ranks that count.
Pure NumPy and OpenCV. H, W pixels; C classes.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.evaluation.metrics import IGNORE, Counts, Matrix, Scores, Shares, mean, share
from roadloop.models.prediction import CERTAIN, UInt8, UInt16

BINS: Final = 15
_REACH: Final = 0.02  #: of the diagonal
_EXACT: Final = 10**9  #: the whole number that a picture's mIoU of 1 is
_LEVELS: Final = np.arange(CERTAIN + 1, dtype=np.int64)
_BIN_OF_LEVEL: Final = np.maximum(-(-_LEVELS * BINS // CERTAIN) - 1, 0)  # (0, 1/15], (1/15, 2/15]...


@dataclass(frozen=True)
class Quality:
    """What is counted for both figures; those of pictures add up to those of the set.

    Attributes:
        both: int64[C], pixels of each class near its outline in truth and prediction alike.
        either: int64[C], pixels of each class near its outline in truth or prediction.
        pixels: int64[15], labelled pixels by confidence; all 0 where the confidence is not known.
        right: int64[15], those of them that are right.
        confidence: int64[15], the sum of their confidences, in 65535ths.
    """

    both: Matrix
    either: Matrix
    pixels: Matrix
    right: Matrix
    confidence: Matrix

    @classmethod
    def zero(cls, num_classes: int) -> "Quality":
        """Nothing counted yet, for `num_classes` classes."""
        return cls.of(np.zeros(2 * num_classes + 3 * BINS, np.int64))

    @classmethod
    def of(cls, vector: Matrix) -> "Quality":
        """What `vector` wrote: int64[2 C + 45]."""
        classes, bins = vector[: -3 * BINS].reshape(2, -1), vector[-3 * BINS :].reshape(3, BINS)
        return cls(classes[0], classes[1], bins[0], bins[1], bins[2])

    @property
    def vector(self) -> Matrix:
        """All counts in a row: int64[2 C + 45]."""
        return np.concatenate((self.both, self.either, self.pixels, self.right, self.confidence))

    def __add__(self, other: "Quality") -> "Quality":
        return Quality.of(self.vector + other.vector)

    def of_classes(self, train_ids: list[int]) -> "Quality":
        """The same with some of the classes."""
        return Quality(self.both[train_ids], self.either[train_ids], self.pixels, self.right, self.confidence)

    @property
    def boundary_iou(self) -> Shares:
        """float64[C]; nan for a class that is neither true nor predicted."""
        return share(self.both.astype(np.float64), self.either)

    @property
    def ece(self) -> float:
        """0..1; nan where no confidence was counted."""
        total = int(self.pixels.sum())
        gaps = np.abs(self.confidence / CERTAIN - self.right)
        return float(gaps.sum() / total) if total else float("nan")


def measure(prediction: UInt8, target: UInt8, num_classes: int, confidence: UInt16 | None = None) -> Quality:
    """Count one picture.

    Ignored pixels belong to no area, neither of the truth nor of the prediction, so a perfect prediction scores 1.

    Args:
        prediction: uint8[H, W], train ids below `num_classes`.
        target: uint8[H, W], train ids or 255.
        num_classes: C.
        confidence: uint16[H, W], the probability of each prediction in 65535ths.
    """
    known = target != IGNORE
    found = np.where(known, prediction, np.uint8(IGNORE))
    reach = max(1, round(_REACH * float(np.hypot(*target.shape))))
    near_truth, near_found = near_outline(target, reach), near_outline(found, reach)
    both = _histogram(target[near_truth & near_found & (target == found)], num_classes)
    either = _histogram(target[near_truth], num_classes) + _histogram(found[near_found], num_classes) - both
    if confidence is None:
        return Quality(both, either, *np.zeros((3, BINS), np.int64))
    return Quality(both, either, *_calibration(confidence[known], (prediction == target)[known]))


def near_outline(ids: UInt8, reach: int) -> NDArray[np.bool_]:
    """bool[H, W]: pixels with another id, or the edge of the picture, at most `reach` rows and columns away.

    A square window of one value has a minimum that is its maximum: two passes do for all classes at once.
    """
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near = np.asarray(cv2.erode(ids, window) != cv2.dilate(ids, window))
    for edge in (near[:reach], near[-reach:], near[:, :reach], near[:, -reach:]):
        edge[:] = True
    return near


class Validation:
    """Everything that is counted over a split while training; memory does not grow with the pictures.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes: Final = num_classes
        self.counts = Counts.zero(num_classes)
        self.quality = Quality.zero(num_classes)
        self._pictures = np.zeros(2, np.int64)  # how many have labelled pixels; the sum of their mIoU

    def add(self, counts: Counts, quality: Quality) -> None:
        """Add one picture."""
        self.counts += counts
        self.quality += quality
        if counts.labelled:
            self._pictures += (1, round(counts.scores().miou * _EXACT))

    @property
    def vector(self) -> Matrix:
        """All counts in a row, int64: those of several ranks may be added."""
        return np.concatenate((self.counts.vector, self.quality.vector, self._pictures))

    @vector.setter
    def vector(self, values: Matrix) -> None:
        c = self._num_classes
        counts, quality, self._pictures = np.split(values, np.cumsum((c * (c + 2), 2 * c + 3 * BINS)))
        self.counts, self.quality = Counts.of(counts, c), Quality.of(quality)

    def scores(self) -> "FullScores | None":
        """Every figure; None when no pixel was labelled."""
        if not self.counts.labelled:
            return None
        boundary = self.quality.boundary_iou
        return FullScores(
            **vars(self.counts.scores()),
            image_miou=float(self._pictures[1] / _EXACT / self._pictures[0]),
            boundary_iou=boundary,
            boundary_miou=mean(boundary),
            ece=self.quality.ece,
            counts=self.counts,
        )


@dataclass(frozen=True)
class FullScores(Scores):
    """What one pass over a validation split says.

    Attributes:
        image_miou: Mean over the pictures of each one's own mIoU.
        boundary_iou: float64[C].
        boundary_miou: Mean of `boundary_iou` over the classes that are true or predicted.
        ece: Expected calibration error.
        counts: The confusion matrix.
    """

    image_miou: float
    boundary_iou: Shares
    boundary_miou: float
    ece: float
    counts: Counts


def _histogram(ids: UInt8, num_classes: int) -> Matrix:
    """int64[C]: how many pixels each class has; ignored ones are left out."""
    return np.bincount(ids, minlength=256)[:num_classes].astype(np.int64, copy=False)


def _calibration(confidence: UInt16, right: NDArray[np.bool_]) -> tuple[Matrix, Matrix, Matrix]:
    """Pixels, right pixels and the sum of confidences by bin, each int64[15]."""
    key = confidence.astype(np.int32)
    key += right.astype(np.int32) << 16
    wrong_levels, right_levels = np.bincount(key, minlength=2 << 16).reshape(2, CERTAIN + 1)
    levels = wrong_levels + right_levels
    return _by_bin(levels), _by_bin(right_levels), _by_bin(levels * _LEVELS)


def _by_bin(levels: Matrix) -> Matrix:
    """The sum of each bin's levels, exact: no float is that large."""
    ends = np.searchsorted(_BIN_OF_LEVEL, np.arange(BINS))
    return np.add.reduceat(levels, ends).astype(np.int64, copy=False)
