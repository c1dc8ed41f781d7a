"""Packages to be annotated, and both annotators."""

from collections.abc import Callable, Iterator

import pytest

from label_studio_double import TOKEN, Double
from package_data import write_images
from roadloop.annotators import service
from roadloop.annotators.recipe import Download, Push
from roadloop.jobs import queue
from roadloop.labels.label_studio import Shape
from roadloop.packages import service as packages
from roadloop.packages.cut import PackageType
from roadloop.packages.recipe import Divide
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def double() -> Iterator[Double]:
    opened = Double()
    yield opened
    opened.close()


@pytest.fixture
def studio(settings: Settings, double: Double) -> Iterator[Platform]:
    """An installation whose annotator is the double."""
    values = {"label_studio_url": double.url + "/", "label_studio_token": TOKEN}
    opened = open_platform(settings.model_copy(update=values), upgrade=True)
    yield opened
    opened.database.close()


Cut = Callable[..., None]


@pytest.fixture
def cut(run_job: RunJob) -> Cut:
    """Make packages of a few pictures."""

    def go(platform: Platform, version: str = "v1", count: int = 4, step: int = 3, types: PackageType = "full") -> None:
        write_images(platform, version, [f"a_{n}.jpg" for n in range(count)])
        task_id = platform.database.write(
            lambda: packages.divide(platform, Divide(version=version, step=step, types=types))
        )
        run_job(platform, task_id)

    return go


@pytest.fixture
def push(run_job: RunJob) -> Callable[..., queue.Job]:
    def go(platform: Platform, version: str, number: int, shape: Shape = "brush", person: str = "") -> queue.Job:
        task_id = platform.database.write(
            lambda: service.push(platform, Push(version=version, number=number, shape=shape, person=person))
        )
        return run_job(platform, task_id)

    return go


@pytest.fixture
def pull(run_job: RunJob) -> Callable[..., queue.Job]:
    def go(platform: Platform, start: int, end: int, dest: str, unpainted: int | None = None) -> queue.Job:
        request = Download(start=start, end=end, dest=dest, unpainted=unpainted)
        task_id = platform.database.write(lambda: service.download(platform, request))
        return run_job(platform, task_id)

    return go
