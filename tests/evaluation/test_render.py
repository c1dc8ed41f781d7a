"""Pictures for people, checked at single pixels."""

import numpy as np

from roadloop.evaluation.render import Panel, colorize, confusion_plot, errors, overlay, palette, sheet

COLORS = palette({0: (200, 0, 0), 1: (0, 200, 0)})
IDS = np.array([[0, 1, 255]], np.uint8)
GREY = np.full((1, 3, 3), 100, np.uint8)


def test_colorize__ignored_is_black() -> None:
    assert colorize(IDS, COLORS).tolist() == [[[200, 0, 0], [0, 200, 0], [0, 0, 0]]]


def test_overlay__ignored_shows_the_picture() -> None:
    assert overlay(GREY, IDS, COLORS).tolist() == [[[150, 50, 50], [50, 150, 50], [100, 100, 100]]]
    assert np.array_equal(overlay(GREY, IDS, COLORS, opacity=0.0), GREY)


def test_errors__wrong_is_red_right_is_grey_uncounted_is_dark() -> None:
    found = errors(GREY, np.array([[0, 0, 0]], np.uint8), IDS)
    assert found[0, 0].tolist() == [150, 150, 150]
    assert found[0, 1].tolist() == [230, 30, 30]
    assert found[0, 2].tolist() == [33, 33, 33]


def test_sheet__two_columns_never_wider_than_allowed() -> None:
    picture = np.zeros((100, 2000, 3), np.uint8)
    found = sheet([Panel("a", picture), Panel("b", picture), Panel("c", picture)])
    assert found.shape == (2 * (48 + 28), 2 * (960 + 8), 3)
    assert found[-10, -10].tolist() == [255, 255, 255]


def test_confusion_plot__shares_of_a_row_are_shaded() -> None:
    matrix = np.array([[90, 10], [0, 0]])
    found = confusion_plot(matrix, ["road", "车道线"])
    assert (found[:, :, 0] < 100).sum() > 500  # the cell with 90 %
    assert np.array_equal(found, confusion_plot(matrix, ["road", "class 1"]))
    assert confusion_plot(np.eye(60, dtype=np.int64), [f"class {i}" for i in range(60)]).shape[0] > 1800
