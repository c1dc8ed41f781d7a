"""Labelled pictures by class, city, time and range, in sets that can be counted by hand."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from roadloop.errors import BrokenFileError
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import queue
from roadloop.jobs import trash as things
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.jobs.trash_moves import carry_out
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.finding.index import Entry, Index, Where, index_path, write_index
from roadloop.sources.manifest import format_manifest, read_manifest
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]
FIND = "/v1/labelled-pictures"
TOWN = ClassTable(
    "town",
    (
        LabelClass(0, "road", "道路", (128, 64, 128), 0),
        LabelClass(3, "car", "车", (0, 0, 142), 1),
        LabelClass(200, "pole", "灯杆", (90, 90, 90), 2),
    ),
)
#: Another set calls 3 a pole; names are looked up set by set.
OTHER = ClassTable("other", (LabelClass(0, "road", "道路", (1, 1, 1), 0), LabelClass(3, "pole", "灯杆", (2, 2, 2), 1)))


@pytest.fixture
def served() -> tuple[str, ...]:
    return "sources", "sources.finding", "trash"


def label(*ids: int) -> bytes:
    """An id label with one row of 8 pixels for each id."""
    return encode_label(np.repeat(np.array(ids, np.uint8)[:, None], 8, 1))


def picture(rows: int) -> bytes:
    return encode_jpeg(np.zeros((rows, 8, 3), np.uint8))


def add(writer: Any, package: str, stem: str, ids: tuple[int, ...], city: str = "", time: str = "") -> None:
    writer.add(NewSample(package, stem, picture(len(ids)), label(*ids), city=city, time=time))


@pytest.fixture
def sets(platform: Platform) -> None:
    """`镇`: five pictures in two packages; `乡`: one."""
    with writing_set(platform.workspace, "镇", TOWN) as writer:
        add(writer, "1", "t_001", (0, 3), "苏州", "2026-07-31 08:00:00")
        add(writer, "1", "t_002", (0, 3, 200), "苏州", "2026-08-01 08:00:00")
        add(writer, "1", "t_003", (0,), "北京", "2026-08-02 08:00:00")
        add(writer, "2", "u_001", (200, 255), "北京")
        add(writer, "2", "u_002", (0, 200))
    with writing_set(platform.workspace, "乡", OTHER) as writer:
        add(writer, "1", "v_001", (0, 3), "苏州", "2026-07-01 08:00:00")
    folder = platform.workspace.sources / "镇"
    rows = [row._replace(imgoprange="0" if row.package == "1" else "1") for row in read_manifest(folder).values()]
    (folder / "manifest.csv").write_bytes(format_manifest(rows))
    (folder / publish.MANIFEST).unlink()  # a set that people made has none


@pytest.fixture
def read(client: TestClient, platform: Platform, run_job: RunJob) -> Callable[[str], queue.Job]:
    """Read the labels of a set."""

    def one(name: str) -> queue.Job:
        answer = client.post(f"/v1/sources/{name}/index").json()
        assert answer["message"] == "success", answer
        job = run_job(platform, answer["data"])
        assert job.state is JobState.SUCCEEDED, job.reason
        return job

    return one


@pytest.fixture
def found(client: TestClient, sets: None, read: Callable[[str], queue.Job]) -> Callable[..., dict[str, Any]]:
    """Search in both sets, whose labels were read."""
    for name in ("镇", "乡"):
        read(name)

    def search(**values: str | int) -> dict[str, Any]:
        answer = client.get(FIND, params=values)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return search


def names(answer: dict[str, Any]) -> list[str]:
    assert answer["total"] >= len(answer["data"])
    return [row["name"] for row in answer["data"]]


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["v_001", "t_001", "t_002", "t_003", "u_001", "u_002"]),
    ({"classes": "car"}, ["t_001", "t_002"]),
    ({"classes": "Car, 灯杆"}, ["t_002"]),
    ({"classes": "pole"}, ["v_001", "t_002", "u_001", "u_002"]),
    ({"classes": "3"}, ["v_001", "t_001", "t_002"]),
    ({"classes": "200"}, ["t_002", "u_001", "u_002"]),
    ({"classes": "pole", "sources": "乡"}, ["v_001"]),
    ({"city": "苏州"}, ["v_001", "t_001", "t_002"]),
    ({"time": "2026-08"}, ["t_002", "t_003"]),
    ({"time": "2026"}, ["v_001", "t_001", "t_002", "t_003"]),
    ({"time": "2026-07-31"}, ["t_001"]),
    ({"imgoprange": "0"}, ["t_001", "t_002", "t_003"]),
    ({"imgoprange": "1"}, ["u_001", "u_002"]),
    ({"package": "2"}, ["u_001", "u_002"]),
    ({"city": "苏州", "time": "2026-07", "classes": "car"}, ["t_001"]),
    ({"city": "上海"}, []),
]


def test_find__every_filter(found: Callable[..., dict[str, Any]]) -> None:
    for asked, there in FILTERS:
        answer = found(**asked)
        assert (sorted(names(answer)), answer["total"]) == (sorted(there), len(there)), asked
        assert (answer["unread"], answer["old"]) == ([], [])


def test_find__pages_run_over_the_sets(found: Callable[..., dict[str, Any]]) -> None:
    whole = names(found())
    assert len(found()["data"]) == 6
    pages = [found(page=n, page_size=2) for n in (1, 2, 3, 4)]
    assert [name for page in pages for name in names(page)] == whole
    assert [len(page["data"]) for page in pages] == [2, 2, 2, 0]
    assert {page["total"] for page in pages} == {6}


def test_find__a_row_has_all_that_is_known(client: TestClient, found: Callable[..., dict[str, Any]]) -> None:
    (row,) = found(classes="car,pole", sources="镇")["data"]
    assert {name: row[name] for name in ("source", "package", "name", "track", "point", "city", "time", "imgoprange")} == {
        "source": "镇", "package": "1", "name": "t_002", "track": "t", "point": "002", "city": "苏州",
        "time": "2026-08-01 08:00:00", "imgoprange": "0",
    }  # fmt: skip
    assert [(one["raw_id"], one["name_zh"], one["color"]) for one in row["classes"]] == [
        (0, "道路", [128, 64, 128]), (3, "车", [0, 0, 142]), (200, "灯杆", [90, 90, 90]),
    ]  # fmt: skip
    assert (row["width"], row["height"]) == (8, 3)
    assert client.get(row["image_url"]).headers["content-type"] == "image/jpeg"
    assert client.get(row["label_url"]).headers["content-type"] == "image/png"
    (row,) = found(package="2", city="北京")["data"]
    assert [one["raw_id"] for one in row["classes"]] == [200]  # 255 is ignore, which the table does not have


def test_find__what_was_not_read_or_has_changed_is_said(
    client: TestClient, platform: Platform, sets: None, read: Callable[[str], queue.Job]
) -> None:
    answer = client.get(FIND, params={"classes": "anything"}).json()
    assert (answer["data"], answer["total"], answer["unread"]) == ([], 0, ["乡", "镇"])
    assert read("镇").result == {"pictures": 5, "read": 5, "unreadable": 0}
    answer = client.get(FIND).json()
    assert (answer["total"], answer["unread"], answer["old"]) == (5, ["乡"], [])
    package = platform.workspace.sources / "镇" / "2"
    (package / "u_003.jpg").write_bytes(picture(1))
    (package / "u_003.png").write_bytes(label(3))
    (package / "u_004.jpg").write_bytes(picture(1))
    (package / "u_004.png").write_bytes(b"no picture")
    assert client.get(FIND).json()["old"] == ["镇"]
    job = read("镇")
    assert job.result == {"pictures": 6, "read": 2, "unreadable": 1}  # the other five are known
    assert [w.en for w in job.warnings] == [
        "1 label cannot be used, so these pictures are not found; the set's health says why, one by one."
    ]
    answer = client.get(FIND, params={"classes": "car"}).json()
    assert (names(answer), answer["old"]) == (["t_001", "t_002", "u_003"], [])


def test_find__a_label_that_was_painted_anew_is_read_again(
    client: TestClient, platform: Platform, sets: None, read: Callable[[str], queue.Job]
) -> None:
    read("镇")
    path = platform.workspace.sources / "镇" / "1" / "t_003.png"
    path.write_bytes(label(3))
    os.utime(path, ns=(1, 1))
    assert read("镇").result == {"pictures": 5, "read": 1, "unreadable": 0}
    assert names(client.get(FIND, params={"classes": "car"}).json()) == ["t_001", "t_002", "t_003"]


@pytest.mark.usefixtures("sets")
def test_choices__are_counted_and_merged_by_name(client: TestClient, read: Callable[[str], queue.Job]) -> None:
    read("镇")
    read("乡")
    told = client.get(f"{FIND}/choices", headers={"accept-language": "en"}).json()["data"]
    assert {one["name"]: one["pictures"] for one in told["classes"]} == {"road": 5, "pole": 4, "car": 2}
    assert told["cities"] == [
        {"name": "苏州", "pictures": 3}, {"name": "北京", "pictures": 2}, {"name": "", "pictures": 1},
    ]  # fmt: skip
    assert {one["name"]: one["pictures"] for one in told["months"]} == {"": 2, "2026-07": 2, "2026-08": 2}
    assert {one["name"]: one["pictures"] for one in told["ranges"]} == {"": 1, "0": 3, "1": 2}
    assert told["sources"] == [
        {"name": "乡", "state": "read", "pictures": 1, "unreadable": 0},
        {"name": "镇", "state": "read", "pictures": 5, "unreadable": 0},
    ]


REFUSED: list[tuple[dict[str, str], int, str]] = [
    ({"sources": "nowhere"}, 404, "nowhere"),
    ({"classes": "tram"}, 422, "tram"),
    ({"classes": "tram"}, 422, "road"),
    ({"imgoprange": "2"}, 422, "imgoprange"),
    ({"page": "0"}, 422, "page"),
    ({"page_size": "1001"}, 422, "page_size"),
]


def test_find__refusals_say_what_is_wrong(client: TestClient, found: Callable[..., dict[str, Any]]) -> None:
    assert found()["total"] == 6
    for asked, status, word in REFUSED:
        answer = client.get(FIND, params=asked)
        assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text


def test_find__text_that_no_picture_can_have_finds_nothing(
    client: TestClient, found: Callable[..., dict[str, Any]]
) -> None:
    assert found()["total"] == 6
    for field in ("city", "package", "time"):
        for odd in ("\ud800", "a\0b", "%", "'; DROP TABLE pictures; --", "\U0010ffff"):
            sent: Any = {"content": json.dumps({field: odd}), "headers": {"content-type": "application/json"}}
            answer = client.request("GET", FIND, **sent)
            assert answer.status_code in {200, 400, 422}, answer.text
            assert answer.json().get("total", 0) == 0
    assert found()["total"] == 6


@pytest.mark.usefixtures("sets")
def test_index__one_order_at_a_time(client: TestClient) -> None:
    first = client.post("/v1/sources/镇/index").json()["data"]
    assert client.post("/v1/sources/镇/index").json()["data"] == first
    assert client.post("/v1/sources/乡/index").json()["data"] != first
    assert client.post("/v1/sources/nowhere/index").status_code == 404


@pytest.mark.usefixtures("sets")
def test_index__goes_with_its_set_and_comes_back(
    client: TestClient, platform: Platform, read: Callable[[str], queue.Job]
) -> None:
    read("镇")
    path = index_path(platform.workspace, "镇")
    assert (inspect(platform, hashes=True).problems, path.is_file()) == ([], True)
    number = platform.database.write(lambda: things.delete(platform, "source", "镇"))
    carry_out(platform, number)
    assert not path.exists()
    answer = client.get(FIND).json()
    assert (answer["data"], answer["unread"]) == ([], ["乡"])
    row = client.get("/v1/trash").json()["data"][0]
    assert client.post(f"/v1/trash/{row['id']}/restore").json()["errno"] == 1
    answer = client.get(FIND).json()
    assert (answer["total"], answer["old"]) == (5, [])


@pytest.fixture
def entries() -> list[Entry]:
    """One picture for each raw id 0..255, in 256 months' names of a city."""
    return [Entry("p", f"{n:03d}", "t", str(n), f"c{n % 2}", "", "", "", f"m{n}", 8, 4, (n,)) for n in range(256)]


