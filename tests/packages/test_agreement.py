import numpy as np

from package_data import TABLE
from roadloop.packages.agreement import Agreement


def test_agreement__by_hand() -> None:
    first = np.array([[1, 1, 1, 2], [255, 2, 2, 2]], np.uint8)
    second = np.array([[1, 1, 2, 2], [1, 2, 2, 255]], np.uint8)
    agreement = Agreement()
    agreement.add(first, second)
    found = agreement.summary(TABLE)
    # Six pixels are known in both; class 1: 2 of 3, class 2: 3 of 4.
    assert (found["pictures"], found["pixels"], found["pixel_agreement"]) == (1, 6, round(5 / 6, 6))
    assert [(c["raw_id"], c["iou"]) for c in found["classes"]] == [(1, round(2 / 3, 6)), (2, 0.75)]
    assert found["miou"] == round((round(2 / 3, 6) + 0.75) / 2, 6)
    agreement.add(first, second)
    assert (agreement.pictures, agreement.summary(TABLE)["pixels"]) == (2, 12)


def test_agreement__without_pixels_is_null() -> None:
    agreement = Agreement()
    agreement.add(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8))
    found = agreement.summary(TABLE)
    assert (found["pixel_agreement"], found["miou"], found["classes"]) == (None, None, [])


def test_agreement__names_and_pixels_of_every_class_that_one_of_them_has() -> None:
    """Also of one that both have as often, and of one that the table does not know."""
    agreement = Agreement()
    agreement.add(np.array([[1, 1, 9, 2]], np.uint8), np.array([[1, 1, 3, 2]], np.uint8))
    names = {1: ("road", "道路"), 2: ("line", "车道线"), 3: ("line", "虚线"), 9: ("", "")}
    pixels = {1: (1.0, 2, 2), 2: (1.0, 1, 1), 3: (0.0, 0, 1), 9: (0.0, 1, 0)}
    assert agreement.summary(TABLE)["classes"] == [
        dict(
            zip(
                ("raw_id", "name_en", "name_zh", "iou", "pixels_first", "pixels_second"),
                (n, *names[n], *pixels[n]),
                strict=True,
            )
        )
        for n in (1, 2, 3, 9)
    ]
