"""Listing folders of pictures, and reading labels through a model's own table and map."""

import os
from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import BrokenFileError, NotFoundError, PathOutsideError
from roadloop.evaluation.pictures import FolderSource, Picture, open_source
from roadloop.evaluation.truth import TruthReader, decode_truth
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.label_map import LabelMap, MapEntry
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.storage.paths import Workspace

TABLE = ClassTable("t", (LabelClass(5, "road", "路", (9, 9, 9)), LabelClass(6, "sky", "天", (7, 7, 7))))
MAP = LabelMap({5: MapEntry(0, "road", "路"), 6: MapEntry(1, "sky", "天")})


def listed(workspace: Workspace, *files: str) -> list[Picture]:
    folder = workspace.home / "pictures"
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"")
    return list(FolderSource(folder, workspace).pictures())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def test_pictures__labels_are_no_pictures(workspace: Workspace) -> None:
    found = listed(
        workspace,
        "b/x_2.jpg",
        "b/x_2.png",
        "a.JPG",
        "label-a.png",
        "c.png",
        "label-c.png",
        "notes.txt",
        ".hidden.jpg",
        ".git/z.jpg",
    )
    assert [(p.number, p.name, p.file, p.track) for p in found] == [
        (1, "a", "a.JPG", "a"),
        (2, "c", "c.png", "c"),
        (3, "b/x_2", "b/x_2.jpg", "x"),
    ]


def test_pictures__one_picture_for_each_stem(workspace: Workspace) -> None:
    assert [p.file for p in listed(workspace, "a.jpeg", "a.jpg", "a.png")] == ["a.jpg"]


def test_pictures__names_in_gbk_bytes_are_read(workspace: Workspace) -> None:
    folder = workspace.home / "pictures"
    folder.mkdir(parents=True)
    path = os.path.join(os.fsencode(folder), "车道_1.jpg".encode("gbk"))  # noqa: PTH118 - bytes
    with open(path, "wb") as stream:  # noqa: PTH123 - bytes
        stream.write(b"picture")
    source = FolderSource(folder, workspace)
    (picture,) = source.pictures()
    assert (picture.name, picture.track) == ("车道_1", "车道")
    assert source.read(picture.file).image == b"picture"


def test_read__id_label_wins_over_colour_label(workspace: Workspace) -> None:
    listed(workspace, "a.jpg", "a.png", "label-a.png", "b.jpg", "label-b.png", "c.png", "d.jpg")
    source = FolderSource(workspace.home / "pictures", workspace)
    assert [source.read(f).kind for f in ("a.jpg", "b.jpg", "c.png", "d.jpg")] == ["id", "color", "", ""]


def test_read__missing_or_outside(workspace: Workspace, tmp_path: Path) -> None:
    listed(workspace, "a.jpg")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (workspace.home / "pictures" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    source = FolderSource(workspace.home / "pictures", workspace)
    with pytest.raises(NotFoundError):
        source.read("gone.jpg")
    with pytest.raises(PathOutsideError):
        source.read("link.jpg")


def test_open_source__folder_without_pictures(workspace: Workspace) -> None:
    (workspace.home / "empty").mkdir(parents=True)
    assert not open_source(workspace, "empty").any()
    with pytest.raises(NotFoundError):
        open_source(workspace, "nowhere")


def test_train_ids__raw_ids_and_colours_through_the_models_map() -> None:
    reader = TruthReader(TABLE, MAP, [0, 1])
    assert reader.train_ids(np.array([[5, 6, 255]], np.uint8)).tolist() == [[0, 1, 255]]
    colors = np.array([[[9, 9, 9], [7, 7, 7]]], np.uint8)
    assert reader.train_ids(colors).tolist() == [[0, 1]]


def test_train_ids__classes_that_are_not_predicted_are_ignored() -> None:
    assert TruthReader(TABLE, MAP, [1]).train_ids(np.array([[5, 6]], np.uint8)).tolist() == [[255, 1]]


def test_train_ids__one_percent_unknown_is_ignored_more_is_refused() -> None:
    label = np.full((10, 10), 5, np.uint8)
    label[0, 0] = 77
    reader = TruthReader(TABLE, MAP, [0, 1])
    assert reader.train_ids(label)[0, 0] == 255
    label[0, 1] = 78
    with pytest.raises(BrokenFileError, match=r"2\.0 % .* 77, 78"):
        reader.train_ids(label)


def test_decode_truth__another_size_is_refused() -> None:
    data = encode_label(np.zeros((4, 6), np.uint8))
    assert decode_truth(data, "id", (4, 6), 100).shape == (4, 6)
    with pytest.raises(BrokenFileError, match="6x4"):
        decode_truth(data, "id", (6, 4), 100)
    with pytest.raises(BrokenFileError):
        decode_truth(encode_color(np.zeros((4, 6, 3), np.uint8)), "id", (4, 6), 100)
