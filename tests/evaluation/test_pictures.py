"""Listing folders of pictures, and reading labels through a model's own table and map."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import BrokenFileError, InvalidValueError, LabelMapError, NotFoundError, PathOutsideError
from roadloop.evaluation.pictures import FolderSource, Picture, open_source
from roadloop.evaluation.truth import TruthReader, decode_truth
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.label_map import LabelMap, MapEntry
from roadloop.labels.table import ClassTable, LabelClass, shipped
from roadloop.sources.layout import pair_files
from roadloop.sources.manifest import MANIFEST, Row, format_manifest
from roadloop.storage import publish
from roadloop.storage.paths import Workspace
from s3_server import Bucket

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
    assert listed(workspace, "a.jpeg", "a.jpg", "a.png") == []


def test_pictures__names_in_gbk_bytes_are_read(workspace: Workspace) -> None:
    folder = workspace.home / "pictures"
    folder.mkdir(parents=True)
    path = os.path.join(os.fsencode(folder), "车道_1.jpg".encode("gbk"))  # noqa: PTH118 - bytes
    with open(path, "wb") as stream:  # noqa: PTH123 - bytes
        stream.write(b"picture")
    source = FolderSource(folder, workspace)
    (picture,) = source.pictures()
    assert (picture.name, picture.track) == ("车道_1", "车道")
    assert source.read(picture).image == b"picture"


def test_pictures__have_the_labels_that_a_source_set_would_find(workspace: Workspace) -> None:
    found = listed(
        workspace, "a.jpg", "a.PNG", "label-a.png", "b.JPEG", "label-b.png", "c.png", "d.jpg", "e.png", "label-e.png"
    )
    assert [(p.file, p.label, p.kind) for p in found] == [
        ("a.jpg", "a.PNG", "id"),
        ("b.JPEG", "label-b.png", "color"),
        ("c.png", "", ""),
        ("d.jpg", "", ""),
        ("e.png", "label-e.png", "color"),
    ]
    paired = pair_files(p.name for p in (workspace.home / "pictures").iterdir())
    assert [(p.image_name, p.label_name) for p in paired.pairs] == [(p.file, p.label) for p in found if p.kind]


def test_problems__what_is_not_unique_is_named_and_never_chosen(workspace: Workspace, tmp_path: Path) -> None:
    found = listed(workspace, "p/a.jpg", "p/a.png", "p/a.PNG", "b.jpg", "b.jpeg", "b.png", "label-c.png", "d.bmp")
    source = FolderSource(workspace.home / "pictures", workspace)
    (workspace.home / "pictures" / "out").symlink_to(tmp_path)
    problems = {p.file: p.reason.en for p in source.problems()}
    assert [(p.file, p.kind) for p in found] == [("p/a.jpg", "")]
    assert set(problems) == {"b.jpeg", "b.jpg", "d.bmp", "label-c.png", "out", "p/a.jpg"}
    assert "a.PNG and a.png" in problems["p/a.jpg"]
    assert "b.jpeg and b.jpg" in problems["b.jpg"]
    assert "leads out" in problems["out"]


def test_pictures__links_to_folders_inside_the_roots_are_walked(workspace: Workspace) -> None:
    store = workspace.home / "store"
    store.mkdir(parents=True)
    for name in ("x_1.jpg", "x_1.png"):
        (store / name).write_bytes(name.encode())
    (workspace.home / "pictures").mkdir()
    (workspace.home / "pictures" / "t").symlink_to(store)
    source = FolderSource(workspace.home / "pictures", workspace)
    (picture,) = source.pictures()
    assert (picture.file, picture.label) == ("t/x_1.jpg", "t/x_1.png")
    assert source.read(picture) == (b"x_1.jpg", b"x_1.png", "id")


def test_read__a_picture_that_is_not_what_was_imported_is_named(workspace: Workspace) -> None:
    """Pictures in the package and pictures that the set refers to."""
    package, store = workspace.sources / "set" / "1", workspace.home / "store"
    for folder in (package, store):
        folder.mkdir(parents=True)
    write_table(package.parent, "5,road,路,9,9,9,0")
    sums = [hashlib.sha256(name).hexdigest() for name in (b"here", b"there")]
    rows = [
        Row("1", "a_1", image_sha256=sums[0], label_sha256="of its origin"),
        Row("1", "b_1", image_sha256=sums[1], image="store/b_1.jpg", label_kind="id"),
    ]
    publish.write_bytes(package.parent / MANIFEST, format_manifest(rows))
    for path, data in ((package / "a_1.jpg", b"here"), (store / "b_1.jpg", b"there")):
        path.write_bytes(data)
        (package / f"{path.stem}.png").write_bytes(b"label")
    sources = [open_source(workspace, str(folder)) for folder in (package.parent, package)]
    for source in sources:
        assert [source.read(picture).image for picture in source.pictures()] == [b"here", b"there"]
    for path in (package / "a_1.jpg", store / "b_1.jpg"):
        path.write_bytes(b"other")
    for picture in sources[0].pictures():
        with pytest.raises(BrokenFileError, match="not what was imported"):
            sources[0].read(picture)


def test_read__pictures_and_labels_in_an_object_store(tmp_path: Path, bucket: Bucket) -> None:
    workspace = Workspace(tmp_path / "home", (f"s3://{bucket.name}/team",))
    package = workspace.sources / "set" / "1"
    package.mkdir(parents=True)
    write_table(package.parent, "5,road,路,9,9,9,0")
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.jpg", "a.png", "b.jpg", "gone.jpg")}
    place = f"s3://{bucket.name}/team"
    rows = [
        Row("1", "a_1", image_sha256=sums["a.jpg"], label_sha256=sums["a.png"], image=f"{place}/a.jpg",
            label=f"{place}/a.png", label_kind="color"),
        Row("1", "b_1", image_sha256=sums["b.jpg"], image=f"{place}/b.jpg", label_kind="id"),
        Row("1", "c_1", image_sha256=sums["gone.jpg"], image=f"{place}/gone.jpg", label_kind="id"),
    ]  # fmt: skip
    publish.write_bytes(package.parent / MANIFEST, format_manifest(rows))
    for stem in ("b_1", "c_1"):
        (package / f"{stem}.png").write_bytes(b"label")
    for name in sums:
        bucket.put(f"team/{name}", name.encode())
    source = open_source(workspace, str(package.parent))
    one, two, three = source.pictures()
    assert (one.name, one.file, one.label) == ("1/a_1", f"{place}/a.jpg", f"{place}/a.png")
    assert source.read(one) == (b"a.jpg", b"a.png", "color")
    assert source.read(two) == (b"b.jpg", b"label", "id")
    bucket.remove("team/gone.jpg")
    bucket.put("team/a.png", b"other")
    bucket.put("team/b.jpg", b"other")
    for picture, said in ((one, "label_sha256"), (two, "image_sha256")):
        with pytest.raises(BrokenFileError, match=said):
            source.read(picture)
    with pytest.raises(NotFoundError, match=r"gone.jpg: No such file"):
        source.read(three)


def test_read__missing_or_outside(workspace: Workspace, tmp_path: Path) -> None:
    (one,) = listed(workspace, "a.jpg")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    source = FolderSource(workspace.home / "pictures", workspace)
    with pytest.raises(NotFoundError):
        source.read(one._replace(file="gone.jpg"))
    (workspace.home / "pictures" / "a.jpg").unlink()
    (workspace.home / "pictures" / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(PathOutsideError):
        source.read(one)


def write_table(folder: Path, *rows: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.csv").write_text("\n".join(["raw_id,name_en,name_zh,r,g,b,train_id", *rows]) + "\n")


def test_table__in_the_forms_and_under_the_names_that_imports_know(workspace: Workspace) -> None:
    """`labels.txt` beside the pictures was passed over, so that labels of other classes were scored as the model's."""
    folder = workspace.home / "imports" / "z"
    folder.mkdir(parents=True)
    for name, text in (("labels.txt", "car\nroad\n"), ("classes.csv", "name;id\nroad;1\ncar;0\n")):
        (folder / name).write_text(text)
        table = FolderSource(folder, workspace).table
        assert table is not None
        assert {c.raw_id: c.name_en for c in table.classes} == {0: "car", 1: "road"}
    (folder / "classes.csv").write_text("garbage\n")
    with pytest.raises(LabelMapError, match=r"z/classes\.csv"):
        assert FolderSource(folder, workspace).table


