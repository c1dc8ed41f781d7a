import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadloop.datasets.service import finished_names, label_picture, require, sample
from roadloop.datasets.store import datasets
from roadloop.errors import (
    ConflictError,
    InvalidNameError,
    InvalidValueError,
    NameTakenError,
    NotFoundError,
    RoadloopError,
)
from roadloop.imaging.decode import decode_color_label, decode_label
from roadloop.jobs import queue
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.storage.platform import Platform

MakeSet = Callable[..., Path]
Submit = Callable[..., str]
RunJob = Callable[[Platform, str], queue.Job]

OTHER = ClassTable("other", (LabelClass(0, "road", "道路", (1, 1, 1), 0), LabelClass(3, "bus", "客车", (2, 2, 2), 1)))
MORE = ClassTable("more", (LabelClass(0, "road", "道路", (1, 1, 1), 0), LabelClass(5, "sky", "天空", (2, 2, 2), 1)))


def test_create__row_and_job_appear_together(platform: Platform, make_set: MakeSet, submit: Submit) -> None:
    make_set(platform)
    task_id = submit(data_desc="苏州数据")
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
        row = db.execute(sa.select(datasets)).one()
    assert (job.kind, job.title, job.state) == ("create_data", "20180801", "queued")
    assert (row.task_id, row.description, row.sour_data, row.train) == (task_id, "苏州数据", "镇", 0.6)


def test_create__a_set_with_a_comma_that_is_there_already_is_chosen_in_quotes(
    platform: Platform, make_set: MakeSet, submit: Submit
) -> None:
    for name in ("plain", "other"):
        make_set(platform, name)
    (platform.workspace.sources / "other").rename(platform.workspace.sources / "suzhou,2024")
    submit(sour_data='"suzhou,2024", plain')
    with platform.database.reading() as db:
        assert db.execute(sa.select(datasets)).one().sour_data == '"suzhou,2024",plain'


def test_require__a_dataset_whose_folder_was_copied_in_decomposed_form(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform)
    run_job(platform, submit(data_name="Düsseldorf"))
    folder = platform.workspace.datasets / "Düsseldorf"
    folder.rename(folder.with_name(unicodedata.normalize("NFD", folder.name)))
    assert require(platform, "Düsseldorf").name == "Düsseldorf"
    assert sample(platform, "Düsseldorf", "train", 0).image
    with pytest.raises(NameTakenError, match="nothing was changed"):
        submit(data_name="Düsseldorf")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sour_data": "moon"}, NotFoundError),
        ({"sour_data": "镇,moon"}, NotFoundError),
        ({"sour_data": " , "}, InvalidValueError),
        ({"sour_data": "../x"}, InvalidNameError),
        ({"data_name": "a/b"}, InvalidNameError),
        ({"data_name": "a,b"}, InvalidNameError),
        ({"shares": {"train": 0.0, "val": 0.0}}, InvalidValueError),
        ({"l_value": False}, InvalidValueError),
        ({"sour_data": "空"}, InvalidValueError),
        ({"sour_data": "镇,别的"}, ConflictError),
        ({"data_type": "aug"}, NotFoundError),
        ({"data_type": "aug", "base_data": "moon"}, NotFoundError),
    ],
)
def test_create__refused_in_both_languages_and_nothing_stays(
    platform: Platform,
    make_set: MakeSet,
    submit: Submit,
    changes: dict[str, object],
    error: type[RoadloopError],
) -> None:
    make_set(platform)
    make_set(platform, "别的", table=OTHER)
    (platform.workspace.sources / "空" / "1").mkdir(parents=True)
    with pytest.raises(error) as caught:
        submit(**changes)
    assert caught.value.text.zh != caught.value.text.en
    with platform.database.reading() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(datasets)).scalar_one() == 0


def test_create__different_meanings_name_the_ids(platform: Platform, make_set: MakeSet, submit: Submit) -> None:
    make_set(platform)
    make_set(platform, "别的", table=OTHER)
    with pytest.raises(ConflictError) as caught:
        submit(sour_data="镇,别的")
    assert caught.value.details["raw_ids"] == [3]


def test_create__tables_that_agree_are_joined(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform)
    # The labels of make_set use id 3, which this table lacks: 4 of 384 pixels, little enough to be ignored.
    make_set(platform, "更多", {"m": 3}, table=MORE, first=90)
    run_job(platform, submit(sour_data="镇,更多"))
    info = require(platform, "20180801")
    assert info.table.raw_ids == (0, 3, 5, 9)


def test_create__a_name_is_taken_until_its_job_fails(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    folder = make_set(platform)
    task_id = submit()
    with pytest.raises(NameTakenError) as caught:
        submit()
    assert caught.value.details["task_id"] == task_id
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    second = submit()
    for path in (folder / "1").glob("*.png"):
        path.unlink()
    assert run_job(platform, second).state == "failed"
    make_set(platform, "新", first=70)
    assert run_job(platform, submit(sour_data="新")).state == "succeeded"
    with pytest.raises(NameTakenError):
        submit(sour_data="新")
    with platform.database.reading() as db:
        assert [r.live for r in db.execute(sa.select(datasets).order_by(datasets.c.id))] == [False, False, True]


def test_create__a_folder_without_a_record_is_not_overwritten(
    platform: Platform, make_set: MakeSet, submit: Submit
) -> None:
    make_set(platform)
    (platform.workspace.datasets / "20180801").mkdir()
    with pytest.raises(ConflictError):
        submit()


def test_create__increment_finds_the_newest_base_that_fits(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform)
    make_set(platform, "别的", table=OTHER, first=30)
    make_set(platform, "新", {"n": 3}, first=60)
    for name, source in (("one", "镇"), ("two", "镇"), ("strange", "别的")):
        assert run_job(platform, submit(data_name=name, sour_data=source)).state == "succeeded"
    run_job(platform, submit(data_name="more", data_type="aug", sour_data="新"))
    assert require(platform, "more").base_data == "two"
    with pytest.raises(ConflictError):
        submit(data_name="x", data_type="aug", sour_data="新", base_data="strange")


def test_require__unknown_and_unfinished(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform)
    with pytest.raises(NotFoundError):
        require(platform, "20180801")
    task_id = submit()
    with pytest.raises(ConflictError) as caught:
        require(platform, "20180801")
    assert caught.value.details["state"] == "queued"
    assert finished_names(platform) == []
    run_job(platform, task_id)
    info = require(platform, "20180801")
    assert (info.name, info.counts["train"]) == ("20180801", 12)
    assert finished_names(platform) == ["20180801"]


def test_sample__bytes_and_limits(platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob) -> None:
    make_set(platform, tracks={"a": 2})
    run_job(platform, submit())
    png = label_picture(platform, "20180801", "train", 1)
    ids = decode_label(sample(platform, "20180801", "train", 1).label)
    assert decode_label(png).tolist() == ids.tolist()
    assert decode_color_label(png)[0, 0].tolist() == [0, 0, 142]
    with pytest.raises(NotFoundError) as caught:
        sample(platform, "20180801", "train", 2)
    assert caught.value.details["count"] == 2
