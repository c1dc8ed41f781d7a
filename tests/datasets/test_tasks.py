import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from roadloop.datasets.info import ClassCount, DatasetInfo, Leak, read_shown
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.recipe import CreateData
from roadloop.datasets.service import create, require
from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.imaging.decode import decode_label
from roadloop.imaging.encode import encode_label
from roadloop.jobs.queue import Job
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.publish import verify

MakeSet = Callable[..., Path]
Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]
Build = Callable[..., DatasetInfo]


@pytest.fixture
def build(platform: Platform, submit: Submit, run_job: RunJob) -> Build:
    def call(**changes: object) -> DatasetInfo:
        job = run_job(platform, submit(**changes))
        assert job.state == "succeeded", job.reason
        return require(platform, str(changes.get("data_name", "20180801")))

    return call


def _names(platform: Platform, name: str = "20180801") -> dict[str, list[str]]:
    reader = DatasetReader(platform.workspace.datasets / name)
    return {split: reader.split(split).names() for split in ("train", "val", "test")}


def _leftovers(platform: Platform) -> list[Path]:
    return list(platform.workspace.home.rglob("*.partial"))


def test_build__tracks_stay_together_and_statistics_are_exact(
    platform: Platform, make_set: MakeSet, build: Build
) -> None:
    make_set(platform)
    info = build()
    assert dict(info.counts) == {"train": 12, "val": 4, "test": 4}
    assert dict(info.tracks) == {"train": 2, "val": 1, "test": 1}
    assert info.leaks == ()
    assert dict(info.sizes) == {"24x16": 20}
    assert dict(info.statistics["train"]) == {
        0: ClassCount(12 * 384 - 6 * 4, 12, 2),
        3: ClassCount(6 * 4, 6, 2),
    }
    assert info.pixels("val") == {0: 4 * 384 - 8, 3: 8}
    folder = platform.workspace.datasets / "20180801"
    assert read_shown(folder, "train") == {frozenset({0}): 6 * 384, frozenset({0, 3}): 6 * 384}
    assert (info.bad, info.unknown_pixels, info.all_ignored, info.identical) == (0, 0, 0, 0)
    assert info.warnings == ()
    assert verify(folder) == []
    assert (folder / "splits" / "val.txt").read_text().splitlines() == _names(platform)["val"]
    assert "1/a_0000" in _names(platform)["train"]
    assert _leftovers(platform) == []


def test_build__samples_come_back_as_they_were(platform: Platform, make_set: MakeSet, build: Build) -> None:
    source = make_set(platform)
    build()
    for split in ("train", "val", "test"):
        samples = DatasetReader(platform.workspace.datasets / "20180801").split(split)
        for index in range(len(samples)):
            sample = samples.encoded(index)
            assert sample.image == (source / f"{sample.name}.jpg").read_bytes()
            expected = decode_label((source / f"{sample.name}.png").read_bytes())
            assert np.array_equal(decode_label(sample.label), expected)
        columns = (samples.column(name) for name in ("name", "track", "width", "height", "city"))
        for name, *facts in zip(*columns, strict=True):
            assert facts == [name[2], 24, 16, "苏州"]


def test_build__same_call_same_bytes(
    settings: Settings, tmp_path: Path, make_set: MakeSet, run_job: RunJob, make_request: Callable[..., CreateData]
) -> None:
    # Another home and another number of processes: neither may matter.
    manifests = []
    for home, processes in (("one", 2), ("two", 1)):
        opened = open_platform(settings.model_copy(update={"home": tmp_path / home}), upgrade=True)
        make_set(opened, tracks={"a": 150, "b": 20})
        task_id = opened.database.write(partial(create, opened, make_request(thread=processes)))
        assert run_job(opened, task_id).state == "succeeded"
        manifests.append((opened.workspace.datasets / "20180801" / "manifest.json").read_bytes())
        opened.database.close()
    assert manifests[0] == manifests[1]


