"""Dividing and publishing in one call, and a labelled set for tests of annotators."""

from collections.abc import Callable
from typing import Any

import pytest

from package_data import TABLE, mask, picture
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import queue
from roadloop.packages import service
from roadloop.packages.cut import PackageType
from roadloop.packages.recipe import Divide, ProcessLabel
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]
Divided = Callable[..., queue.Job]


@pytest.fixture
def divide(platform: Platform, run_job: RunJob) -> Divided:
    """Divide a version and run the job."""

    def go(version: str, step: int, types: PackageType = "full", **options: Any) -> queue.Job:
        task_id = platform.database.write(
            lambda: service.divide(platform, Divide(version=version, step=step, types=types, **options))
        )
        return run_job(platform, task_id)

    return go


@pytest.fixture
def publish_labels(platform: Platform, run_job: RunJob) -> Callable[..., queue.Job]:
    """Publish what was returned for a version and run the job."""

    def go(version: str, types: Any, *, date: str = "20261123", new: bool = False) -> queue.Job:
        request = ProcessLabel(version=version, types=types, new=new)
        task_id = platform.database.write(lambda: service.publish_labels(platform, request, date))
        return run_job(platform, task_id)

    return go


@pytest.fixture
def gold_set(platform: Platform) -> str:
    """A labelled source set of eight pictures with the table TABLE."""
    with writing_set(platform.workspace, "known", TABLE) as writer:
        for n in range(8):
            image, label = encode_jpeg(picture(100 + n)), encode_label(mask(100 + n, table=TABLE))
            writer.add(NewSample("p", f"k_{n:03d}", image, label))
    return "known"
