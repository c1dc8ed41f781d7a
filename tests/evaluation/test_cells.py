"""Pixels by picture, true and predicted class: written and read back, with figures by hand."""

import ast
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from roadloop.errors import BrokenFileError
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


def test_cells__are_read_without_parsing_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`numpy.load` parses the header so, and about 1 in 3,000 fails in a server's threads (CPython 3.11, gh-106905)."""
    path = tmp_path / "cells.npy"
    write_cells(path, [(1, counts([0, 2], [0, 0]))], 2, [ROAD, KERB])
    parse = Mock(wraps=ast.parse)
    monkeypatch.setattr(ast, "parse", parse)
    found = Cells(path, 1).iou(ROAD).tolist()
    called = parse.call_count
    np.load(path)
    assert (called, parse.call_count - called) == (0, 1)
    assert found == [1 / 2]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:100],
        lambda data: data[:0],
        lambda data: data + b"\0" * 3,
        lambda data: data.replace(b"<u4", b"<i4"),
        lambda data: data[:128] + b"\xff" * 4 + data[132:],  # picture 4,294,967,295
        lambda data: data[:128] + b"\0" * 4 + data[132:],
    ],
    ids=["cut", "cut in its header", "empty", "longer", "another form", "picture too high", "picture 0"],
)
def test_cells__of_a_damaged_file_are_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "cells.npy"
    write_cells(path, [(1, counts([0, 2], [0, 0]))], 2, [ROAD, KERB])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BrokenFileError, match="Evaluate again"):
        Cells(path, 1).iou(ROAD)
