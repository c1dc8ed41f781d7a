import numpy as np
import pytest

from package_data import TABLE
from roadloop.labels.polygons import fill, loss, outlines, rasterise


def test_fill__pixels_whose_centre_is_inside() -> None:
    square = fill(np.array([[1, 1], [4, 1], [4, 3], [1, 3]], float), 6, 4)
    assert (square.top, square.left, square.mask.tolist()) == (1, 1, [[True] * 3] * 2)
    triangle = fill(np.array([[0, 0], [4, 0], [0, 4]], float), 4, 4)
    assert triangle.mask.sum(axis=1).tolist() == [3, 2, 1, 0]  # centres on the line are outside
    around = fill(np.array([[-5, -5], [20, -5], [20, 20], [-5, 20]], float), 4, 3)
    assert around.mask.shape == (3, 4)
    assert around.mask.all()
    partly = fill(np.array([[-5, 1], [2, 1], [2, 9], [-5, 9]], float), 4, 3)
    assert (partly.top, partly.left, partly.mask.tolist()) == (1, 0, [[True] * 2] * 2)
    assert fill(np.array([[9, 9], [12, 9], [12, 12]], float), 4, 3).mask.size == 0
    ring = fill(np.array([[0, 0], [5, 0], [5, 5], [0, 5], [0, 0], [1, 1], [4, 1], [4, 4], [1, 4], [1, 1]], float), 5, 5)
    assert ring.mask.sum() == 25 - 9  # even-odd: what is drawn twice is a hole


@pytest.mark.parametrize("seed", range(20))
def test_outlines__without_tolerance_lose_nothing(seed: int) -> None:
    ids = np.random.default_rng(seed).choice(np.array([1, 2, 3], np.uint8), (9, 13))
    ids = np.repeat(np.repeat(ids, 1 + seed % 3, axis=0), 1 + seed % 2, axis=1)
    back = rasterise(outlines(ids, 0), ids.shape[1], ids.shape[0])
    assert (back == ids).all()
    assert all(row["lost"] == row["gained"] == 0 for row in loss(ids, back, TABLE))


def test_outlines__what_lies_in_a_hole_is_drawn_on_top() -> None:
    ids = np.ones((20, 20), np.uint8)
    ids[5:15, 5:15] = 2
    ids[8:12, 8:12] = 1
    polygons = outlines(ids)
    assert [p.raw_id for p in polygons] == [1, 2, 1]
    assert (rasterise(polygons, 20, 20) == ids).all()


@pytest.mark.parametrize(("tolerance", "lost"), [(0, 0), (0.8, 0), (1.2, 1)])
def test_outlines__a_tooth_of_one_pixel_is_lost_to_a_larger_tolerance_only(tolerance: float, lost: int) -> None:
    ids = np.full((20, 40), 255, np.uint8)
    ids[5:15, 5:35] = 2
    ids[4, 20] = 2
    back = rasterise(outlines(ids, tolerance), 40, 20)
    assert ((back != ids).sum(), back[4, 20] == 2) == (lost, not lost)


def test_loss__names_classes_that_the_table_has() -> None:
    before, after = np.array([[1, 1, 9]], np.uint8), np.array([[1, 9, 255]], np.uint8)
    known = TABLE.find(1)
    assert known is not None
    assert loss(before, after, TABLE) == [
        {"raw_id": 1, "name_en": known.name_en, "name_zh": known.name_zh, "pixels": 2, "lost": 1, "gained": 0},
        {"raw_id": 9, "name_en": "", "name_zh": "", "pixels": 1, "lost": 1, "gained": 1},
        {"raw_id": 255, "name_en": "", "name_zh": "", "pixels": 0, "lost": 0, "gained": 1},
    ]


def test_loss__is_reported_by_class_in_pixels() -> None:
    y, x = np.mgrid[:60, :60]
    ids = np.where((x - 30) ** 2 + (y - 30) ** 2 < 20**2, 2, 1).astype(np.uint8)
    back = rasterise(outlines(ids, 2.0), 60, 60)
    rows = loss(ids, back, TABLE)
    assert [row["raw_id"] for row in rows] == [1, 2]
    changed = int((ids != back).sum())
    assert 0 < changed < 200
    assert sum(row["lost"] for row in rows) == sum(row["gained"] for row in rows) == changed
    assert rows[1]["pixels"] == int((ids == 2).sum())


def test_outlines__ignored_pixels_are_not_drawn() -> None:
    ids = np.full((6, 6), 255, np.uint8)
    ids[2, 3] = 3
    polygons = outlines(ids)
    assert [p.raw_id for p in polygons] == [3]
    assert (rasterise(polygons, 6, 6) == ids).all()
