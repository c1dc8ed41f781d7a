"""Loss weights of classes from the training pixels. Pure."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from roadloop.labels.label_map import LabelMap


def class_pixels(label_map: LabelMap, raw_pixels: Mapping[int, int]) -> tuple[int, ...]:
    """Training pixels of each train class, by train id.

    Args:
        label_map: Raw id -> train id.
        raw_pixels: Pixels of each raw id in the training split.
    """
    return tuple(
        sum(raw_pixels.get(raw, 0) for raw in label_map.raw_ids(train_id)) for train_id in range(label_map.num_classes)
    )


def picture_pixels(label_map: LabelMap, shown: Mapping[frozenset[int], int]) -> tuple[int, ...]:
    """Pixels of the training pictures that show each train class, whatever else they show, by train id.

    Args:
        label_map: Raw id -> train id.
        shown: Set of raw ids -> pixels of the pictures that show exactly these.
    """
    return tuple(
        sum(pixels for ids, pixels in shown.items() if not ids.isdisjoint(label_map.raw_ids(train_id)))
        for train_id in range(label_map.num_classes)
    )


def class_weights(pixels: Sequence[int], method: Literal["inverse_log", "none"]) -> tuple[float, ...]:
    """Loss weight of each class; 0 for a class without training pixels.

    `inverse_log`: 1 / ln(1.02 + p), p = share of the labelled pixels; 1.4 for p = 1 to 50.5 for p near 0
    (Paszke et al., "ENet", 2016, section 5.2).

    Args:
        pixels: Training pixels of each class, by train id.
        method: Name of the rule; `none` gives 1 to every class that occurs.
    """
    total = sum(pixels)
    if method == "none":
        return tuple(float(p > 0) for p in pixels)
    return tuple(round(1 / math.log(1.02 + p / total), 6) if p else 0.0 for p in pixels)


def median_frequency(pixels: Sequence[int], of_pictures: Sequence[int]) -> tuple[float, ...]:
    """Loss weight of each class: median(f) / f over the classes that occur; 0 for a class without training pixels.

    f = pixels of the class / pixels of the pictures that show it, unlabelled ones included (Eigen and Fergus, "Predicting
    Depth, Surface Normals and Semantic Labels", 2015, section 4.3.2): a class that is rare, but large where it occurs,
    weighs little.

    Args:
        pixels: Training pixels of each class, by train id.
        of_pictures: Pixels of the training pictures that show each class, as `picture_pixels` counts them.
    """
    shares = [p / whole if p else 0.0 for p, whole in zip(pixels, of_pictures, strict=True)]
    middle = median([s for s in shares if s > 0] or [1.0])
    return tuple(round(middle / s, 6) if s else 0.0 for s in shares)
