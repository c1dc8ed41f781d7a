"""Dividing: real files, rows and jobs."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from package_data import TABLE, annotate, mask, picture, write_images
from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.imaging.decode import decode_color_label, decode_image
from roadloop.jobs import queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.states import JobState
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import ClassTable
from roadloop.packages import manifest, service, standing, store, tasks
from roadloop.packages.recipe import Divide
from roadloop.storage import publish
from roadloop.storage.platform import Platform

Divided = Callable[..., queue.Job]
RunJob = Callable[[Platform, str], queue.Job]
UInt8 = NDArray[np.uint8]


def package(platform: Platform, version: str, number: int) -> Path:
    return platform.workspace.home / "packages" / version / str(number)


def test_divide__full_packages_hold_the_files_and_say_what_is_expected_back(
    platform: Platform, divide: Divided
) -> None:
    images = write_images(platform, "v1", ["b_1.jpg", "a_2.jpg", "a_1.png", "b_2.jpg", "c_1.jpg"])
    job = divide("v1", 2)
    assert job.state is JobState.SUCCEEDED
    assert job.result == {"packages": 3, "first": 1, "last": 3, "pictures": 5, "bad": 0, "overlap": 0, "gold": 0}
    lines = [
        list(csv.reader((package(platform, "v1", n) / f"ext-{n}.csv").read_text().splitlines())) for n in (1, 2, 3)
    ]
    assert lines == [
        [["ext-a_1.png", "ext-label-a_1.png"], ["ext-a_2.jpg", "ext-label-a_2.png"]],
        [["ext-b_1.jpg", "ext-label-b_1.png"], ["ext-b_2.jpg", "ext-label-b_2.png"]],
        [["ext-c_1.jpg", "ext-label-c_1.png"]],
    ]
    for name in ("a_1.png", "a_2.jpg"):
        assert (package(platform, "v1", 1) / f"ext-{name}").read_bytes() == (images / name).read_bytes()
    record = manifest.read(package(platform, "v1", 1))
    assert (record.type, record.border, record.origin, record.number) == ("full", 0, "images/v1", 1)
    assert record.pictures[0].size == (12, 9)
    assert record.pictures[0].source_sha256 == hashlib.sha256((images / "a_1.png").read_bytes()).hexdigest()
    assert publish.verify(package(platform, "v1", 1)) == []
    assert not list(platform.workspace.home.rglob("*.partial"))


def test_divide__remote_is_the_bottom_half_in_a_white_border(platform: Platform, divide: Divided) -> None:
    write_images(platform, "v1", ["a_1.png", "a_2.jpg"], width=10, height=7)
    divide("v1", 5, "remote")
    folder = package(platform, "v1", 1)
    pixels = decode_image((folder / "ext-a_1.png").read_bytes())
    assert pixels.shape == (4 + 100, 10 + 100, 3)
    assert (pixels[50:-50, 50:-50] == picture(0, 10, 7)[3:]).all()
    pixels[50:-50, 50:-50] = 255
    assert (pixels == 255).all()
    record = manifest.read(folder)
    assert (record.type, record.border, record.pictures[1].size) == ("remote", 50, (110, 104))
    assert record.pictures[1].source_size == (10, 7)


def test_divide__numbers_continue_over_versions_and_folders_count_too(platform: Platform, divide: Divided) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    write_images(platform, "v2", ["a_1.jpg"])
    (platform.workspace.home / "packages" / "old" / "7").mkdir(parents=True)
    assert divide("v1", 1).result is not None
    assert package(platform, "v1", 8).is_dir()
    assert package(platform, "v1", 9).is_dir()
    divide("v2", 5)
    assert package(platform, "v2", 10).is_dir()


def test_divide__only_new_pictures_unless_asked_again(platform: Platform, divide: Divided) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 5)
    with pytest.raises(ConflictError, match="again=1"):
        divide("v1", 5)
    write_images(platform, "v1", ["a_3.jpg"])
    divide("v1", 5)
    assert [p.name for p in manifest.read(package(platform, "v1", 2)).pictures] == ["ext-a_3.jpg"]
    divide("v1", 5, again=True)
    assert len(manifest.read(package(platform, "v1", 3)).pictures) == 3
    divide("v1", 5, "remote")
    assert package(platform, "v1", 4).is_dir()


def test_divide__bad_files_are_named_and_left_out(platform: Platform, divide: Divided) -> None:
    images = write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "a_3.jpg"])
    (images / "a_2.jpg").write_bytes((images / "a_2.jpg").read_bytes()[:-30])
    (images / "a_3.jpg").write_bytes(b"no picture")
    job = divide("v1", 1)
    assert job.result == {"packages": 1, "first": 1, "last": 1, "pictures": 1, "bad": 2, "overlap": 0, "gold": 0}
    assert "images/v1/a_2.jpg" in job.warnings[0].en
    assert [p.name for p in (platform.workspace.home / "packages" / "v1").iterdir()] == ["1"]
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])  # mended files are new ones
    divide("v1", 5)
    assert [p.name for p in manifest.read(package(platform, "v1", 4)).pictures] == ["ext-a_2.jpg"]


def test_divide__fails_in_words_when_nothing_can_be_used(platform: Platform, divide: Divided) -> None:
    (write_images(platform, "v1", []) / "x.jpg").parent.mkdir(parents=True)
    (platform.workspace.home / "images/v1/x.jpg").write_bytes(b"no picture")
    job = divide("v1", 5)
    assert (job.state, job.error) == (JobState.FAILED, "job_failed")
    assert job.reason is not None
    assert "x.jpg" in job.reason.zh
    assert not list((platform.workspace.home / "packages").rglob("*.*"))
    write_images(platform, "v2", ["a_1.jpg"])
    assert divide("v2", 1).result is not None
    assert package(platform, "v2", 1).is_dir()  # what failed gives its numbers up


def test_divide__refuses_unknown_and_empty_versions(platform: Platform, divide: Divided) -> None:
    with pytest.raises(NotFoundError, match="dsad"):
        divide("dsad", 5)
    (platform.workspace.home / "images" / "empty").mkdir(parents=True)
    with pytest.raises(InvalidValueError, match="holds no pictures"):
        divide("empty", 5)
    write_images(platform, "v1", ["a_1.jpg"])
    with pytest.raises(InvalidValueError, match="rejected"):
        divide("v1", 5, rejected=True)
    with pytest.raises(InvalidValueError, match="gold_set"):
        divide("v1", 5, gold="2")
    with pytest.raises(NotFoundError, match="sad"):
        divide("v1", 5, gold="2", gold_set="sad")
    with pytest.raises(NotFoundError, match="sad"):
        divide("v1", 5, roadelement="sad")
    with pytest.raises(NotFoundError, match="sad"):
        divide("v1", 5, pre_model="sad")


def test_divide__gold_is_hidden_among_the_others(platform: Platform, divide: Divided, gold_set: str) -> None:
    write_images(platform, "v1", [f"drive_{n:06d}.jpg" for n in range(8)])
    job = divide("v1", 5, gold="2", gold_set=gold_set, overlap="2")
    assert job.result is not None
    assert (job.result["packages"], job.result["gold"], job.result["overlap"]) == (3, 2, 2)
    seen = []
    for number in (1, 2, 3):
        folder = package(platform, "v1", number)
        record = manifest.read(folder)
        assert record.table.classes == TABLE.classes
        assert all(p.stem.startswith("drive_") and len(p.stem) == 12 for p in record.pictures)
        assert {p.track for p in record.pictures} == {"drive"}
        assert "known" not in (folder / "manifest.json").read_text()
        assert [p.name for p in record.pictures] == sorted(p.name for p in record.pictures)
        seen += [hashlib.sha256((folder / p.name).read_bytes()).hexdigest() for p in record.pictures]
    assert (len(seen), len(set(seen))) == (12, 10)


def test_divide__pre_model_draws_a_first_label(
    platform: Platform, divide: Divided, write_model: Callable[..., Path]
) -> None:
    write_model(platform.workspace.weights)
    images = write_images(platform, "v1", ["a_1.png", "a_2.png"], width=6, height=5)
    divide("v1", 5, pre_model="tiny_ep-0001.params")
    divide("v1", 5, "remote", pre_model="tiny_ep-0001.params")
    pixels = decode_image((images / "a_1.png").read_bytes())
    expected = np.array([10, 20, 30], np.uint8)[pixels.argmax(axis=2)]
    table = manifest.read(package(platform, "v1", 1)).table
    assert table.raw_ids == (10, 20, 30, 40)
    full = decode_color_label((package(platform, "v1", 1) / "pre-labels/ext-label-a_1.png").read_bytes())
    assert (ColorCoder(table).to_ids(full).ids == expected).all()
    remote = decode_color_label((package(platform, "v1", 2) / "pre-labels/ext-label-a_1.png").read_bytes())
    assert (ColorCoder(table).to_ids(remote[50:-50, 50:-50]).ids == expected[2:]).all()
    remote[50:-50, 50:-50] = 255
    assert (remote == 255).all()  # a white border
    for number in (1, 2):
        labels = [p.name for p in sorted((package(platform, "v1", number) / "pre-labels").iterdir())]
        assert labels == ["ext-label-a_1.png", "ext-label-a_2.png"]


def test_divide__stale_rows_do_not_count(platform: Platform, divide: Divided) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    request = Divide(version="v1", step=5)
    write, too_late = service.divide(platform, request), service.divide(platform, request)
    with platform.database.transaction() as db:
        task_id = write(db)
        with pytest.raises(ConflictError, match="being divided"):
            too_late(db)
    with pytest.raises(ConflictError, match="being divided"):
        service.divide(platform, request)
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    assert divide("v1", 5).state is JobState.SUCCEEDED


def test_overview__counts_what_came_back(platform: Platform, divide: Divided) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "a_3.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, lambda _stem: mask(1), only={"a_2"})
    (platform.workspace.home / "packages" / "v1" / "99").mkdir()
    rows = standing.overview(platform, "v1")
    assert [(r["number"], r["pictures"], r["returned"]) for r in rows] == [(1, 2, 1), (2, 1, 0), (99, 0, 0)]
    assert rows[2]["problem"] is not None
    assert [(r["state"], r["task_id"] is None) for r in rows] == [
        ("coming", False),
        ("cut", False),
        ("unreadable", True),
    ]


def test_divide__a_plan_that_a_kill_cut_off_is_made_anew(
    platform: Platform, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(platform, "v1", [f"a_{n}.jpg" for n in range(5)])
    monkeypatch.setattr(store, "PART", 2)
    task_id = platform.database.write(lambda: service.divide(platform, Divide(version="v1", step=2)))
    with platform.database.transaction() as db:
        killed = TaskContext(platform, queue.claim(db, task_id, (), "test"))
    reached: list[str] = []

    def reach(_context: TaskContext, point: str) -> None:
        reached.append(point)
        if reached == ["divide.part"] * 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TaskContext, "reach", reach)
        with pytest.raises(KeyboardInterrupt):
            tasks.divide(killed)
    with platform.database.transaction() as db:
        assert [row.name for row in store.pictures_of(db, task_id)] == [f"ext-a_{n}.jpg" for n in range(4)]
        queue.requeue(db, killed.job, Text("丢失", "lost"), counts=True)
    assert run_job(platform, task_id).result == {
        "packages": 3, "first": 1, "last": 3, "pictures": 5, "bad": 0, "overlap": 0, "gold": 0,
    }  # fmt: skip
    with platform.database.reading() as db:
        rows = store.pictures_of(db, task_id)
    assert [(row.number, row.name) for row in rows] == [(1 + n // 2, f"ext-a_{n}.jpg") for n in range(5)]


def test_divide__a_refusal_names_the_parameter_at_fault(
    platform: Platform, divide: Divided, gold_set: str, write_model: Callable[..., Path]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    write_model(platform.workspace.weights)
    (platform.workspace.images / "empty").mkdir()
    (platform.workspace.images / "other").mkdir()
    (platform.workspace.images / "other" / "a.bmp").write_bytes(b"x")
    divide("v1", 5)
    for version, options, parameter, said in (
        ("v1", {}, "version", "Every picture of images/v1 is in a full package already"),
        ("empty", {}, "version", "images/empty holds no pictures (.jpg, .png)."),
        ("other", {}, "version", "images/other holds no pictures (such as a.bmp: "),
        ("v1", {"rejected": True}, "rejected", "v1 has no rejected labels"),
        ("v1", {"again": True, "gold": "sad"}, "gold", "gold"),
        ("v1", {"again": True, "overlap": "sad"}, "overlap", "overlap"),
        ("v1", {"again": True, "gold": "2"}, "gold_set", "gold needs gold_set"),
        ("v1", {"again": True, "gold_set": gold_set, "roadelement": "hd-road"}, "gold_set", "[1, 2, 3]"),
        ("v1", {"again": True, "pre_model": "tiny_ep-0001.params", "roadelement": "hd-road"}, "pre_model", "[10, 20"),
    ):
        with pytest.raises((InvalidValueError, ConflictError)) as refused:
            divide(version, 5, **options)
        assert said in refused.value.text.en
        assert refused.value.details["parameter"] == parameter
        assert refused.value.details.get("raw_ids", []) in ([], [1, 2, 3], [10, 20, 30, 40])


def test_divide__the_classes_are_those_asked_for_else_the_gold_sets_else_the_models(
    platform: Platform, divide: Divided, gold_set: str, write_model: Callable[..., Path]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    write_model(platform.workspace.weights)
    tables: list[ClassTable] = []
    for options in ({"gold_set": gold_set}, {"pre_model": "tiny_ep-0001.params"}, {"roadelement": "camvid"}, {}):
        number = len(tables) + 1
        divide("v1", 5, again=True, **options)
        tables.append(manifest.read(package(platform, "v1", number)).table)
    assert [table.name for table in tables] == ["classes", "model", "camvid", "hd-road"]
    assert [table.raw_ids[:3] for table in tables[:2]] == [(1, 2, 3), (10, 20, 30)]
