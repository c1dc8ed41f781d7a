from collections.abc import Callable
from pathlib import Path

import pytest

from roadloop.datasets.reader import DatasetReader
from roadloop.errors import InvalidValueError
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform

MakeSet = Callable[..., Path]
Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]


def test_build__only_what_the_filter_lets_through(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    folder = make_set(platform)
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("b_0001,,,苏州", "b_0001,,,北京"))
    job = run_job(platform, submit(filter={"city": ["北京"]}, shares={"train": 1.0}))
    assert job.state == "succeeded", job.reason
    names = DatasetReader(platform.workspace.datasets / "20180801").split("train").names()
    assert names == ["1/b_0001"]


def test_build__a_filter_that_lets_nothing_through(
    platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob
) -> None:
    make_set(platform)
    job = run_job(platform, submit(filter={"city": "上海"}))
    assert job.state == "failed"
    assert job.reason is not None
    assert "all 20" in job.reason.en


def test_create__unknown_field(platform: Platform, make_set: MakeSet, submit: Submit) -> None:
    make_set(platform)
    with pytest.raises(InvalidValueError):
        submit(filter={"sad": "sad"})