def test_table__the_nearest_above_or_the_common_one_below(workspace: Workspace) -> None:
    home = workspace.home
    write_table(home / "imports" / "x", "5,road,路,9,9,9,0")
    (home / "imports" / "x" / "p").mkdir()
    (home / "imports" / "y").mkdir()
    for place, ids in (("imports/x", (5,)), ("imports/x/p", (5,)), ("imports", (5,)), ("imports/y", None)):
        table = FolderSource(home / place, workspace).table
        assert (table.raw_ids if table else None) == ids
    write_table(home / "imports" / "y", "6,road,路,9,9,9,0")
    with pytest.raises(InvalidValueError, match="y and x have different class tables"):
        assert FolderSource(home / "imports", workspace).table


def test_table__of_a_source_set_and_below_a_folder(workspace: Workspace) -> None:
    (workspace.sources / "s" / "1").mkdir(parents=True)
    assert FolderSource(workspace.sources / "s" / "1", workspace).table == shipped()
    write_table(workspace.sources / "s", "5,road,路,9,9,9,0")
    table = FolderSource(workspace.sources / "s" / "1", workspace).table
    assert table is not None
    assert table.raw_ids == (5,)
    write_table(workspace.sources / "s" / "1" / "deep", "6,road,路,9,9,9,0")
    assert list(FolderSource(workspace.sources / "s", workspace).problems()) == []  # no label has two meanings yet
    for name in ("a.jpg", "a.png"):
        (workspace.sources / "s" / "1" / name).touch()
    with pytest.raises(InvalidValueError, match="1/deep"):
        list(FolderSource(workspace.sources / "s", workspace).problems())


