"""A job's process: what it does before and after the task."""

import gc
from collections.abc import Iterator

import pytest

from roadloop.jobs import queue, run
from roadloop.jobs.rehearsal import Rehearsal
from roadloop.storage.platform import Platform


@pytest.fixture
def collecting() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("collecting")
def test_run__looks_for_garbage_again_once_the_task_is_loaded(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform.database.transaction() as db:
        plan = Rehearsal(steps=1, pause=0, name="r")
        task_id = queue.submit(db, queue.Submission("rehearsal", plan.payload(), "r"))
        job = queue.claim(db, task_id, (), "here")
    monkeypatch.setattr("sys.argv", ["run", task_id, str(job.token), ""])
    for name, value in platform.settings.child_environment().items():
        monkeypatch.setenv(name, value)
    gc.unfreeze()
    gc.disable()  # as the keeper does
    run._run_claimed()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
    with platform.database.reading() as db:
        assert queue.get(db, task_id).state == "succeeded"