def test_build__broken_files_cost_a_line_each(platform: Platform, make_set: MakeSet, build: Build) -> None:
    folder = make_set(platform) / "1"
    (folder / "a_0000.jpg").write_bytes((folder / "a_0000.jpg").read_bytes()[:-9])
    (folder / "a_0001.png").unlink()
    (folder / "a_0002.png").write_bytes(encode_label(np.zeros((3, 3), np.uint8)))
    info = build(max_bad=0.2)
    assert info.bad == 3
    with (platform.workspace.datasets / "20180801" / "report.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["file"] for r in rows] == ["镇/1/a_0000.jpg", "镇/1/a_0001.jpg", "镇/1/a_0002.png"]
    assert all(r["reason_zh"] and r["reason_en"] for r in rows)
    assert sum(info.counts.values()) == 17
    assert any("3 files are left out" in w.en for w in info.warnings)


def test_build__too_many_bad_files_keep_the_report(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    folder = make_set(platform) / "1"
    for name in ("a_0000.jpg", "b_0001.jpg"):
        (folder / name).write_bytes(b"text")
    task_id = submit()
    job = run_job(platform, task_id)
    assert job.state == "failed"
    assert job.reason is not None
    kept = f"logs/{task_id}.report.csv"
    assert kept in job.reason.zh
    assert kept in job.reason.en
    assert (platform.workspace.home / kept).read_text().count("\n") == 3
    assert list(platform.workspace.datasets.iterdir()) == []
    # The name is free again.
    assert run_job(platform, submit(max_bad=0.1)).state == "succeeded"


def test_build__no_usable_picture(platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob) -> None:
    folder = make_set(platform, tracks={"a": 2}) / "1"
    for path in folder.glob("*.jpg"):
        path.write_bytes(b"")
    job = run_job(platform, submit(max_bad=1))
    assert job.state == "failed"
    assert job.reason is not None
    assert "Not one usable picture" in job.reason.en
    for path in folder.glob("*.png"):
        path.unlink()
    job = run_job(platform, submit(max_bad=1))
    assert job.reason is not None
    assert "no labelled picture" in job.reason.en


def test_build__shares_are_divided_and_few_tracks_warn(platform: Platform, make_set: MakeSet, build: Build) -> None:
    make_set(platform, tracks={"a": 6, "b": 2})
    info = build(shares={"train": 0.85, "val": 0.1, "test": 0.1})
    assert dict(info.counts) == {"train": 6, "val": 2, "test": 0}
    texts = " ".join(w.en for w in info.warnings)
    assert "sum to 1.05" in texts
    assert "No pictures in test" in texts
    assert dict(info.shares) == {"train": 0.85, "val": 0.1, "test": 0.1}


def test_build__by_picture_reports_the_leak(platform: Platform, make_set: MakeSet, build: Build) -> None:
    make_set(platform, tracks={"a": 10})
    info = build(split_by="picture", shares={"train": 0.8, "val": 0.2})
    assert dict(info.counts) == {"train": 8, "val": 2, "test": 0}
    assert info.leaks == (Leak("a", {"train": 8, "val": 2}),)
    assert any("a" in w.en and "more than one split" in w.en for w in info.warnings)


def test_build__official_lists(platform: Platform, make_set: MakeSet, build: Build) -> None:
    folder = make_set(platform, tracks={"a": 3, "b": 3})
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text("1/a_0000\n1/b_0000\n1/gone\n")
    (folder / "splits" / "val.txt").write_text("1/a_0001\n")
    info = build(l_value=False, shares={})
    assert _names(platform) == {"train": ["1/a_0000", "1/b_0000"], "val": ["1/a_0001"], "test": []}
    assert info.split_by == "lists"
    assert info.leaks == (Leak("a", {"train": 1, "val": 1}),)
    assert any("3 pictures are in no official list" in w.en for w in info.warnings)


def test_build__lists_that_name_nothing(platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob) -> None:
    folder = make_set(platform, tracks={"a": 3})
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text("1/gone\n")
    job = run_job(platform, submit(l_value=False))
    assert job.state == "failed"
    assert job.reason is not None
    assert "lists" in job.reason.en


def test_build__several_sets_keep_their_names_apart(platform: Platform, make_set: MakeSet, build: Build) -> None:
    make_set(platform, "镇", {"a": 4})
    make_set(platform, "城", {"a": 4, "b": 2}, first=50)
    info = build(sour_data="镇, 城", shares={"train": 0.5, "val": 0.5})
    names = _names(platform)
    assert "1/a_0000" in names["train"]
    assert "城/1/a_0000" in names["train"]
    assert names["val"] == ["城/1/b_0000", "城/1/b_0001"]
    assert info.sources == ("镇", "城")


def test_build__identical_pictures_in_two_splits_are_counted(
    platform: Platform, make_set: MakeSet, build: Build
) -> None:
    folder = make_set(platform, tracks={"a": 4, "b": 2}) / "1"
    (folder / "b_0000.jpg").write_bytes((folder / "a_0000.jpg").read_bytes())
    assert build(shares={"train": 0.6, "val": 0.4}).identical == 1


def test_build__ignored_pictures_and_unknown_pixels_are_counted(
    platform: Platform, make_set: MakeSet, build: Build
) -> None:
    folder = make_set(platform, tracks={"a": 4, "b": 2}) / "1"
    (folder / "a_0000.png").write_bytes(encode_label(np.full((16, 24), 9, np.uint8)))
    ids = np.zeros((16, 24), np.uint8)
    ids[0, :3] = 77
    (folder / "a_0001.png").write_bytes(encode_label(ids))
    info = build(shares={"train": 0.6, "val": 0.4})
    assert (info.all_ignored, info.unknown_pixels) == (1, 3)
    assert info.statistics["train"][255] == ClassCount(3, 1, 1)


def test_build__increment_keeps_old_pictures_in_their_split(
    platform: Platform, make_set: MakeSet, build: Build
) -> None:
    make_set(platform, "镇", {"a": 8, "b": 4, "c": 4, "d": 4})
    old = build(data_name="base")
    before = _names(platform, "base")
    val_track = before["val"][0][2]
    # More of a known track, and new tracks, in another set with the same package name.
    make_set(platform, "新", {val_track: 2, "x": 6, "y": 2, "z": 2}, first=100)
    info = build(data_name="more", data_type="aug", sour_data="新", seed=5)
    after = _names(platform, "more")
    for split, names in before.items():
        assert after[split][: len(names)] == names
    assert {n for n in after["val"] if n.startswith(f"新/1/{val_track}_")} == {
        f"新/1/{val_track}_0000",
        f"新/1/{val_track}_0001",
    }
    assert info.leaks == ()
    assert info.base_data == "base"
    assert info.sources == ("镇", "新")
    assert sum(info.counts.values()) == 32
    whole = {split: sum(c.pixels for c in classes.values()) for split, classes in info.statistics.items()}
    assert whole == {split: info.counts[split] * 384 for split in whole}
    assert info.tracks["val"] == old.tracks["val"] + len({n.split("_")[0] for n in after["val"] if "新" in n}) - 1
    assert info.statistics["val"][0].tracks == info.tracks["val"]
    shown = {split: sum(read_shown(platform.workspace.datasets / "more", split).values()) for split in whole}
    assert shown == whole
    assert verify(platform.workspace.datasets / "more") == []
    assert sum(info.sizes.values()) == 32


def test_build__increment_of_a_grown_set_takes_what_is_new(
    platform: Platform, make_set: MakeSet, build: Build, submit: Submit, run_job: RunJob
) -> None:
    folder = make_set(platform, tracks={"a": 3, "b": 2})
    build(data_name="base", shares={"train": 0.6, "val": 0.4})
    job = run_job(platform, submit(data_name="more", data_type="aug", base_data="base"))
    assert job.reason is not None
    assert "no picture that base does not have" in job.reason.en
    other = make_set(platform, "tmp", {"c": 1}, first=60)
    (folder / "2").mkdir()
    for name in ("c_0000.jpg", "c_0000.png"):
        (folder / "2" / name).write_bytes((other / "1" / name).read_bytes())
    info = build(data_name="more", data_type="aug", base_data="base")
    assert _names(platform, "more")["train"][-1] == "2/c_0000"
    assert sum(info.counts.values()) == 6


def test_build__warnings_and_counts_stand_in_the_row(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform, tracks={"a": 6})
    job = run_job(platform, submit())
    assert job.result is not None
    assert job.result["counts"] == {"train": 6, "val": 0, "test": 0}
    assert [w.en for w in job.warnings] == [
        "No pictures in val, test: fewer tracks than shares, or empty lists",
        "Without val a training validates on nothing",
    ]
    assert job.progress == 1


def test_build__dataset_json_is_plain_and_holds_no_time(platform: Platform, make_set: MakeSet, build: Build) -> None:
    make_set(platform)
    build()
    value = json.loads((platform.workspace.datasets / "20180801" / "dataset.json").read_text())
    assert value["format"] == "roadloop-dataset/1"
    assert value["table"]["classes"][1]["name_zh"] == "车"
    assert not {"created_at", "task_id"} & set(value)


def test_read_shown__says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"has no shown\.csv, which median_frequency needs; build it again"):
        read_shown(tmp_path, "train")
    for text in ("split\ntrain\n", "split,raw_ids,pixels\ntrain,a,1\n", "split,raw_ids,pixels\ntrain,1\n"):
        (tmp_path / "shown.csv").write_text(text)
        with pytest.raises(BrokenFileError, match=r"shown\.csv"):
            read_shown(tmp_path, "train")


def test_build__of_an_older_base_counts_no_pictures_rather_than_some(
    platform: Platform, make_set: MakeSet, build: Build
) -> None:
    make_set(platform)
    build(data_name="base")
    (platform.workspace.datasets / "base" / "shown.csv").unlink()
    make_set(platform, "新", {"x": 6}, first=100)
    build(data_name="more", data_type="aug", sour_data="新")
    assert not (platform.workspace.datasets / "more" / "shown.csv").exists()