def test_pictures__of_a_set_that_refers_to_pictures_elsewhere(workspace: Workspace) -> None:
    """Its labels are no pictures, its manifest says tracks, and both kinds of picture are read."""
    store, package = workspace.home / "store", workspace.sources / "s" / "1"
    for file in (store / "far.jpg", package / "b_1.png", package / "a_1.jpg", package / "a_1.png"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode())
    (workspace.sources / "s" / "manifest.csv").write_text(
        "package,stem,track,image,label_kind\n1,b_1,drive,store/far.jpg,id\n1,a_1,other,,\n1,gone,x,store/no.jpg,id\n"
    )
    source = FolderSource(workspace.sources / "s", workspace)
    first, second = source.pictures()
    assert (first.name, first.track, first.label) == ("1/a_1", "other", "1/a_1.png")
    assert (second.number, second.name, second.track) == (2, "1/b_1", "drive")
    assert source.read(second) == (b"far.jpg", b"b_1.png", "id")
    assert [p.file for p in source.problems()] == ["s/1/gone"]


def test_open_source__folder_without_pictures(workspace: Workspace) -> None:
    (workspace.home / "empty").mkdir(parents=True)
    assert not open_source(workspace, "empty").any()
    with pytest.raises(NotFoundError):
        open_source(workspace, "nowhere")


LUT = MAP.lut()


def test_train_ids__raw_ids_and_colours_through_the_models_map() -> None:
    reader = TruthReader(TABLE, LUT, [0, 1])
    assert reader.train_ids(np.array([[5, 6, 255]], np.uint8)).tolist() == [[0, 1, 255]]
    colors = np.array([[[9, 9, 9], [7, 7, 7]]], np.uint8)
    assert reader.train_ids(colors).tolist() == [[0, 1]]


def test_train_ids__classes_that_are_not_predicted_are_ignored() -> None:
    assert TruthReader(TABLE, LUT, [1]).train_ids(np.array([[5, 6]], np.uint8)).tolist() == [[255, 1]]


def test_train_ids__one_percent_unknown_is_ignored_more_is_refused() -> None:
    label = np.full((10, 10), 5, np.uint8)
    label[0, 0] = 77
    reader = TruthReader(TABLE, LUT, [0, 1])
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
