"""What an imported folder declares wins over what its names look like."""

from pathlib import Path

import pytest

from import_folders import ids, jpeg, put
from roadloop.imaging.encode import encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.importers.coco import _split
from roadloop.sources.importers.found import Fate, Found, LegendClass
from roadloop.sources.importers.recognise import recognise
from roadloop.sources.importers.translate import match
from roadloop.sources.importers.tree import list_tree


def found_in(root: Path) -> Found:
    return recognise(list_tree(root, lambda _path: True, lambda: None))[1]


def camvid(root: Path) -> None:
    for folder in ("train", "city"):
        put(root / folder / "a.jpg", jpeg())
        put(root / f"{folder}annot" / "a.png", encode_label(ids(1, 2)))


def test_beside__lists_and_facts_are_read_in_every_layout(tmp_path: Path) -> None:
    camvid(tmp_path)
    put(tmp_path / "splits" / "val.txt", "city/a\nlost/a\n")
    put(tmp_path / "manifest.csv", "package,stem,track\ncity,a,t\n")
    found = found_in(tmp_path)
    # A folder called train says nothing where lists say it.
    assert [(i.package, i.split, i.track) for i in found.items] == [("city", "val", "t"), ("train", "", "")]
    assert [(s.claim.place, s.fate) for s in found.statements] == [("line 2", Fate.ABSENT)]
    assert found.stated == {"splits/val.txt": 2, "manifest.csv": 1}
    assert {line.file: line.fate for line in found.lines} == {"splits/val.txt": Fate.USED, "manifest.csv": Fate.USED}


def test_beside__another_programs_manifest_is_none_of_ours(tmp_path: Path) -> None:
    camvid(tmp_path)
    put(tmp_path / "manifest.csv", "file,size\na.jpg,3\n")
    found = found_in(tmp_path)
    assert [i.split for i in found.items] == ["", "train"]
    assert (found.statements, found.stated) == ((), {})
    assert {line.file: line.fate for line in found.lines} == {"manifest.csv": Fate.NOT_USED}


def test_cityscapes__a_city_may_be_called_like_a_split(tmp_path: Path) -> None:
    for place in ("train/val", "train/苏州", "val"):
        put(tmp_path / "leftImg8bit" / place / "x_1_leftImg8bit.jpg", jpeg())
        put(tmp_path / "gtFine" / place / "x_1_gtFine_labelIds.png", encode_label(ids(7, 8)))
    assert sorted(i.package for i in found_in(tmp_path).items) == ["val", "x", "苏州"]


@pytest.mark.parametrize(
    ("document", "split"),
    [("panoptic_val2017.json", "val"), ("a/train.json", "train"), ("latest.json", ""), ("contest-test.json", "test")],
)
def test_coco__a_split_is_a_word_of_the_documents_name(document: str, split: str) -> None:
    assert _split(document) == split


def test_match__id_and_name_together_win_over_a_number_in_the_name() -> None:
    table = ClassTable("t", (LabelClass(3, "5 lane", "", (1, 1, 1)), LabelClass(5, "road", "", (2, 2, 2))))
    assert match(table, [LegendClass("5 lane", 3), LegendClass("road", 5)]) == [3, 5]
    assert match(table, [LegendClass("5 lane", 9)]) == [5]
