"""Pictures for people, checked at single pixels."""

import numpy as np
import pytest

from roadloop.evaluation.render import SHEET_HEIGHT, colorize, confusion_plot, errors, overlay, palette, sheet
from roadloop.imaging.drawing import CAPTION, GAP, Tile
from roadloop.imaging.encode import encode_jpeg

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


def test_sheet__narrow_pictures_are_no_higher_than_a_jpeg() -> None:
    drawn = sheet([Tile(name, np.zeros((65_500, 10, 3), np.uint8)) for name in "abcd"])
    assert drawn.shape[0] < 3 * SHEET_HEIGHT
    assert encode_jpeg(drawn)


def test_sheet__two_columns_never_wider_than_allowed() -> None:
    picture = np.zeros((100, 2000, 3), np.uint8)
    found = sheet([Tile("a", picture), Tile("b", picture), Tile("c", picture)])
    assert found.shape == (2 * (48 + CAPTION + GAP), 2 * (960 + 2 * GAP), 3)
    assert found[-10, -10].tolist() == [255, 255, 255]


def test_confusion_plot__shares_of_a_row_are_shaded() -> None:
    matrix = np.array([[90, 10], [0, 0]])
    found = confusion_plot(matrix, ["道路", "车道线"])
    assert (found[:, :, 0] < 100).sum() > 500  # the cell with 90 %
    assert not np.array_equal(found, confusion_plot(matrix, ["道路", "人行道"]))


@pytest.mark.parametrize("classes", [2, 12, 60])
def test_confusion_plot__title_is_whole_and_no_text_is_cut_by_the_edge(classes: int) -> None:
    names = [f"{k} 骑行者与非机动车 riders and non-motorised vehicles" for k in range(classes)]
    found = confusion_plot(np.eye(classes, dtype=np.int64), names)
    assert found.shape[1] > 400
    edges = [found[:3], found[-3:], found[:, :3], found[:, -3:]]
    assert all((edge == 255).all() for edge in edges)
