"""Killed at a fail point and run again: the same output, nothing twice (R03)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from package_data import RunJob, annotate, kill_then_run, mask, write_images
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.packages import service
from roadloop.storage.platform import Platform


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("point", ["divide.planned", "divide.package", "finish.before"])
def test_divide__killed_and_run_again(
    platform: Platform, run_job: RunJob, divide: Callable[..., queue.Job], point: str
) -> None:
    write_images(platform, "v1", [f"a_{n}.jpg" for n in range(5)])
    write_images(platform, "v2", [f"a_{n}.jpg" for n in range(5)])
    with platform.database.transaction() as db:
        task_id = service.divide(db, platform, service.DivideRequest("v1", 2, "remote"))
    job = kill_then_run(platform, run_job, task_id, point)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    divide("v2", 2, "remote")
    home = platform.workspace.home / "packages"
    assert sorted(p.name for p in (home / "v1").iterdir()) == ["1", "2", "3"]
    first = {n.partition("/")[2]: d for n, d in contents(home / "v1").items() if n.endswith(".jpg")}
    second = {n.partition("/")[2]: d for n, d in contents(home / "v2").items() if n.endswith(".jpg")}
    assert first == second
    assert len(first) == 5
    assert not list(platform.workspace.home.rglob("*.partial"))


@pytest.mark.parametrize("point", ["process.package", "finish.before"])
def test_process__killed_and_run_again(
    platform: Platform, run_job: RunJob, divide: Callable[..., queue.Job], point: str
) -> None:
    write_images(platform, "v1", [f"a_{n}.jpg" for n in range(4)])
    divide("v1", 2)
    for number in (1, 2):
        annotate(platform, "v1", number, lambda _stem: mask(5))
    with platform.database.transaction() as db:
        task_id = service.publish_labels(db, platform, "v1", "union", "20261123")
        other = service.publish_labels(db, platform, "v1", "union", "20261123")
    assert kill_then_run(platform, run_job, task_id, point).state is JobState.SUCCEEDED
    run_job(platform, other)
    sets = [platform.workspace.sources / name for name in ("full-aug-20261123", "full-aug-20261123-2")]
    assert contents(sets[0]) == contents(sets[1])
    assert len(contents(sets[0])) == 4 * 2 + 2
    assert not list(platform.workspace.home.rglob("*.partial"))
