"""What a running sweep protects from being deleted: rows as a sweep's trials have them."""

import pytest

from roadloop.errors import ConflictError
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.trash import delete, uses
from roadloop.storage.platform import Platform
from roadloop.sweeps.plan import described
from roadloop.training.store import training_configs, training_tasks

_TEXTS = ("network", "data", "base_task", "net_desc", "data_desc", "start_date", "end_date")


def task(platform: Platform, name: str, description: str, state: JobState) -> str:
    """A training task whose job stands so."""
    (platform.workspace.tasks / name).mkdir(parents=True)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("train", {}, name, pool="training", state=state))
        values = dict.fromkeys(_TEXTS, "") | {"name": name, "task_desc": description, "shown": {}, "task_id": task_id}
        db.execute(training_tasks.insert().values(values))
        db.execute(training_configs.insert().values(task_id=task_id, label_map={}, train_con={}, data_con={}))
    return task_id


def says(platform: Platform, name: str) -> list[str]:
    return [one.text.en for one in uses(platform, "task", name)[1]]


def test_trial__that_stands_at_its_rung_is_protected_while_another_is_trained(platform: Platform) -> None:
    task(platform, "lr-1", f"{described('lr')}base_lr=0.1", JobState.CANCELLED)
    other = task(platform, "lr-2", f"{described('lr')}base_lr=0.2", JobState.QUEUED)
    task(platform, "lr-3", "nobody's trial", JobState.CANCELLED)
    task(platform, "lr_-1", f"{described('lr_')}base_lr=0.1", JobState.CANCELLED)
    assert says(platform, "lr-1") == [
        "the sweep lr goes on (lr-2 waits or is being trained), and it is one of its trials"
    ]
    assert says(platform, "lr-3") == []
    assert says(platform, "lr_-1") == []
    with pytest.raises(ConflictError, match="the sweep lr goes on"):
        platform.database.write(lambda: delete(platform, "task", "lr-1"))
    with platform.database.transaction() as db:
        queue.cancel(db, other)
    assert says(platform, "lr-1") == []
    platform.database.write(lambda: delete(platform, "task", "lr-1"))
