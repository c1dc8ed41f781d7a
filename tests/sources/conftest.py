"""Imports without HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from roadloop.jobs.queue import Job
from roadloop.sources.offimport import create, prepare
from roadloop.sources.recipe import ImportRecipe
from roadloop.storage.platform import Platform

Submit = Callable[..., str]


def request(src: str = "imports/in", dest: str = "苏州", **changes: Any) -> ImportRecipe:
    """A call of /offimport with some parameters changed."""
    return ImportRecipe(src=src, dest=dest, **({"author": "张三"} | changes))


@pytest.fixture
def make_request() -> Callable[..., ImportRecipe]:
    """Calls of /offimport with some parameters changed."""
    return request


@pytest.fixture
def submit(platform: Platform) -> Submit:
    """Call the service of /offimport; returns the task id."""

    def call(**changes: Any) -> str:
        return platform.database.write(lambda: create(platform, prepare(platform.workspace, request(**changes))))

    return call


@pytest.fixture
def bring(platform: Platform, submit: Submit, run_job: Callable[[Platform, str], Job]) -> Callable[..., Job]:
    """Import through the real job, which must succeed."""

    def call(**changes: Any) -> Job:
        job = run_job(platform, submit(**changes))
        assert job.state == "succeeded", job.reason
        return job

    return call
