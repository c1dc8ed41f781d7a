"""Tracks as folders: order, facts, odd names, links."""

import os
from pathlib import Path

import pytest

from roadloop.errors import BrokenFileError, NotFoundError, PathOutsideError
from roadloop.settings import Datum
from roadloop.tracks.folder import FolderStore
from roadloop.tracks.records import TrackPoint


@pytest.fixture
def folder(tmp_path: Path, jpeg: bytes) -> Path:
    """A root with the track 苏州-1 of three points."""
    track = tmp_path / "root" / "tracks" / "苏州-1"
    track.mkdir(parents=True)
    for name in ("p2.jpg", "p1.JPG", "p3.jpeg", "note.txt", ".hidden.jpg"):
        (track / name).write_bytes(jpeg)
    return track


def opened(folder: Path, datum: Datum = "unknown") -> FolderStore:
    return FolderStore([folder.parent], [folder.parents[1].resolve()], 10**6, datum)


def test_points__come_in_text_order_with_the_facts_of_track_csv(folder: Path) -> None:
    text = "point,time,longitude,latitude,city,adcode\np1,2026-03-02 07:00:00,120.6,31.3,苏州,320500\np2.jpg,,999,x,,\n"
    (folder / "track.csv").write_bytes(text.encode("gbk"))
    one, two, three = opened(folder).points("苏州-1").points
    assert one == TrackPoint("苏州-1", "p1", "2026-03-02 07:00:00", 120.6, 31.3, "苏州", "320500", "p1.JPG")
    assert (two.point, two.longitude, two.latitude) == ("p2", None, None)
    assert (three.file, three.stem) == ("p3.jpeg", "苏州-1_p3")


def test_points__a_position_has_the_datum_of_its_row_else_the_stores(folder: Path) -> None:
    rows = ("p1,120.6,31.3,GCJ-02", "p2,120.6,31.3,", "p3,120.6,,bd09")
    (folder / "track.csv").write_text("\n".join(["point,longitude,latitude,datum", *rows]))
    assert [p.datum for p in opened(folder, "wgs84").points("苏州-1").points] == ["gcj02", "wgs84", "unknown"]
    assert [p.datum for p in opened(folder).points("苏州-1").points] == ["gcj02", "unknown", "unknown"]


def test_points__a_datum_that_there_is_not_is_named_once_and_unknown(folder: Path) -> None:
    (folder / "track.csv").write_text("point,longitude,latitude,datum\np1,120,31,mars\np2,120,31,mars\np3,120,31,\n")
    listing = opened(folder, "wgs84").points("苏州-1")
    assert [p.datum for p in listing.points] == ["unknown", "unknown", "wgs84"]
    (problem,) = listing.problems
    assert problem.name == "track.csv"
    assert "mars" in problem.reason.en
    assert "wgs84" in problem.reason.zh


def test_points__unknown_track(folder: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        opened(folder).points("nowhere")


def test_points__names_in_gbk_bytes_are_read_and_impossible_ones_named(folder: Path, jpeg: bytes) -> None:
    for name in ("路口.jpg".encode("gbk"), b"\xff\xfe\xff.jpg"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(jpeg)
    store = opened(folder)
    listing = store.points("苏州-1")
    point = next(p for p in listing.points if p.point == "路口")
    assert store.picture(point) == jpeg
    assert len(listing.problems) == 1
    folder.rename(os.fsdecode(os.fsencode(folder.parent) + "/轨迹".encode("gbk")))
    assert len(store.points("轨迹").points) == 4


def test_picture__broken_gone_and_outside(folder: Path, jpeg: bytes, tmp_path: Path) -> None:
    store = opened(folder)
    point = store.points("苏州-1").points[0]
    assert store.picture(point) == jpeg
    (folder / "p1.JPG").write_bytes(jpeg[:-20])
    with pytest.raises(BrokenFileError):
        store.picture(point)
    (folder / "p1.JPG").unlink()
    with pytest.raises(NotFoundError, match="苏州-1_p1"):
        store.picture(point)
    (tmp_path / "secret.jpg").write_bytes(jpeg)
    (folder / "p1.JPG").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(PathOutsideError):
        store.picture(point)


def test_points__links_inside_the_roots_count_others_are_named(folder: Path, tmp_path: Path, jpeg: bytes) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "p8.jpg").write_bytes(jpeg)
    (folder.parent / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError, match="out is a link that leads out"):
        opened(folder).points("out")
    (folder.parent / "in").symlink_to(folder)
    (folder / "p8.jpg").symlink_to(tmp_path / "elsewhere" / "p8.jpg")
    (folder / "p9.jpg").symlink_to(folder / "p2.jpg")
    (tmp_path / "elsewhere" / "track.csv").write_text("point,city\np1,苏州\n")
    (folder / "track.csv").unlink(missing_ok=True)
    (folder / "track.csv").symlink_to(tmp_path / "elsewhere" / "track.csv")
    (tmp_path / "elsewhere" / "tasks.csv").write_text("task,track\n7,in\n")
    (folder.parent / "tasks.csv").unlink(missing_ok=True)
    (folder.parent / "tasks.csv").symlink_to(tmp_path / "elsewhere" / "tasks.csv")
    listing = opened(folder).points("in")
    assert [p.point for p in listing.points] == ["p1", "p2", "p3", "p9"]
    assert {p.city for p in listing.points} == {""}
    named = [(p.name, "leads out" in p.reason.en) for p in listing.problems]
    assert named == [("p8.jpg", True), ("track.csv", True)]
    with pytest.raises(NotFoundError, match="no survey task 7"):
        opened(folder).tracks_of_task("7")


def test_points__pictures_of_other_kinds_are_named(folder: Path) -> None:
    for name in ("p4.png", "p5.bmp"):
        (folder / name).touch()
    listing = opened(folder).points("苏州-1")
    assert [(p.name, "save" in p.reason.en) for p in listing.problems] == [("p4.png", True), ("p5.bmp", True)]


def test_tracks_of_task__reads_tasks_csv(folder: Path) -> None:
    (folder.parent / "tasks.csv").write_text("task,track\n7,苏州-1\n8,b\n7,c\n7,苏州-1\n")
    store = opened(folder)
    assert store.tracks_of_task("7") == ["苏州-1", "c"]
    with pytest.raises(NotFoundError, match=r"tasks\.csv"):
        store.tracks_of_task("9")


def test_points__a_table_counts_up_to_what_is_no_csv(folder: Path) -> None:
    (folder / "track.csv").write_text('point,city\np1,苏州\np2,"' + "x" * 200_000)
    assert [p.city for p in opened(folder).points("苏州-1").points] == ["苏州", "", ""]
    (folder.parent / "tasks.csv").write_text('task,track\n7,苏州-1\n7,"' + "x" * 200_000)
    assert opened(folder).tracks_of_task("7") == ["苏州-1"]