def test_index__every_raw_id_is_found_alone(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "x.sqlite"
    write_index(path, iter(entries), {"state": "s"})
    with Index(path) as index:
        assert index.about == {"format": "roadloop-index/1", "state": "s"}
        for n in (0, 1, 62, 63, 64, 127, 128, 191, 192, 254, 255):
            where = Where("", "", "", "", (frozenset({n}),))
            assert (index.count(where), index.some(where, 0, 9)) == (1, [entries[n]])
        both = Where("", "", "", "", (frozenset({63, 200}),))
        assert [one.stem for one in index.some(both, 0, 9)] == ["063", "200"]
        assert index.count(Where("", "c1", "", "", ())) == 128
        assert [one.stem for one in index.some(Where("p", "", "", ""), 254, 9)] == ["254", "255"]
        assert index.find("p", "007") == entries[7]
        assert index.find("p", "256") is None


def test_index__the_same_pictures_give_the_same_bytes(tmp_path: Path, entries: list[Entry]) -> None:
    one, two = tmp_path / "1.sqlite", tmp_path / "2.sqlite"
    for path in (one, two):
        write_index(path, iter(entries), {"state": "s"})
    assert one.read_bytes() == two.read_bytes()


def test_index__what_is_none_is_named(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("text", b"no database at all" * 99)):
        path = tmp_path / f"{name}.sqlite"
        path.write_bytes(data)
        with pytest.raises(BrokenFileError, match=f"source set {name} cannot be read"):
            Index(path)
    path = tmp_path / "later.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE about (value TEXT)")
    db.execute("INSERT INTO about VALUES (?)", (json.dumps({"format": "roadloop-index/9"}),))
    db.commit()
    db.close()
    with pytest.raises(BrokenFileError, match="later"):
        Index(path)


@pytest.mark.usefixtures("sets")
def test_find__a_damaged_index_hides_its_set_and_is_made_anew(
    client: TestClient, platform: Platform, read: Callable[[str], queue.Job]
) -> None:
    read("镇")
    index_path(platform.workspace, "镇").write_bytes(b"damaged")
    assert client.get(FIND).json()["unread"] == ["乡", "镇"]
    answer = client.get(FIND, params={"sources": "镇"})
    assert (answer.status_code, answer.json()["error"]) == (422, "broken_file")
    assert read("镇").result == {"pictures": 5, "read": 5, "unreadable": 0}
