"""The workers that run jobs one after another, under a disk that a test can fill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from full_disk import Disk
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


@pytest.fixture
def stage_folder(disk: Disk, request: pytest.FixtureRequest) -> Path:
    """A folder on the disk for one test."""
    folder = Path(disk.home) / str(request.node.name)
    folder.mkdir()
    return folder
