from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import InvalidValueError
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.sources.importers.camvid import TABLE, find, read


def _write(folder: Path, split: str, *stems: str) -> None:
    (folder / split).mkdir(parents=True)
    (folder / f"{split}annot").mkdir()
    for stem in stems:
        (folder / split / f"{stem}.jpg").write_bytes(encode_jpeg(np.zeros((4, 4, 3), np.uint8)))
        (folder / f"{split}annot" / f"{stem}.png").write_bytes(encode_label(np.full((4, 4), 11, np.uint8)))


def test_find__splits_are_folders(tmp_path: Path) -> None:
    _write(tmp_path, "train", "0001TP_2", "0001TP_1")
    _write(tmp_path, "val", "0016E5_1")
    found = find(tmp_path)
    assert [(f.split, f.image.stem) for f in found] == [
        ("train", "0001TP_1"),
        ("train", "0001TP_2"),
        ("val", "0016E5_1"),
    ]
    sample = next(read(found))
    assert (sample.package, sample.stem, sample.split) == ("train", "0001TP_1", "train")
    assert sample.label == (tmp_path / "trainannot" / "0001TP_1.png").read_bytes()


def test_find__missing_label_named(tmp_path: Path) -> None:
    _write(tmp_path, "train", "a_1")
    (tmp_path / "train" / "b_1.png").write_bytes(encode_color(np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(InvalidValueError, match=r"b_1\.png is missing"):
        find(tmp_path)


def test_find__other_folder_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError):
        find(tmp_path)


def test_table__twelve_distinct_colours_and_one_ignored() -> None:
    assert len({c.color for c in TABLE.classes}) == 12
    assert [c.raw_id for c in TABLE.classes if c.train_id == 255] == [11]
