"""Pixels by picture, true and predicted class: written and read back, with figures by hand."""

from pathlib import Path

import numpy as np

from roadloop.evaluation.cells import Cells, write_cells
from roadloop.evaluation.metrics import Counts, count

ROAD, KERB = 0, 2  # class 1 is not one of the model's


def counts(truth: list[int], prediction: list[int]) -> Counts:
    return count(np.array(prediction, np.uint8), np.array(truth, np.uint8), 3).of_classes([ROAD, KERB])


def test_cells__iou_and_confusions_of_each_picture(tmp_path: Path) -> None:
    first = counts([0, 0, 0, 2, 2, 255], [0, 0, 2, 2, 255, 2])
    third = counts([0, 0, 0, 0], [0, 2, 2, 2])
    path = tmp_path / "cells.npy"
    write_cells(path, [(1, first), (3, third)], 7, [ROAD, KERB])
    assert np.load(path).tolist() == [
        (1, 0, 0, 2), (1, 0, 2, 1), (1, 2, 2, 1), (1, 2, 255, 1), (1, 255, 2, 1), (3, 0, 0, 1), (3, 0, 2, 3),
    ]  # fmt: skip
    cells = Cells(path, 4)
    # Kerb: 1 right, 1 missed, 1 road taken for it; what was found on ignored pixels does not count.
    assert cells.iou(KERB)[[0, 2]].tolist() == [1 / 3, 0]
    assert np.isnan(cells.iou(KERB)[[1, 3]]).all()
    assert cells.iou(ROAD)[[0, 2]].tolist() == [2 / 3, 1 / 4]
    assert cells.pixels(ROAD, KERB).tolist() == [1, 0, 3, 0]
    assert cells.pixels(KERB, 255).tolist() == [1, 0, 0, 0]
    assert np.isnan(cells.iou(1)).all()


def test_cells__of_no_labelled_picture(tmp_path: Path) -> None:
    write_cells(tmp_path / "cells.npy", [], 0, [ROAD])
    assert np.isnan(Cells(tmp_path / "cells.npy", 2).iou(ROAD)).tolist() == [True, True]
