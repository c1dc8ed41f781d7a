import math

import pytest

from roadloop.labels.label_map import LabelMap, MapEntry, default_map
from roadloop.labels.table import shipped
from roadloop.training.weighting import class_pixels, class_weights, mirrored_pairs


def test_class_pixels__sums_raw_ids_through_the_map() -> None:
    label_map = LabelMap(
        {1: MapEntry(0, "a", "a"), 2: MapEntry(1, "b", "b"), 3: MapEntry(0, "c", "c"), 4: MapEntry(255, "d", "d")}
    )
    assert class_pixels(label_map, {1: 10, 3: 5, 4: 100, 9: 7}) == (15, 0)


def test_class_weights__inverse_log_is_enet_s() -> None:
    weights = class_weights((75, 25, 0), "inverse_log")
    assert weights == pytest.approx((1 / math.log(1.77), 1 / math.log(1.27), 0.0), abs=1e-6)


def test_class_weights__median_frequency_and_none() -> None:
    assert class_weights((60, 30, 10, 0), "median_frequency") == (0.5, 1.0, 3.0, 0.0)
    assert class_weights((60, 30, 0), "none") == (1.0, 1.0, 0.0)
    assert class_weights((0, 0), "inverse_log") == (0.0, 0.0)


def test_mirrored_pairs__finds_left_and_right() -> None:
    assert mirrored_pairs(("lane", "left edge", "Right edge"), ("车道", "左", "x")) == ((1, 2), )  # fmt: skip
    assert mirrored_pairs(("a", "b"), ("右侧", "左侧")) == ((1, 0),)
    assert mirrored_pairs(("a", "left"), ("a", "b")) == ()


def test_mirrored_pairs__of_the_shipped_table_swap_edges_only() -> None:
    label_map = default_map(shipped(), "hd-13")
    names = label_map.names("zh")
    pairs = mirrored_pairs(label_map.names("en"), names)
    assert all("左" in names[a] and "右" in names[b] for a, b in pairs)
    assert (names.index("左侧道路边缘线"), names.index("右侧道路边缘线")) in pairs
