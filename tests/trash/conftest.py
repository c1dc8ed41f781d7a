"""One workspace with a finished thing of every kind, copied for each test."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from job_cases import prepare_all, submit_all
from postgres import Cluster
from roadloop.jobs import queue, run
from roadloop.settings import PREFIX, Settings
from roadloop.storage.platform import Platform, open_platform

#: Kinds that are not needed here, or that would hold what others make.
_LEFT_OUT = {"import_preview", "unpack", "demo_pictures", "push_package", "linedown", "create_net"}


@dataclass
class Made:
    """The workspace, and its jobs by kind."""

    home: Path
    jobs: dict[str, str]


def run_now(platform: Platform, task_id: str) -> None:
    """Run a job in this process."""
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "here")
    run.run(platform, job)
    with platform.database.reading() as db:
        ended = queue.get(db, task_id)
    assert ended.state is queue.JobState.SUCCEEDED, ended.reason


@pytest.fixture(scope="session")
def everything(fresh_home: Path, tmp_path_factory: pytest.TempPathFactory, cluster: Cluster | None) -> Made:
    """A workspace in which every kind of thing was made."""
    home = tmp_path_factory.mktemp("everything") / "home"
    shutil.copytree(fresh_home, home)
    url = "" if cluster is None else cluster.create("everything", "fresh")
    platform = open_platform(Settings(home=home, port=0, database_url=url, torch_threads=1, loader_workers=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{PREFIX}DATABASE_URL", url)  # what jobs start finds the rows there
        prepare_all(platform, lambda task_id: run_now(platform, task_id))
        made = {kind: task_id for task_id, kind in submit_all(platform).items()}
        for kind, task_id in made.items():
            if kind in _LEFT_OUT:
                with platform.database.transaction() as db:
                    queue.cancel(db, task_id)
            else:
                run_now(platform, task_id)
    platform.database.close()
    return Made(home, made)


@pytest.fixture
def made(everything: Made, settings: Settings, cluster: Cluster | None) -> Iterator[tuple[Platform, dict[str, str]]]:
    """A copy of that workspace."""
    shutil.copytree(everything.home, settings.home)
    if cluster is not None:
        cluster.create(settings.database_url.rpartition("/")[2], "everything")
    opened = open_platform(settings)
    yield opened, everything.jobs
    opened.database.close()
