"""The workers that run jobs one after another, under a disk that a test can fill."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from full_disk import Disk
from job_cases import Stage
from workers import Workers


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """The disk of everything below `disk.home`."""
    made = Disk(tmp_path_factory.mktemp("disk"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def workers(disk: Disk) -> Iterator[Workers]:
    """Run jobs; what they write below `disk.home` the disk may refuse."""
    made = Workers(disk.start)
    yield made
    made.close()


Stages = Callable[[str], Stage]


@pytest.fixture(scope="session")
def stages(disk: Disk, workers: Workers) -> Stages:
    """The stage of each case, made when it is first asked for."""

    @functools.cache
    def make(case: str) -> Stage:
        folder = Path(disk.home) / case
        folder.mkdir()
        return Stage(case, folder, workers)

    return make
