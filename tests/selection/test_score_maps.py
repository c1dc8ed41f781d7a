"""Maps of uncertainty: what they keep of it, what they take on the disk, and what stands where they are damaged."""

import os
from pathlib import Path

import numpy as np
import pytest

from roadloop.selection.score_maps import NAME, mapped, read_map, shrunk, write_maps


def test_shrunk__keeps_the_largest_of_sixteen_pixels_in_whole_percent() -> None:
    doubt = np.zeros((5, 9), np.float32)
    doubt[0, 3], doubt[3, 4], doubt[4, 8] = 0.504, 0.506, 1.5  # a thin thing in each; nothing is above 100
    assert shrunk(doubt).tolist() == [[50, 51, 0], [0, 0, 100]]


def test_read_map__is_as_large_as_its_picture(tmp_path: Path) -> None:
    write_maps(
        tmp_path, [("a.jpg", shrunk(np.full((5, 9), 0.25, np.float32))), ("苏州_1.png", np.full((1, 1), 7, np.uint8))]
    )
    assert mapped(tmp_path) == {"a.jpg", "苏州_1.png"}
    found = read_map(tmp_path, "a.jpg", (5, 9))
    assert found is not None
    assert (found.shape, np.unique(found).tolist()) == ((5, 9), [25])
    corner = read_map(tmp_path, "苏州_1.png", (3, 2))
    assert corner is not None
    assert corner.tolist() == [[7, 7]] * 3
    assert read_map(tmp_path, "b.jpg", (5, 9)) is None


@pytest.mark.parametrize("damage", ["gone", "no zip", "cut", "a pipe", "no picture"])
def test_read_map__none_where_the_file_is_damaged(tmp_path: Path, damage: str) -> None:
    write_maps(tmp_path, [("a.jpg", np.full((30, 40), 9, np.uint8))])
    file = tmp_path / NAME
    data = file.read_bytes()
    file.unlink()
    if damage == "no zip":
        file.write_bytes(b"PK")
    elif damage == "cut":
        file.write_bytes(data[:-30])
    elif damage == "a pipe":
        os.mkfifo(file)
    elif damage == "no picture":
        file.write_bytes(data.replace(b"IHDR", b"XXXX"))
    assert read_map(tmp_path, "a.jpg", (120, 160)) is None
    assert mapped(tmp_path) == ({"a.jpg"} if damage == "no picture" else set())


def test_write_maps__the_same_maps_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_maps(tmp_path / name, [("a.jpg", np.full((3, 3), 9, np.uint8))])
    assert (tmp_path / "one" / NAME).read_bytes() == (tmp_path / "two" / NAME).read_bytes()
