"""Fixtures that every part shares: a migrated workspace, jobs run in this process, a real server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Two OpenMP threads on a busy machine are slower than one, and change sums. Before anything imports torch.
os.environ["OMP_NUM_THREADS"] = "1"

from roadloop.jobs import queue, run
from roadloop.settings import PREFIX, Settings
from roadloop.storage.platform import Platform, open_platform

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a fresh workspace, with short leases."""
    return Settings(
        home=tmp_path / "home",
        port=0,
        lease_seconds=1,
        sweep_seconds=0.5,
        poll_seconds=0.05,
        min_free_mib=0,
        torch_threads=1,
    )


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A fresh workspace with a migrated database."""
    opened = open_platform(settings, upgrade=True)
    yield opened
    opened.database.close()


RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def run_job() -> RunJob:
    """Run a queued job in this process, through the real context; returns its row afterwards."""

    def run_now(platform: Platform, task_id: str) -> queue.Job:
        with platform.database.transaction() as db:
            job = queue.claim(db, task_id, (), "test")
        run.run(platform, job)
        with platform.database.reading() as db:
            return queue.get(db, task_id)

    return run_now


def shared_data(name: str) -> Path:
    """A folder of real data beside the project; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project (../shared/data/{name})")
    return path
