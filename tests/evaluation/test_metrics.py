"""The numbers are small enough to check by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from roadloop.evaluation.metrics import Counts, Scores, count, mean


def ids(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


# Two pictures of eight pixels, three classes; class 2 is never true and once predicted, one pixel is ignored.
TRUTH_A, GUESS_A = ids([0, 0, 0, 0], [1, 1, 1, 1]), ids([0, 0, 0, 1], [1, 1, 1, 1])
TRUTH_B, GUESS_B = ids([0, 0, 0, 0], [0, 0, 0, 255]), ids([0, 0, 0, 0], [0, 0, 2, 1])


def both() -> Counts:
    return count(GUESS_A, TRUTH_A, 3) + count(GUESS_B, TRUTH_B, 3)


def scores(matrix: NDArray[np.int64], void: NDArray[np.int64] | None = None) -> Scores:
    none = np.zeros(len(matrix), np.int64)
    return Counts(matrix, none if void is None else void, none).scores()


def test_count__rows_are_truth_and_ignored_pixels_are_dropped() -> None:
    assert count(GUESS_B, TRUTH_B, 3).matrix.tolist() == [[6, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert count(GUESS_A, TRUTH_A, 3).matrix.dtype == np.int64


def test_count__predictions_on_ignored_pixels_are_counted_apart() -> None:
    counted = both()
    assert counted.matrix.tolist() == [[9, 1, 1], [0, 4, 0], [0, 0, 0]]
    assert counted.void.tolist() == [0, 1, 0]
    assert counted.labelled == 15


def test_counts__of_some_classes_are_theirs_alone() -> None:
    part = both().of_classes([1, 0])
    assert (part.matrix.tolist(), part.void.tolist(), part.missed.tolist()) == ([[4, 0], [1, 9]], [1, 0], [0, 0])
    assert part.scores().miou_void_fp == pytest.approx((4 / 6 + 9 / 10) / 2)


def test_counts__are_read_back_from_the_row_that_they_are_written_in() -> None:
    counted = Counts(np.array([[1, 2], [3, 4]]), np.array([5, 6]), np.array([7, 8]))
    assert counted.vector.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    back = Counts.of(counted.vector, 2)
    assert (back.matrix.tolist(), back.void.tolist(), back.missed.tolist()) == ([[1, 2], [3, 4]], [5, 6], [7, 8])


def test_counts__begin_with_zeros_that_count_beyond_what_floats_hold() -> None:
    zero = Counts.zero(3)
    for name in ("matrix", "void", "missed"):
        begun = getattr(zero, name)
        assert (begun.dtype, begun.any()) == (np.int64, False)
        assert (getattr(zero + both(), name) == getattr(both(), name)).all()


def test_scores__two_numbers_called_miou_are_kept_apart() -> None:
    counted = both()
    found = scores(counted.matrix, counted.void)
    assert found.iou.tolist() == [9 / 11, 4 / 5, 0.0]
    assert found.miou == pytest.approx((9 / 11 + 4 / 5 + 0) / 3)
    assert found.miou_void_fp == pytest.approx((9 / 11 + 4 / 6 + 0) / 3)


def test_count__pixels_that_are_predicted_as_none_of_the_classes_are_missed() -> None:
    counted = count(ids([0, 0, 255, 1, 255]), ids([0, 0, 0, 1, 255]), 2)
    assert (counted.matrix.tolist(), counted.void.tolist(), counted.missed.tolist()) == (
        [[2, 0], [0, 1]],
        [0, 0],
        [1, 0],
    )
    assert counted.labelled == 4
    found = counted.scores()
    assert found.iou.tolist() == [2 / 3, 1.0]
    assert found.recall.tolist() == [2 / 3, 1.0]
    assert (found.pixel_accuracy, found.truth_pixels.tolist()) == (3 / 4, [3, 1])
    assert (counted + counted).of_classes([0]).missed.tolist() == [2]


def test_scores__precision_recall_and_accuracies() -> None:
    found = scores(both().matrix)
    assert found.precision.tolist() == [1.0, 4 / 5, 0.0]
    assert found.recall[:2].tolist() == [9 / 11, 1.0]
    assert math.isnan(found.recall[2])
    assert found.pixel_accuracy == 13 / 15
    assert found.class_accuracy == pytest.approx((9 / 11 + 1) / 2)
    assert found.truth_pixels.tolist() == [11, 4, 0]
    assert found.predicted_pixels.tolist() == [9, 5, 1]


def test_scores__class_only_predicted_counts_as_zero() -> None:
    assert scores(np.array([[3, 1], [0, 0]])).iou.tolist() == [0.75, 0.0]


def test_scores__class_absent_and_unpredicted_is_left_out() -> None:
    found = scores(np.array([[3, 0, 0], [1, 2, 0], [0, 0, 0]]))
    assert math.isnan(found.iou[2])
    assert found.miou == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_scores__class_true_but_never_predicted_has_no_precision() -> None:
    found = scores(np.array([[3, 0], [1, 0]]))
    assert math.isnan(found.precision[1])
    assert (found.recall[1], found.iou[1]) == (0.0, 0.0)


def test_scores__class_predicted_only_on_ignored_pixels_is_zero_with_void_counted() -> None:
    found = scores(np.array([[4, 0], [0, 0]]), np.array([0, 2]))
    assert (found.miou, found.miou_void_fp) == (1.0, 0.5)


def test_scores__nothing_labelled_is_nan_not_zero() -> None:
    found = scores(count(ids([0, 1]), ids([255, 255]), 2).matrix)
    assert math.isnan(found.miou)
    assert math.isnan(found.pixel_accuracy)


def test_count__ids_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="outside the 2 classes"):
        count(ids([2]), ids([0]), 2)
    with pytest.raises(ValueError, match="outside the 2 classes"):
        count(ids([0]), ids([7]), 2)
    with pytest.raises(ValueError, match="outside the 2 classes"):
        count(ids([254]), ids([255]), 2)


def test_count__shapes_and_types_must_agree() -> None:
    with pytest.raises(ValueError, match="target is"):
        count(ids([0, 0]), ids([0]), 2)
    with pytest.raises(ValueError, match="uint8"):
        count(np.zeros((1, 1), np.int64), ids([0]), 2)


def test_count__equals_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 5, (40, 30), dtype=np.uint8)
    target = rng.choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), (40, 30))
    slow = np.zeros((5, 5), np.int64)
    for row, column in zip(target.ravel(), prediction.ravel(), strict=True):
        if row != 255:
            slow[row, column] += 1
    assert np.array_equal(count(prediction, target, 5).matrix, slow)


def test_mean__of_nothing_is_nan() -> None:
    assert math.isnan(mean(np.array([np.nan])))
    assert Counts.zero(2).labelled == 0
