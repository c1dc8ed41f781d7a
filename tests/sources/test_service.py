import os
from pathlib import Path

import pytest

from places import on_disk
from roadloop.errors import (
    BrokenFileError,
    InvalidNameError,
    InvalidValueError,
    LabelMapError,
    NotFoundError,
    PathOutsideError,
)
from roadloop.labels.table import shipped
from roadloop.sources.service import has_pictures, list_sets, open_set, read_splits, scan
from roadloop.storage.paths import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    opened = Workspace(tmp_path / "home")
    opened.create_folders()
    return opened


def _touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_list_sets__folders_only(workspace: Workspace) -> None:
    for name in ("苏州", "a", ".half.partial"):
        (workspace.sources / name).mkdir()
    (workspace.sources / "file").touch()
    assert list_sets(workspace) == ["a", "苏州"]


def test_open_set__shipped_table_without_classes_csv(workspace: Workspace) -> None:
    _touch(workspace.sources / "苏州" / "1")
    assert open_set(workspace, "苏州").table == shipped()


def test_open_set__its_own_table(workspace: Workspace) -> None:
    _touch(workspace.sources / "s" / "1")
    rows = "raw_id,name_en,name_zh,r,g,b,train_id\n4,a,甲,1,2,3,\n"
    (workspace.sources / "s" / "classes.csv").write_text(rows)
    assert open_set(workspace, "s").table.raw_ids == (4,)
    (workspace.sources / "s" / "classes.csv").write_text("nonsense")
    with pytest.raises(LabelMapError):
        open_set(workspace, "s")


def test_open_set__refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_set(workspace, "moon")
    with pytest.raises(InvalidNameError):
        open_set(workspace, "../sources")
    (tmp_path / "elsewhere").mkdir()
    (workspace.sources / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathOutsideError):
        open_set(workspace, "link")


@pytest.mark.parametrize("file", ["classes.csv", "manifest.csv", "import.json", "splits/val.txt", "splits"])
def test_open_set__a_file_that_links_out_is_not_read(workspace: Workspace, tmp_path: Path, file: str) -> None:
    _touch(tmp_path / "elsewhere", "test.txt", "train.txt", "val.txt")
    _touch(workspace.sources / "s" / "1", "a_1.jpg", "a_1.png")
    link = workspace.sources / "s" / file
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere" if file == "splits" else tmp_path / "elsewhere" / "val.txt")
    with pytest.raises(PathOutsideError, match="leads out"):
        open_set(workspace, "s")


def test_scan__order_manifest_and_problems(workspace: Workspace) -> None:
    folder = workspace.sources / "s"
    _touch(folder / "2", "b_1.jpg", "b_1.png", "lonely.jpg")
    _touch(folder / "包1", "a_2.jpg", "a_2.png", "a_1.jpg", "label-a_1.png")
    _touch(folder / "splits")
    _touch(folder, "stray.jpg")
    (folder / "manifest.csv").write_text("package,stem,track,city\n包1,a_1,drive-7,苏州\n")
    found = scan(open_set(workspace, "s"))
    assert [(s.key, s.track, s.city) for s in found.samples] == [
        ("2/b_1", "b", ""),
        ("包1/a_1", "drive-7", "苏州"),
        ("包1/a_2", "a", ""),
    ]
    assert [p.file for p in found.problems] == ["s/stray.jpg", "s/2/lonely.jpg"]


def test_scan__links_are_followed_inside_the_roots_and_named_elsewhere(workspace: Workspace, tmp_path: Path) -> None:
    _touch(tmp_path / "elsewhere", "x_1.jpg", "x_1.png")
    _touch(workspace.home / "store", "b_1.jpg", "b_1.png")
    folder = workspace.sources / "s"
    _touch(folder / "1", "a_1.jpg", "a_1.png", "a_2.png")
    (folder / "1" / "a_2.jpg").symlink_to(tmp_path / "elsewhere" / "x_1.jpg")
    (folder / "2").symlink_to(workspace.home / "store")
    (folder / "3").symlink_to(tmp_path / "elsewhere")
    found = scan(open_set(workspace, "s"))
    assert [s.key for s in found.samples] == ["1/a_1", "2/b_1"]
    named = {p.file: "leads out" in p.reason.en for p in found.problems}
    assert named == {"s/3": True, "s/1/a_2.jpg": True, "s/1/a_2.png": False}
    (workspace.sources / "out").symlink_to(tmp_path / "elsewhere")
    assert list_sets(workspace) == ["s"]


def test_scan__file_names_that_are_not_utf8(workspace: Workspace) -> None:
    town, car = (os.fsdecode(text.encode("gbk")) for text in ("镇", "车"))
    _touch(workspace.sources / town / town, f"{car}.jpg", f"{car}.png", "\udcff.jpg", "\udcff.png")
    found = scan(open_set(workspace, "镇"))
    assert [s.key for s in found.samples] == ["镇/车"]
    assert on_disk(found.samples[0].image).is_file()
    assert on_disk(found.samples[0].label).is_file()
    assert [p.file for p in found.problems] == ["镇/镇/\\xff.jpg"]


def test_has_pictures__stops_at_the_first(workspace: Workspace) -> None:
    _touch(workspace.sources / "s" / "1", "notes.txt")
    assert not has_pictures(open_set(workspace, "s"))
    _touch(workspace.sources / "s" / "2", "A.JPG")
    assert has_pictures(open_set(workspace, "s"))


def test_read_splits__lines(workspace: Workspace) -> None:
    folder = workspace.sources / "s" / "splits"
    _touch(folder)
    source = open_set(workspace, "s")
    with pytest.raises(InvalidValueError):
        read_splits(source)
    (folder / "train.txt").write_bytes("\ufeff1/a\r\n\r\n 1/b \r\n".encode())
    (folder / "val.txt").write_text("1/c")
    assert read_splits(source) == {"1/a": "train", "1/b": "train", "1/c": "val"}
    (folder / "test.txt").write_text("1/a\n")
    with pytest.raises(InvalidValueError):
        read_splits(source)


def test_scan__a_manifest_that_is_no_csv_is_named(workspace: Workspace) -> None:
    _touch(workspace.sources / "s" / "1", "a_1.jpg", "a_1.png")
    (workspace.sources / "s" / "manifest.csv").write_text('package,stem\n1,"' + "x" * 200_000)
    with pytest.raises(BrokenFileError, match=r"manifest\.csv is not valid csv near line"):
        scan(open_set(workspace, "s"))
