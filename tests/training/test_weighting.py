import math

import pytest

from roadloop.labels.label_map import LabelMap, MapEntry
from roadloop.training.weighting import class_pixels, class_weights, median_frequency, picture_pixels


def test_class_pixels__sums_raw_ids_through_the_map() -> None:
    label_map = LabelMap(
        {1: MapEntry(0, "a", "a"), 2: MapEntry(1, "b", "b"), 3: MapEntry(0, "c", "c"), 4: MapEntry(255, "d", "d")}
    )
    assert class_pixels(label_map, {1: 10, 3: 5, 4: 100, 9: 7}) == (15, 0)


def test_class_weights__inverse_log_is_enet_s() -> None:
    weights = class_weights((75, 25, 0), "inverse_log")
    assert weights == pytest.approx((1 / math.log(1.77), 1 / math.log(1.27), 0.0), abs=1e-6)


def test_picture_pixels__of_the_pictures_that_show_any_raw_id_of_a_class() -> None:
    """Of 100, 60 and 40 pixels: class 0 is in the first two, class 1 in the last, class 2 nowhere."""
    label_map = LabelMap(
        {1: MapEntry(0, "a", "a"), 2: MapEntry(1, "b", "b"), 3: MapEntry(0, "c", "c"), 4: MapEntry(2, "d", "d")}
    )
    shown = {frozenset({1, 3, 9}): 100, frozenset({3}): 60, frozenset({2, 9}): 40}
    assert picture_pixels(label_map, shown) == (160, 40, 0)


def test_median_frequency__of_pixels_of_the_pictures_that_show_a_class() -> None:
    """By hand: 20 of 200, 20 of 100 and 10 of 20; the median is 0.2. Over the whole split the first two were equal."""
    assert median_frequency((20, 20, 10, 0), (200, 100, 20, 0)) == (2.0, 1.0, 0.4, 0.0)
    assert median_frequency((0, 0), (0, 0)) == (0.0, 0.0)


def test_class_weights__none_and_nothing() -> None:
    assert class_weights((60, 30, 0), "none") == (1.0, 1.0, 0.0)
    assert class_weights((0, 0), "inverse_log") == (0.0, 0.0)
