"""Imports of a folder through the real queue."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imported import Import, Imported, read_result
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform


@pytest.fixture
def source(platform: Platform) -> Path:
    """The folder that `imported` imports."""
    return platform.workspace.imports / "in"


@pytest.fixture
def imported(platform: Platform, submit: Callable[..., str], run_job: Callable[[Platform, str], Job]) -> Import:
    """Import the folder, with some parameters of /offimport changed."""

    def call(**request: str) -> Imported:
        job = run_job(platform, submit(**request))
        return read_result(platform, job, request.get("dest", "苏州"))

    return call
