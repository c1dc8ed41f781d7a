from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import BrokenFileError, InvalidNameError, NameTakenError
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.service import list_sets, open_set, read_splits, scan
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.paths import Workspace

TABLE = ClassTable("t", (LabelClass(0, "a", "甲", (1, 1, 1), 0), LabelClass(7, "b", "乙", (7, 7, 7), 1)))
RGB = np.full((4, 6, 3), 90, dtype=np.uint8)
IDS = (np.arange(24) % 2 * 7).reshape(4, 6).astype(np.uint8)


def test_writing_set__jpeg_and_png_pictures_come_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with writing_set(workspace, "苏州", TABLE) as writer:
        writer.add(NewSample("1", "x_1", encode_jpeg(RGB), encode_label(IDS), split="train"))
        writer.add(NewSample("1", "y_1", encode_color(RGB), encode_label(IDS), track="t", city="北京", split="val"))
        assert list_sets(workspace) == []
    source = open_set(workspace, "苏州")
    assert source.table.classes == TABLE.classes
    samples = scan(source).samples
    assert [(s.key, s.label_kind, s.track, s.city) for s in samples] == [
        ("1/x_1", "id", "x", ""),
        ("1/y_1", "color", "t", "北京"),
    ]
    for sample in samples:
        checked = check_sample(sample, source.table)
        assert isinstance(checked, Checked)
        assert np.array_equal(checked.ids, IDS)
    assert read_splits(source) == {"1/x_1": "train", "1/y_1": "val"}


def test_writing_set__taken_name_changes_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with writing_set(workspace, "s", TABLE):
        pass
    before = sorted(workspace.sources.rglob("*"))
    with pytest.raises(NameTakenError), writing_set(workspace, "s", TABLE):
        pass
    assert sorted(workspace.sources.rglob("*")) == before


def test_writing_set__failure_leaves_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    bad = NewSample("1", "x", b"text", encode_label(IDS))
    for sample, error in (
        (bad, BrokenFileError),
        (bad._replace(package="../x"), InvalidNameError),
        (bad._replace(stem=".x"), InvalidNameError),
        (bad._replace(image=encode_color(RGB), label=b"text"), BrokenFileError),
    ):
        with pytest.raises(error), writing_set(workspace, "s", TABLE) as writer:
            writer.add(sample)
    assert list(workspace.sources.iterdir()) == []
