"""Boundary IoU and calibration of pictures that are small enough to count by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from roadloop.evaluation.metrics import IGNORE, count
from roadloop.evaluation.quality import BINS, Quality, Validation, measure, near_outline
from roadloop.models.prediction import CERTAIN

UInt8 = NDArray[np.uint8]


def two_halves(at: int, height: int = 10, width: int = 12) -> UInt8:
    """Class 0 left of column `at`, class 1 from there on."""
    ids = np.zeros((height, width), np.uint8)
    ids[:, at:] = 1
    return ids


def test_near_outline__is_what_erosion_takes_away_at_the_edge_too() -> None:
    near = near_outline(two_halves(6), 2)
    inside = np.zeros((10, 12), bool)
    inside[2:8, 2:4] = inside[2:8, 8:10] = True
    assert np.array_equal(near, ~inside)


def test_measure__boundary_iou_of_an_outline_one_column_off() -> None:
    # Diagonal 15.6, so the reach is one pixel. Of 10 rows, 8 are inside: there the ring of class 0 has columns 0 and
    # at-1, that of class 1 columns `at` and 11; the two edge rows are near whole.
    truth, guess = two_halves(6), two_halves(7)
    found = measure(guess, truth, 3)
    # class 0: column 0 and two rows of 6 agree (8 + 12); truth has 8 + 8 + 12, the guess 8 + 8 + 14.
    # class 1: column 11 and two rows of 5 agree (8 + 10); truth has 8 + 8 + 12, the guess 8 + 8 + 10.
    assert found.both.tolist() == [20, 18, 0]
    assert found.either.tolist() == [28 + 30 - 20, 28 + 26 - 18, 0]
    assert found.boundary_iou[:2].tolist() == [20 / 38, 18 / 36]
    assert math.isnan(found.boundary_iou[2])
    assert math.isnan(found.ece)


def test_measure__ignored_pixels_belong_to_no_area() -> None:
    truth = two_halves(6)
    truth[:, 4:8] = IGNORE
    guess = two_halves(5)  # right wherever something is known
    found = measure(guess, truth, 2)
    assert found.boundary_iou.tolist() == [1.0, 1.0]
    assert found.both.tolist() == [2 * 4 + 8 * 2, 2 * 4 + 8 * 2]


def test_measure__equals_the_erosion_of_each_class_by_itself() -> None:
    rng = np.random.default_rng(1)
    truth, guess = (np.kron(rng.integers(0, 4, (12, 16)), np.ones((9, 7))).astype(np.uint8) for _ in range(2))
    found = measure(guess, truth, 4)
    reach = round(0.02 * math.hypot(*truth.shape))
    for c in range(4):
        rings = []
        for mask in (truth == c, guess == c):
            padded = np.pad(mask, reach)
            windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1))
            rings.append(mask & ~windows.all(axis=(2, 3)))
        assert found.both[c] == (rings[0] & rings[1]).sum()
        assert found.either[c] == (rings[0] | rings[1]).sum()


def test_measure__ece_is_the_gap_between_confidence_and_share_of_right_pixels() -> None:
    truth = np.array([[0, 0, 0, 0, 1, 1, 1, 1, IGNORE, IGNORE]], np.uint8)
    guess = np.array([[0, 0, 0, 1, 1, 0, 0, 0, 0, 0]], np.uint8)
    shares = [0.9] * 4 + [0.5] * 4 + [1.0] * 2
    found = measure(guess, truth, 2, np.array([[round(s * CERTAIN) for s in shares]], np.uint16))
    # 0.9: three of four right, the gap is 0.15; 0.5: one of four, the gap is 0.25.
    assert found.ece == pytest.approx((0.15 + 0.25) / 2, abs=1e-5)
    assert found.pixels.tolist() == [0] * 7 + [4] + [0] * 5 + [4, 0]
    assert found.right.tolist() == [0] * 7 + [1] + [0] * 5 + [3, 0]


@pytest.mark.parametrize(
    ("level", "place"), [(0, 0), (1, 0), (4369, 0), (4370, 1), (CERTAIN - 4369, 13), (CERTAIN, 14)]
)
def test_measure__bins_are_open_below_and_closed_above(level: int, place: int) -> None:
    one = np.zeros((1, 1), np.uint8)
    assert measure(one, one, 1, np.full((1, 1), level, np.uint16)).pixels[place] == 1
    assert BINS == 15


def test_validation__sums_of_ranks_are_those_of_one() -> None:
    rng = np.random.default_rng(0)
    pictures = [tuple(rng.integers(0, 3, (2, 20, 30), dtype=np.uint8)) for _ in range(4)]
    alone, ranks = Validation(3), [Validation(3), Validation(3)]
    for i, (guess, truth) in enumerate(pictures):
        confidence = np.full(guess.shape, 40_000 + i, np.uint16)
        for validation in (alone, ranks[i % 2]):
            validation.add(count(guess, truth, 3), measure(guess, truth, 3, confidence))
    together = Validation(3)
    together.vector = ranks[0].vector + ranks[1].vector
    assert together.vector.tolist() == alone.vector.tolist()
    found, expected = together.scores(), alone.scores()
    assert found is not None
    assert expected is not None
    assert (found.miou, found.image_miou, found.ece) == (expected.miou, expected.image_miou, expected.ece)
    assert found.boundary_iou.tolist() == expected.boundary_iou.tolist()


def test_validation__image_miou_is_the_mean_over_labelled_pictures() -> None:
    validation = Validation(2)
    for guess, truth in (([0, 0], [0, 0]), ([0, 1], [0, 0]), ([0, 1], [IGNORE, IGNORE])):
        ids, target = np.array([guess], np.uint8), np.array([truth], np.uint8)
        validation.add(count(ids, target, 2), measure(ids, target, 2))
    found = validation.scores()
    assert found is not None
    assert found.image_miou == pytest.approx((1 + (1 / 2 + 0) / 2) / 2)
    assert found.counts.matrix.tolist() == [[3, 1], [0, 0]]


def test_validation__nothing_labelled_has_no_scores() -> None:
    assert Validation(2).scores() is None


def test_quality__vector_and_back() -> None:
    quality = measure(two_halves(5), two_halves(6), 2, np.full((10, 12), 50_000, np.uint16))
    again = Quality.of(quality.vector)
    assert again.vector.tolist() == quality.vector.tolist()
    assert (quality + Quality.zero(2)).vector.tolist() == quality.vector.tolist()
    assert quality.of_classes([1]).both.tolist() == [quality.both[1]]
