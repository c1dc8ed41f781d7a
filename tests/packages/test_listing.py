from pathlib import Path

from roadloop.packages.listing import list_pictures
from roadloop.storage.paths import LEADS_OUT, Workspace


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_list_pictures__orders_by_track_and_point(tmp_path: Path) -> None:
    touch(
        tmp_path, "b_2.jpg", "b_1.png", "a_10.jpg", "a_09.jpg", "notes.txt", ".hidden.jpg", "苏州/p1.JPG", "苏州/p0.jpg"
    )
    found, problems = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert problems == []
    assert [(p.track, p.point, p.name) for p in found] == [
        ("a", "09", "a_09.jpg"),
        ("a", "10", "a_10.jpg"),
        ("b", "1", "b_1.png"),
        ("b", "2", "b_2.jpg"),
        ("苏州", "p0", "苏州_p0.jpg"),
        ("苏州", "p1", "苏州_p1.JPG"),
    ]


def test_list_pictures__selection_says_track_point_and_facts(tmp_path: Path) -> None:
    touch(tmp_path, "x1.jpg", "x0.jpg", "t9_7.jpg", "contact-sheet-mined.png")
    (tmp_path / "selection.csv").write_text(
        "file,track,point,score,city,time,datum\nx1.jpg,t1,0001,0.5,苏州,2026-01-01 00:00:00,wgs84\nx0.jpg,t2,0000,,,\n,t9,7,,南京,\n",
        encoding="utf-8",
    )
    found, _ = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert [(p.name, p.track, p.point) for p in found] == [
        ("x1.jpg", "t1", "0001"),
        ("x0.jpg", "t2", "0000"),
        ("t9_7.jpg", "t9", "7"),
    ]
    assert found[0].facts == {"city": "苏州", "time": "2026-01-01 00:00:00", "datum": "wgs84"}
    assert (found[1].facts, found[2].facts) == ({}, {"city": "南京"})


def test_list_pictures__twins_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a/b.jpg", "a_b.png", "w_1.jpg")
    found, problems = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert [p.origin for p in found] == ["images/v/a_b.png", "images/v/w_1.jpg"]
    assert [(p.file, p.reason) for p in problems] == [("a/b.jpg", ("与 a_b.png 重名", "The same name as a_b.png"))]


def test_list_pictures__links_are_followed_or_named_and_other_kinds_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    touch(home / "store" / "t", "9.jpg")
    touch(tmp_path, "secret.jpg")
    touch(home / "v", "w_1.jpg", "b_1.bmp", "notes.txt")
    (home / "v" / "l_1.jpg").symlink_to(home / "store" / "t" / "9.jpg")
    (home / "v" / "track").symlink_to(home / "store" / "t")
    (home / "v" / "s_1.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "secret.csv").write_text("file,track,point\nw_1.jpg,t,9\n")
    (home / "v" / "selection.csv").symlink_to(tmp_path / "secret.csv")
    found, problems = list_pictures(home / "v", Workspace(home).holds, "images/v")
    places = [(p.origin.removeprefix("images/v/"), p.track) for p in found]
    assert places == [("l_1.jpg", "l"), ("track/9.jpg", "track"), ("w_1.jpg", "w")]
    named = [(p.file, p.reason.en[:10]) for p in problems]
    out = LEADS_OUT.en[:10]
    assert named == [("b_1.bmp", "A .bmp pic"), ("s_1.jpg", out), ("selection.csv", out)]


def test_list_pictures__a_table_counts_up_to_what_is_no_csv(tmp_path: Path) -> None:
    for name in ("x_1.jpg", "x_2.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "selection.csv").write_text('file,track,point\nx_1.jpg,t,9\nx_2.jpg,"' + "x" * 200_000)
    found, problems = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert [(p.track, p.point) for p in found] == [("t", "9"), ("x", "2")]
    assert problems == []


def test_list_pictures__a_name_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a_1.jpg", "b\n1.jpg", f"{'x' * 100}.jpg")
    found, problems = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert [p.name for p in found] == ["a_1.jpg"]
    assert [(p.file, p.reason.en, p.reason.zh) for p in problems] == [
        (name, "The file's name cannot be used", "文件名不可用") for name in ("b\n1.jpg", f"{'x' * 100}.jpg")
    ]


def test_list_pictures__a_table_of_a_spreadsheet_names_pictures_by_path_or_name(tmp_path: Path) -> None:
    """Windows marks UTF-8 at its beginning; what is no UTF-8 spoils its own row alone."""
    touch(tmp_path, "t1/a/1.jpg", "t1/2.jpg", "3.jpg", "4.jpg", "5.jpg")
    rows = [
        "file,name,picture,image,track,point",
        "t1/a/1.jpg,,,,A,",
        ",2.jpg,,,B,7",
        ",,3.jpg,,C,",
        ",,,4.jpg,D,",
        "x",
        "5.jpg,,,,E,,too,many",
    ]
    (tmp_path / "selection.csv").write_bytes("\n".join(rows).encode("utf-8-sig") + b"\n\xb0\xa1.jpg,,,,F,")
    found, problems = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert problems == []
    assert [(p.name, p.track, p.point) for p in found] == [
        ("t1_a_1.jpg", "A", "1"), ("t1_2.jpg", "B", "7"), ("3.jpg", "C", "3"), ("4.jpg", "D", "4"), ("5.jpg", "E", "5"),
    ]  # fmt: skip


def test_list_pictures__without_a_table_the_track_is_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/p_1.jpg")
    (found,), _ = list_pictures(tmp_path, Workspace(tmp_path).holds, "images/v")
    assert (found.origin, found.name, found.track, found.point) == ("images/v/a/b/p_1.jpg", "a_b_p_1.jpg", "a_b", "p_1")
