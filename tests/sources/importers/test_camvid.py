from pathlib import Path

import import_folders as folders
from import_folders import jpeg, put
from roadloop.sources.importers.camvid import TABLE, find
from roadloop.sources.importers.found import Fate, FileLabel
from roadloop.sources.importers.tree import Tree, list_tree


def listed(folder: Path) -> Tree:
    return list_tree(folder, lambda _path: True, lambda: None)


def test_find__splits_are_folders(tmp_path: Path) -> None:
    folders.camvid_ids(tmp_path)
    put(tmp_path / "train" / "lonely.jpg", jpeg())
    found = find(listed(tmp_path))
    assert found is not None
    assert [(i.package, i.stem, i.split, i.label) for i in found.items] == [
        ("train", "0001TP_1", "train", FileLabel("trainannot/0001TP_1.png")),
        ("val", "0016E5_2", "val", FileLabel("valannot/0016E5_2.png")),
    ]
    assert [line.file for line in found.lines if line.fate is Fate.MISSING] == ["train/lonely.jpg"]
    assert found.usual == TABLE


def test_find__other_folder(tmp_path: Path) -> None:
    put(tmp_path / "train" / "a.jpg", jpeg())
    assert find(listed(tmp_path)) is None


def test_table__twelve_distinct_colours_and_one_ignored() -> None:
    assert len({c.color for c in TABLE.classes}) == 12
    assert [c.raw_id for c in TABLE.classes if c.train_id == 255] == [11]
